internal import AzureBlob
internal import BlobStorage
internal import HandOver
internal import Logging
internal import OutputConventions

/// A container of another account, with its own way in; one for all datastores that are in it.
struct OpenDatastore: Sendable {
    /// Those that are in it.
    let names: [String]
    let container: ForeignContainer
    let store: AzureBlobStore
    let credential: Credential
    let route: StoreRoute

    /// Makes the ways to the datastores of a source. Nobody is asked: one that does not answer keeps nobody from the others,
    /// and says so to those who enter it.
    ///
    /// - Parameters:
    ///   - main: the account's own: its connections and limits are for all.
    ///   - door: the account's own. Who signs in the same way has the same token.
    ///   - survivors: where it is kept how accounts keep directories; `nil` where no process follows.
    static func open(
        _ source: StorageSource,
        beside main: AzureBlobStore,
        _ door: OpenDoor,
        _ survivors: Survivors?,
        _ logger: Logger
    ) throws(CommandFailure) -> [OpenDatastore] {
        var doors = DatastoreDoors(mount: door, source.signIn)
        var opened: [OpenDatastore] = []
        let byContainer = Dictionary(grouping: source.datastores.filter { $0.source != nil }) {
            $0.configured.container
        }
        for (_, datastores) in byContainer.sorted(by: { $0.key < $1.key }) {
            guard let own = datastores[0].source, let container = datastores[0].foreign else { continue }
            let names = datastores.map(\.name)
            var logger = logger
            logger[metadataKey: "datastore"] = "\(names.joined(separator: ","))"
            let credential = try doors.door(to: own, logger).credential
            let store = try store(of: own, credential, names[0], beside: main, logger)
            let memory = survivors.map { NamespaceMemory(survivors: $0, number: UInt64(opened.count) + 1) }
            let route = StoreRoute(to: container, store, namespace: namespace(of: own) ?? memory?.namespace) {
                [logger] () async throws(StorageError) in
                let found = try await detect(own, container, store, logger)
                memory?.remember(found)
                return found
            }
            opened.append(
                OpenDatastore(names: names, container: container, store: store, credential: credential, route: route)
            )
        }
        return opened
    }

    private static func store(
        of source: StorageSource,
        _ credential: Credential,
        _ name: String,
        beside main: AzureBlobStore,
        _ logger: Logger
    ) throws(CommandFailure) -> AzureBlobStore {
        do throws(StorageError) {
            return try AzureBlobStore(account: source.account, credential: credential, beside: main, logger: logger)
        } catch {
            throw CommandFailure(
                .configuration,
                "[datastores.\(name)]: the credential for \(source) cannot be used: \(error.message)",
                try: "an account key is base64, as the portal shows it; a SAS is sv=…&sig=…"
            )
        }
    }

    /// As `hns` says; `nil` for `auto`.
    private static func namespace(of source: StorageSource) -> Namespace? {
        switch source.namespace {
        case .on: .hierarchical
        case .off: .flat
        case .auto: nil
        }
    }

    private static func detect(
        _ source: StorageSource,
        _ container: ForeignContainer,
        _ store: AzureBlobStore,
        _ logger: Logger
    ) async throws(StorageError) -> Namespace {
        guard let found = try await store.detectNamespace(container: container.name) else {
            logger.notice(
                """
                \(source) does not tell these credentials whether it has a hierarchical namespace, and is taken for a \
                flat account; with hns = "on" it is not
                """
            )
            return .flat
        }
        if let failure = NamespaceDetection.failure(found, source) {
            throw StorageError(
                .invalid,
                .permanent,
                operation: "open",
                resource: container.name,
                message: "\(failure.what): dfs-endpoint"
            )
        }
        return found
    }
}

/// Ways in that are there: one for each identity, since it holds the token.
private struct DatastoreDoors {
    private var identities: [(links: [IdentityLink], door: OpenDoor)] = []

    /// - Parameter mount: the mount's own, and how it was signed in.
    init(mount: OpenDoor, _ signIn: SignIn) {
        if case .identity(let links) = signIn { identities.append((links, mount)) }
    }

    mutating func door(to source: StorageSource, _ logger: Logger) throws(CommandFailure) -> OpenDoor {
        guard case .identity(let links) = source.signIn else {
            return try OpenDoor.open(source, asksFirst: false, logger: logger)
        }
        if let known = identities.first(where: { $0.links == links }) { return known.door }
        let door = try OpenDoor.open(source, asksFirst: false, logger: logger)
        identities.append((links, door))
        return door
    }
}

/// How a datastore's account keeps directories, for the process that follows this one.
private struct NamespaceMemory: Sendable {
    let survivors: Survivors
    /// From 1; 0 is the mount's own account.
    let number: UInt64

    var namespace: Namespace? { survivors.namespace(number) }
    func remember(_ namespace: Namespace) { survivors.remember(namespace, number) }
}

extension Survivors {
    /// How an account keeps directories, as the first worker of a mount found out. 0: the mount's own.
    func namespace(_ number: UInt64) -> Namespace? {
        switch entries(.namespace).first(where: { $0.key == number })?.bytes.first {
        case 0: .flat
        case 1: .hierarchical
        default: nil
        }
    }

    func remember(_ namespace: Namespace, _ number: UInt64) {
        set(.namespace, number, [namespace == .hierarchical ? 1 : 0])
    }
}
