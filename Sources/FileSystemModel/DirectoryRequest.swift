/// One entry of a directory as readdir shows it.
package struct DirectoryEntry: Sendable {
    package var name: FileName
    package var inode: UInt64
    package var kind: FileKind
    /// For readdirplus: the node that this entry hands to the kernel. Counts as one lookup if the entry is accepted.
    package var entry: Entry?
    /// What the kernel passes as `offset` to go on behind this entry.
    package var nextOffset: UInt64

    package init(name: FileName, inode: UInt64, kind: FileKind, entry: Entry?, nextOffset: UInt64) {
        self.name = name
        self.inode = inode
        self.kind = kind
        self.entry = entry
        self.nextOffset = nextOffset
    }
}

/// The buffer of one readdir call, in whatever form the asking side encodes it.
package protocol DirectoryBuffer: AnyObject, Sendable {
    /// Whether attributes are wanted (readdirplus).
    var wantsEntries: Bool { get }
    /// Adds an entry; `false` when it does not fit any more, and then it is neither shown nor counted.
    func add(_ entry: DirectoryEntry) -> Bool
    /// Sends what was added.
    func finish()
    func fail(_ error: FileSystemError)
    func onInterrupt(_ handler: @escaping @Sendable () -> Void)
}

/// A readdir or readdirplus: filled, then answered exactly once.
package struct DirectoryRequest: ~Copyable, Sendable {
    package let caller: Caller
    private let buffer: any DirectoryBuffer
    private var isAnswered = false

    package init(caller: Caller, buffer: any DirectoryBuffer) {
        self.caller = caller
        self.buffer = buffer
    }

    deinit {
        guard !isAnswered else { return }
        buffer.fail(FileSystemError(errno: 5, "a readdir was dropped without an answer"))
    }

    package var wantsEntries: Bool { buffer.wantsEntries }

    package borrowing func add(_ entry: DirectoryEntry) -> Bool { buffer.add(entry) }

    package consuming func finish() {
        isAnswered = true
        buffer.finish()
    }

    /// Fills and answers on the spot, by the same code that `later` runs.
    package consuming func now(_ body: (any DirectoryBuffer) -> Void) {
        isAnswered = true
        body(buffer)
        buffer.finish()
    }

    package consuming func fail(_ error: FileSystemError) {
        isAnswered = true
        buffer.fail(error)
    }

    /// Fills and answers from a task. `body` adds entries and returns; see `Request.later` for the rules.
    package consuming func later(
        _ body: @escaping @Sendable (any DirectoryBuffer) async throws(FileSystemError) -> Void
    ) {
        isAnswered = true
        let buffer = buffer
        let task = Task {
            do throws(FileSystemError) {
                try await body(buffer)
                buffer.finish()
            } catch { buffer.fail(error) }
        }
        buffer.onInterrupt { task.cancel() }
    }
}
