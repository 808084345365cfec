import ArgumentParser
import Testing

@testable import AzureBlob
@testable import OutputFSCommands

/// Options and environment of the network, and what becomes of them.
struct NetworkChoiceTests {
    private func choice(
        _ arguments: [String] = [],
        _ environment: [String: String] = [:],
        files: [String: String] = [:]
    ) throws -> NetworkChoice {
        try NetworkChoice(
            NetworkOptions.parse(arguments),
            environment: environment,
            readFile: { name in files[name].map { .success(Array($0.utf8)) } ?? .failure(Errno(2)) }
        )
    }

    private func failure(
        _ arguments: [String],
        _ environment: [String: String] = [:],
        files: [String: String] = [:]
    ) -> CommandFailure? {
        #expect(throws: CommandFailure.self) { _ = try choice(arguments, environment, files: files) }
    }

    private let pem = "-----BEGIN CERTIFICATE-----\n"

    @Test func `without options the network is used as it is`() throws {
        #expect(try choice() == NetworkChoice())
    }

    @Test func `certificates are found from any directory later on`() throws {
        let words = [
            "--ca-file", "a", "--proxy", "https://p", "--proxy-certificate-file", "b", "--proxy-key-file", "/c",
        ]
        var choice = try choice(words, files: ["a": pem, "b": pem, "/c": pem])
        choice.readsFiles(from: "/here")
        #expect(choice.settings.caFile == "/here/a")
        #expect(choice.settings.proxies.secure?.certificateFile == "/here/b")
        #expect(choice.settings.proxies.secure?.keyFile == "/c")
    }

    @Test func `the certificates are those of the option, curl, OpenSSL, or Python, in this order`() throws {
        let files = ["a": pem, "b": pem, "c": pem, "d": pem]
        var environment = ["REQUESTS_CA_BUNDLE": "d"]
        #expect(try choice([], environment, files: files).settings.caFile == "d")
        environment["SSL_CERT_FILE"] = "c"
        #expect(try choice([], environment, files: files).settings.caFile == "c")
        environment["CURL_CA_BUNDLE"] = "b"
        #expect(try choice([], environment, files: files).settings.caFile == "b")
        #expect(try choice(["--ca-file", "a"], environment, files: files).settings.caFile == "a")
        environment["CURL_CA_BUNDLE"] = ""
        #expect(try choice([], environment, files: files).settings.caFile == "c")
    }

    @Test func `a file that holds no certificate is refused, by where it came from`() {
        let missing = failure(["--ca-file", "none"])
        #expect(missing?.what == "--ca-file none cannot be read: No such file or directory")
        let wrong = failure([], ["SSL_CERT_FILE": "der"], files: ["der": "\u{30}\u{82}"])
        #expect(wrong?.status == .configuration)
        #expect(wrong?.what.hasPrefix("SSL_CERT_FILE der") == true)
    }

    @Test func `a proxy's password comes by file or environment and never by command line`() throws {
        let refused = failure(["--proxy", "http://me:secret@proxy:1"])
        #expect(refused?.status == .usage)
        #expect(refused?.report.contains("--proxy-credentials-file") == true)
        #expect(refused?.report.contains("secret") == false)
        let files = ["c": "me:se:cret\n"]
        let proxy = try choice(["--proxy", "proxy:1", "--proxy-credentials-file", "c"], files: files).settings.proxies
            .secure
        #expect(proxy?.user == "me" && proxy?.password == Secret("se:cret"))
        let given = try choice([], ["HTTPS_PROXY": "http://u:p@proxy:1"]).settings.proxies.secure
        #expect(given?.password == Secret("p"))
        let wrong = failure([], ["HTTPS_PROXY": "ftp://u:secret@proxy:1"])
        #expect(wrong?.what.hasPrefix("HTTPS_PROXY") == true && wrong?.report.contains("secret") == false)
        let file = failure(["--proxy", "p:1", "--proxy-credentials-file", "c"], files: ["c": "secret"])
        #expect(file?.what.contains("user:password") == true && file?.report.contains("secret") == false)
    }

    @Test func `none is no proxy, whatever the environment says`() throws {
        let environment = ["HTTPS_PROXY": "http://proxy:1"]
        #expect(try choice([], environment).settings.proxies.secure != nil)
        #expect(try choice(["--proxy", "none"], environment).settings.proxies == .direct)
    }

    @Test func `credentials without a proxy are a mistake`() {
        #expect(failure(["--proxy-credentials-file", "c"], files: ["c": "a:b"])?.status == .usage)
    }

    @Test func `certificate and key go with every proxy`() throws {
        let arguments = ["--proxy", "https://p:1", "--proxy-certificate-file", "c", "--proxy-key-file", "k"]
        let proxies = try choice(arguments, files: ["c": pem, "k": "-----BEGIN PRIVATE KEY-----"]).settings.proxies
        #expect(proxies.secure?.certificateFile == "c" && proxies.plain?.keyFile == "k")
        #expect(failure(arguments, files: ["c": pem])?.what.hasPrefix("--proxy-key-file k") == true)
    }

    @Test func `limits are numbers within reason`() throws {
        let some = try choice([
            "--max-download", "10M", "--max-upload", "1M/s", "--max-requests", "50", "--max-connections", "8",
        ])
        #expect(some.settings.rates == RateLimits(download: 10 << 20, upload: 1 << 20, requests: 50))
        #expect(some.connectionsMax == 8 && some.impatient.connectionsMax == 1)
        #expect(failure(["--max-connections", "0"])?.status == .usage)
        #expect(failure(["--max-requests", "0"])?.status == .usage)
        #expect(failure(["--stall-timeout", "10ms"])?.status == .usage)
        #expect(throws: (any Error).self) { try NetworkOptions.parse(["--max-download", "1K"]) }
    }

    @Test func `http is refused where it leaves the machine, unless it was asked for`() throws {
        func source(_ endpoint: String, allowed: Bool) throws -> StorageSource {
            var source = StorageSource(
                account: StorageAccount(name: "a", endpoint: try BlobEndpoint(endpoint)),
                signIn: .anonymous
            )
            source.network.allowsHTTP = allowed
            return source
        }
        let refusal = #expect(throws: CommandFailure.self) { () throws -> Void in
            try source("http://azurite:10000/a", allowed: false).checkEncryption()
        }
        #expect(refusal?.remedies.first == "https://azurite:10000/a")
        try source("http://azurite:10000/a", allowed: true).checkEncryption()
        try source("http://[::1]:10000/a", allowed: false).checkEncryption()
    }
}
