import Testing

@testable import BlobEmulator

@Suite(.timeLimit(.minutes(5)))
struct ProtocolTests {
    private let server: TestServer

    init() throws {
        server = try TestServer()
        try server.makeContainer()
    }

    @Test
    func `every answer names server, version and request`() throws {
        let answer = try server.request("GET", "/jobs?restype=container", ["x-ms-client-request-id": "mine"])
        #expect(answer.status == 200)
        #expect(answer.headers["server"] == "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0")
        #expect(answer.headers["x-ms-version"] == "2023-11-03")
        #expect(answer.headers["x-ms-client-request-id"] == "mine")
        #expect(answer.headers["x-ms-request-id"].flatMap(normalizedGUID) != nil)
        #expect(answer.headers["date"].flatMap { Timestamp(httpDate: $0) } != nil)
    }

    @Test
    func `errors come as XML behind a byte order mark`() throws {
        let answer = try server.request("GET", "/jobs/missing")
        #expect(answer.status == 404)
        #expect(answer.code == "BlobNotFound")
        #expect(answer.body.starts(with: [0xEF, 0xBB, 0xBF]))
        #expect(
            answer.text.contains("<Code>BlobNotFound</Code><Message>The specified blob does not exist.\nRequestId:")
        )
        let head = try server.request("HEAD", "/jobs/missing")
        #expect(head.code == "BlobNotFound")
        #expect(head.headers["content-length"] == "0")
    }

    @Test
    func `a request without a length is refused with 411`() throws {
        let client = try RawClient(port: server.emulator.port)
        let head = server.head("PUT", "/jobs/a", ["x-ms-blob-type": "BlockBlob", "Transfer-Encoding": "chunked"])
        client.send(head.split(separator: "\r\n").filter { !$0.hasPrefix("Content-Length") }.joined(separator: "\r\n"))
        client.send("\r\n\r\n")
        let answer = try client.readAnswer()
        #expect(answer.status == 411)
        #expect(answer.code == "MissingContentLengthHeader")
    }

    @Test
    func `malformed requests get a 400 and the end`() throws {
        let client = try RawClient(port: server.emulator.port)
        client.send("GET\r\n\r\n")
        #expect(try client.readAnswer().status == 400)
        #expect(client.isAtEnd())
    }

    @Test(arguments: [
        ("GET", "/jobs?restype=container&comp=nonsense", "400 InvalidQueryParameterValue"),
        ("POST", "/jobs/a", "405 UnsupportedHttpVerb"),
        ("GET", "/jobs?restype=container&comp=list&maxresults=0", "400 OutOfRangeQueryParameterValue"),
        ("GET", "/jobs?restype=container&comp=list&include=permissions", "400 InvalidQueryParameterValue"),
        ("GET", "/jobs?restype=container&comp=list&marker=garbage", "400 InvalidQueryParameterValue"),
        ("GET", "/missing?restype=container&comp=list", "404 ContainerNotFound"),
        ("PUT", "/jobs/a", "400 MissingRequiredHeader"),
        ("PUT", "/jobs/a?comp=block", "400 MissingRequiredQueryParameter"),
        ("PUT", "/jobs/a?comp=block&blockid=!", "400 InvalidQueryParameterValue"),
        ("PUT", "/jobs/a?comp=blocklist", "400 InvalidXmlDocument"),
        ("PUT", "/jobs?restype=container", "409 ContainerAlreadyExists"),
        ("GET", "/jobs/a%zz", "400 InvalidUri"),
    ])
    func `wrong requests are told what is wrong`(method: String, target: String, expected: String) throws {
        let answer = try server.request(method, target)
        #expect("\(answer.status) \(answer.code ?? "")" == expected)
    }

    @Test
    func `an unknown version is refused`() throws {
        server.version = "2099-01-01"
        let answer = try server.request("GET", "/jobs?restype=container")
        #expect(answer.code == "InvalidHeaderValue")
        #expect(answer.text.contains("<HeaderName>x-ms-version</HeaderName>"))
    }

    @Test
    func `the client is told to go on before it sends a body`() throws {
        let client = try RawClient(port: server.emulator.port)
        client.send(
            server.head("PUT", "/jobs/a", ["x-ms-blob-type": "BlockBlob", "Expect": "100-continue"], length: 5)
        )
        #expect(try client.readLine() == "HTTP/1.1 100 Continue")
        #expect(try client.readLine() == "")
        client.send("hello")
        #expect(try client.readAnswer().status == 201)
        #expect(try server.request("GET", "/jobs/a").text == "hello")
    }

    @Test
    func `a body that would be refused is not asked for`() throws {
        try server.put("/jobs/a", "there")
        let client = try RawClient(port: server.emulator.port)
        client.send(
            server.head(
                "PUT",
                "/jobs/a",
                ["x-ms-blob-type": "BlockBlob", "If-None-Match": "*", "Expect": "100-continue"],
                length: 5
            )
        )
        let answer = try client.readAnswer()
        #expect(answer.status == 409)
        #expect(answer.headers["connection"] == "close")
    }

    @Test
    func `requests sent in one go are answered in order`() throws {
        try server.put("/jobs/a", "first")
        try server.put("/jobs/b", "second")
        let client = try RawClient(port: server.emulator.port)
        client.send(server.head("GET", "/jobs/a") + server.head("GET", "/jobs/missing") + server.head("GET", "/jobs/b"))
        #expect(try client.readAnswer().text == "first")
        #expect(try client.readAnswer().status == 404)
        #expect(try client.readAnswer().text == "second")
    }

    @Test
    func `a body is found by its name however the path is spelled`() throws {
        try server.put("/jobs/dir/%E6%97%A5%20x", "content")
        #expect(try server.request("GET", "/jobs/dir%2F%e6%97%a5%20x").text == "content")
    }

    @Test
    func `host style and the secondary reach the same account`() throws {
        try server.request(
            "PUT",
            "/jobs?restype=container&comp=acl",
            ["x-ms-blob-public-access": "blob"]
        )
        try server.put("/jobs/a", "content")
        let hosted = try server.raw(
            "GET /jobs/a HTTP/1.1\r\nHost: devstoreaccount1.localhost:1\r\nx-ms-version: 2023-11-03\r\n\r\n"
        )
        #expect(hosted.text == "content")
        let client = try RawClient(port: server.emulator.port)
        client.send(server.head("GET", "/jobs/a", prefix: TestServer.path + "-secondary"))
        #expect(try client.readAnswer().text == "content")
    }

    @Test
    func `listings begin with a byte order mark, say only what was sent, and mix prefixes with blobs`() throws {
        for name in ["a", "b/1", "b/2", "c"] { try server.put("/jobs/\(name)", "") }
        let page = try server.request("GET", "/jobs?restype=container&comp=list&delimiter=%2F&maxresults=2")
        #expect(page.body.starts(with: [0xEF, 0xBB, 0xBF]))
        #expect(page.text.contains("<MaxResults>2</MaxResults><Delimiter>/</Delimiter>"))
        #expect(!page.text.contains("<Prefix>"))
        #expect(page.text.contains("</Blob><BlobPrefix><Name>b/</Name></BlobPrefix></Blobs><NextMarker>2!"))
        #expect(page.text.contains(#"ServiceEndpoint="http://127.0.0.1:\#(server.emulator.port)/devstoreaccount1/""#))
        let rest = try server.request("GET", "/jobs?restype=container&comp=list&prefix=c")
        #expect(rest.text.contains("<Name>c</Name>"))
        #expect(rest.text.contains("<NextMarker /></EnumerationResults>"))
    }

    @Test
    func `the checksum of a range needs a range of at most 4 MiB`() throws {
        let size = 4 << 20 + 1
        try server.request(
            "PUT",
            "/jobs/big",
            ["x-ms-blob-type": "BlockBlob"],
            body: [UInt8](repeating: 7, count: size)
        )
        let whole = try server.request("GET", "/jobs/big", ["x-ms-range-get-content-md5": "true"])
        #expect(whole.status == 400)
        let large = try server.request(
            "GET",
            "/jobs/big",
            ["x-ms-range": "bytes=0-4194304", "x-ms-range-get-content-crc64": "true"]
        )
        #expect(large.status == 400)
        let answer = try server.request(
            "GET",
            "/jobs/big",
            ["x-ms-range": "bytes=1-9", "x-ms-range-get-content-crc64": "true"]
        )
        #expect(answer.status == 206)
        #expect(answer.headers["content-range"] == "bytes 1-9/\(size)")
        #expect(
            answer.headers["x-ms-content-crc64"]
                == CRC64.headerValue(of: CRC64.of([UInt8](repeating: 7, count: 9)))
        )
        #expect(answer.headers["x-ms-blob-content-md5"] != nil)
        #expect(answer.headers["content-md5"] == nil)
    }

    @Test
    func `a body that does not fit its checksum is refused`() throws {
        func code(_ headers: KeyValuePairs<String, String>) throws -> String? {
            try server.request("PUT", "/jobs/a?comp=block&blockid=AAAA", headers, body: Array("hello".utf8)).code
        }
        #expect(try code(["Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="]) == "Md5Mismatch")
        #expect(try code(["x-ms-content-crc64": "AAAAAAAAAAA="]) == "Crc64Mismatch")
        #expect(try code(["Content-MD5": "short"]) == "InvalidMd5")
        #expect(
            try code(["Content-MD5": "XrY7u+Ae7tCTyyK7j1rNww==", "x-ms-content-crc64": "AAAAAAAAAAA="])
                == "BothCrc64AndMd5HeaderPresent"
        )
        #expect(try code(["Content-MD5": "XUFAKrxLKna5cZ2REBfFkg=="]) == nil)
    }

    @Test
    func `an answer to an unsigned block carries its checksum`() throws {
        let answer = try server.request("PUT", "/jobs/a?comp=block&blockid=AAAA", body: Array("Hello Azure!".utf8))
        #expect(answer.headers["x-ms-content-crc64"] == "DtjZpL9/o8c=")
    }

    @Test
    func `append blocks are small before 2022-11-02`() throws {
        try server.request("PUT", "/jobs/log", ["x-ms-blob-type": "AppendBlob"])
        server.version = "2021-12-02"
        let client = try RawClient(port: server.emulator.port)
        client.send(server.head("PUT", "/jobs/log?comp=appendblock", length: 4 << 20 + 1))
        let answer = try client.readAnswer()
        #expect(answer.status == 413)
        #expect(answer.code == "RequestBodyTooLarge")
        #expect(answer.text.contains("<MaxLimit>4194304</MaxLimit>"))
    }

    @Test
    func `pages are written and cleared`() throws {
        try server.request(
            "PUT",
            "/jobs/disk",
            ["x-ms-blob-type": "PageBlob", "x-ms-blob-content-length": "1536"]
        )
        let written = try server.request(
            "PUT",
            "/jobs/disk?comp=page",
            ["x-ms-range": "bytes=512-1535", "x-ms-page-write": "update"],
            body: [UInt8](repeating: 1, count: 1024)
        )
        #expect(written.status == 201)
        try server.request(
            "PUT",
            "/jobs/disk?comp=page",
            ["x-ms-range": "bytes=1024-1535", "x-ms-page-write": "clear"]
        )
        let body = try server.request("GET", "/jobs/disk").body
        #expect(
            body == [UInt8](repeating: 0, count: 512) + [UInt8](repeating: 1, count: 512)
                + [UInt8](repeating: 0, count: 512)
        )
    }

    @Test
    func `a dropped upload leaves nothing behind`() throws {
        do {
            let client = try RawClient(port: server.emulator.port)
            client.send(server.head("PUT", "/jobs/half", ["x-ms-blob-type": "BlockBlob"], length: 1000) + "too little")
        }
        #expect(try server.request("HEAD", "/jobs/half").status == 404)
    }

    @Test
    func `counters tell operations, failures and bytes`() throws {
        try server.put("/jobs/a", "12345")
        try server.request("GET", "/jobs/a")
        try server.request("GET", "/jobs/missing")
        let counters = server.emulator.counters
        #expect(counters["Get Blob"].requests == 2)
        #expect(counters["Get Blob"].failures == 1)
        #expect(counters["Put Blob"].bytesReceived == 5)
        #expect(counters["List Blobs"].requests == 0)
        server.emulator.resetCounters()
        #expect(server.emulator.counters.total.requests == 0)
    }
}

