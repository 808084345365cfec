import BlobStorage
import OutputConventions
import OutputViews
import TestSupport
import Testing

/// What the first listing of many uploads costs.
@Suite("Many uploads", .timeLimit(.minutes(1)))
struct ManyUploadsTests {
    /// As hashes are: every hexadecimal digit begins as many.
    private func id(_ number: Int) -> String { String(number % 16, radix: 16) + "\(1000 + number / 16)" }

    private func confirmation(_ number: Int) -> BlobMetadata {
        ["upload_status": "completed", "name": "asset\(number)", "version": "1"]
    }

    @Test func `are looked through by 16 listings, and again in an hour`() async throws {
        let workspace = Workspace(habits: ListingHabits(pageSizeMax: 200, insertsEmptyPages: true))
        for number in 0..<640 {
            let folder = "\(Workspace.blobstore)/LocalUpload/\(id(number))"
            workspace.put("\(folder)/a")
            workspace.put("\(folder)/b", metadata: number % 160 == 10 ? [:] : confirmation(number))
            workspace.put("\(folder)/c")
        }
        let names = try await workspace.names(.uploads)
        #expect(names.count == 636 && !names.contains("asset10@1") && names.contains("asset11@1"))
        workspace.store.resetCounts()
        _ = try await workspace.names(.uploads)
        // Pages of folders, each with an empty one before it, and 4 that are not confirmed.
        #expect(workspace.store.counts[.listBlobs, default: 0] <= (4 + 3) * 2 + 4 * 3)
        workspace.clock.advance(by: Gatherer.confirmationValidity)
        workspace.store.resetCounts()
        #expect(try await workspace.names(.uploads) == names)
        // One page for the blobs of 40 uploads each, as there are 120 of them, and an empty one.
        #expect(workspace.store.counts[.listBlobs, default: 0] <= 16 * 2 + (4 + 3) * 2)
        #expect(workspace.store.counts[.properties] == nil)
    }

    @Test func `one with many files among them does not cost the listing of its files`() async throws {
        let workspace = Workspace(habits: ListingHabits(pageSizeMax: 100))
        for number in 0..<40 { workspace.putUpload("a\(number + 10)", "asset\(number)") }
        for number in 0..<2000 { workspace.put("\(Workspace.blobstore)/LocalUpload/a10/x\(number)") }
        let requests = try await workspace.requests { () async throws in
            #expect(try await workspace.names(.uploads).count == 40)
        }
        // The containers, four folders, a few pages that show it is not worth it, and one each.
        #expect(requests <= 1 + 4 + 3 + 40)
    }

    @Test func `are found by their directories in a hierarchical namespace`() async throws {
        for count in [3, 40] {
            let workspace = Workspace(namespace: .hierarchical)
            for number in 0..<count {
                let file = workspace.put("\(Workspace.blobstore)/LocalUpload/a\(number)/data/file")
                let directory = BlobAddress(container: file.container, name: "LocalUpload/a\(number)")
                workspace.store.change(directory) { $0.metadata = confirmation(number) }
            }
            let names = try await workspace.names(.uploads)
            #expect(names == (0..<count).map { "asset\($0)@1" }.sorted())
            #expect(workspace.store.counts[.properties] == nil)
        }
    }

    @Test func `are not taken for others whose ids only begin like theirs`() async throws {
        for namespace in [Namespace.flat, .hierarchical] {
            let workspace = Workspace(namespace: namespace)
            let folder = "\(Workspace.blobstore)/LocalUpload"
            for number in 0..<40 { workspace.put("\(folder)/a-\(number)/f", metadata: confirmation(number)) }
            workspace.put("\(folder)/a/f")
            let plain = BlobAddress("\(folder)/a/f")
            #expect(try await workspace.gatherer.upload(of: plain, validity: .zero) == nil)
            #expect(try await workspace.names(.uploads).count == 40)
            workspace.store.change(plain) { $0.metadata = ["upload_status": "completed"] }
            #expect(try await workspace.gatherer.upload(of: plain, validity: .zero) != nil)
            #expect(try await workspace.names(.uploads).count == 41)
        }
    }

    @Test func `in a container that goes meanwhile are none, and what fails fails the listing`() async throws {
        let workspace = Workspace()
        for number in 0..<40 { workspace.putUpload("a\(number)", "asset\(number)") }
        workspace.store.fail(call: 5, of: .listBlobs, error: .test(.unavailable, .persistent))
        await #expect(throws: StorageError.self) { try await workspace.names(.uploads) }
        workspace.store.fail(call: 5, of: .listBlobs, error: .test(.notFound))
        #expect(try await workspace.names(.uploads) == [])
        #expect(try await workspace.names(.uploads).count == 40)
    }
}
