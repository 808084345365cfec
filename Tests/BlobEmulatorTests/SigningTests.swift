import Testing

@testable import BlobEmulator

struct SigningTests {
    @Test
    func `shared key signs what the client libraries sign`() throws {
        let file = try Vectors.load("sharedkey_vectors", as: Vectors.SharedKeyFile.self)
        #expect(file.vectors.count == 6)
        for vector in file.vectors + file.documented_but_not_sdk {
            var headers = HeaderFields()
            for (name, value) in vector.headers { headers.append(name: name, value: value) }
            let afterScheme = vector.url.drop { $0 != ":" }.dropFirst(3)
            let target = afterScheme.firstIndex(of: "/").map { String(afterScheme[$0...]) } ?? "/"
            let head = RequestHead(method: vector.method, target: target, headers: headers, keepsAlive: true)
            let query = try #require(QueryParameters(head.query))
            let text = SharedKey.stringToSign(head, account: vector.account, query: query, path: head.path)
            #expect(text == vector.string_to_sign, "\(vector.id)")
            let key = try #require(Base64.decode(vector.key))
            #expect(SharedKey.signature(of: text, key: key) == vector.signature, "\(vector.id)")
        }
    }

    @Test
    func `shared key lite signs three headers and the component`() throws {
        var headers = HeaderFields()
        headers.append(name: "x-ms-date", value: "Wed, 11 Nov 2026 09:30:00 GMT")
        headers.append(name: "Content-Type", value: "text/plain")
        headers.append(name: "Range", value: "bytes=0-1")
        let head = RequestHead(
            method: "PUT",
            target: "/jobs/a?comp=metadata&timeout=9",
            headers: headers,
            keepsAlive: true
        )
        let query = try #require(QueryParameters(head.query))
        #expect(
            SharedKey.liteStringToSign(head, account: "acc", query: query, path: head.path)
                == "PUT\n\ntext/plain\n\nx-ms-date:Wed, 11 Nov 2026 09:30:00 GMT\n/acc/jobs/a?comp=metadata"
        )
    }

    @Test
    func `headers sort as the service sorts them`() {
        let names = ["x-ms-meta-aa", "x-ms-meta-a1", "x-ms-meta-a_b", "x-ms-meta-i0", "x-ms-meta-i_", "x-ms-meta-ab"]
        #expect(
            names.sorted(by: HeaderOrder.precedes) == [
                "x-ms-meta-a_b", "x-ms-meta-a1", "x-ms-meta-aa", "x-ms-meta-ab", "x-ms-meta-i_", "x-ms-meta-i0",
            ]
        )
        #expect(HeaderOrder.precedes("x-ms-deleted-container-name", "x-ms-delete-snapshots"))
        #expect(HeaderOrder.precedes("x-ms-ab", "x-ms-a-b"))
        #expect(!HeaderOrder.precedes("x-ms-a-b", "x-ms-ab"))
    }

    @Test
    func `tokens sign what the client libraries sign`() throws {
        let file = try Vectors.load("sas_vectors", as: Vectors.TokenFile.self)
        let names = [
            "sas2-service-container": "/blob/swiftfuse/jobs",
            "sas3-service-blob-policy": "/blob/swiftfuse/jobs/run 01/日本 #a+b.txt",
            "sas4-user-delegation-container": "/blob/swiftfuse/jobs",
            "sas5-user-delegation-directory": "/blob/swiftfuse/jobs/run/0001",
            "sas6-service-blob-snapshot": "/blob/swiftfuse/jobs/a.bin",
        ]
        #expect(file.vectors.count == 6)
        for vector in file.vectors {
            let query = parameters(vector.query)
            let snapshot = vector.query["sr"] == "bs" ? "2026-11-11T09:00:00.1234567Z" : ""
            let text =
                if vector.query["ss"] != nil {
                    SharedAccessSignature.accountString(query, account: "swiftfuse")
                } else if vector.query["skoid"] != nil {
                    SharedAccessSignature.userDelegationString(
                        query,
                        canonicalName: names[vector.id] ?? "",
                        snapshot: snapshot
                    )
                } else {
                    SharedAccessSignature.serviceString(
                        query,
                        canonicalName: names[vector.id] ?? "",
                        snapshot: snapshot
                    )
                }
            #expect(text == vector.string_to_sign, "\(vector.id)")
            let key = try #require(Base64.decode(vector.key))
            #expect(SharedKey.signature(of: text, key: key) == vector.signature, "\(vector.id)")
        }
    }

    @Test
    func `older tokens have the lines of their version`() throws {
        let file = try Vectors.load("sas_versions", as: Vectors.TokenVersionFile.self)
        let common = [
            "sp": "racwdl", "st": "2026-11-11T09:00:00Z", "se": "2026-11-12T09:00:00Z", "spr": "https", "sr": "c",
            "skoid": "11111111-1111-1111-1111-111111111111", "sktid": "22222222-2222-2222-2222-222222222222",
            "skt": "2026-11-11T09:00:00Z", "ske": "2026-11-12T09:00:00Z", "sks": "b", "skv": "2021-12-02",
        ]
        #expect(file.service.count == 3)
        #expect(file.user_delegation.count == 5)
        for vector in file.service {
            let query = parameters(common.merging(["sv": vector.sv]) { $1 })
            let text = SharedAccessSignature.serviceString(query, canonicalName: "/blob/swiftfuse/jobs", snapshot: "")
            #expect(text == vector.string_to_sign, "\(vector.sv)")
        }
        for vector in file.user_delegation {
            let query = parameters(common.merging(["sv": vector.sv]) { $1 })
            let text = SharedAccessSignature.userDelegationString(
                query,
                canonicalName: "/blob/swiftfuse/jobs",
                snapshot: ""
            )
            #expect(text == vector.string_to_sign, "\(vector.sv)")
        }
    }

    private func parameters(_ values: [String: String]) -> QueryParameters {
        let text = values.map { "\($0.key)=\(PercentCoding.encode($0.value.utf8))" }.joined(separator: "&")
        return QueryParameters(text) ?? .empty
    }
}

extension QueryParameters {
    fileprivate static var empty: QueryParameters {
        guard let query = QueryParameters("") else { preconditionFailure("an empty query always parses") }
        return query
    }
}
