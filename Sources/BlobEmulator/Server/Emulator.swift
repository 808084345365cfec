internal import Glibc
internal import Synchronization

/// An embedded Azure Blob server: listens on a socket, keeps blobs in memory or in a directory, and fails on request.
package final class Emulator: Sendable {
    /// The faults in force; may be changed at any time.
    package let faults = FaultScript()

    private let configuration: EmulatorConfiguration
    private let listener: Listener
    private let service: Service
    private let control: ControlInterface?
    private let directory: DataDirectory?
    private let connections = ConnectionRegistry()
    private let isStopped = Atomic<Bool>(false)

    /// Binds and listens; with a data directory, reads back what is there. Connections wait until `start`.
    package init(_ configuration: EmulatorConfiguration) throws(EmulatorError) {
        self.configuration = configuration
        var keys: [String: [UInt8]] = [:]
        for account in configuration.accounts {
            guard let key = Base64.decode(account.key), !key.isEmpty else {
                throw .accountKey(account: account.name)
            }
            keys[account.name] = key
        }
        let hierarchical = Set(configuration.accounts.filter(\.isHierarchical).map(\.name))
        listener = try Listener(address: configuration.address, port: configuration.port)
        if let path = configuration.dataDirectory {
            do throws(EmulatorError) {
                let opened = try DataDirectory(path: path)
                service = try opened.openService(
                    keys: keys,
                    hierarchical: hierarchical,
                    clock: configuration.clock,
                    faults: faults
                )
                directory = opened
            } catch {
                close(listener.descriptor)
                throw error
            }
        } else {
            directory = nil
            service = Service(
                accounts: keys.reduce(into: [:]) {
                    $0[$1.key] = AccountState(
                        name: $1.key,
                        key: $1.value,
                        isHierarchical: hierarchical.contains($1.key),
                        journal: nil
                    )
                },
                clock: configuration.clock,
                etags: ETagSource(),
                content: ContentStore(directory: nil),
                journal: nil,
                faults: faults
            )
        }
        control = configuration.allowsControl ? ControlInterface(service: service) : nil
    }

    deinit {
        stop()
    }

    /// The port that is listened on.
    package var port: UInt16 { listener.port }

    /// The endpoint of the first account, in path style: `http://127.0.0.1:10000/devstoreaccount1`.
    package var endpoint: String {
        let account = configuration.accounts.first?.name ?? EmulatorAccount.development.name
        return "http://\(configuration.address):\(port)/\(account)"
    }

    /// How often each operation was asked for so far.
    package var counters: RequestCounters { service.counters.snapshot }

    /// Starts the counting anew.
    package func resetCounters() {
        service.counters.reset()
    }

    /// The bearer tokens to accept, each with all rights; none at first.
    package func acceptBearerTokens(_ tokens: [String]) {
        service.authorizer.bearers.accept(tokens)
    }

    /// Begins to accept connections, on threads of its own.
    package func start() {
        connections.threadStarts()
        let isStarted = Thread.start { [listener, service, control, connections] in
            Self.acceptConnections(listener, service, control, connections)
            connections.threadEnds()
        }
        if !isStarted {
            connections.threadEnds()
            // Better refused than left waiting.
            listener.shutDown()
        }
    }

    private static func acceptConnections(
        _ listener: Listener,
        _ service: Service,
        _ control: ControlInterface?,
        _ connections: ConnectionRegistry
    ) {
        while let (descriptor, peer) = listener.accept() {
            guard connections.add(descriptor) else {
                close(descriptor)
                return
            }
            let isStarted = Thread.start {
                let connection = Connection(descriptor: descriptor, peer: peer)
                ConnectionLoop(service: service, control: control, connection: connection).run()
                connections.remove(descriptor)
            }
            if !isStarted { connections.remove(descriptor) }
        }
    }

    /// Ends all connections, waits for their threads, and lets go of port and data directory. A second call does nothing.
    package func stop() {
        guard !isStopped.exchange(true, ordering: .acquiringAndReleasing) else { return }
        listener.shutDown()
        // Who is held goes on, and ends.
        service.faults.clear()
        connections.closeAll()
        close(listener.descriptor)
        _ = service.journal?.commit()
        directory?.unlock()
    }
}
