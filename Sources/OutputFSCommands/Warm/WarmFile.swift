internal import CLinux
internal import Glibc
internal import Synchronization

/// A file while it is read, by one thread or by several at different places. Opened with the first read: an open asks
/// the store, and all parts of a file are to be of one version.
final class WarmFile: Sendable {
    private struct State {
        var descriptor: Int32 = -1
        var partsLeft: Int
        var failure: Errno?
    }

    let path: String
    /// In bytes, as the walk saw it.
    let size: UInt64
    let targetIndex: Int
    private let state: Mutex<State>

    /// What one thread reads in a row. Long enough that the daemon reads ahead, short enough that a large file keeps
    /// all threads at work.
    static let partSize: UInt64 = 64 << 20

    init(path: String, size: UInt64, targetIndex: Int) {
        self.path = path
        self.size = size
        self.targetIndex = targetIndex
        state = Mutex(State(partsLeft: Self.partCount(size)))
    }

    static func partCount(_ size: UInt64) -> Int { Int((size + partSize - 1) / partSize) }

    var partCount: Int { Self.partCount(size) }

    /// The bytes of one part.
    func range(ofPart index: Int) -> Range<UInt64> {
        let start = UInt64(index) * Self.partSize
        return start..<min(start + Self.partSize, size)
    }

    /// The open descriptor, or why there is none. Whoever asks first opens; the others wait for it.
    func open() -> Result<Int32, Errno> {
        state.withLock { state in
            if let failure = state.failure { return .failure(failure) }
            if state.descriptor >= 0 { return .success(state.descriptor) }
            // Past the page cache: what other programs keep there must not make room for bytes that nobody needs now.
            var descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | Int32(clinux_o_direct))
            if descriptor < 0, errno == EINVAL { descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC) }
            guard descriptor >= 0 else {
                let failure = Errno()
                state.failure = failure
                return .failure(failure)
            }
            state.descriptor = descriptor
            return .success(descriptor)
        }
    }

    /// The other parts need not be read any more.
    func fail(_ failure: Errno) {
        state.withLock { $0.failure = $0.failure ?? failure }
    }

    /// Counts one part down. Gives the outcome of the whole file with the last one, and closes it.
    func endPart() -> Result<Void, Errno>? {
        let (outcome, descriptor) = state.withLock { state -> (Result<Void, Errno>?, Int32) in
            state.partsLeft -= 1
            guard state.partsLeft == 0 else { return (nil, -1) }
            defer { state.descriptor = -1 }
            return (state.failure.map { .failure($0) } ?? .success(()), state.descriptor)
        }
        if descriptor >= 0 { close(descriptor) }
        return outcome
    }
}
