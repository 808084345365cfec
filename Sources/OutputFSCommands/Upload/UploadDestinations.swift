internal import AzureBlob
internal import BlobStorage
internal import Logging
internal import OutputConventions

/// The text behind `--output-file`.
struct OutputFileDocument {
    let text: [UInt8]
    /// For errors.
    let origin: String

    init(_ argument: String, environment: [String: String]) throws(CommandFailure) {
        if argument.hasPrefix("env:") {
            let name = String(argument.dropFirst(4))
            origin = "--output-file \(argument)"
            guard let value = environment[name] else {
                throw CommandFailure(.usage, "\(origin): the variable \(name) is not set", try: "export \(name)=…")
            }
            text = Array(value.utf8)
        } else if let first = argument.first(where: { !$0.isWhitespace }), first == "{" || first == "[" {
            origin = "--output-file"
            guard !argument.contains("sig=") else {
                // Not printed: it is as good as a key.
                throw CommandFailure(
                    .usage,
                    "--output-file carries a SAS, and a command line can be read by everybody here",
                    try: "--output-file FILE, with the JSON in a file that only you can read",
                    "--output-file env:NAME, with the JSON in that variable"
                )
            }
            text = Array(argument.utf8)
        } else {
            origin = "--output-file \(argument)"
            switch System.read(argument) {
            case .success(let bytes): text = bytes
            case .failure(let error):
                throw CommandFailure(.configuration, "\(origin) cannot be read: \(error)", try: "ls -l \(argument)")
            }
        }
    }
}

/// Finds the containers of output files, with one store for each.
struct UploadDestinations {
    var resolver: StorageSourceResolver
    /// Adds the way to the store: certificates, proxy, limits. Refuses one in the clear.
    var completed: (StorageSource) throws(CommandFailure) -> StorageSource
    /// `AZ_BATCH_JOB_ID`: an account alone means this job's container.
    var jobID: String?
    var logger: Logger

    func resolve(_ requests: [OutputFileRequest]) throws(CommandFailure) -> [UploadSession.Destination] {
        var stores: [Secret?: (container: String, store: any BlobStore)] = [:]
        var destinations: [UploadSession.Destination] = []
        for request in requests {
            let place: (container: String, store: any BlobStore)
            if let known = stores[request.containerURL] {
                place = known
            } else {
                let source = try source(for: request.containerURL)
                guard let container = source.container else { throw Self.noContainer }
                place = (container, try Composition.store(for: source, logger))
                stores[request.containerURL] = place
            }
            destinations.append(
                UploadSession.Destination(
                    file: request.file,
                    headers: request.headers,
                    container: place.container,
                    store: place.store
                )
            )
        }
        return destinations
    }

    private func source(for url: Secret?) throws(CommandFailure) -> StorageSource {
        if let url { return try completed(try resolver.source(ofContainer: url.revealed(), "containerUrl")) }
        var source = try completed(try resolver.resolve())
        if source.container == nil, let jobID, JobContainer.isJobID(jobID) {
            source.container = JobContainer.name(forJob: jobID)
        }
        return source
    }

    private static let noContainer = CommandFailure(
        .usage,
        "no container is named",
        try: "--container-url https://<account>.blob.core.windows.net/<container>, with --key-file or --sas-file",
        "--container-url env:NAME or --container-url-file FILE, for a URL with a SAS",
        "export AZ_BATCH_JOB_ID=…, for the container of that job in the account"
    )
}
