import FileSystemModel
internal import Glibc

/// What an error means of a request that is sent again: the process that had it was killed, perhaps behind the deed and
/// before the answer. What would fail if it were done twice is then taken for done.
///
/// Of two programs that do the same at the same moment each may so be told that it did it: whoever removed the name, or
/// made the directory, it is what both asked for.
enum Repetition: Sendable, Equatable {
    /// ENOENT: the name is gone, as was asked.
    case removal
    /// ENOENT: done, if the new name is there.
    case rename(to: FileName, in: NodeID)
    /// EEXIST: done, if what is there is of the kind that was to be made; the kernel checks that.
    case making(FileName, in: NodeID)
    /// ENODATA: the attribute is gone.
    case attributeRemoval
    /// EEXIST: the attribute is there.
    case attributeCreation

    /// FUSE_UNIQUE_RESEND: the bit of a request's number that says that it was sent before.
    static let uniqueBit: UInt64 = 1 << 63

    enum Meaning: Equatable {
        case failed
        case done
        /// Done if this name is there; then that is the answer, or `Done`.
        case ask(FileName, in: NodeID, answersEntry: Bool)
    }

    func meaning(of errno: Int32) -> Meaning {
        switch (self, errno) {
        case (.removal, ENOENT), (.attributeRemoval, ENODATA), (.attributeCreation, EEXIST): .done
        case (.rename(let name, let parent), ENOENT): .ask(name, in: parent, answersEntry: false)
        case (.making(let name, let parent), EEXIST): .ask(name, in: parent, answersEntry: true)
        default: .failed
        }
    }
}

/// A number of each thread; 0 to begin with.
final class ThreadNumber: Sendable {
    private let key: pthread_key_t

    init() {
        var key = pthread_key_t()
        pthread_key_create(&key, nil)
        self.key = key
    }

    deinit { pthread_key_delete(key) }

    var value: UInt64 { UInt64(UInt(bitPattern: pthread_getspecific(key))) }
    func set(_ value: UInt64) { pthread_setspecific(key, UnsafeRawPointer(bitPattern: UInt(value))) }
}
