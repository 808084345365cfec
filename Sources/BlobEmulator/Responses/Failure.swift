/// Why a request does not get the answer it asked for.
enum Failure: Error {
    /// The service refuses, with an error document.
    case refused(ServiceError)
    /// The peer went away in the middle of its request: there is nobody to answer.
    case connectionLost

    static func code(_ code: ErrorCode, _ details: [(name: String, value: String)] = []) -> Failure {
        .refused(ServiceError(code, details: details))
    }

    static func invalidHeader(_ name: String, _ value: String) -> Failure {
        .code(.invalidHeaderValue, [("HeaderName", name), ("HeaderValue", value)])
    }

    static func missingHeader(_ name: String) -> Failure {
        .code(.missingRequiredHeader, [("HeaderName", name)])
    }

    static func invalidParameter(_ name: String, _ value: String, reason: String? = nil) -> Failure {
        var details = [(name: "QueryParameterName", value: name), (name: "QueryParameterValue", value: value)]
        if let reason { details.append((name: "Reason", value: reason)) }
        return .code(.invalidQueryParameterValue, details)
    }

    static func bodyTooLarge(limit: Int) -> Failure {
        .code(.requestBodyTooLarge, [("MaxLimit", String(limit))])
    }

    /// `403 AuthenticationFailed` with the reason in its detail.
    static func authenticationFailed(_ detail: String) -> Failure {
        .code(.authenticationFailed, [("AuthenticationErrorDetail", detail)])
    }
}

/// An error document: code, message, further elements and headers.
struct ServiceError: Error {
    var status: Int
    var code: String
    var message: String
    var details: [(name: String, value: String)]
    var headers: [(name: String, value: String)] = []

    init(_ code: ErrorCode, details: [(name: String, value: String)] = []) {
        let answer = code.answer
        (status, message) = (answer.status, answer.message)
        self.code = code.rawValue.prefix(1).uppercased() + code.rawValue.dropFirst()
        self.details = details
    }

    init(status: Int, code: String, message: String) {
        (self.status, self.code, self.message, self.details) = (status, code, message, [])
    }

    /// The answer as the service words it: a byte order mark, then the document with request id and time.
    func response(requestID: String, now: Timestamp, isHead: Bool) -> Response {
        var response = Response(status, headers)
        response.set("x-ms-error-code", code)
        guard !isHead, status != 304 else {
            if isHead { response.declaredLength = 0 }
            return response
        }
        var xml = XMLWriter()
        xml.open("Error")
        xml.element("Code", code)
        xml.element("Message", "\(message)\nRequestId:\(requestID)\nTime:\(now.iso8601WithFraction)")
        for detail in details { xml.element(detail.name, detail.value) }
        xml.close("Error")
        response.set("Content-Type", "application/xml")
        response.body = .bytes(xml.bytes)
        return response
    }
}
