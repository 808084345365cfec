import BlobStorage
import Testing

@testable import AzureBlob

struct SharedKeyTests {
    private struct File: Decodable {
        let vectors: [Vector]
        let documented_but_not_sdk: [Vector]
    }

    private struct Vector: Decodable {
        let id: String
        let account: String
        let key: String
        let method: String
        let url: String
        let headers: [String: String]
        let string_to_sign: String
        let authorization: String
    }

    @Test func `signs as the reference implementation does`() throws {
        let file = try Vectors.load("sharedkey_vectors", as: File.self)
        for vector in file.vectors + file.documented_but_not_sdk {
            let parts = try URLParts(vector.url)
            let query = try (parts.query ?? "").split(separator: "&").map { item in
                let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                return QueryItem(String(pair[0]), try #require(PercentEncoding.decode(pair.count > 1 ? pair[1] : "")))
            }
            let text = SharedKey.stringToSign(
                method: vector.method,
                account: vector.account,
                path: parts.path,
                query: query,
                headers: vector.headers.map { HTTPHeader($0.key, $0.value) }
            )
            #expect(text == vector.string_to_sign, "\(vector.id)")
            let key = try #require(SigningKey(base64: Secret(vector.key)))
            let header = SharedKey.authorization(account: vector.account, key: key, stringToSign: text)
            #expect(header == vector.authorization, "\(vector.id)")
        }
    }

    @Test func `sorts headers as the service does, not as ASCII does`() {
        let sorted = [
            "x-ms-meta-", "x-ms-meta-a_b", "x-ms-meta-a1", "x-ms-meta-aa", "x-ms-meta-ab", "x-ms-meta-i_",
            "x-ms-meta-i0",
        ]
        #expect(sorted.reversed().sorted(by: HeaderOrder.isBefore) == sorted)
        // '-' is passed over first, and decides only where nothing else does: later or absent goes first.
        #expect(HeaderOrder.isBefore("ab", "a-b"))
        #expect(HeaderOrder.isBefore("ab-c", "a-bc"))
        #expect(HeaderOrder.isBefore("a-b", "ac"))
        #expect(!HeaderOrder.isBefore("ab", "ab"))
    }

    @Test func `addresses, dates and signs a whole request`() throws {
        let authorizer = try RequestAuthorizer(
            account: StorageAccount(
                name: "devstoreaccount1",
                endpoint: BlobEndpoint("http://127.0.0.1:10000/devstoreaccount1")
            ),
            credential: .sharedKey(ConnectionString.developmentKey),
            wallClock: { 1_794_389_400 }
        )
        let sent = authorizer.authorize(.createContainer("jobs", metadata: [:]), requestID: "id", token: nil)
        #expect(sent.url == "http://127.0.0.1:10000/devstoreaccount1/jobs?restype=container")
        #expect(sent.headers.contains(HTTPHeader("x-ms-date", "Wed, 11 Nov 2026 09:30:00 GMT")))
        #expect(sent.headers.contains(HTTPHeader("x-ms-version", "2023-11-03")))
        #expect(sent.headers.contains(HTTPHeader("Content-Length", "0")))
        let signature = sent.headers.last { $0.hasName("authorization") }?.value
        #expect(signature?.hasPrefix("SharedKey devstoreaccount1:") == true)
        #expect(!sent.headers.contains { $0.hasName("Date") })
    }

    @Test func `addresses the account itself in both styles`() throws {
        func url(_ endpoint: String) throws -> String {
            try RequestAuthorizer(
                account: StorageAccount(name: "acc", endpoint: BlobEndpoint(endpoint)),
                credential: .anonymous,
                wallClock: { 0 }
            ).authorize(.listContainers(ContainerQuery(), after: nil), requestID: "id", token: nil).url
        }
        #expect(try url("https://acc.blob.core.windows.net/") == "https://acc.blob.core.windows.net/?comp=list")
        #expect(try url("http://127.0.0.1:10000/acc") == "http://127.0.0.1:10000/acc?comp=list")
    }

    @Test func `appends a SAS byte for byte and sends no Authorization`() throws {
        let authorizer = try RequestAuthorizer(
            account: StorageAccount(name: "acc"),
            credential: .sas(Secret("?sv=2023-11-03&sig=a%2Bb%3D&x=1+2")),
            wallClock: { 0 }
        )
        let sent = authorizer.authorize(.properties(ofContainer: "jobs"), requestID: "id", token: nil)
        #expect(
            sent.url == "https://acc.blob.core.windows.net/jobs?restype=container&sv=2023-11-03&sig=a%2Bb%3D&x=1+2"
        )
        #expect(!sent.headers.contains { $0.hasName("Authorization") })
        let copy = StorageRequest.putBlockFromURL(
            BlockID(base64: "AAAA"),
            of: someBlob,
            from: BlobAddress(container: "jobs", name: "a b"),
            range: 0..<1,
            sourceCondition: .any
        )
        let source = authorizer.authorize(copy, requestID: "id", token: nil).headers.first {
            $0.hasName("x-ms-copy-source")
        }
        #expect(source?.value == "https://acc.blob.core.windows.net/jobs/a%20b?sv=2023-11-03&sig=a%2Bb%3D&x=1+2")
    }