@Suite(.timeLimit(.minutes(5)))
struct AuthorizationTests {
    private let server: TestServer

    init() throws {
        server = try TestServer()
        try server.makeContainer()
    }

    @Test
    func `shared key lite is accepted`() throws {
        let client = try RawClient(port: server.emulator.port)
        client.send(server.head("GET", "/jobs?restype=container&comp=metadata", lite: true))
        #expect(try client.readAnswer().status == 200)
    }

    @Test
    func `dates of more than 15 minutes ago are refused, dates ahead are not`() throws {
        func status(_ seconds: Int64) throws -> RawClient.Answer {
            let client = try RawClient(port: server.emulator.port)
            client.send(
                server.head("GET", "/jobs?restype=container", date: server.clock.now().adding(seconds: seconds))
            )
            return try client.readAnswer()
        }
        #expect(try status(-14 * 60).status == 200)
        #expect(try status(3600).status == 200)
        let old = try status(-16 * 60)
        #expect(old.code == "AuthenticationFailed")
        #expect(old.text.contains("<AuthenticationErrorDetail>Request date header too old: '"))
    }

    @Test
    func `a wrong signature is answered with the string to sign`() throws {
        let head = server.head("GET", "/jobs?restype=container")
            .replacing("SharedKey devstoreaccount1:", with: "SharedKey devstoreaccount1:AAAA")
        let answer = try server.raw(head)
        #expect(answer.status == 403)
        #expect(answer.code == "AuthenticationFailed")
        #expect(answer.text.contains("Server used following string to sign: 'GET\n\n"))
        #expect(answer.text.contains("restype:container'"))
    }

