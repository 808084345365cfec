internal import BlobStorage

/// Small requests to services beside storage: Batch, and the metadata service of the machine.
final class SmallCalls: Sendable {
    private let transport: Transport
    /// More than any answer of these services has; a page of 1,000 tasks has about 1 MiB.
    private static let answerMax = 16 << 20

    /// `nil` if libcurl or its thread cannot be started.
    init?(_ network: NetworkSettings = NetworkSettings()) {
        guard let transport = Transport(Transport.Options(connectionsMax: 4, network: network)) else { return nil }
        self.transport = transport
    }

    struct Answer: Sendable {
        var head: ResponseHead
        var body: [UInt8]
    }

    /// One attempt.
    func get(
        _ url: String,
        _ headers: [HTTPHeader],
        timeout: Duration,
        usesProxy: Bool = true
    ) async -> Result<Answer, TransportFailure> {
        var exchange = Exchange(
            request: HTTPRequest(method: .get, url: url, headers: headers),
            body: nil,
            sink: .collected(limit: Self.answerMax),
            priority: .foreground,
            timeouts: AttemptTimeouts(connect: min(timeout, .seconds(5)), stall: timeout, total: timeout)
        )
        exchange.usesProxy = usesProxy
        let result = await transport.send(exchange)
        if let failure = result.failure { return .failure(failure) }
        guard let head = result.head else { return .failure(.cutShort) }
        return .success(Answer(head: head, body: result.body))
    }
}