    @Test func `signs a copy source with the account key, for reading only`() throws {
        let authorizer = try RequestAuthorizer(
            account: StorageAccount(name: "acc"),
            credential: .sharedKey(ConnectionString.developmentKey),
            wallClock: { 1_794_389_400 }
        )
        let request = StorageRequest.copyBlobFromURL(
            from: someBlob,
            to: BlobAddress(container: "jobs", name: "b"),
            sourceCondition: .any,
            metadata: [:],
            condition: .any
        )
        let sent = authorizer.authorize(request, requestID: "id", token: nil)
        let source = try #require(sent.headers.first { $0.hasName("x-ms-copy-source") }).value
        #expect(
            source.hasPrefix("https://acc.blob.core.windows.net/jobs/out/a.bin?se=2026-11-11T10%3A30%3A00Z&sp=r&sv=")
        )
        #expect(source.contains("&sr=b&sig="))
    }

    @Test func `sends a bearer token for the request and for the source`() throws {
        let authorizer = try RequestAuthorizer(
            account: StorageAccount(name: "acc"),
            credential: .bearer(ScriptedSource { _ in .success(Secret("tok")) }),
            wallClock: { 0 }
        )
        let request = StorageRequest.putBlockFromURL(
            BlockID(base64: "AAAA"),
            of: someBlob,
            from: someBlob,
            range: 0..<1,
            sourceCondition: .any
        )
        let sent = authorizer.authorize(request, requestID: "id", token: Secret("tok"))
        #expect(sent.headers.contains(HTTPHeader("Authorization", "Bearer tok")))
        #expect(sent.headers.contains(HTTPHeader("x-ms-copy-source-authorization", "Bearer tok")))
    }
}

struct ServiceSASTests {
    private struct File: Decodable {
        struct Vector: Decodable {
            let id: String
            let inputs: [String: Input]
            let key: String?
            let string_to_sign: String
            let signature: String
            let token: String
        }
        let vectors: [Vector]
    }

