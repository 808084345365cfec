import AzureBlob
import Foundation
import Testing

@testable import OutputFSCommands

/// Programs that are run to their end.
@Suite(.timeLimit(.minutes(1)))
struct ChildProcessTests {
    private func run(_ script: String, timeout: Duration = .seconds(30)) async -> IdentityCommandOutcome {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(
                    returning: ChildProcess.run(
                        "sh",
                        ["-c", script],
                        environment: ["PATH": "/usr/bin:/bin", "WORD": "said"],
                        timeout: timeout
                    )
                )
            }
        }
    }

    @Test func `the two streams and the status stay apart`() async {
        let outcome = await run("echo out $WORD; echo error >&2; exit 3")
        #expect(outcome == .ended(status: 3, output: Array("out said\n".utf8), errors: Array("error\n".utf8)))
    }

    @Test func `more than a pipe holds is read on both`() async {
        let outcome = await run("head -c 300000 /dev/zero >&2; head -c 200000 /dev/zero")
        guard case .ended(0, let output, let errors) = outcome else { return #expect(Bool(false), "\(outcome)") }
        #expect(output.count == 200_000 && errors.count == 300_000)
    }

    @Test func `standard input is empty`() async {
        #expect(await run("cat") == .ended(status: 0, output: [], errors: []))
    }

    @Test func `what does not end is killed, with what it started`() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "child-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        // It writes the number of its own child, and both would go on for ten minutes.
        let script = "sleep 600 & echo $! > \(file.path); sleep 600"
        #expect(await run(script, timeout: .seconds(1)) == .timedOut)
        let number = try String(contentsOf: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        // Nobody may have looked after its end: then it is there, as a zombie.
        func isRunning() -> Bool {
            let status = try? String(contentsOfFile: "/proc/\(number)/stat", encoding: .utf8)
            return status.map { !$0.contains(") Z ") } ?? false
        }
        while isRunning() { try await Task.sleep(for: .milliseconds(10)) }
    }

    @Test func `a program that is not there is told`() {
        let outcome = ChildProcess.run("no-such-program", [], environment: ["PATH": "/bin"], timeout: .seconds(5))
        #expect(outcome == .notStarted("No such file or directory"))
    }
}
