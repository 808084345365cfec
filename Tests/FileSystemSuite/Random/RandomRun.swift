internal import BlobStorage
internal import Foundation
internal import Glibc
internal import SystemPackage
internal import TestSupport
internal import Testing

/// The same random steps on a tree and on a local directory: each step has the same outcome, and in the end both hold
/// the same, a second mount too, and the store exactly the blobs that this is.
///
/// Left out: renaming over a file that is open, after which POSIX reads on in the old one, and the tree as far as its
/// bytes are here.
package struct RandomRun {
    private let world: any World
    private let folder: String
    private var tree: RandomProgram
    private var local: RandomProgram
    private var history: [String] = []

    /// `folder` is a new directory for the oracle.
    package init(_ world: any World, oracle folder: String) throws {
        self.world = world
        self.folder = folder
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        umask(0o022)
        try world.makeJob()
        tree = RandomProgram(files: world.files, root: world.folder)
        local = RandomProgram(files: SystemFiles(root: folder), root: "")
    }

    /// Stops at the first difference, which it records.
    package mutating func run(seed: UInt64, steps: Int) throws {
        var random = SeededRandom(seed: seed)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var openPaths: [Int: String] = [:]
        for step in 0..<steps {
            let operation = RandomOperation.next(&random)
            if case .rename(_, let target) = operation, openPaths.values.contains(target) { continue }
            if case .wait = operation { world.letValidityPass() }
            let wanted = local.run(operation)
            let got = tree.run(operation)
            note(operation, wanted, &openPaths)
            history.append("\(step): \(operation) → \(wanted)")
            guard got == wanted else {
                let story = history.suffix(25).joined(separator: "\n")
                Issue.record("seed \(seed), step \(step): \(operation): \(got) instead of \(wanted)\n\(story)")
                _ = (tree.closeAll(), local.closeAll())
                return
            }
        }
        #expect(tree.closeAll() == local.closeAll(), "seed \(seed): the last closes")
        try compareAll(seed)
    }

    private func note(_ operation: RandomOperation, _ outcome: RandomOutcome, _ openPaths: inout [Int: String]) {
        switch operation {
        case .open(let slot, let path, _): openPaths[slot] = outcome == .done ? path : nil
        case .close(let slot): openPaths[slot] = nil
        case .rename(let path, let newPath) where outcome == .done:
            for (slot, open) in openPaths where open == path || open.hasPrefix(path + "/") {
                openPaths[slot] = newPath + open.dropFirst(path.count)
            }
        default: break
        }
    }

    private func compareAll(_ seed: UInt64) throws {
        let wanted = try local.everything()
        // What was only opened and closed is placed behind the last release.
        let fileCount = wanted.values.filter { $0 != "directory" }.count
        let isPlaced = eventually { storedFileCount == fileCount && wanted.allSatisfy(isStored) }
        let wrong = wanted.filter { !isStored($0.key, $0.value) }.keys.sorted()
        #expect(isPlaced, "seed \(seed): not as written: \(wrong), in the store: \(world.blobNames)")
        world.letValidityPass()
        let second = RandomProgram(files: try world.anotherMount(), root: world.folder)
        for (program, name) in [(tree, "the tree"), (second, "another mount")] {
            let got = try program.everything()
            let keys = Set(got.keys).union(wanted.keys)
            let differences = keys.filter { got[$0] != wanted[$0] }.sorted()
                .map { "\($0): \(got[$0] ?? "nothing") instead of \(wanted[$0] ?? "nothing")" }
            #expect(differences == [], "seed \(seed): \(name)")
        }
    }

    private func isStored(_ path: String, _ content: String) -> Bool {
        guard content.contains("bytes, sum") else { return true }
        return world.store.bytes(of: world.blob(path)).map { "\(RandomOutcome.bytes($0))" } == content
    }

    /// Blobs that are files or links: all but the markers of directories.
    private var storedFileCount: Int {
        world.blobNames.filter { name in
            let blob = BlobAddress(container: "job-j", name: name)
            return world.store.storedProperties(of: blob)?.metadata["hdi_isfolder"] == nil
        }.count
    }
}
