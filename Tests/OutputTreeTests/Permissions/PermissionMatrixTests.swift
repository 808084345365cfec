import FileSystemSuite
import SystemPackage
import Testing

/// Every subset of a token's letters against everything that programs do: docs/PERMISSIONS.md, §1.9, §5.4.
@Suite("What a token may do", .timeLimit(.minutes(5)))
struct PermissionMatrixTests {
    /// The 64 subsets.
    static let subsets: [String] = {
        let letters = Array("racwdl")
        return (0..<64).map { number in
            String(letters.indices.filter { number >> $0 & 1 == 1 }.map { letters[$0] })
        }
    }()

    @Test func `the table names everything that is tried, and nothing else`() throws {
        #expect(Set(try NeededRights.table.get().keys) == Set(TokenTask.allCases.map(\.rawValue)))
    }

    @Test(arguments: subsets)
    func `what is permitted is done once, and what is not changes nothing`(rights: String) async throws {
        let table = try NeededRights.table.get()
        let container = "job-\(rights.isEmpty ? "none" : rights)"
        try await TokenWorld.makeContainer(container)
        let world = try TokenWorld(rights: rights, container: container)
        for task in TokenTask.allCases {
            let isPermitted = try #require(table[task.rawValue]).areGranted(by: rights)
            let commits = world.commits
            let failure = try await onOwnThread { () -> Errno? in
                do throws(Errno) { try task.run(world.files, world.path(task.prefix, kind: task.kind)) } catch {
                    return error
                }
                return nil
            }
            let content = try await TokenWorld.content(of: container, prefix: task.blobPrefix)
            let what = "\(task.rawValue) with “\(rights)”"
            if isPermitted {
                #expect(failure == nil, "\(what)")
                #expect(content == task.after, "\(what)")
                // What was refused before is tried again behind, and would be counted here.
                if let count = task.commitCount, task == .create || Set("rw").isSubset(of: rights) {
                    #expect(world.commits - commits == count, "\(what)")
                }
            } else {
                #expect(failure.map { task.refusals(with: rights).contains($0) } == true, "\(what): \(failure as Any)")
                if !task.losesLog(with: rights) { #expect(content == task.shownBefore, "\(what)") }
            }
        }
        try await onOwnThread { world.end() }
    }
}

extension TokenTask {
    /// With which of these a task may fail that is not permitted.
    fileprivate func refusals(with rights: String) -> [Errno] {
        // Without the right to list nobody knows of a directory.
        if self == .renameDirectory, !rights.contains("l") { return [.permissionDenied, .noSuchFileOrDirectory] }
        guard !rights.contains("r") else { return [.permissionDenied] }
        switch self {
        case .append, .appendLog: return [.permissionDenied, .fileExists]
        default: return before.isEmpty ? [.permissionDenied] : [.permissionDenied, .noSuchFileOrDirectory]
        }
    }

    /// An append blob is begun before anything is appended: the one case in which a refusal comes too late.
    fileprivate func losesLog(with rights: String) -> Bool {
        let canBegin = rights.contains("c") && !rights.contains("a") && !rights.contains("w")
        return self == .startLog && canBegin || self == .restartLog && canBegin && rights.contains("d")
    }
}
