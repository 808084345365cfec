import Testing

@testable import AzureBlob

struct ConnectionStringTests {
    private let key = ConnectionString.developmentKey.revealed()

    @Test func `reads the form of the portal`() throws {
        let parsed = try ConnectionString(
            "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=\(key);EndpointSuffix=core.windows.net"
        )
        #expect(parsed.account == (try StorageAccount(name: "acc")))
        #expect("\(parsed.account.endpoint)" == "https://acc.blob.core.windows.net")
        guard case .sharedKey(let secret) = parsed.credential else {
            Issue.record("not the account key")
            return
        }
        #expect(secret.revealed() == key)
    }

    @Test func `reads explicit endpoints, blanks and any case of the keys`() throws {
        let parsed = try ConnectionString(
            " accountname=devstoreaccount1 ; ACCOUNTKEY=\(key);BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1/;\n"
        )
        #expect(parsed.account.name == "devstoreaccount1")
        #expect(parsed.account.endpoint.isPathStyle)
        #expect(parsed.account.endpoint.path == "/devstoreaccount1")
    }

    @Test func `takes a SAS and tells the account from the endpoint`() throws {
        let parsed = try ConnectionString(
            "BlobEndpoint=https://acc.blob.core.windows.net/;SharedAccessSignature=sv=2023-11-03&sig=a%3D"
        )
        #expect(parsed.account.name == "acc")
        guard case .sas(let secret) = parsed.credential else {
            Issue.record("not a SAS")
            return
        }
        #expect(secret.revealed() == "sv=2023-11-03&sig=a%3D")
    }

    @Test func `knows the development account`() throws {
        let parsed = try ConnectionString("UseDevelopmentStorage=true")
        #expect(parsed.account.name == "devstoreaccount1")
        #expect("\(parsed.account.endpoint)" == "http://127.0.0.1:10000/devstoreaccount1")
    }

    @Test func `takes sovereign clouds and plain HTTP`() throws {
        let parsed = try ConnectionString(
            "DefaultEndpointsProtocol=http;AccountName=acc;EndpointSuffix=core.chinacloudapi.cn"
        )
        #expect("\(parsed.account.endpoint)" == "http://acc.blob.core.chinacloudapi.cn")
        guard case .anonymous = parsed.credential else {
            Issue.record("a credential out of nowhere")
            return
        }
    }

    @Test(arguments: [
        ("", "empty"),
        ("AccountName", "no “=”"),
        ("AccountKey=abcd", "neither AccountName nor BlobEndpoint"),
        ("AccountName=acc;AccountKey=not base64", "not base64"),
        ("AccountName=acc;AccountName=acc", "twice"),
        ("AccountName=Acc;AccountKey=YWJj", "not the name of a storage account"),
        ("AccountName=acc;AccountKey=YWJj;SharedAccessSignature=sig=1", "both"),
        ("DefaultEndpointsProtocol=ftp;AccountName=acc", "https or http"),
        ("BlobEndpoint=acc.blob.core.windows.net;AccountName=acc", "begins with https://"),
        ("BlobEndpoint=https://acc.blob.core.windows.net/?sv=1;AccountName=acc", "no query"),
        ("BlobEndpoint=http://localhost:10000", "does not tell it"),
    ])
    func `says what is wrong without repeating secrets`(text: String, part: String) {
        #expect {
            try ConnectionString(text)
        } throws: { error in
            let description = "\(error)"
            return description.contains(part) && !description.contains("YWJj") && !description.contains("sig=1")
        }
    }

    @Test func `splits a container URL in both styles`() throws {
        let host = try ContainerURL("https://acc.blob.core.windows.net/job-1?sv=2023-11-03&sig=x%2By")
        #expect(host.container == "job-1")
        #expect(host.account.name == "acc")
        #expect("\(host.account.endpoint)" == "https://acc.blob.core.windows.net")
        guard case .sas(let secret) = host.credential else {
            Issue.record("not a SAS")
            return
        }
        #expect(secret.revealed() == "sv=2023-11-03&sig=x%2By")
        let path = try ContainerURL("http://127.0.0.1:10000/devstoreaccount1/job-1")
        #expect(path.account.name == "devstoreaccount1")
        #expect(path.container == "job-1")
        #expect("\(path.account.endpoint)" == "http://127.0.0.1:10000/devstoreaccount1")
        #expect(throws: AccountError.self) { try ContainerURL("https://acc.blob.core.windows.net/") }
        #expect(throws: AccountError.self) { try ContainerURL("https://acc.blob.core.windows.net/a/b/c") }
    }

    @Test func `secrets do not print`() {
        let secret = Secret("hunter2")
        var dumped = ""
        dump(secret, to: &dumped)
        dump(Credential.sharedKey(secret), to: &dumped)
        dump(SigningKey(base64: Secret("aHVudGVyMg==")) as Any, to: &dumped)
        let printed = "\(secret)\(String(reflecting: secret))\(Credential.sas(secret))\([secret])\(dumped)"
        #expect(!printed.contains("hunter2"))
        #expect(!printed.contains("aHVudGVyMg"))
        #expect(!printed.contains("104"), "the key's bytes")
        #expect(secret.revealed() == "hunter2")
    }
}
