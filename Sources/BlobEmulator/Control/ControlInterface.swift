internal import FoundationEssentials

/// Faults, counters and bearer tokens over HTTP, for tests and benchmarks in other processes.
///
/// `PUT /-/faults` takes a JSON array of rules in place of those in force, `DELETE` ends them all; `GET /-/held` gives
/// the number of requests that wait for that;
/// `GET /-/counters` gives the counters, `DELETE` resets them; `PUT /-/bearer-tokens` takes an array of tokens to
/// accept; `PUT /-/clock` moves the clock by a number of seconds; `POST /-/populate` takes a `Population`.
struct ControlInterface: Sendable {
    static let prefix = "/-/"

    let service: Service

    func answer(_ head: RequestHead, _ body: any RequestBody) -> Response {
        do {
            return try route(head, body)
        } catch let failure as Failure {
            guard case .refused(let error) = failure else { return Response(400) }
            return Response(error.status, body: .bytes(Array(error.message.utf8)))
        } catch {
            return Response(400, body: .bytes(Array("\(error)\n".utf8)))
        }
    }

    private func route(_ head: RequestHead, _ body: any RequestBody) throws -> Response {
        switch (head.method, head.path) {
        case ("PUT", "/-/faults"):
            service.faults.replace(with: try decode([FaultRule].self, body))
            return Response(204)
        case ("DELETE", "/-/faults"):
            service.faults.clear()
            return Response(204)
        case ("GET", "/-/held"):
            let json = Array(String(service.faults.heldCount).utf8)
            return Response(200, [("Content-Type", "application/json")], body: .bytes(json))
        case ("GET", "/-/counters"):
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            let json = try encoder.encode(service.counters.snapshot.operations)
            return Response(200, [("Content-Type", "application/json")], body: .bytes([UInt8](json)))
        case ("DELETE", "/-/counters"):
            service.counters.reset()
            return Response(204)
        case ("PUT", "/-/bearer-tokens"):
            service.authorizer.bearers.accept(try decode([String].self, body))
            return Response(204)
        case ("PUT", "/-/clock"):
            service.clock.advance(bySeconds: try decode(Int.self, body))
            return Response(204)
        case ("POST", "/-/populate"):
            try service.populate(try decode(Population.self, body))
            return Response(201)
        default:
            return Response(404)
        }
    }

    private func decode<Value: Decodable>(_ type: Value.Type, _ body: any RequestBody) throws -> Value {
        try JSONDecoder().decode(type, from: Data(try body.readAll(limit: 1 << 20)))
    }
}
