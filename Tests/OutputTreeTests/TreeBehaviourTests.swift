import BlobStorage
import FileSystemSuite
import TestSupport
import Testing

/// The file-system suite on the tree itself; `MountTests` runs the same behaviours through a mount.
@Suite("The tree")
struct TreeBehaviourTests {
    @Test("the tree: ", .timeLimit(.minutes(5)), arguments: TreeBehaviours.all)
    func tree(_ behaviour: Behaviour) async throws { try await show(behaviour) }

    @Test("names: ", .timeLimit(.minutes(5)), arguments: NameBehaviours.all)
    func names(_ behaviour: Behaviour) async throws { try await show(behaviour) }

    @Test("reading: ", .timeLimit(.minutes(5)), arguments: ReadingBehaviours.all)
    func reading(_ behaviour: Behaviour) async throws { try await show(behaviour) }

    @Test("writing: ", .timeLimit(.minutes(5)), arguments: WritingBehaviours.all)
    func writing(_ behaviour: Behaviour) async throws { try await show(behaviour) }

    @Test("changes: ", .timeLimit(.minutes(5)), arguments: ChangeBehaviours.all)
    func changes(_ behaviour: Behaviour) async throws { try await show(behaviour) }

    @Test("edits: ", .timeLimit(.minutes(5)), arguments: EditBehaviours.all)
    func edits(_ behaviour: Behaviour) async throws { try await show(behaviour) }

    /// With a kernel that forgets every name at once, with one that keeps all and reads by itself what is on the disk, and
    /// with the service's oddest listings.
    /// Also over a store that has directories.
    private func show(_ behaviour: Behaviour) async throws {
        let odd = ListingHabits(pageSizeMax: 3, insertsEmptyPages: true, repeatsPrefixes: true)
        let usual = ListingHabits()
        let worlds: [(Bool, Namespace, ListingHabits, DiskUse)] = [
            (false, .flat, usual, .none), (true, .flat, usual, .passthrough), (true, .flat, odd, .none),
            (false, .hierarchical, odd, .none),
        ]
        for (keepsNames, namespace, habits, disk) in worlds {
            try await onOwnThread {
                let world = try TreeWorld(keepsNames: keepsNames, namespace: namespace, habits: habits, disk: disk)
                defer { world.end() }
                try behaviour.show(world)
            }
        }
    }
}
