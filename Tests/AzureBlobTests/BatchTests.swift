import BlobStorage
import Testing

@testable import AzureBlob

/// Blob Batch on the wire.
struct BatchTests {
    @Test func `a batch has a part for each delete, with an authorization of its own`() {
        let first = BlobDeletion(BlobAddress(container: "c", name: "a b"), condition: .matches(ETag("\"0x1\"")))
        let second = BlobDeletion(BlobAddress(container: "c", name: "é"), condition: .any)
        let batch = BlobBatch(container: "c", [first, second])
        let body = String(decoding: batch.body { "DELETE \($0.path) HTTP/1.1\r\nAuthorization: x" }, as: UTF8.self)
        let request = batch.request(byteCount: body.utf8.count)
        #expect(
            request.method == .post && request.path == "/c" && request.encodedQuery == "restype=container&comp=batch"
        )
        let boundary = request.headers.first { $0.name == "Content-Type" }?.value.split(separator: "=").last ?? ""
        let head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
        #expect(
            body == """
                --\(boundary)\r
                \(head)Content-ID: 0\r
                \r
                DELETE /c/a%20b HTTP/1.1\r
                Authorization: x\r
                \r
                --\(boundary)\r
                \(head)Content-ID: 1\r
                \r
                DELETE /c/%C3%A9 HTTP/1.1\r
                Authorization: x\r
                \r
                --\(boundary)--\r

                """
        )
        #expect(batch.parts.first?.headers.contains(HTTPHeader("If-Match", "\"0x1\"")) == true)
    }

    private static let answer = """
        --b\r
        Content-Type: application/http\r
        Content-ID: 1\r
        \r
        HTTP/1.1 412 The condition is not met.\r
        x-ms-error-code: ConditionNotMet\r
        \r
        <?xml version="1.0"?>\r
        <Error><Code>ConditionNotMet</Code></Error>\r
        --b\r
        Content-Type: application/http\r
        Content-ID: 0\r
        \r
        HTTP/1.1 202 Accepted\r
        \r
        \r
        --b--
        """

    @Test func `an answer is read by the numbers of its parts, in whatever order`() throws {
        let read = try #require(BatchAnswer(Array(Self.answer.utf8), contentType: "multipart/mixed; boundary=\"b\""))
        #expect(read.parts.keys.sorted() == [0, 1] && read.whole == nil)
        #expect(read.parts[0]?.head.status == 202)
        #expect(read.parts[1]?.head.code == "ConditionNotMet")
        #expect(ServiceErrorBody(read.parts[1]?.body ?? []).code == "ConditionNotMet")
    }

    @Test func `one part without a number is about the batch`() throws {
        let text = "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 403 No\r\nx-ms-error-code: X\r\n\r\n--b--\r\n"
        let read = try #require(BatchAnswer(Array(text.utf8), contentType: "Multipart/Mixed; boundary=b"))
        #expect(read.parts.isEmpty && read.whole?.head.status == 403)
    }

    @Test func `what was cut short, or is something else, is no answer`() {
        let cut = Self.answer.dropLast(5)
        #expect(BatchAnswer(Array(cut.utf8), contentType: "multipart/mixed; boundary=b") == nil)
        #expect(BatchAnswer(Array(Self.answer.utf8), contentType: "text/html") == nil)
        #expect(BatchAnswer(Array(Self.answer.utf8), contentType: nil) == nil)
    }
}
