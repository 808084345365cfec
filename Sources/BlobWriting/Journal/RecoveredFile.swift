internal import Glibc
package import LocalStore

/// A dirty file that a process left behind: read from its journal entry.
package struct RecoveredFile: Sendable {
    package let entry: JournalEntry
    /// Of the process that left it: the account, or the container.
    package let owner: String
    /// For people: unique in the journal directory.
    package let name: String
    package let replay: JournalReplay
    /// In bytes; the data file may be longer, by what was never made safe, or shorter, by what of a log was sent.
    package let size: UInt64
    /// The log ends in the middle of a record, as after a crash.
    package let isTorn: Bool
    /// Of the kernel that runs now.
    private let bootID: String
    /// Of a log: the blob's bytes, which were on their way into fewer blocks. At most one.
    package internal(set) var compactors: [RecoveredFile] = []

    /// Why it cannot be understood; its bytes are in the data file all the same.
    package struct Unreadable: Error, Sendable {
        package let name: String
        package let dataPath: String
        /// In bytes.
        package let size: UInt64
        package let reason: String
    }

    package init(_ survivor: JournalSurvivors.Entry) throws(Unreadable) {
        try self.init(survivor, bootID: BootID.current)
    }

    init(_ survivor: JournalSurvivors.Entry, bootID: String) throws(Unreadable) {
        let entry = survivor.entry
        let content: JournalFraming.Content
        let dataSize: UInt64
        do throws(LocalStoreError) {
            dataSize = try entry.data.size()
            content = try entry.records()
        } catch {
            throw Unreadable(name: survivor.name, dataPath: entry.dataPath, size: 0, reason: error.description)
        }
        var records: [JournalRecord] = []
        for payload in content.payloads {
            guard let record = JournalRecord(payload: payload) else { break }
            records.append(record)
        }
        guard records.count == content.payloads.count, let replay = JournalReplay(records) else {
            let reason =
                content.isReadable && !records.isEmpty
                ? "its log has a record that this version does not know" : "its log does not say what it is"
            throw Unreadable(name: survivor.name, dataPath: entry.dataPath, size: dataSize, reason: reason)
        }
        self.entry = entry
        self.bootID = bootID
        self.replay = replay.identity.bootID == bootID ? replay : replay.afterLossOfPower()
        size = max(min(dataSize, self.replay.sizeMax), replay.log?.sent ?? 0)
        (owner, name, isTorn) = (survivor.owner, survivor.name, content.isTorn)
    }

    package var duty: JournalReplay.Duty { replay.duty(bootID: bootID, size: size) }

    /// Where the bytes are.
    package func segments(of range: Range<UInt64>) -> [Segment] { replay.content(size: size).segments(of: range) }
}

/// Tells one life of the kernel from another.
enum BootID {
    /// Empty where /proc does not tell: then every life counts as another.
    static let current: String = {
        let descriptor = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "unknown \(UInt64.random(in: 0...UInt64.max))" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }()
}