    @Test
    func `a repeated header cannot be signed`() throws {
        let head = server.head("GET", "/jobs?restype=container").replacing(
            "\r\n\r\n",
            with: "\r\nX-Ms-Version: 2\r\n\r\n"
        )
        #expect(try server.raw(head).status == 400)
    }

    @Test
    func `strangers are told where to ask, or in old versions nothing`() throws {
        let new = try server.raw("GET /devstoreaccount1/jobs/a HTTP/1.1\r\nHost: x\r\nx-ms-version: 2023-11-03\r\n\r\n")
        #expect(new.status == 401)
        #expect(new.code == "NoAuthenticationInformation")
        #expect(new.headers["www-authenticate"]?.contains("authorization_uri=") == true)
        let old = try server.raw("GET /devstoreaccount1/jobs/a HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(old.status == 404)
        #expect(old.code == "ResourceNotFound")
    }

    @Test
    func `bearers are accepted only when they were named`() throws {
        let text =
            "GET /devstoreaccount1/jobs?restype=container HTTP/1.1\r\nHost: x\r\n"
            + "x-ms-version: 2023-11-03\r\nAuthorization: Bearer abc\r\n\r\n"
        #expect(try server.raw(text).code == "InvalidAuthenticationInfo")
        server.emulator.acceptBearerTokens(["abc"])
        #expect(try server.raw(text).status == 200)
    }

    @Test
    func `a bearer in order says for whom, from whom and until when`() throws {
        let key = try #require(Base64.decode(EmulatorAccount.development.key))
        func coded(_ bytes: [UInt8]) -> String {
            Base64.encode(bytes).replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        }
        func answer(
            issuer: String = BearerToken.issuer,
            audience: String = "https://storage.azure.com/",
            from start: Int64 = -60,
            for seconds: Int64 = 600,
            key: [UInt8],
            algorithm: String = "HS256"
        ) throws -> RawClient.Answer {
            let now = server.clock.now().seconds
            let claims = #"{"iss":"\#(issuer)","aud":"\#(audience)","nbf":\#(now + start),"exp":\#(now + seconds)}"#
            let text = coded(Array(#"{"alg":"\#(algorithm)","typ":"JWT"}"#.utf8)) + "." + coded(Array(claims.utf8))
            let token = text + "." + coded(hmacSHA256(key: key, message: text))
            return try server.raw(
                "GET /devstoreaccount1/jobs?restype=container HTTP/1.1\r\nHost: x\r\n"
                    + "x-ms-version: 2023-11-03\r\nAuthorization: Bearer \(token)\r\n\r\n"
            )
        }
        #expect(try answer(key: key).status == 200)
        for (refused, words) in [
            (try answer(issuer: "https://sts.windows.net/other/", key: key), "Issuer validation failed"),
            (try answer(audience: "https://vault.azure.net", key: key), "Audience validation failed"),
            (try answer(for: 0, key: key), "The token is expired"),
            (try answer(from: 60, key: key), "not yet valid"),
            (try answer(key: [1, 2, 3]), "Signature validation failed"),
            (try answer(key: key, algorithm: "none"), "Signature validation failed"),
        ] {
            #expect(refused.status == 401)
            #expect(refused.text.contains(words), "\(refused.text)")
        }
    }

    @Test
    func `a token lasts as long as it says`() throws {
        try server.put("/jobs/run/0001/a", "content")
        let expiry = server.clock.now().adding(seconds: 600).iso8601Seconds
        let unsigned = "sv=2023-11-03&sr=d&sdd=2&sp=r&se=\(expiry)"
        let query = try #require(QueryParameters(unsigned))
        let text = SharedAccessSignature.serviceString(
            query,
            canonicalName: "/blob/devstoreaccount1/jobs/run/0001",
            snapshot: ""
        )
        let key = try #require(Base64.decode(EmulatorAccount.development.key))
        let signature = SharedKey.signature(of: text, key: key)
            .replacing("+", with: "%2B").replacing("/", with: "%2F").replacing("=", with: "%3D")
        func get(_ name: String) throws -> RawClient.Answer {
            try server.raw(
                "GET /devstoreaccount1/jobs/\(name)?\(unsigned)&sig=\(signature) HTTP/1.1\r\nHost: x\r\n\r\n"
            )
        }
        #expect(try get("run/0001/a").text == "content")
        #expect(try get("run/0002/a").code == "AuthenticationFailed")
        server.clock.advance(bySeconds: 601)
        let late = try get("run/0001/a")
        #expect(late.code == "AuthenticationFailed")
        #expect(late.text.contains("Signature not valid in the specified time frame: Start [] - Expiry ["))
    }
}
