internal import BlobStorage

/// What a job has left, counted from one listing of its blobs.
package struct JobSummary: Sendable {
    /// Files, what they hold, and when the first and the last of them were written.
    package struct Amount: Sendable, Hashable, Codable {
        package var files = 0
        /// In bytes.
        package var bytes: UInt64 = 0
        /// Seconds since 1970; `nil` without a file.
        package var first: Int64?
        package var last: Int64?

        mutating func add(_ blob: JobBlob) {
            files += 1
            bytes += blob.properties.length
            let modified = blob.properties.version.lastModified
            first = min(first ?? modified, blob.properties.creationTime ?? modified, modified)
            last = max(last ?? modified, modified)
        }
    }

    /// What one task has left.
    package struct Task: Sendable, Hashable, Codable {
        package let id: String
        package var total = Amount()
        package var kinds: [Kind] = []

        fileprivate mutating func add(_ blob: JobBlob, _ kind: String) {
            total.add(blob)
            if let index = kinds.firstIndex(where: { $0.name.utf8.elementsEqual(kind.utf8) }) {
                kinds[index].total.add(blob)
            } else {
                var new = Kind(name: kind)
                new.total.add(blob)
                kinds.append(new)
            }
        }
    }

    /// A kind of output.
    package struct Kind: Sendable, Hashable, Codable {
        package let name: String
        package var total = Amount()
    }

    /// A name that logs have, and how many have it.
    package struct Log: Sendable, Hashable, Codable {
        package let name: String
        package var count: Int
    }

    package private(set) var total = Amount()
    /// The same for the same blobs in the same versions, in whatever order they were listed.
    package private(set) var fingerprint: UInt64 = 0
    private var kindsByName: [NameBytes: Kind] = [:]
    private var tasksByID: [NameBytes: Task] = [:]
    private var logsByName: [NameBytes: Int] = [:]
    /// Different names of logs are counted; of more than these, those that came first.
    private static let logNamesMax = 1_000

    package init() {}

    /// Each in the order of the bytes of their names.
    package var kinds: [Kind] { Self.sorted(kindsByName.map { ($0.key, $0.value) }) }
    package var tasks: [Task] { Self.sorted(tasksByID.map { ($0.key, $0.value) }) }
    package var logs: [Log] { Self.sorted(logsByName.map { ($0.key, Log(name: $0.key.text, count: $0.value)) }) }

    private static func sorted<Value>(_ pairs: [(NameBytes, Value)]) -> [Value] {
        pairs.sorted { $0.0.text.utf8.lexicographicallyPrecedes($1.0.text.utf8) }.map(\.1)
    }

    package mutating func add(_ blob: JobBlob) {
        total.add(blob)
        fingerprint ^= blob.fingerprint
        let kind = blob.kind
        kindsByName[NameBytes(kind), default: Kind(name: kind)].total.add(blob)
        if let task = blob.task { tasksByID[NameBytes(task), default: Task(id: task)].add(blob, kind) }
        if Self.logKinds.contains(kind) {
            let name = NameBytes(blob.nameInKind)
            if logsByName[name] != nil || logsByName.count < Self.logNamesMax { logsByName[name, default: 0] += 1 }
        }
    }

    /// Of Batch, Azure ML and foreach.
    private static let logKinds: Set<String> = [
        "TaskLog", "logs", "user_logs", "system_logs", "azureml-logs", "log.txt", "stdout.txt", "stderr.txt",
    ]
}
