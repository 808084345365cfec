internal import FoundationEssentials

/// What the instance metadata service announces: a document of its scheduled events.
///
///     {"DocumentIncarnation": 2, "Events": [{"EventId": "…", "EventType": "Preempt", "ResourceType": "VirtualMachine",
///      "Resources": ["vm_7"], "EventStatus": "Scheduled", "NotBefore": "Sat, 21 Nov 2026 10:32:16 GMT"}]}
struct ScheduledEvents: Decodable, Sendable, Equatable {
    struct Event: Decodable, Sendable, Equatable {
        var identifier: String
        /// `Preempt`, `Terminate`, `Redeploy`, `Reboot`, `Freeze`.
        var type: String
        var resources: [String]
        var notBefore: String?

        enum CodingKeys: String, CodingKey {
            case identifier = "EventId"
            case type = "EventType"
            case resources = "Resources"
            case notBefore = "NotBefore"
        }
    }

    var events: [Event]

    enum CodingKeys: String, CodingKey { case events = "Events" }

    /// `nil` if that is no such document.
    init?(_ body: [UInt8]) {
        guard let document = try? JSONDecoder().decode(ScheduledEvents.self, from: Data(body)) else { return nil }
        self = document
    }

    /// What takes this machine's local disk away. A document tells of the neighbours in a scale set, too: their end is no
    /// reason to send what programs here are still writing.
    func eviction(of machine: String) -> Event? {
        let types = ["Preempt", "Terminate", "Redeploy"]
        return events.first { types.contains($0.type) && $0.resources.contains(machine) }
    }
}
