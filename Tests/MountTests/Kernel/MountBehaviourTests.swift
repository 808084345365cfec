import FileSystemSuite
import Glibc
import Testing

/// The file-system suite through a mount: the same behaviours as in `OutputTreeTests`, with a real kernel in between.
@Suite(
    "A mount",
    .serialized,
    .enabled(if: access("/dev/fuse", R_OK | W_OK) == 0 && geteuid() == 0, "needs /dev/fuse and root")
)
struct MountBehaviourTests {
    @Test("the tree: ", .timeLimit(.minutes(2)), arguments: TreeBehaviours.all)
    func tree(_ behaviour: Behaviour) async throws { try await show(behaviour) }

    @Test("names: ", .timeLimit(.minutes(2)), arguments: NameBehaviours.all)
    func names(_ behaviour: Behaviour) async throws { try await show(behaviour) }

    @Test("reading: ", .timeLimit(.minutes(2)), arguments: ReadingBehaviours.all)
    func reading(_ behaviour: Behaviour) async throws { try await show(behaviour) }

    @Test("writing: ", .timeLimit(.minutes(2)), arguments: WritingBehaviours.all)
    func writing(_ behaviour: Behaviour) async throws { try await show(behaviour) }

    @Test("changes: ", .timeLimit(.minutes(2)), arguments: ChangeBehaviours.all)
    func changes(_ behaviour: Behaviour) async throws { try await show(behaviour) }

    @Test("edits: ", .timeLimit(.minutes(2)), arguments: EditBehaviours.all)
    func edits(_ behaviour: Behaviour) async throws { try await show(behaviour) }

    private func show(_ behaviour: Behaviour) async throws {
        try await onOwnThread {
            let world = try MountWorld()
            defer { world.end() }
            try behaviour.show(world)
        }
    }
}
