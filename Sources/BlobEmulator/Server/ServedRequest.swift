/// What a connection has to do with a request.
struct ServedRequest {
    enum Outcome {
        case answer(Response)
        /// The connection is reset without an answer.
        case reset
        /// The peer is gone.
        case lost
    }

    /// The operation's name, for the counters.
    var operation: String
    var outcome: Outcome
    var faults: FaultPlan
}

extension Service {
    /// Serves one request, faults included. `pause` waits for so many milliseconds, or less if the connection ends.
    func serve(
        _ head: RequestHead,
        body: ConnectionBody,
        peer: String,
        pause: (Int) -> Void
    ) -> ServedRequest {
        let now = clock.now()
        let requestID = randomGUID()
        var operation = "Unknown"
        var isOnPath = false
        var plan = FaultPlan()
        var outcome: ServedRequest.Outcome
        do throws(Failure) {
            let origin = RequestOrigin(peer: peer, requestID: requestID, now: now)
            var exchange = try exchange(for: head, body: body, origin: origin)
            operation = exchange.operation.rawValue
            isOnPath = exchange.operation.isOnPath || exchange.address.isDataLake
            plan = faults.plan(operation: operation, blob: exchange.address.blob)
            exchange.faults = plan
            body.bytesPerSecond = plan.bytesPerSecond
            body.corruptedByte = plan.corruptedRequestByte
            if case .afterRequestBytes(let count) = plan.reset { body.resetAfter = count }
            guard body.length != nil else { throw .code(.missingContentLengthHeader) }
            outcome = try serve(&exchange, pause: pause)
        } catch {
            switch error {
            case .connectionLost: outcome = .lost
            case .refused(let refusal):
                let isHead = head.method == "HEAD"
                outcome = .answer(
                    isOnPath
                        ? refusal.pathResponse(requestID: requestID, now: now, isHead: isHead)
                        : refusal.response(requestID: requestID, now: now, isHead: isHead)
                )
            }
        }
        if case .answer(var response) = outcome {
            response.set("Server", "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0")
            response.set("x-ms-request-id", requestID)
            let version = head.headers.nonEmpty("x-ms-version").flatMap { ServiceVersion($0) }
            response.set("x-ms-version", (version ?? .newest).text)
            if let id = head.headers.nonEmpty("x-ms-client-request-id"), id.utf8.count <= 1024 {
                response.set("x-ms-client-request-id", id)
            }
            response.set("Date", now.httpDate)
            outcome = .answer(response)
        }
        return ServedRequest(operation: operation, outcome: outcome, faults: plan)
    }

    private func serve(_ exchange: inout Exchange, pause: (Int) -> Void) throws(Failure) -> ServedRequest.Outcome {
        let plan = exchange.faults
        if plan.delay > 0 { pause(plan.delay) }
        faults.hold(plan)
        if plan.reset == .beforeApplying { return .reset }
        if let refusal = plan.refusal, !refusal.isApplied { throw refusal.failure }
        exchange.grant = try authorizer.grant(exchange)
        // A body that ends before that is lost with its last byte, and nothing is done.
        if case .afterRequestBytes(let count) = plan.reset, count >= exchange.body.length ?? 0 { return .reset }
        var response = try handle(exchange)
        // Nothing is acknowledged, and no fault pretends that an answer was lost, before the change is on disk.
        if exchange.head.method != "GET", !exchange.isHead, journal?.commit() == false { throw .code(.internalError) }
        if plan.reset == .afterApplying { return .reset }
        if let refusal = plan.refusal { throw refusal.failure }
        if plan.hasWrongChecksum { response.falsifyChecksums() }
        return .answer(response)
    }
}

extension FaultPlan.Refusal {
    var failure: Failure {
        var error = ServiceError(status: status, code: code, message: "Made on purpose by a fault rule.")
        if let retryAfter { error.headers.append(("Retry-After", String(retryAfter))) }
        return .refused(error)
    }
}

extension Response {
    fileprivate mutating func falsifyChecksums() {
        for index in headers.indices {
            switch headers[index].name {
            case "Content-MD5": headers[index].value = "AAAAAAAAAAAAAAAAAAAAAA=="
            case "x-ms-content-crc64": headers[index].value = "AQIDBAUGBwg="
            default: break
            }
        }
    }
}
