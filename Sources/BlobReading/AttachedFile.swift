internal import LocalStore
internal import Synchronization

/// The clean file of one open version, once a worker thread has found it: until then whoever asks waits for it. That
/// takes a few system calls, and the first read after a mount comes right behind its open.
///
/// Where there is none yet, it is made by who saves the first bytes: making one takes a while (127 µs on ext4), and waits
/// while the directory is counted.
final class AttachedFile: Sendable {
    private enum State {
        case looked(for: [@Sendable (CleanFile?) -> Void])
        case known(CleanFile?)
    }

    /// Of the version as it was opened: its file keeps this name when metadata changes the ETag.
    let key: VersionKey
    private let state = Mutex(State.looked(for: []))
    /// Somebody would have read it by himself, had all of it been verified.
    let wantsVerification = Atomic(false)

    init(_ key: VersionKey) { self.key = key }

    /// Calls `body` with the file, or with `nil` if this version has none: at once, or on the thread that finds it.
    func whenKnown(_ body: @escaping @Sendable (CleanFile?) -> Void) {
        let known = state.withLock { state -> CleanFile?? in
            switch state {
            case .looked(let waiting):
                state = .looked(for: waiting + [body])
                return nil
            case .known(let file): return .some(file)
            }
        }
        if let known { body(known) }
    }

    /// What the search gave, or, after one in vain, the file that was made.
    func found(_ file: CleanFile?) {
        let waiting = state.withLock { state in
            defer { state = .known(file) }
            if case .looked(let waiting) = state { return waiting }
            return []
        }
        for body in waiting { body(file) }
    }

    /// `nil` while it is looked for, too.
    var file: CleanFile? {
        state.withLock { state in
            if case .known(let file) = state { file } else { nil }
        }
    }
}
