internal import AzureBlob
internal import FuseBinding
internal import Logging

/// Asks the instance metadata service every second whether this machine is about to be taken away, as its documentation
/// recommends: a Spot machine has 30 s from the notice on.
struct EvictionWatch: Sendable {
    let metadata: InstanceMetadata
    let logger: Logger
    /// Sends what waits, small files first; called again and again while the notice stands, for programs go on writing.
    let drain: @Sendable () -> Void
    /// Sleeps so long, or until the mount has ended, and says whether it has.
    let isOver: @Sendable (Duration) -> Bool

    /// While the service does not answer: this is no machine of Azure's, or it has a bad day.
    private static let patienceMax = 60

    func start() {
        PlainThread.start(named: "eviction") { self.run() }
    }

    private func run() {
        var machine: String?
        var announced: String?
        var pause = 1
        repeat {
            let metadata = metadata
            if machine == nil { machine = PlainThread.wait { await metadata.machineName() } }
            let body = machine == nil ? nil : PlainThread.wait { await metadata.scheduledEvents() }
            if let machine, let events = body.flatMap({ ScheduledEvents($0) }) {
                pause = 1
                if let event = events.eviction(of: machine) {
                    if announced != event.identifier {
                        announced = event.identifier
                        let time = event.notBefore.map { $0.isEmpty ? "at once" : "from \($0) on" } ?? "soon"
                        logger.warning("\(event.type) of this machine \(time): sending what waits")
                    }
                    drain()
                } else {
                    announced = nil
                }
            } else {
                pause = min(pause * 2, Self.patienceMax)
            }
        } while !isOver(.seconds(pause))
    }
}
