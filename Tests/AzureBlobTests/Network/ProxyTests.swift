import Testing

@testable import AzureBlob

/// Which requests go through which proxy.
struct ProxyTests {
    private let store = "https://acc.blob.core.windows.net/c/b"

    @Test func `a proxy is read as curl reads it, and its password is no text`() throws {
        let proxy = try Proxy("http://me:p%40ss%3A@proxy.example:3128/")
        #expect(proxy.url == "http://proxy.example:3128")
        #expect(proxy.user == "me" && proxy.password == Secret("p@ss:"))
        #expect(!"\(proxy)".contains("p@ss"))
        #expect(try Proxy("proxy.example:3128").url == "http://proxy.example:3128")
        #expect(try Proxy("socks5h://[::1]:1080").url == "socks5h://[::1]:1080")
        #expect(try Proxy("https://user@p").user == "user")
    }

    @Test(arguments: ["ftp://proxy", "http://", "http://:3128", "http://a%zz@proxy", "http://u:%ff@proxy"])
    func `what names no proxy is refused without being repeated`(text: String) {
        let error = #expect(throws: AccountError.self) { try Proxy(text) }
        #expect(error?.description.contains("%") == false)
    }

    @Test func `the environment is read in curl's order`() throws {
        func proxy(_ environment: [String: String], _ url: String) throws -> String? {
            try ProxySettings(environment: environment).proxy(forURL: url)?.url
        }
        #expect(try proxy(["HTTPS_PROXY": "a:1"], store) == "http://a:1")
        #expect(try proxy(["HTTPS_PROXY": "a:1", "https_proxy": "b:1"], store) == "http://b:1")
        #expect(try proxy(["ALL_PROXY": "a:1"], store) == "http://a:1")
        #expect(try proxy(["ALL_PROXY": "a:1", "HTTPS_PROXY": ""], store) == nil)
        #expect(try proxy(["HTTP_PROXY": "a:1"], "http://azurite/") == nil)
        #expect(try proxy(["http_proxy": "a:1"], "http://azurite/") == "http://a:1")
        #expect(try proxy(["http_proxy": "a:1"], store) == nil)
        #expect(try proxy([:], store) == nil)
    }

    @Test func `NO_PROXY is for a proxy of the command line as well`() throws {
        let settings = try ProxySettings(Proxy("p:1"), environment: ["NO_PROXY": "example.com, blob.core.windows.net"])
        #expect(settings.proxy(forURL: store) == nil)
        #expect(settings.proxy(forURL: "https://acc.blob.core.chinacloudapi.cn/") != nil)
        let lower = try ProxySettings(Proxy("p:1"), environment: ["no_proxy": "", "NO_PROXY": "*"])
        #expect(lower.proxy(forURL: store) != nil)
    }

    @Test func `this machine and its metadata service are asked directly`() throws {
        let settings = try ProxySettings(Proxy("p:1"), environment: [:])
        for url in ["http://127.0.0.1:1/a", "https://localhost/", "http://[::1]/", "http://169.254.169.254/metadata"] {
            #expect(settings.proxy(forURL: url) == nil, "\(url)")
        }
    }

    @Test func `a variable that makes no sense is named without its value`() {
        let error = #expect(throws: ProxyVariableError.self) {
            try ProxySettings(environment: ["HTTPS_PROXY": "gopher://u:secret@p"])
        }
        #expect(error?.variable == "HTTPS_PROXY")
        #expect(error.map { "\($0)".contains("secret") } == false)
    }
}
