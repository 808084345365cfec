internal import CCurl

/// Holds transfers back so that all of them together stay within a rate, each way. On the loop's thread.
///
/// libcurl's own limits are for one transfer each. A body whose turn it is not is paused: it stays where it is, in the
/// kernel's buffer and with the sender. A paused transfer neither stalls nor is asked for a second time.
final class Pacing {
    private var download: Pacer<ObjectIdentifier>?
    private var upload: Pacer<ObjectIdentifier>?
    private let now: @Sendable () -> Duration
    private var paused: [ObjectIdentifier: Transfer] = [:]

    /// `nil` where there is nothing to hold back.
    init?(_ rates: RateLimits, now: @escaping @Sendable () -> Duration) {
        guard rates.download != nil || rates.upload != nil else { return nil }
        self.now = now
        let start = now()
        download = rates.download.map { Pacer(rate: $0, now: start) }
        upload = rates.upload.map { Pacer(rate: $0, now: start) }
    }

    /// Whether a piece of an answer may be taken now; if not, the transfer stands in line.
    func mayReceive(_ count: Int, _ transfer: Transfer) -> Bool {
        guard download != nil else { return true }
        let missing = count - transfer.pace.receivable
        if missing <= 0 || download?.take(missing, now: now()) == true {
            transfer.pace.receivable = max(0, -missing)
            return true
        }
        if !transfer.pace.pausedFor.contains(.receiving) {
            transfer.pace.pausedFor.insert(.receiving)
            paused[ObjectIdentifier(transfer)] = transfer
            download?.wait(ObjectIdentifier(transfer), isWanted: transfer.isWanted)
        }
        return false
    }

    /// How many of so many bytes may be sent now; 0: the transfer stands in line.
    func sendable(_ count: Int, _ transfer: Transfer) -> Int {
        guard let quantum = upload?.quantum else { return count }
        let piece = min(count, quantum)
        if transfer.pace.sendable > 0 {
            let allowed = min(piece, transfer.pace.sendable)
            transfer.pace.sendable -= allowed
            return allowed
        }
        if upload?.take(piece, now: now()) == true { return piece }
        if !transfer.pace.pausedFor.contains(.sending) {
            transfer.pace.pausedFor.insert(.sending)
            paused[ObjectIdentifier(transfer)] = transfer
            upload?.wait(ObjectIdentifier(transfer), isWanted: transfer.isWanted)
        }
        return 0
    }

    /// Lets those go on whose turn it is.
    func resume() {
        while let key = download?.next(now: now()), let transfer = paused[key] {
            transfer.pace.receivable += download?.quantum ?? 0
            goOn(transfer, .receiving)
        }
        while let key = upload?.next(now: now()), let transfer = paused[key] {
            transfer.pace.sendable += upload?.quantum ?? 0
            goOn(transfer, .sending)
        }
    }

    private func goOn(_ transfer: Transfer, _ direction: Pace.Directions) {
        transfer.pace.pausedFor.remove(direction)
        if transfer.pace.pausedFor.isEmpty { paused[ObjectIdentifier(transfer)] = nil }
        guard let handle = transfer.handle else { return }
        // What is not named in the mask goes on; libcurl calls back from within.
        curl_easy_pause(handle.raw, transfer.pace.pausedFor.mask)
    }

    /// Somebody waits for it now: it stands in the other line.
    func raise(_ transfer: Transfer) {
        let key = ObjectIdentifier(transfer)
        if transfer.pace.pausedFor.contains(.receiving) {
            download?.leave(key)
            download?.wait(key, isWanted: true)
        }
        if transfer.pace.pausedFor.contains(.sending) {
            upload?.leave(key)
            upload?.wait(key, isWanted: true)
        }
    }

    /// The transfer has ended, or lost its handle.
    func forget(_ transfer: Transfer) {
        let key = ObjectIdentifier(transfer)
        if paused.removeValue(forKey: key) != nil {
            download?.leave(key)
            upload?.leave(key)
        }
        download?.giveBack(transfer.pace.receivable)
        upload?.giveBack(transfer.pace.sendable)
        transfer.pace = Pace()
    }

    /// How long until it is somebody's turn; `nil` when nobody is in line.
    var delay: Duration? {
        let time = now()
        return [download?.delay(now: time), upload?.delay(now: time)].compactMap { $0 }.min()
    }
}

/// What a transfer may still move, and what it is held back for.
struct Pace {
    /// Bytes that it was given and has not used.
    var receivable = 0
    var sendable = 0
    var pausedFor: Directions = []

    struct Directions: OptionSet {
        let rawValue: Int32
        static let receiving = Directions(rawValue: CURLPAUSE_RECV)
        static let sending = Directions(rawValue: CURLPAUSE_SEND)

        var mask: Int32 { rawValue }
    }
}
