internal import Synchronization

/// A container: one lock over its properties and blobs. Nothing but memory is touched under it.
final class Container: Sendable {
    let account: String
    let name: String
    private let state: Mutex<ContainerState>

    init(account: String, name: String, properties: ContainerProperties, journal: JournalDoor?) {
        (self.account, self.name) = (account, name)
        state = Mutex(
            ContainerState(properties) { change in
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
}

/// The containers of one account.
final class AccountState: Sendable {
    let name: String
    let key: [UInt8]
    private let journal: JournalDoor?
    private let containers = Mutex<[String: Container]>([:])
    private let retention = Mutex<Int?>(nil)
    /// Containers that were deleted and whose names are not free yet.
    private let deleted = Mutex<[String: Timestamp]>([:])

    init(name: String, key: [UInt8], journal: JournalDoor?) {
        (self.name, self.key, self.journal) = (name, key, journal)
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
            containers[name] = Container(account: self.name, name: name, properties: properties, journal: journal)
            journal?.append(account: self.name, container: name, .container(properties))
        }
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
            let container = Container(account: self.name, name: name, properties: properties, journal: journal)
            containers.withLock { $0[name] = container }
        case .containerRemoved:
            containers.withLock { $0[name] = nil }
        case .retention(let days):
            retention.withLock { $0 = days }
        default:
            containers.withLock { $0[name] }?.replay(change)
        }
    }
}
