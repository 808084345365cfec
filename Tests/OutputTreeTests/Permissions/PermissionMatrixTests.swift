import FileSystemSuite
import SystemPackage
import Testing

@Suite("What a token may do", .serialized, .timeLimit(.minutes(5)))
struct PermissionMatrixTests {
    @Test func explore() async throws {
        let letters = Array("racwdl")
        var outcomes: [TokenTask: [String: String]] = [:]
        for number in 0..<64 {
            let rights = String(letters.enumerated().filter { number >> $0.offset & 1 == 1 }.map(\.element))
            let container = "job-m\(number)"
            try await TokenWorld.makeContainer(container)
            let world = try TokenWorld(rights: rights, container: container)
            for task in TokenTask.allCases {
                let before = try await TokenWorld.content(of: container)
                let commits = world.commits
                let result = try await onOwnThread { () -> String in
                    do throws(Errno) {
                        try task.run(world.files, world.path(task.directory, kind: task.kind))
                        return "ok"
                    } catch { return "\(error)" }
                }
                let after = try await TokenWorld.content(of: container)
                outcomes[task, default: [:]][rights] = result + (before == after ? " same" : " changed") + " \(world.commits - commits)"
            }
            try await onOwnThread { world.end() }
        }
        for task in TokenTask.allCases {
            print("## \(task.rawValue)")
            let groups = Dictionary(grouping: outcomes[task] ?? [:], by: \.value)
            for (result, members) in groups.sorted(by: { $0.key < $1.key }) {
                print("   \(result): \(members.map(\.key).sorted().joined(separator: " "))")
            }
        }
    }
}