    /// Inputs are texts and, for directories, a number.
    private enum Input: Decodable {
        case text(String)
        case number(Int)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                self = .text(text)
            } else {
                self = .number(try container.decode(Int.self))
            }
        }

        var text: String { if case .text(let text) = self { text } else { "" } }
    }

    @Test(arguments: ["sas2-service-container", "sas6-service-blob-snapshot"])
    func `signs as the reference implementation does`(id: String) throws {
        let vectors = try Vectors.load("sas_vectors", as: File.self).vectors
        let vector = try #require(vectors.first { $0.id == id })
        let inputs = vector.inputs.mapValues(\.text)
        let container = try #require(inputs["container"])
        let resource: ServiceSAS.Resource =
            if let blob = inputs["blob"] {
                .snapshot(BlobAddress(container: container, name: blob), time: inputs["snapshot"] ?? "")
            } else {
                .container(container)
            }
        let sas = ServiceSAS(
            permissions: inputs["sp"] ?? "",
            start: inputs["st"] ?? "",
            expiry: inputs["se"] ?? "",
            resource: resource,
            addresses: inputs["sip"] ?? "",
            protocols: inputs["spr"] ?? "",
            version: "2026-10-06"
        )
        #expect(sas.stringToSign(account: "swiftfuse") == vector.string_to_sign)
        let text = try #require(vector.key)
        let key = try #require(SigningKey(base64: Secret(text)))
        #expect(sas.token(account: "swiftfuse", key: key).revealed() == vector.token)
    }

    @Test func `signs the sixteen lines of its version`() throws {
        struct Versions: Decodable {
            struct Vector: Decodable {
                let sv: String
                let string_to_sign: String
                let sig: String
            }
            let service: [Vector]
        }
        let vectors = try Vectors.load("sas_versions", as: Versions.self).service
        let vector = try #require(vectors.first { $0.sv == "2021-12-02" })
        let sas = ServiceSAS(
            permissions: "racwdl",
            start: "2026-11-11T09:00:00Z",
            expiry: "2026-11-12T09:00:00Z",
            resource: .container("jobs"),
            protocols: "https",
            version: vector.sv
        )
        #expect(sas.stringToSign(account: "swiftfuse") == vector.string_to_sign)
        let key = try #require(
            SigningKey(
                base64: Secret(
                    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw=="
                )
            )
        )
        #expect(key.signature(of: vector.string_to_sign) == vector.sig)
    }

    @Test func `names the blob decoded`() {
        let sas = ServiceSAS.reading(BlobAddress(container: "jobs", name: "run 01/日本 #a+b.txt"), until: 1_794_389_400)
        let lines = sas.stringToSign(account: "acc").split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == 16)
        #expect(lines[3] == "/blob/acc/jobs/run 01/日本 #a+b.txt")
        #expect(lines[2] == "2026-11-11T09:30:00Z")
    }
}

struct HTTPDateTests {
    @Test(
        arguments: [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_078_012_799, "Sat, 28 Feb 2004 23:59:59 GMT"),
            (1_794_389_400, "Wed, 11 Nov 2026 09:30:00 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] as [(Int64, String)]
    )
    func `writes and reads the dates of HTTP`(seconds: Int64, text: String) {
        #expect(HTTPDate.format(seconds) == text)
        #expect(HTTPDate.parse(text) == seconds)
    }

    @Test func `reads back every day of 400 years`() {
        for day in 0..<146_097 {
            let seconds = Int64(day) * 86_400 + Int64(day % 86_400)
            #expect(HTTPDate.parse(HTTPDate.format(seconds)) == seconds)
        }
    }

    @Test(arguments: [
        "", "Wed, 11 Nov 2026 09:30:00", "Wed, 11 Nov 2026 09:30:00 CET", "Wed, 31 Feb 2026 09:30:00 GMT",
        "Sun, 29 Feb 2100 09:30:00 GMT", "Wed, 11 Nov 2026 24:30:00 GMT", "Wed, 11 Xxx 2026 09:30:00 GMT",
        "Wed, 1a Nov 2026 09:30:00 GMT", "2026-11-11T09:30:00Z", "Wed, 00 Nov 2026 09:30:00 GMT",
    ])
    func `refuses what is no date`(text: String) {
        #expect(HTTPDate.parse(text) == nil)
    }

    @Test func `writes the ISO form of SAS fields`() {
        #expect(HTTPDate.formatISO(1_794_389_400) == "2026-11-11T09:30:00Z")
        #expect(HTTPDate.formatISO(951_782_400) == "2000-02-29T00:00:00Z")
    }
}
