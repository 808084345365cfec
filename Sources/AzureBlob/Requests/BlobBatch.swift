internal import BlobStorage

/// Blob Batch: deletes of up to 256 blobs of one container in one request, as `multipart/mixed`; each part is a request
/// with an authorization of its own.
struct BlobBatch: Sendable {
    /// The most that the service takes at a time.
    static let countMax = 256

    let container: String
    let parts: [StorageRequest]
    private let boundary = "batch_" + RandomName.hexadecimal()

    /// All of one container.
    init(container: String, _ deletions: some Sequence<BlobDeletion>) {
        self.container = container
        parts = deletions.map { .delete($0.blob, condition: $0.condition) }
    }

    func request(byteCount: Int) -> StorageRequest {
        var request = StorageRequest(operation: .blobBatch, method: .post, container: container)
        request.query = [QueryItem("restype", "container"), QueryItem("comp", "batch")]
        request.contentLength = byteCount
        request.add("Content-Type", "multipart/mixed; boundary=\(boundary)")
        return request
    }

    /// `authorize`: the head of a part, from its request line on, without the empty line.
    func body(authorizedBy authorize: (StorageRequest) -> String) -> [UInt8] {
        var text = ""
        for (number, part) in parts.enumerated() {
            text += "--\(boundary)\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
            text += "Content-ID: \(number)\r\n\r\n\(authorize(part))\r\n\r\n"
        }
        return Array((text + "--\(boundary)--\r\n").utf8)
    }
}
