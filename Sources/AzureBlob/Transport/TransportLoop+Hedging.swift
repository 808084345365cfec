/// Second requests for answers that do not come. On the loop's thread.
///
/// Both requests write the same bytes of the same version to the same place, one after the other on this thread. Who
/// answers first goes on alone.
extension TransportLoop {
    /// libcurl wakes earlier for its own timers; the bound only limits the harm of a lost wake-up.
    private static let sleepMax: Duration = .seconds(10)

    /// Looks, now and then, at what is wanted and does not move. Gives the time until the next look, in milliseconds.
    func hedgeWhatStalls() -> Int32 {
        guard active.values.contains(where: \.mayBeHedged) else { return Self.milliseconds(Self.sleepMax) }
        let now = ContinuousClock.now
        guard lookedAt.duration(to: now) >= hedging.interval else { return Self.milliseconds(hedging.interval) }
        lookedAt = now
        for transfer in active.values where transfer.mayBeHedged {
            // What is held back here does not stall.
            let isMoving = transfer.arrivedCount != transfer.hedge.seenCount || !transfer.pace.pausedFor.isEmpty
            guard let changedAt = transfer.hedge.changedAt, !isMoving else {
                transfer.hedge.seenCount = transfer.arrivedCount
                transfer.hedge.changedAt = now
                continue
            }
            guard changedAt.duration(to: now) >= hedging.patience else { continue }
            guard hedging.takeCredit() else { break }
            guard takeExtra(beside: transfer) else { break }
            transfer.exchange.onHedge?()
            let twin = Transfer(hedging: transfer)
            transfer.hedge.twin = twin
            hedged.append(transfer)
            begin(twin)
        }
        return Self.milliseconds(hedging.interval)
    }

    /// Ends the races in which somebody answered.
    func settleHedges() {
        for original in hedged {
            guard let twin = original.hedge.twin else { continue }
            if original.arrivedCount != original.hedge.seenCount {
                separate(original, twin)
            } else if twin.result.head?.isSuccess == true {
                release(original)
            }
        }
    }

    /// An attempt has ended by itself: in a race, the other one may still bring the answer.
    func finish(_ transfer: Transfer, _ failure: TransportFailure?) {
        if let original = transfer.hedge.original {
            let isLastHope = active[ObjectIdentifier(original)] == nil
            separate(original, transfer)
            if isLastHope { original.end(with: transfer, failure) }
        } else if failure != nil, transfer.hedge.twin != nil {
            release(transfer)
        } else {
            conclude(transfer, failure)
        }
    }

    /// Takes the second request out of the race.
    func separate(_ original: Transfer, _ twin: Transfer) {
        release(twin)
        twin.hedge.original = nil
        original.hedge.twin = nil
        original.hedge.changedAt = nil
        hedged.removeAll { $0 === original }
    }

    static func milliseconds(_ duration: Duration) -> Int32 {
        Int32(min(max((duration / .milliseconds(1)).rounded(.up), 1), 60_000))
    }
}

extension Transfer {
    /// Somebody waits for an answer to a request that may be sent twice, and it was sent once.
    fileprivate var mayBeHedged: Bool {
        isWanted && exchange.onHedge != nil && hedge.twin == nil && hedge.original == nil
    }
}
