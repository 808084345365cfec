import Testing

@testable import AzureBlob

/// Which host a URL means, and what is said about hosts.
struct HostNameTests {
    @Test(arguments: [
        ("https://Acc.Blob.core.windows.net/c/b?x=/y", "acc.blob.core.windows.net"),
        ("http://127.0.0.1:10000/acc", "127.0.0.1"), ("http://[::1]:10000/acc", "::1"),
        ("https://[fe80::1%25eth0]", "fe80::1"), ("http://user:p@ss@host.:80/", "host"), ("https://h?a", "h"),
    ])
    func `the host is what stands before port and path`(url: String, host: String) {
        #expect(HostName(url: url).text == host)
    }

    @Test func `loopback is localhost, names below it, and both families' addresses`() {
        for host in ["localhost", "LOCALHOST", "acc.blob.localhost", "127.0.0.1", "127.9.9.9:1", "[::1]:10000"] {
            #expect(HostName(authority: host).isLoopback, "\(host)")
        }
        for host in ["localhost.example", "nolocalhost", "128.0.0.1", "10.127.0.1", "[::2]", "127.example", "0.0.0.0"] {
            #expect(!HostName(authority: host).isLoopback, "\(host)")
        }
    }

    @Test(arguments: [
        ("a.example.com", "example.com", true), ("a.example.com", ".example.com", true),
        ("example.com", ".example.com", true), ("badexample.com", "example.com", false),
        ("a.example.com", "EXAMPLE.COM.", true), ("a", "*", true), ("10.1.2.3", "10.0.0.0/8", true),
        ("11.1.2.3", "10.0.0.0/8", false), ("10.1.2.3", "10.1.2.3", true), ("10.1.2.3", "2.3", false),
        ("10.1.2.3", "10.1.2.0/23", true), ("10.1.4.3", "10.1.2.0/23", false), ("10.1.2.3", "0.0.0.0/0", true),
        ("[fd00::5]", "fd00::/8", true), ("[fd00::5]", "[fd00::5]", true), ("[fe00::5]", "fd00::/8", false),
        ("10.1.2.3", "10.0.0.0/99", false), ("a", "", false), ("a", ".", false),
    ])
    func `an exception of NO_PROXY means what it means to curl`(host: String, entry: String, isMeant: Bool) {
        #expect(HostName(authority: host).matches(entry) == isMeant)
    }

    @Test func `http is for this machine only`() throws {
        #expect(try !BlobEndpoint("http://127.0.0.1:1/a").isOpenToTheNetwork)
        #expect(try !BlobEndpoint("http://[::1]:1/a").isOpenToTheNetwork)
        #expect(try BlobEndpoint("http://azurite:10000/a").isOpenToTheNetwork)
        #expect(try !BlobEndpoint("https://azurite:10000/a").isOpenToTheNetwork)
    }
}
