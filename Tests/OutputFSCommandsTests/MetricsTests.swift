import ArgumentParser
import AzureBlob
import Testing

@testable import OutputFSCommands

/// What a scraper gets.
struct MetricsTests {
    @Test func `a family is written as OpenMetrics has it`() {
        let family = MetricFamily.counter(
            "outputfs_x_bytes",
            unit: "bytes",
            "A \"help\".\nTwo lines.",
            [(labels: [("a", "x\"y\\z\n"), ("b", "")], value: 12), (labels: [], value: 0.5)]
        )
        #expect(
            family.text == """
                # TYPE outputfs_x_bytes counter
                # UNIT outputfs_x_bytes bytes
                # HELP outputfs_x_bytes A \\"help\\".\\nTwo lines.
                outputfs_x_bytes_total{a="x\\"y\\\\z\\n",b=""} 12
                outputfs_x_bytes_total 0.5

                """
        )
        #expect(MetricFamily.exposition([]) == "# EOF\n")
    }

    @Test func `numbers are whole where they can be`() {
        #expect(MetricFamily.number(0) == "0")
        #expect(MetricFamily.number(-3) == "-3")
        #expect(MetricFamily.number(9_007_199_254_740_991) == "9007199254740991")
        #expect(MetricFamily.number(0.1) == "0.1")
        #expect(MetricFamily.number(1e300) == "1e+300")
    }

    @Test func `a name ends with its unit, and no name comes twice`() {
        let families = MountMetrics.families(.sample(hasDiskCache: true), store: RequestCounters())
        #expect(Set(families.map(\.name)).count == families.count)
        for family in families {
            if let unit = family.unit { #expect(family.name.hasSuffix("_" + unit), "\(family.name)") }
            #expect(family.name.hasPrefix("outputfs_") && !family.help.isEmpty)
        }
    }

    @Test func `only a credential that ends says for how long it is good`() {
        var status = MountStatus.sample()
        let name = "outputfs_credential_remaining_seconds"
        #expect(MountMetrics.exposition(status, store: RequestCounters()).contains("\n\(name) 7200\n"))
        status.credentialRemaining = nil
        #expect(!MountMetrics.exposition(status, store: RequestCounters()).contains(name))
        #expect(status.details(now: 2_000).contains("no end is known"))
    }

    @Test func `buckets count all that was as fast`() throws {
        var latency = LatencyHistogram()
        for milliseconds in [1, 3, 3, 70_000] { latency.add(.milliseconds(milliseconds)) }
        var counters = RequestCounters()
        counters.requests[.getBlob] = 4
        counters.latency[.getBlob] = latency
        counters.ended[.getBlob] = [206: 3, 0: 1]
        let families = MountMetrics.families(.sample(), store: counters)
        let histogram = try #require(families.first { $0.kind == .histogram })
        let buckets = histogram.samples.filter { $0.suffix == "_bucket" }.map(\.value)
        #expect(buckets.prefix(3) == [1, 1, 3] && buckets.suffix(2) == [3, 4])
        #expect(histogram.samples.first { $0.suffix == "_count" }?.value == 4)
        #expect(abs((histogram.samples.first { $0.suffix == "_sum" }?.value ?? 0) - 70.007) < 1e-9)
        let responses = try #require(families.first { $0.name == "outputfs_store_responses" })
        #expect(responses.samples.map { $0.labels[1].value } == ["none", "206"])
    }

    @Test func `several accounts are counted together`() {
        var one = RequestCounters()
        one.requests = [.getBlob: 4, .listBlobs: 1]
        one.ended = [.getBlob: [206: 3, 0: 1]]
        one.latency[.getBlob, default: LatencyHistogram()].add(.milliseconds(3))
        (one.retries, one.bytesReceived, one.clockOffset) = (1, 100, 2)
        var other = RequestCounters()
        other.requests = [.getBlob: 2, .putBlob: 5]
        other.ended = [.getBlob: [206: 2]]
        other.latency[.getBlob, default: LatencyHistogram()].add(.milliseconds(3))
        (other.failures, other.bytesReceived, other.clockOffset) = (7, 11, 900)
        one.add(other)
        #expect(one.requests == [.getBlob: 6, .listBlobs: 1, .putBlob: 5])
        #expect(one.ended == [.getBlob: [206: 5, 0: 1]])
        #expect(one.latency[.getBlob]?.counts.reduce(0, +) == 2)
        #expect((one.retries, one.failures, one.bytesReceived, one.clockOffset) == (1, 7, 111, 2))
    }

    @Test(arguments: [
        ("9464", MetricsAddress.tcp(host: "127.0.0.1", port: 9464)), ("0.0.0.0:1", .tcp(host: "0.0.0.0", port: 1)),
        ("[::1]:0", .tcp(host: "::1", port: 0)), ("localhost:80", .tcp(host: "127.0.0.1", port: 80)),
        ("unix:/run/m", .unix(path: "/run/m")),
    ])
    func `an address is a port of this machine, another's, or a socket`(_ text: String, _ address: MetricsAddress)
        throws
    {
        #expect(try MetricsAddress(text) == address)
    }

    @Test(arguments: ["", "x", ":1", "1.2.3.4:", "::1:80", "1.2.3.4:70000", "unix:run/m"])
    func `anything else is none`(_ text: String) {
        #expect(throws: ValidationError.self) { try MetricsAddress(text) }
    }

    @Test(arguments: [
        ("GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK", true),
        ("GET /metrics?x=1 HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK", true),
        ("HEAD /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK", false),
        ("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found", false),
        ("POST /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405 Method Not Allowed", false),
        ("\r\n\r\n", "HTTP/1.1 405 Method Not Allowed", false),
    ])
    func `only metrics can be had`(_ request: String, _ status: String, _ hasText: Bool) {
        let answer = String(decoding: MetricsAnswer(to: request, text: { "# EOF\n" }).bytes, as: UTF8.self)
        #expect(answer.hasPrefix(status + "\r\n") && answer.contains("\r\nConnection: close\r\n"))
        #expect(answer.hasSuffix("\r\n\r\n# EOF\n") == hasText)
    }
}
