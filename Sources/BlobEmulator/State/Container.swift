internal import Synchronization

/// A container: one lock over its properties and blobs. Nothing but memory is touched under it.
final class Container: Sendable {
    let account: String
    let name: String
    private let state: Mutex<ContainerState>

    init(
        account: String,
        name: String,
        properties: ContainerProperties,
        isHierarchical: Bool,
        journal: JournalDoor?
    ) {
        (self.account, self.name) = (account, name)
        state = Mutex(
            ContainerState(properties, isHierarchical: isHierarchical) { change in
                journal?.append(account: account, container: name, change)
            }
        )
    }

    /// Runs `body` under the lock; `ContainerNotFound` if the container has been deleted meanwhile.
    func withState<Result: Sendable>(
        _ body: (inout ContainerState) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try state.withLock { (state) throws(Failure) in
            guard !state.isRemoved else { throw .code(.containerNotFound) }
            return try body(&state)
        }
    }

    /// For recovery: takes a step that is in the journal already.
    func replay(_ change: Change) {
        state.withLock { $0.apply(change) }
    }

    /// As above, for a step that is more than one container's.
    func replay(_ step: (inout ContainerState) -> Void) {
        state.withLock { step(&$0) }
    }
}

/// The containers of one account.
final class AccountState: Sendable {
    let name: String
    let key: [UInt8]
    /// Whether directories are more than parts of names.
    let isHierarchical: Bool
    private let journal: JournalDoor?
    private let containers = Mutex<[String: Container]>([:])
    private let retention = Mutex<Int?>(nil)
    /// Containers that were deleted and whose names are not free yet.
    private let deleted = Mutex<[String: Timestamp]>([:])

    init(name: String, key: [UInt8], isHierarchical: Bool, journal: JournalDoor?) {
        (self.name, self.key, self.isHierarchical, self.journal) = (name, key, isHierarchical, journal)
    }

    /// For how many days deleted blobs are kept; nil: they are gone at once.
    var retentionDays: Int? { retention.withLock { $0 } }

    func setRetention(days: Int?) {
        retention.withLock { $0 = days }
        journal?.append(account: name, container: "", .retention(days: days))
    }

    func container(_ name: String) throws(Failure) -> Container {
        guard let container = containers.withLock({ $0[name] }) else { throw .code(.containerNotFound) }
        return container
    }

    func create(_ name: String, _ properties: ContainerProperties, now: Timestamp) throws(Failure) {
        if let free = deleted.withLock({ $0[name] }), free > now { throw .code(.containerBeingDeleted) }
        try containers.withLock { (containers) throws(Failure) in
            guard containers[name] == nil else { throw .code(.containerAlreadyExists) }
            containers[name] = made(name, properties)
            journal?.append(account: self.name, container: name, .container(properties))
        }
    }

    private func made(_ name: String, _ properties: ContainerProperties) -> Container {
        Container(
            account: self.name,
            name: name,
            properties: properties,
            isHierarchical: isHierarchical,
            journal: journal
        )
    }

    /// Takes the container out if `check`, run under its lock, lets it go. Its name is free again at `free`.
    func remove(_ name: String, free: Timestamp?, check: (ContainerState) throws(Failure) -> Void) throws(Failure) {
        try containers.withLock { (containers) throws(Failure) in
            guard let container = containers[name] else { throw .code(.containerNotFound) }
            try container.withState { (state) throws(Failure) in
                try check(state)
                state.commit(.containerRemoved)
            }
            containers[name] = nil
        }
        deleted.withLock { $0[name] = free }
    }

    /// All containers, by name.
    func all() -> [Container] {
        containers.withLock { Array($0.values) }.sorted { Name($0.name) < Name($1.name) }
    }

    /// For recovery: takes a step that is in the journal already.
    func replay(container name: String, _ change: Change) {
        switch change {
        case .container(let properties) where containers.withLock({ $0[name] == nil }):
            let container = made(name, properties)
            containers.withLock { $0[name] = container }
        case .containerRemoved:
            containers.withLock { $0[name] = nil }
        case .retention(let days):
            retention.withLock { $0 = days }
        case .renamed(let old, from: let source, to: let new):
            guard let target = containers.withLock({ $0[name] }) else { return }
            guard source != name else {
                return target.replay { state in
                    let nodes = state.take(old)
                    _ = state.take(new)
                    state.place(nodes.map { ($0.0.moved(from: old, to: new), $0.1) })
                }
            }
            var nodes: [(Name, BlobNode)] = []
            containers.withLock { $0[source] }?.replay { nodes = $0.take(old) }
            target.replay { state in
                _ = state.take(new)
                state.place(nodes.map { ($0.0.moved(from: old, to: new), $0.1) })
            }
        default:
            containers.withLock { $0[name] }?.replay(change)
        }
    }
}
