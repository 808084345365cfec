import BlobStorage
import Testing

@testable import AzureBlob

/// Feeds a document in pieces of a given size.
private func read<Visitor: XMLVisitor>(_ document: String, by size: Int, into visitor: inout Visitor) throws(XMLError) {
    var reader = try XMLReader(visitor: visitor)
    let bytes = Array(document.utf8)
    var at = 0
    while at < bytes.count {
        let end = min(at + size, bytes.count)
        let result: Result<Void, XMLError> = bytes[at..<end].withUnsafeBytes { piece in
            Result { () throws(XMLError) in try reader.feed(piece) }
        }
        try result.get()
        at = end
    }
    try reader.finish()
    visitor = reader.read
}

struct BlobListingTests {
    private static let document = """
        \u{FEFF}<?xml version="1.0" encoding="utf-8"?>
        <EnumerationResults ServiceEndpoint="https://acc.blob.core.windows.net/" ContainerName="jobs">
          <Prefix>run/</Prefix><Delimiter>/</Delimiter>
          <Blobs>
            <Blob><Name>run/a &amp; &#x65E5;.txt</Name><Deleted>false</Deleted>
              <Properties>
                <Creation-Time>Wed, 11 Nov 2026 09:00:00 GMT</Creation-Time>
                <Last-Modified>Wed, 11 Nov 2026 09:30:00 GMT</Last-Modified><Etag>0x8DE1</Etag>
                <Content-Length>123</Content-Length><Content-Type>text/plain</Content-Type><Content-Encoding/>
                <Content-Language>de</Content-Language><Content-MD5>XrY7u+Ae7tCTyyK7j1rNww==</Content-MD5>
                <Cache-Control>no-cache</Cache-Control><Content-Disposition>inline</Content-Disposition>
                <BlobType>AppendBlob</BlobType><AccessTier>Archive</AccessTier>
                <ArchiveStatus>rehydrate-pending-to-hot</ArchiveStatus><LeaseState>leased</LeaseState>
                <Sealed>true</Sealed><CopyStatus>pending</CopyStatus><NewThing><Name>nested</Name></NewThing>
              </Properties>
              <Metadata><Mode>0644</Mode><mode>other</mode><x-ms-invalid-name>a b</x-ms-invalid-name>
                <outputfs_upload>00ff</outputfs_upload></Metadata>
              <Tags><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tags><OrMetadata/>
            </Blob>
            <BlobPrefix><Name>run/sub/</Name><Properties><ResourceType>directory</ResourceType></Properties></BlobPrefix>
            <Blob><Name Encoded="true">run/x%EF%BF%BF%20y</Name><Properties><Content-Length>0</Content-Length></Properties></Blob>
            <Blob><Name>run/dir</Name><Properties><Etag>"0x2"</Etag><ResourceType>directory</ResourceType></Properties></Blob>
            <Unknown><Blob><Name>not one</Name></Blob></Unknown>
          </Blobs>
          <NextMarker>2!88!MDA</NextMarker>
        </EnumerationResults>
        """

    @Test func `tells where the next page begins from the end of the document alone`() {
        func marker(_ end: String) -> ListMarker? { BlobListing.nextMarker(atEndOf: Array(end.utf8)) }
        #expect(marker(Self.document) == ListMarker("2!88!MDA"))
        #expect(marker("</Blobs><NextMarker>a</NextMarker></EnumerationResults>") == ListMarker("a"))
        #expect(marker("</Blobs><NextMarker /></EnumerationResults>") == nil)
        #expect(marker("</Blobs><NextMarker></NextMarker></EnumerationResults>") == nil)
        #expect(marker("</Blobs></EnumerationResults>") == nil)
        // Spelt in a way that only a reader of XML knows, cut, or another element's.
        #expect(marker("</Blobs><NextMarker>a&amp;b</NextMarker></EnumerationResults>") == nil)
        #expect(marker("</Blobs><NextMarker>a") == nil)
        #expect(marker("<NextMarker>a</NextMarker></Blobs></EnumerationResults>") == nil)
        #expect(marker("") == nil)
    }

