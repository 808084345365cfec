internal import Glibc

/// Serves the requests of one connection, one after the other, until it ends.
struct ConnectionLoop {
    let service: Service
    let control: ControlInterface?
    let connection: Connection

    func run() {
        while serveNext() {}
    }

    /// False when the connection is over.
    private func serveNext() -> Bool {
        let head: RequestHead
        switch connection.readHead() {
        case .head(let read): head = read
        case .closed: return false
        case .malformed:
            var response = Response(400, [("x-ms-error-code", "InvalidInput")])
            response.closesConnection = true
            _ = ResponseSender(connection: connection).send(response, faults: FaultPlan())
            return false
        }
        let body = ConnectionBody(of: head, on: connection)
        if let control, head.path.hasPrefix(ControlInterface.prefix) {
            return send(control.answer(head, body), head, body, FaultPlan()) == .sent
        }
        let served = service.serve(head, body: body, peer: connection.peer) { connection.pause(milliseconds: $0) }
        switch served.outcome {
        case .lost:
            note(served, body, sent: 0, isFailure: true)
            return false
        case .reset:
            note(served, body, sent: 0, isFailure: true)
            connection.prepareReset()
            return false
        case .answer(let response):
            // Counted before it is sent: whoever has the answer finds it in the counters. What a client that hung up
            // did not take is taken off again.
            note(served, body, sent: response.body.length, isFailure: response.status >= 400)
            let sentBefore = connection.sentBytes
            let outcome = send(response, head, body, served.faults)
            let unsent = response.head().count + response.body.length - (connection.sentBytes - sentBefore)
            if outcome != .sent, response.body.length > 0, unsent > 0 {
                service.counters.takeOff(served.operation, unsent: min(unsent, response.body.length))
            }
            switch outcome {
            case .sent: return true
            case .ended: return false
            case .reset:
                connection.prepareReset()
                return false
            }
        }
    }

    private func note(_ served: ServedRequest, _ body: ConnectionBody, sent: Int, isFailure: Bool) {
        service.counters.note(served.operation, isFailure: isFailure, received: body.received, sent: sent)
    }

    private func send(
        _ response: Response,
        _ head: RequestHead,
        _ body: ConnectionBody,
        _ faults: FaultPlan
    ) -> ResponseSender.Outcome {
        var response = response
        // What the handler did not read has to go before the next request can be found.
        let isDrained = body.length != nil && !head.isChunked && body.drain()
        response.closesConnection = response.closesConnection || !head.keepsAlive || !isDrained
        if head.method == "HEAD" {
            response.declaredLength = response.declaredLength ?? response.body.length
            response.body = .none
        }
        let outcome = ResponseSender(connection: connection).send(response, faults: faults)
        guard outcome == .sent, response.closesConnection else { return outcome }
        if !isDrained { connection.lingerForAnswer() }
        return .ended
    }
}
