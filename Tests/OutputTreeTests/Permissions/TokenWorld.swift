import BlobEmulator
import BlobStorage
import FileSystemSuite
import Foundation
import Logging
import OutputTree
import TestSupport
import Testing

@testable import AzureBlob

/// A tree over one container of the emulator, which it may use as far as a token permits; and the store behind it, with
/// the account's key.
final class TokenWorld: Sendable {
    let rights: String
    let container: String
    let files: TreeFiles
    private let tree: OutputFileSystem
    private let store: AzureBlobStore
    private let spool = TemporaryName()

    /// One for all worlds.
    static let server: Result<(emulator: Emulator, owner: AzureBlobStore), any Error> = Result {
        let emulator = try Emulator(EmulatorConfiguration())
        emulator.start()
        return (emulator, try client(emulator, .sharedKey(Secret(EmulatorAccount.development.key))))
    }

    private static func client(_ emulator: Emulator, _ credential: Credential) throws -> AzureBlobStore {
        try AzureBlobStore(
            account: StorageAccount(
                name: EmulatorAccount.development.name,
                endpoint: try BlobEndpoint(emulator.endpoint)
            ),
            credential: credential,
            configuration: AzureBlobStoreConfiguration(maxConnections: 4),
            logger: Logger(label: "matrix") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    /// The container is there already, and what is in it.
    init(rights: String, container: String) throws {
        let (emulator, _) = try Self.server.get()
        self.rights = rights
        self.container = container
        let key = try #require(SigningKey(base64: Secret(EmulatorAccount.development.key)))
        // In the order of the letters that the signature is over.
        let permissions = String("racwdl".filter { rights.contains($0) })
        let token = ServiceSAS(
            permissions: permissions,
            expiry: "2099-01-01T00:00:00Z",
            resource: .container(container)
        ).token(account: EmulatorAccount.development.name, key: key)
        store = try Self.client(emulator, .sas(token))
        var options = TreeOptions(userID: geteuid(), groupID: getegid())
        options.onlyContainer = container
        try FileManager.default.createDirectory(atPath: spool.path, withIntermediateDirectories: true)
        tree = try makeTree(over: store, options: options, spool: spool.path, clock: .system)
        files = TreeFiles(fileSystem: tree)
    }

    /// Blobs of an output kind's folder: `path("f")` is a file of it.
    func path(_ name: String, kind: String = "JobOutput") -> String {
        "jobs/\(container.dropFirst("job-".count))/\(kind)/\(name)"
    }

    /// Requests that put something for others to see, so far.
    var commits: Int {
        let requests = store.counters.requests
        return requests[.putBlob, default: 0] + requests[.putBlockList, default: 0]
    }

    func end() {
        files.forgetAll()
        tree.shutDown()
    }

    // MARK: The owner's side

    /// A fresh container with what every task needs.
    static func makeContainer(_ name: String) async throws {
        _ = try await server.get().owner.createContainer(name, metadata: [:])
        for task in TokenTask.allCases {
            for (file, text) in task.before {
                let isLog = [.appendLog, .restartLog].contains(task)
                try await put(name, task.blobPrefix + file, text, isLog: isLog)
            }
        }
    }

    private static func put(_ container: String, _ name: String, _ text: String, isLog: Bool) async throws {
        let owner = try server.get().owner
        let blob = BlobAddress(container: container, name: name)
        if isLog {
            _ = try await owner.createAppendBlob(blob, headers: BlobHeaders(), condition: .any)
            _ = try await owner.append(UploadBody(Array(text.utf8)), to: blob, at: 0)
        } else {
            var headers = BlobHeaders()
            if name.hasSuffix("-d") { headers.metadata = ["hdi_isfolder": "true"] }
            if name.hasSuffix("-l") { headers.metadata = ["is_symlink": "true"] }
            _ = try await owner.putBlob(blob, UploadBody(Array(text.utf8)), headers: headers, condition: .any)
        }
    }

    /// What lies under a prefix, by the rest of its name: its text, or how long it is where that is 0 or above 100, and
    /// what was set by name.
    static func content(of container: String, prefix: String) async throws -> [String: String] {
        let owner = try server.get().owner
        var all: [String: String] = [:]
        let page = try await owner.listBlobs(
            BlobQuery(container: container, prefix: prefix, includesMetadata: true),
            after: nil
        )
        for item in page.items {
            guard case .blob(let name, let properties) = item else { continue }
            let rest = String(name.dropFirst(prefix.count))
            guard (1...100).contains(properties.length) else {
                all[rest] = "\(properties.length) bytes"
                continue
            }
            let address = BlobAddress(container: container, name: name)
            let bytes = try await owner.bytes(of: address, count: Int(properties.length))
            var text = String(decoding: bytes, as: UTF8.self)
            // st_mode in decimal: a regular file's 0600.
            if properties.metadata["permissions"] == "33152" { text += " 0600" }
            // "red" in base64.
            if properties.metadata.items.contains(where: { $0.value.contains("cmVk") }) { text += " red" }
            all[rest] = text
        }
        return all
    }
}

extension AzureBlobStore {
    fileprivate func bytes(of blob: BlobAddress, count: Int) async throws -> [UInt8] {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
        defer { memory.deallocate() }
        guard let start = memory.baseAddress else { return [] }
        let read = BlobRead(
            blob: blob,
            range: 0..<UInt64(count),
            condition: .any,
            verification: .none,
            destination: start
        )
        _ = try await withCheckedContinuation { continuation in
            self.read(read) { continuation.resume(returning: $0) }
        }.get()
        return Array(memory)
    }
}