    @Test(arguments: [1, 2, 3, 7, 64, 100_000])
    func `reads the same page however it is cut`(size: Int) throws {
        var listing = BlobListing()
        try read(Self.document, by: size, into: &listing)
        let page = try listing.finish()
        #expect(page.items.map(\.name) == ["run/a & 日.txt", "run/sub/", "run/x\u{FFFF} y", "run/dir"])
        #expect(page.next == ListMarker("2!88!MDA"))
        guard case .blob(_, let first) = page.items[0], case .prefix = page.items[1],
            case .blob(_, let third) = page.items[2], case .blob(_, let fourth) = page.items[3]
        else {
            Issue.record("another kind of entry")
            return
        }
        #expect(first.version == BlobVersion(etag: ETag("\"0x8DE1\""), lastModified: 1_794_389_400))
        #expect(first.creationTime == 1_794_387_600)
        #expect(first.length == 123)
        #expect(first.type == .append)
        #expect(first.contentType == "text/plain")
        #expect(first.contentEncoding == nil)
        #expect(first.contentLanguage == "de")
        #expect(first.contentMD5 == "XrY7u+Ae7tCTyyK7j1rNww==")
        #expect(first.cacheControl == "no-cache")
        #expect(first.contentDisposition == "inline")
        #expect(first.isArchived)
        #expect(first.archiveStatus == "rehydrate-pending-to-hot")
        #expect(first.leaseState == "leased")
        #expect(first.isSealed)
        #expect(first.copyStatus == "pending")
        #expect(first.metadata == ["mode": "0644"])
        #expect(third.type == .block)
        #expect(third.version == BlobVersion(etag: ETag(""), lastModified: 0))
        #expect(fourth.version.etag == ETag("\"0x2\""))
        #expect(fourth.isDirectory)
    }

    @Test func `an empty page may have a next one`() throws {
        let page = try BlobListing.page(
            Array("<EnumerationResults><Blobs/><NextMarker>m</NextMarker></EnumerationResults>".utf8)
        )
        #expect(page.items.isEmpty)
        #expect(page.next == ListMarker("m"))
        let last = try BlobListing.page(
            Array("<EnumerationResults><Blobs></Blobs><NextMarker/></EnumerationResults>".utf8)
        )
        #expect(last.next == nil)
    }

    @Test func `refuses every document that was cut short`() {
        let bytes = Array(Self.document.utf8)
        let end = bytes.count - 1
        for count in stride(from: 0, to: end, by: 13) {
            #expect(throws: XMLError.self, "cut at \(count)") { try BlobListing.page(Array(bytes[..<count])) }
        }
    }

    @Test(arguments: ["<html><body>Bad gateway</body></html>", "", "not xml", "<a/><b/>"])
    func `refuses what is no listing`(text: String) {
        #expect(throws: XMLError.self) { try BlobListing.page(Array(text.utf8)) }
    }

    @Test func `does not expand entities without end`() {
        var document = "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a0 \"aaaaaaaaaaaaaaaaaaaa\">"
        for level in 1...12 {
            document += "<!ENTITY a\(level) \"" + String(repeating: "&a\(level - 1);", count: 10) + "\">"
        }
        document += "]><EnumerationResults><NextMarker>&a12;</NextMarker></EnumerationResults>"
        #expect(throws: XMLError.self) { try BlobListing.page(Array(document.utf8)) }
    }

    @Test func `reads a page of 5,000 with every name in its place`() throws {
        var document = "<EnumerationResults><Blobs>"
        for index in 0..<5000 {
            document +=
                "<Blob><Name>n\(index)</Name><Properties><Content-Length>\(index)</Content-Length></Properties></Blob>"
        }
        document += "</Blobs><NextMarker/></EnumerationResults>"
        let page = try BlobListing.page(Array(document.utf8))
        #expect(page.items.count == 5000)
        for (index, item) in page.items.enumerated() {
            guard case .blob(let name, let properties) = item else { continue }
            #expect(name == "n\(index)" && properties.length == UInt64(index))
        }
    }
}

struct OtherDocumentTests {
    @Test func `reads containers with quoted and unquoted ETags`() throws {
        let page = try ContainerListing.page(
            Array(
                """
                \u{FEFF}<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Containers><Container><Name>job-1</Name>
                <Properties><Last-Modified>Wed, 11 Nov 2026 09:30:00 GMT</Last-Modified><Etag>"0x8D"</Etag></Properties>
                <Metadata><Owner>a</Owner></Metadata></Container><Container><Name>job-2</Name><Properties>
                <Etag>0x8E</Etag></Properties></Container></Containers><NextMarker>x</NextMarker></EnumerationResults>
                """.utf8
            )
        )
        #expect(page.containers.map(\.name) == ["job-1", "job-2"])
        #expect(page.containers[0].version == BlobVersion(etag: ETag("\"0x8D\""), lastModified: 1_794_389_400))
        #expect(page.containers[0].metadata == ["owner": "a"])
        #expect(page.containers[1].version.etag == ETag("\"0x8E\""))
        #expect(page.containers[1].metadata.isEmpty)
        #expect(page.next == ListMarker("x"))
    }

