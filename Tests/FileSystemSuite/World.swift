package import BlobStorage
package import SystemPackage
package import TestSupport
package import Testing

/// What one behaviour is shown in: a store, a tree over it, and time that can be made to pass.
package protocol World: AnyObject, Sendable {
    var store: MemoryStore { get }
    /// The mount that is looked at.
    var files: any FileOperations { get }
    /// Another mount of the same store, on another machine for all it knows. Lives as long as the world.
    func anotherMount() throws -> any FileOperations
    /// Lets so much time pass that nothing learned before may still be taken for true.
    func letValidityPass()
}

extension World {
    /// Where most behaviours are shown: the outputs of a task, as the conventions place them.
    package var folder: String { "jobs/j/tasks/t/TaskOutput" }

    /// Makes job `j` and its task `t`.
    package func makeJob() throws {
        try files.makeDirectory("jobs/j")
        try files.makeDirectory("jobs/j/tasks/t")
    }

    /// What is in the container of job `j`, but for the task's directory, and in a hierarchical namespace that of its kind.
    package var blobNames: [String] { store.blobNames(in: "job-j").filter { $0 != "t" && $0 != "t/$TaskOutput" } }

    package func path(_ name: String) -> String { folder + "/" + name }

    /// The blob that a file in `folder` is.
    package func blob(_ name: String) -> BlobAddress { BlobAddress(container: "job-j", name: "t/$TaskOutput/" + name) }

    /// The blob's text in the store; `nil` when it is not there.
    package func stored(_ name: String) -> String? {
        store.bytes(of: blob(name)).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Another client puts a blob in place.
    @discardableResult
    package func put(_ name: String, _ text: String, metadata: BlobMetadata = [:]) -> BlobVersion {
        store.add(blob(name), Array(text.utf8), metadata: metadata)
    }
}

/// One promise of the tree, and how it is shown.
///
/// No closures inside `#expect(…)` in what shows a behaviour: in lists of closures such as these, Swift 6.3.1 gives a
/// closure in a macro's argument the symbol of another one, and silently calls the wrong one.
package struct Behaviour: Sendable, CustomTestStringConvertible {
    /// What is promised, as a sentence.
    package let sentence: String
    /// Throws or records an issue where the promise is broken. Blocks.
    package let show: @Sendable (any World) throws -> Void

    package init(_ sentence: String, show: @escaping @Sendable (any World) throws -> Void) {
        self.sentence = sentence
        self.show = show
    }

    package var testDescription: String { sentence }
}

/// Fails unless `body` throws exactly `errno`.
package func expect(
    _ errno: Errno,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws -> some Any
) {
    do {
        let value = try body()
        Issue.record("no error but \(value), instead of \(errno)", sourceLocation: sourceLocation)
    } catch {
        #expect(error as? Errno == errno, sourceLocation: sourceLocation)
    }
}

/// Bytes that differ at every offset of the first 16 MiB, so that what lands in the wrong place is seen.
package func pattern(_ count: Int, seed: UInt8 = 0) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 ^ $0 >> 8 ^ $0 >> 16) &+ seed }
}
