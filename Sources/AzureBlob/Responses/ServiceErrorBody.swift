/// The XML that explains a refused request. A proxy's HTML, or nothing, leaves everything empty.
struct ServiceErrorBody: Sendable, Hashable {
    var code: String?
    /// Its first line: the others repeat the request id and the time.
    var message: String?
    /// Why the credentials were refused.
    var authenticationDetail: String?
    /// What was wrong: the header or query parameter, and its value if the service said.
    var subject: String?

    init(_ document: [UInt8]) {
        var reading = Reading()
        // Half an explanation is better than none: what was read before an error in the XML stays.
        try? XMLReader.read(document, into: &reading)
        guard reading.isError else { return }
        code = reading.values["Code"]
        message = reading.values["Message"]?.split(whereSeparator: \.isNewline).first.map(String.init)
        authenticationDetail = reading.values["AuthenticationErrorDetail"]
        subject = reading.values["HeaderName"] ?? reading.values["QueryParameterName"]
        if let name = subject, let value = reading.values["HeaderValue"] ?? reading.values["QueryParameterValue"] {
            subject = "\(name): \(value)"
        }
    }

    /// The detail without a signature: of a mismatch it repeats the one that was sent.
    var shownDetail: String? {
        guard let authenticationDetail else { return nil }
        return authenticationDetail.contains("MAC signature") || authenticationDetail.contains("tring to sign")
            ? "the signature is not the one that the service computed" : authenticationDetail
    }

    private struct Reading: XMLVisitor {
        var values: [String: String] = [:]
        var isError = false
        private var depth = 0

        mutating func begin(_ element: XMLName, isEncoded: Bool) {
            if depth == 0 { isError = element.matches("Error") }
            depth += 1
        }

        mutating func end(_ element: XMLName, text: UnsafeBufferPointer<UInt8>) {
            depth -= 1
            if depth == 1 { values[element.text] = text.string }
        }
    }
}