    @Test func `reads block lists`() throws {
        let blocks = try BlockListReading.blocks(
            Array(
                """
                <BlockList><CommittedBlocks><Block><Name>AAAB</Name><Size>5</Size></Block><Block><Name>AAAA</Name>
                <Size>4194304</Size></Block></CommittedBlocks><UncommittedBlocks><Block><Name>AAAC</Name><Size>1</Size>
                </Block></UncommittedBlocks></BlockList>
                """.utf8
            )
        )
        #expect(
            blocks.committed == [
                Block(id: BlockID(base64: "AAAB"), byteCount: 5),
                Block(id: BlockID(base64: "AAAA"), byteCount: 4_194_304),
            ]
        )
        #expect(blocks.uncommitted == [Block(id: BlockID(base64: "AAAC"), byteCount: 1)])
    }

    @Test func `reads heads in any case and the first of two spellings`() throws {
        let head = try #require(
            ResponseHead(lines: [
                "HTTP/1.1 206 Partial Content", "ETAG:  \"0x1\" ", "last-modified: Wed, 11 Nov 2026 09:30:00 GMT",
                "X-Ms-Meta-Hdi_isfolder: true", "x-ms-meta-hdi_isfolder: false", "x-ms-meta-outputfs_upload: 00",
                "Content-Range: bytes 4-9/100", "Retry-After: 7", "malformed",
            ])
        )
        #expect(head.status == 206)
        #expect(head.version == BlobVersion(etag: ETag("\"0x1\""), lastModified: 1_794_389_400))
        #expect(head.metadata == ["hdi_isfolder": "true"])
        #expect(head.contentRange?.lowerBound == 4)
        #expect(head.contentRange?.total == 100)
        #expect(head.retryAfter == .seconds(7))
        #expect(ResponseHead(lines: ["nonsense"]) == nil)
        #expect(ResponseHead(lines: []) == nil)
    }

    @Test func `Retry-After may be a date of the server's clock`() {
        let date = "Wed, 11 Nov 2026 09:30:00 GMT"
        let later = ResponseHead(
            status: 503,
            headers: [("Date", date), ("Retry-After", "Wed, 11 Nov 2026 09:31:30 GMT")]
        )
        #expect(later.retryAfter == .seconds(90))
        #expect(ResponseHead(status: 503, headers: [("Retry-After", "soon")]).retryAfter == nil)
        #expect(ResponseHead(status: 503, headers: [("Retry-After", "-1")]).retryAfter == nil)
    }
}

struct StorageErrorMappingTests {
    private func error(
        _ status: Int,
        _ code: String?,
        condition: VersionCondition = .any,
        headers: [(String, String)] = [],
        request: StorageRequest? = nil
    ) -> StorageError {
        let head = ResponseHead(status: status, headers: headers + (code.map { [("x-ms-error-code", $0)] } ?? []))
        return StorageError(head, body: [], request: request ?? .properties(of: someBlob, condition: condition))
    }

    @Test(
        arguments: [
            (404, "BlobNotFound", .notFound), (404, "ContainerNotFound", .notFound), (404, nil, .notFound),
            (409, "BlobAlreadyExists", .alreadyExists), (409, "ContainerAlreadyExists", .alreadyExists),
            (412, "ConditionNotMet", .conditionFailed), (412, nil, .conditionFailed), (304, nil, .conditionFailed),
            (412, "AppendPositionConditionNotMet", .conditionFailed), (412, "SourceConditionNotMet", .conditionFailed),
            (401, "NoAuthenticationInformation", .unauthenticated), (401, nil, .unauthenticated),
            (403, "AuthenticationFailed", .unauthenticated), (403, "AuthorizationPermissionMismatch", .denied),
            (403, "AuthorizationFailure", .denied), (403, nil, .denied), (409, "ContainerDisabled", .denied),
            (412, "LeaseIdMissing", .leased), (409, "LeaseAlreadyPresent", .leased), (412, "LeaseLost", .leased),
            (409, "BlobImmutableDueToPolicy", .immutable), (409, "BlobArchived", .archived),
            (409, "BlobImmutableDueToLegalHold", .immutable), (409, "BlobUsesCustomerSpecifiedEncryption", .encrypted),
            (409, "BlobCustomerSpecifiedEncryptionMismatch", .encrypted),
            (409, "BlobBeingRehydrated", .archived), (409, "InvalidBlobType", .conflict),
            (409, "SnapshotsPresent", .conflict), (409, "PendingCopyOperation", .conflict), (409, nil, .conflict),
            (400, "InvalidBlobOrBlock", .conflict), (400, "InvalidBlockList", .conflict),
            (400, "InvalidResourceName", .invalid), (400, nil, .invalid), (411, nil, .invalid),
            (413, "RequestBodyTooLarge", .tooLarge), (413, nil, .tooLarge), (409, "BlockCountExceedsLimit", .tooLarge),
            (400, "BlockListTooLong", .tooLarge), (301, nil, .unexpected), (501, nil, .unexpected),
            (500, "FeatureNotSupported", .unexpected),
        ] as [(Int, String?, StorageError.Kind)]
    )
    func `permanent refusals`(status: Int, code: String?, kind: StorageError.Kind) {
        let error = error(status, code)
        #expect(error.kind == kind)
        #expect(error.persistence == .permanent)
        #expect(error.status == status)
        #expect(error.code == code)
        #expect(error.operation == "Get Blob Properties")
        #expect(error.resource == "jobs/out/a.bin")
        #expect(!error.message.isEmpty)
    }

