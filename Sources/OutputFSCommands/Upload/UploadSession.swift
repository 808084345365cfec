internal import BlobStorage
internal import FuseBinding
internal import LocalStore
internal import Logging
internal import OutputConventions

/// What `outputfs upload` sends once the command is over.
struct UploadSession: Sendable {
    /// Where one set of files goes.
    struct Destination: Sendable {
        var file: OutputFile
        var headers: BlobHeaders
        var container: String
        var store: any BlobStore
    }

    /// A file that is not in the store.
    struct Failure: Sendable, Equatable {
        var path: String
        var blob: String
        /// As Batch's agent calls it: `FileUploadContainerNotFound`, `FileUploadAccessDenied`, `FileUploadMiscError`.
        var code: String
        var reason: String

        init(_ error: StorageError, path: String, blob: BlobAddress) {
            self.path = path
            self.blob = blob.description
            let said = [error.code, error.status.map { "HTTP \($0)" }].compactMap(\.self).joined(separator: ", ")
            reason = said.isEmpty ? error.message : "\(error.message) (\(said))"
            code =
                switch error.kind {
                case .notFound where error.code == "ContainerNotFound": "FileUploadContainerNotFound"
                case .denied, .unauthenticated: "FileUploadAccessDenied"
                default: "FileUploadMiscError"
                }
        }
    }

    var destinations: [Destination]
    var logger: Logger

    /// Files at a time.
    static let filesInFlightMax = 8

    /// Sends the files of every set whose condition is met, and says which could not be sent: one that fails does not
    /// hold up the others, and is not tried again beyond what the store itself does.
    func run(exitStatus: Int32, workingDirectory: String) -> [Failure] {
        let threads = WorkerThreads(name: "upload", count: 2)
        var tasks: [@Sendable () async -> Failure?] = []
        for destination in destinations where destination.file.condition.isMet(byExitStatus: exitStatus) {
            let upload = LocalFileUpload(store: destination.store, threads: threads)
            for file in destination.file.pattern.matchingFiles(in: workingDirectory) {
                let name = destination.file.blobName(of: file.relativePath)
                let blob = BlobAddress(container: destination.container, name: name)
                let (headers, logger) = (destination.headers, logger)
                tasks.append {
                    do throws(StorageError) {
                        try await upload.send(file.path, to: blob, headers: headers)
                        logger.info("\(file.path) is uploaded as \(blob)")
                        return nil
                    } catch { return Failure(error, path: file.path, blob: blob) }
                }
            }
        }
        return PlainThread.wait { [tasks] in await Self.all(tasks) }
    }

    private static func all(_ tasks: [@Sendable () async -> Failure?]) async -> [Failure] {
        await withTaskGroup(of: Failure?.self) { group in
            var failures: [Failure] = []
            for (index, task) in tasks.enumerated() {
                if index >= filesInFlightMax, let failure = await group.next() ?? nil { failures.append(failure) }
                group.addTask { await task() }
            }
            for await failure in group { if let failure { failures.append(failure) } }
            return failures.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
        }
    }
}
