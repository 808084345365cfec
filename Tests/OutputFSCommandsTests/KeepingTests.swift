import Glibc
import Testing

@testable import OutputFSCommands

/// When a worker is followed by another, and what it is told.
struct KeepingTests {
    @Test(arguments: [
        (["mount", "farm", "--account", "farm"], ["farm"], ["mount", "/mnt/farm", "--account", "farm"]),
        (["mount", "farm", "farm"], ["farm", "farm"], ["mount", "farm", "/mnt/farm"]),
        (["mount", "--uid", "1"], [], ["mount", "--uid", "1", "/mnt/farm"]),
    ])
    func `the mount point is replaced, and no value that reads the same`(
        _ arguments: [String],
        _ places: [String],
        _ expected: [String]
    ) {
        #expect(MountCommand.arguments(arguments, places, mountPoint: "/mnt/farm") == expected)
    }

    @Test func `a worker that served a while is followed at once, however often`() {
        var policy = RestartPolicy()
        for _ in 0..<100 { #expect(policy.ended(after: .seconds(1)) == .restart(after: .zero)) }
    }

    @Test func `short lives are followed later and later, and ten of them not at all`() {
        var policy = RestartPolicy()
        let pauses: [Duration] = (1..<RestartPolicy.shortLivesMax).map { _ in
            guard case .restart(let pause) = policy.ended(after: .milliseconds(999)) else { return .seconds(99) }
            return pause
        }
        #expect(pauses == pauses.sorted() && pauses.first == .milliseconds(100) && pauses.last == .seconds(2))
        #expect(policy.ended(after: .zero) == .giveUp)
    }

    @Test func `a life that was long enough forgives the short ones`() {
        var policy = RestartPolicy()
        for _ in 1..<RestartPolicy.shortLivesMax { _ = policy.ended(after: .zero) }
        #expect(policy.ended(after: .seconds(5)) == .restart(after: .zero))
        #expect(policy.ended(after: .zero) == .restart(after: .milliseconds(100)))
    }

    @Test func `the status of waitpid is read`() {
        #expect(WorkerEnd(status: 74 << 8) == .exited(74))
        #expect(WorkerEnd(status: 11) == .killed(signal: 11))
        #expect(WorkerEnd(status: 6 | 0x80) == .killed(signal: 6))
        #expect(WorkerEnd.killed(signal: 9).exitStatus == 137)
        #expect(WorkerEnd.killed(signal: 9).description == "was killed by SIGKILL")
    }

    // isReady, isFirst, isEnding, final after exit, final after kill
    @Test(arguments: [
        (true, true, false, true, false),
        (true, false, false, true, false),
        (false, true, false, true, true),
        (false, false, false, false, false),
        (true, false, true, true, true),
        (false, false, true, true, true),
    ])
    func `what ends a mount and what is followed up`(
        _ isReady: Bool,
        _ isFirst: Bool,
        _ isEnding: Bool,
        _ afterExit: Bool,
        _ afterKill: Bool
    ) {
        #expect(WorkerEnd.exited(71).isFinal(isReady: isReady, isFirst: isFirst, isEnding: isEnding) == afterExit)
        #expect(
            WorkerEnd.killed(signal: 9).isFinal(isReady: isReady, isFirst: isFirst, isEnding: isEnding) == afterKill
        )
    }

    @Test func `a signal that comes directly and by the keeper counts once, and two of one sender twice`() {
        let now = ContinuousClock.now
        var echoes = SignalEchoes(keeper: 7)
        let signals: [(Int32, sender: Int32, Duration)] = [
            (SIGTERM, 1, .zero), (SIGTERM, 7, .milliseconds(20)), (SIGTERM, 7, .milliseconds(40)),
            (SIGTERM, 7, .milliseconds(60)), (SIGINT, 1, .milliseconds(70)), (SIGINT, 7, .seconds(3)),
        ]
        let found = signals.map { number, sender, time in echoes.isEcho(number, from: sender, at: now + time) }
        #expect(found == [false, true, false, false, false, false])
    }

    @Test(arguments: [
        ("/dev/fd/63", "", 63), ("--key-file=/dev/fd/7", "--key-file=", 7), ("--x=/proc/self/fd/12", "--x=", 12),
    ])
    func `a file that is named by a descriptor is found in an argument`(
        _ argument: String,
        _ prefix: String,
        _ number: Int32
    ) throws {
        let found = try #require(InheritedFiles.descriptor(in: argument))
        #expect(found.prefix == prefix && found.number == number)
    }

    @Test(arguments: ["/dev/fd/0", "/dev/fd/2", "/dev/fd/", "/dev/fd/x", "/mnt/dev/fd/7", "--key-file", ""])
    func `other arguments are left alone`(_ argument: String) {
        #expect(InheritedFiles.descriptor(in: argument) == nil)
    }

    @Test func `a pipe's bytes can be read again and again`() throws {
        let pipe = try #require(Pipe())
        System.write(Array("secret".utf8), to: pipe.writeEnd)
        pipe.closeWriteEnd()
        let end = dup(pipe.readEnd)
        let (arguments, descriptors) = InheritedFiles.keep(["mount", "--key-file", "/dev/fd/\(end)"])
        let copy = try #require(descriptors.first)
        defer { close(copy) }
        #expect(arguments == ["mount", "--key-file", "/dev/fd/\(copy)"])
        for _ in 0..<2 { #expect(try System.read(arguments[2]).get() == Array("secret".utf8)) }
    }
}
