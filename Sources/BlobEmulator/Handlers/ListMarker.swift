/// Where a listing goes on: the next blob, and among its snapshots the next one. Opaque to clients.
struct ListMarker: Equatable, Sendable {
    var name: Name
    /// Snapshots before this time were listed already; nil: all of them are still to come.
    var snapshot: Timestamp?

    init(name: Name, snapshot: Timestamp? = nil) {
        (self.name, self.snapshot) = (name, snapshot)
    }

    /// The service's shape: `2!`, a length, and something in base64.
    var text: String {
        let time = snapshot.map { String($0.ticks) } ?? ""
        let payload = Base64.encode(Array(time.utf8) + [0] + name.bytes)
        return "2!\(payload.utf8.count)!\(payload)"
    }

    /// Nil if this server never gave out such a marker.
    init?(_ text: String) {
        let parts = text.split(separator: "!", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "2", Int(parts[1]) == parts[2].utf8.count,
            let payload = Base64.decode(String(parts[2])), let mark = payload.firstIndex(of: 0)
        else { return nil }
        name = Name(Array(payload[(mark + 1)...]))
        snapshot = nil
        if mark > 0 {
            guard let ticks = number(payload[..<mark]) else { return nil }
            snapshot = Timestamp(ticks: ticks)
        }
    }
}
