internal import AzureBlob
internal import BlobStorage
internal import FoundationEssentials
internal import OutputConventions

/// One entry of `outputFiles` as the command line or Batch's own JSON gives it.
struct OutputFileRequest: Sendable {
    var file: OutputFile
    /// As `containerUrl` gives it; `nil` for the container of the command line or the environment.
    var containerURL: Secret?
    var headers: BlobHeaders
}

/// `outputFiles` as Batch's task has it: an entry, or a list of them.
///
///     {"filePattern": "out/**/*.csv",
///      "destination": {"container": {"containerUrl": "https://…", "path": "p", "uploadHeaders": [{"name": …, "value": …}]}},
///      "uploadOptions": {"uploadCondition": "taskSuccess"}}
///
/// Which identity reaches a container without a SAS is said by the command's own options: `identityReference` is for the
/// agent, and is passed over.
struct OutputFileList: Decodable {
    struct Entry: Decodable {
        var filePattern: String
        var destination: Destination
        var uploadOptions: Options?
    }

    struct Destination: Decodable { var container: Container }

    struct Container: Decodable {
        var containerUrl: String?
        var path: String?
        var uploadHeaders: [Header]?
    }

    struct Header: Decodable {
        var name: String
        var value: String?
    }

    struct Options: Decodable { var uploadCondition: String }

    var entries: [Entry]

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if let list = try? value.decode([Entry].self) {
            entries = list
        } else {
            entries = [try value.decode(Entry.self)]
        }
    }

    /// - Parameter origin: where the text comes from, for errors. They do not repeat what stands in it: there may be a SAS.
    static func requests(
        in text: [UInt8],
        origin: String,
        environment: [String: String]
    ) throws(CommandFailure) -> [OutputFileRequest] {
        let list: OutputFileList
        do { list = try JSONDecoder().decode(OutputFileList.self, from: Data(text)) } catch {
            throw CommandFailure(
                .configuration,
                "\(origin) is not what a task's outputFiles are in JSON",
                try: #"{"filePattern": "out/**/*.csv", "destination": {"container": {"containerUrl": …, "path": …}}}"#
            )
        }
        var requests: [OutputFileRequest] = []
        for entry in list.entries { requests.append(try request(entry, origin: origin, environment: environment)) }
        return requests
    }

    private static func request(
        _ entry: Entry,
        origin: String,
        environment: [String: String]
    ) throws(CommandFailure) -> OutputFileRequest {
        let condition: UploadCondition
        switch entry.uploadOptions?.uploadCondition.lowercased() {
        case nil, "taskcompletion": condition = .completion
        case "tasksuccess": condition = .success
        case "taskfailure": condition = .failure
        case let other?:
            throw CommandFailure(
                .configuration,
                "\(origin): there is no uploadCondition '\(other)'",
                try: "taskSuccess, taskFailure or taskCompletion"
            )
        }
        let container = entry.destination.container
        var headers = BlobHeaders()
        for header in container.uploadHeaders ?? [] {
            switch header.name.lowercased() {
            case "content-type": headers.contentType = header.value
            case "content-encoding": headers.contentEncoding = header.value
            case "content-language": headers.contentLanguage = header.value
            case "content-disposition": headers.contentDisposition = header.value
            case "cache-control": headers.cacheControl = header.value
            default:
                throw CommandFailure(
                    .configuration,
                    "\(origin): uploadHeaders cannot set '\(header.name)'",
                    try: "Content-Type, -Encoding, -Language, -Disposition or Cache-Control"
                )
            }
        }
        let pattern = try FilePattern(named: entry.filePattern, origin: origin, environment: environment)
        return OutputFileRequest(
            file: OutputFile(pattern: pattern, path: container.path, condition: condition),
            containerURL: container.containerUrl.map { Secret($0) },
            headers: headers
        )
    }
}

extension FilePattern {
    /// An empty variable counts: that is how it was set.
    init(named text: String, origin: String, environment: [String: String]) throws(CommandFailure) {
        do throws(Problem) { try self.init(text) { environment[$0] } } catch {
            throw CommandFailure(.usage, "\(origin): \(error)", try: "'out/**/*.csv', '../std*.txt', 'result.json'")
        }
    }
}
