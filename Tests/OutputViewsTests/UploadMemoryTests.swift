import BlobStorage
import OutputConventions
import OutputViews
import TestSupport
import Testing

/// For how long it is good what is known of a confirmed upload, and what ends it.
@Suite("What is remembered of uploads", .timeLimit(.minutes(1)))
struct UploadMemoryTests {
    private let hour = Gatherer.confirmationValidity
    private let folder = "\(Workspace.blobstore)/LocalUpload/1"
    private let confirmation: BlobMetadata = ["upload_status": "completed", "name": "iris", "version": "1"]

    private func confirmed(_ workspace: Workspace, validity: Duration = .seconds(1)) async throws -> ConfirmedUpload? {
        try await workspace.gatherer.upload(
            of: BlobAddress("\(folder)/b"),
            validity: validity,
            confirmedValidity: hour
        )
    }

    @Test func `a confirmation is looked at again once an hour, by one request`() async throws {
        let workspace = Workspace()
        for number in 100..<200 { workspace.put("\(folder)/a\(number)") }
        workspace.put("\(folder)/b", metadata: confirmation)
        let first = try await confirmed(workspace)
        #expect(first?.name == "iris")
        for _ in 0..<3 {
            workspace.clock.advance(by: hour - .seconds(1))
            #expect(try await workspace.requests { _ = try await confirmed(workspace) } == 0)
            workspace.clock.advance(by: .seconds(1))
            #expect(workspace.gatherer.knownUpload(of: BlobAddress("\(folder)/a100")) == nil)
            #expect(try await workspace.requests { _ = try await confirmed(workspace) } == 1)
            // What was learned of its files all the time is still of this upload.
            #expect(try await confirmed(workspace)?.askedAt == first?.askedAt)
        }
    }

    @Test func `an upload that was made anew and not confirmed is not confirmed when the hour is over`() async throws {
        let workspace = Workspace()
        let blob = workspace.put("\(folder)/b", metadata: confirmation)
        #expect(try await confirmed(workspace) != nil)
        workspace.store.remove(blob)
        workspace.put("\(folder)/b")
        #expect(try await confirmed(workspace) != nil)
        // Who wants to know it now asks.
        #expect(try await workspace.gatherer.upload(of: blob, validity: .zero) == nil)
        #expect(workspace.gatherer.knownUpload(of: blob) == nil && !workspace.gatherer.wasConfirmed(blob))
        workspace.store.change(blob) { $0.metadata = confirmation }
        workspace.clock.advance(by: .seconds(1))
        #expect(try await confirmed(workspace)?.askedAt == workspace.clock.now())
    }

    @Test func `an upload that was made anew and confirmed is another one`() async throws {
        let workspace = Workspace()
        let blob = workspace.put("\(folder)/b", metadata: confirmation)
        let first = try #require(try await confirmed(workspace))
        workspace.store.remove(blob)
        workspace.put("\(folder)/c", metadata: confirmation)
        workspace.clock.advance(by: hour)
        let second = try #require(try await confirmed(workspace))
        #expect(second.askedAt == first.askedAt + hour)
    }

    @Test func `what was forgotten while it was asked is not remembered`() async throws {
        let workspace = Workspace()
        let blob = workspace.put("\(folder)/b", metadata: confirmation)
        workspace.store.afterNext(.listBlobs) { workspace.gatherer.forgetUploads(of: blob) }
        #expect(try await confirmed(workspace) != nil)
        #expect(workspace.gatherer.knownUpload(of: blob) == nil)
        #expect(try await confirmed(workspace) != nil)
        #expect(workspace.gatherer.knownUpload(of: blob) != nil)
        // The folder above has gone, with all that was in it.
        workspace.gatherer.forgetUploads(of: BlobAddress("\(Workspace.blobstore)/LocalUpload/"))
        #expect(workspace.gatherer.knownUpload(of: blob) == nil)
    }

    @Test func `removing what is in an upload that is not confirmed does not ask for it again each time`() async throws
    {
        let workspace = Workspace()
        let blobs = (0..<10).map { workspace.put("\(folder)/\($0)") }
        let requests = try await workspace.requests { () async throws in
            for blob in blobs {
                _ = try await workspace.gatherer.upload(of: blob, validity: .seconds(1))
                workspace.gatherer.forgetUploads(of: blob)
            }
        }
        #expect(requests == 1)
    }

    @Test func `a listing forgets uploads that are gone`() async throws {
        let workspace = Workspace()
        let blob = workspace.put("\(folder)/b", metadata: confirmation)
        workspace.putUpload("2", "other")
        #expect(try await workspace.names(.uploads) == ["iris@1", "other@1"])
        workspace.store.remove(blob)
        workspace.clock.advance(by: .seconds(1))
        #expect(workspace.gatherer.wasConfirmed(blob))
        #expect(try await workspace.names(.uploads) == ["other@1"])
        #expect(!workspace.gatherer.wasConfirmed(blob))
    }

    @Test func `a name leads to an upload as long as that has it`() async throws {
        let workspace = Workspace()
        let blob = workspace.put("\(folder)/b", metadata: confirmation)
        workspace.put("\(folder)/c")
        #expect(try await workspace.names(.uploads) == ["iris@1"])
        let found = try await workspace.requests { _ = try await workspace.place(.uploads, "", "iris@1") }
        #expect(found == 1)
        workspace.store.change(blob) { $0.metadata["name"] = "rose" }
        #expect(try await workspace.place(.uploads, "", "iris@1") == nil)
        #expect(try await workspace.place(.uploads, "", "rose@1") != nil)
        workspace.store.change(blob) { $0.metadata = [:] }
        #expect(try await workspace.place(.uploads, "", "rose@1") == nil)
    }

    @Test(arguments: ["LocalUpload/", "LocalUpload/1/", "LocalUpload/1/data/"])
    func `a datastore among uploads takes nothing away from them`(prefix: String) async throws {
        let inner = ConfiguredDatastore(name: "inner", container: Workspace.blobstore, prefix: prefix)
        let far = ConfiguredDatastore(name: "far", container: "far:box", prefix: prefix)
        let workspace = Workspace(GatheredSource(datastores: [inner, far]))
        for container in [Workspace.blobstore, "far:box"] {
            let first = workspace.put("\(container)/LocalUpload/1/data/a", metadata: confirmation)
            let below = BlobAddress("\(container)/LocalUpload/1/data/x/y")
            #expect(try await workspace.gatherer.upload(of: below, validity: .zero)?.name == "iris")
            workspace.gatherer.forgetUploads(of: first)
            #expect(!workspace.gatherer.wasConfirmed(below))
        }
        #expect(workspace.gatherer.names.holdsUploads("LocalUpload/", in: Workspace.blobstore))
        // An upload below the datastore is one, too, and both count.
        let nested = workspace.put("\(Workspace.blobstore)/\(prefix)LocalUpload/7/f")
        #expect(workspace.gatherer.names.isInUpload(nested))
        workspace.store.change(nested) { $0.metadata = ["upload_status": "completed", "name": "inner"] }
        #expect(try await workspace.gatherer.upload(of: nested, validity: .zero)?.name == "inner")
    }
}