    @Test(
        arguments: [
            (503, "ServerBusy", .throttled), (429, nil, .throttled), (503, nil, .throttled),
            (500, "InternalError", .unavailable), (500, "OperationTimedOut", .unavailable), (502, nil, .unavailable),
            (504, nil, .unavailable), (408, nil, .unavailable), (409, "BlobModifiedWhileReading", .unavailable),
            (409, "ContainerBeingDeleted", .containerBeingDeleted), (400, "Md5Mismatch", .corrupted),
            (400, "Crc64Mismatch", .corrupted),
        ] as [(Int, String?, StorageError.Kind)]
    )
    func `failures that may pass`(status: Int, code: String?, kind: StorageError.Kind) {
        #expect(error(status, code).kind == kind)
        #expect(error(status, code).persistence == .temporary)
    }

    @Test(
        arguments: [(409, "BlobAlreadyExists"), (412, "ConditionNotMet"), (409, nil), (412, nil)] as [(Int, String?)]
    )
    func `what was to be absent is there, whether 409 or 412 says so`(status: Int, code: String?) {
        #expect(error(status, code, condition: .absent).kind == .alreadyExists)
    }

    @Test func `a version that is gone is not the version asked for`() {
        let etag = ETag("\"0x1\"")
        #expect(error(404, "BlobNotFound", condition: .matches(etag)).kind == .conditionFailed)
        #expect(error(404, "ContainerNotFound", condition: .matches(etag)).kind == .notFound)
        #expect(
            error(404, "BlobNotFound", request: .delete(someBlob, condition: .matches(etag))).kind == .notFound
        )
    }

    @Test(
        arguments: [
            ("404", nil, StorageError.Kind.notFound, StorageError.Persistence.permanent),
            ("412", nil, .conditionFailed, .permanent), ("403", nil, .denied, .permanent),
            ("503", "ServerBusy", .throttled, .temporary), ("500", "OperationTimedOut", .unavailable, .temporary),
            ("409", "BlobArchived", .archived, .permanent), ("409", "InvalidBlobType", .conflict, .permanent),
            ("409", "BlobUsesCustomerSpecifiedEncryption", .encrypted, .permanent),
        ] as [(String, String?, StorageError.Kind, StorageError.Persistence)]
    )
    func `an unreadable copy source speaks for itself`(
        status: String,
        code: String?,
        kind: StorageError.Kind,
        persistence: StorageError.Persistence
    ) {
        let error = error(
            404,
            "CannotVerifyCopySource",
            headers: [("x-ms-copy-source-status-code", status)]
                + (code.map { [("x-ms-copy-source-error-code", $0)] } ?? [])
        )
        #expect(error.kind == kind)
        #expect(error.persistence == persistence)
    }

    @Test func `takes the explanation out of the body, without the request's signature`() {
        let head = ResponseHead(status: 403, headers: [("x-ms-request-id", "r-9")])
        func mapped(_ detail: String) -> StorageError {
            let body =
                "\u{FEFF}<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code><Message>Server failed to "
                + "authenticate the request.\nRequestId:r-9\nTime:x</Message><AuthenticationErrorDetail>\(detail)"
                + "</AuthenticationErrorDetail></Error>"
            return StorageError(head, body: Array(body.utf8), request: .properties(of: someBlob))
        }
        let expired = mapped("Signature not valid in the specified time frame: Start [a] - Expiry [b] - Current [c]")
        #expect(expired.code == "AuthenticationFailed")
        #expect(expired.requestID == "r-9")
        #expect(
            expired.message
                == "Server failed to authenticate the request.; Signature not valid in the specified time frame: "
                + "Start [a] - Expiry [b] - Current [c]"
        )
        let mismatch = mapped(
            "The MAC signature found in the HTTP request 'AbC=' is not the same as any computed signature."
        )
        #expect(!mismatch.message.contains("AbC="))
        #expect(
            "\(expired)"
                == "Get Blob Properties jobs/out/a.bin: \(expired.message) (HTTP 403, AuthenticationFailed, request r-9)"
        )
    }

    @Test func `a proxy's page is classified by its status`() {
        let head = ResponseHead(status: 502, headers: [])
        let error = StorageError(head, body: Array("<html><h1>Bad Gateway".utf8), request: .properties(of: someBlob))
        #expect(error.kind == .unavailable)
        #expect(error.persistence == .temporary)
        #expect(error.code == nil)
    }
}
