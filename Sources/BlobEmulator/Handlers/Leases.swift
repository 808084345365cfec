/// Lease Blob, Lease Container.
extension Service {
    func leaseBlob(_ exchange: Exchange) throws(Failure) -> Response {
        let name = try exchange.blobName()
        let conditions = try Conditions(exchange.headers)
        let call = try LeaseCall(exchange)
        return try exchange.container()
            .withState { (state) throws(Failure) in
                let blob = try state.existingBlob(name)
                try conditions.checkWrite(blob)
                var lease = state.lease(of: name)
                var response = try call.perform(on: &lease, now: exchange.now)
                state.commit(.lease(name, lease))
                response.headers += blob.versionHeaders
                return response
            }
    }

    func leaseContainer(_ exchange: Exchange) throws(Failure) -> Response {
        let conditions = try Conditions(exchange.headers)
        let call = try LeaseCall(exchange)
        return try exchange.container()
            .withState { (state) throws(Failure) in
                try conditions.checkContainer(modified: state.properties.modified)
                var properties = state.properties
                var response = try call.perform(on: &properties.lease, now: exchange.now)
                state.commit(.container(properties))
                response.headers += properties.versionHeaders
                return response
            }
    }
}

/// A lease call, read from its headers.
private enum LeaseCall {
    case acquire(proposed: String, duration: Int?)
    case renew(String)
    case change(String, proposed: String)
    case release(String)
    case breakLease(period: Int?)

    init(_ exchange: Exchange) throws(Failure) {
        let headers = exchange.headers
        func id(_ name: String) throws(Failure) -> String? {
            guard let text = headers.nonEmpty(name) else { return nil }
            guard let id = normalizedGUID(text) else { throw .invalidHeader(name, text) }
            return id
        }
        func required(_ name: String) throws(Failure) -> String {
            guard let id = try id(name) else { throw .missingHeader(name) }
            return id
        }
        switch headers["x-ms-lease-action"]?.lowercased() {
        case "acquire":
            guard let duration = try exchange.integerHeader("x-ms-lease-duration") else {
                throw .missingHeader("x-ms-lease-duration")
            }
            guard duration == -1 || (15...60).contains(duration) else {
                throw .invalidHeader("x-ms-lease-duration", String(duration))
            }
            self = .acquire(
                proposed: try id("x-ms-proposed-lease-id") ?? randomGUID(),
                duration: duration == -1 ? nil : duration
            )
        case "renew": self = .renew(try required("x-ms-lease-id"))
        case "change":
            self = .change(try required("x-ms-lease-id"), proposed: try required("x-ms-proposed-lease-id"))
        case "release": self = .release(try required("x-ms-lease-id"))
        case "break":
            let period = try exchange.integerHeader("x-ms-lease-break-period")
            if let period, !(0...60).contains(period) {
                throw .invalidHeader("x-ms-lease-break-period", String(period))
            }
            self = .breakLease(period: period)
        case nil: throw .missingHeader("x-ms-lease-action")
        case let action?: throw .invalidHeader("x-ms-lease-action", action)
        }
    }

    func perform(on lease: inout Lease, now: Timestamp) throws(Failure) -> Response {
        switch self {
        case .acquire(let proposed, let duration):
            try lease.acquire(proposed, duration: duration, now: now)
            return Response(201, [("x-ms-lease-id", proposed)])
        case .renew(let id):
            try lease.renew(id, now: now)
            return Response(200, [("x-ms-lease-id", id)])
        case .change(let id, let proposed):
            try lease.change(id, to: proposed, now: now)
            return Response(200, [("x-ms-lease-id", proposed)])
        case .release(let id):
            try lease.release(id, now: now)
            return Response(200)
        case .breakLease(let period):
            return Response(202, [("x-ms-lease-time", String(try lease.breakLease(period: period, now: now)))])
        }
    }
}
