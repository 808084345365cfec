internal import CLinux
internal import Checksums
internal import FoundationEssentials
internal import Glibc

/// The turn of one process among several on a machine that were all asked to fetch the same.
///
/// Two hidden files beside what is fetched: one that whoever works has locked, which ends with its process however that
/// ends; and one that says how it ended, put in place by a rename. Their names tell what was asked for, so different
/// requests do not meet.
package final class NodeTurn: Sendable {
    private let descriptor: Int32
    private let lockPath: String
    private let outcomePath: String
    private let rank: LocalRank
    private let seen: String?

    static let prefix = ".outputfs-once-"
    private static let outcomeSuffix = ".done"
    /// Between two looks, in microseconds.
    private static let pause: UInt32 = 50_000

    package enum Role: Sendable, Hashable {
        /// Nobody else has done it: work, then call `end`.
        case lead
        case follow(NodeOutcome)
    }

    /// - Parameters:
    ///   - folder: is made if need be. On a file system that machines share, each machine takes its turn.
    ///   - request: all that must be equal for one process to do another's work.
    package init(in folder: String, for request: [String], as rank: LocalRank) throws(LocalFileError) {
        try LocalFolder.make(folder)
        let name = Self.prefix + Self.key(of: request)
        lockPath = LocalFolder.joined(folder, name)
        outcomePath = lockPath + Self.outcomeSuffix
        self.rank = rank
        descriptor = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666)
        guard descriptor >= 0 else { throw .last(lockPath, "cannot be made") }
        do { seen = try Self.outcome(at: outcomePath)?.id } catch {
            close(descriptor)
            throw error
        }
    }

    deinit { close(descriptor) }

    /// Of the request and the machine.
    private static func key(of request: [String]) -> String {
        var hasher = SHA256Hasher()
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        hasher.update(String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
        for part in request { hasher.update("\0" + part) }
        return String(ArtifactHash.hexadecimal(hasher.finish()).prefix(16))
    }

    /// Somebody works at this moment.
    package var isTaken: Bool {
        var lock = flock(l_type: Int16(F_WRLCK), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 1, l_pid: 0)
        return fcntl(descriptor, Int32(clinux_f_ofd_getlk), &lock) == 0 && lock.l_type != Int16(F_UNLCK)
    }

    /// Waits until it is clear who does it. Blocks the thread.
    package func wait() throws(LocalFileError) -> Role {
        var wait = NodeWait(leads: rank.leads, seen: seen)
        let began = ContinuousClock.now
        while true {
            let isTaken = isTaken
            // Looked at last: whoever let go of the lock told before that how it ended.
            let outcome = try Self.outcome(at: outcomePath)
            switch wait.next(outcome: outcome, isLocked: isTaken, waited: began.duration(to: .now)) {
            case .follow(let outcome): return .follow(outcome)
            case .wait: usleep(Self.pause)
            case .lead:
                guard try take() else { continue }
                // Between the look and the lock another one may have begun and ended.
                if let outcome = try Self.outcome(at: outcomePath), outcome.id != seen {
                    release()
                    return .follow(outcome)
                }
                return .lead
            }
        }
    }

    /// Tells the others, and lets go.
    package func end(_ outcome: NodeOutcome) throws(LocalFileError) {
        defer { release() }
        guard let data = try? JSONEncoder().encode(outcome) else {
            throw LocalFileError(outcomePath, "cannot be written")
        }
        try LocalFolder.replace(outcomePath, with: Array(data))
    }

    /// This process, as the others are to name it.
    package var name: String { "\(rank) (process \(getpid()))" }

    private func take() throws(LocalFileError) -> Bool {
        if setLock(F_WRLCK) { return true }
        guard errno == EAGAIN || errno == EACCES else { throw .last(lockPath, "cannot be locked") }
        return false
    }

    private func release() { _ = setLock(F_UNLCK) }

    private func setLock(_ kind: Int32) -> Bool {
        var lock = flock(l_type: Int16(kind), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 1, l_pid: 0)
        return fcntl(descriptor, Int32(clinux_f_ofd_setlk), &lock) == 0
    }

    private static func outcome(at path: String) throws(LocalFileError) -> NodeOutcome? {
        var bytes: [UInt8] = []
        do { try LocalFolder.read(path) { bytes.append(contentsOf: $0) } } catch {
            if error.isMissing { return nil }
            throw error
        }
        // What cannot be understood was not written by a rename of ours, and tells nothing.
        return try? JSONDecoder().decode(NodeOutcome.self, from: Data(bytes))
    }
}
