internal import Synchronization

/// The read-ahead of one open handle.
package final class ReadStream: Sendable {
    private static let idSource = Atomic<UInt64>(1)

    /// Never given twice.
    let id: UInt64
    private let readAhead = Mutex<ReadAhead?>(nil)

    package init() {
        id = Self.idSource.wrappingAdd(1, ordering: .relaxed).oldValue
    }

    func observe(_ read: Range<UInt64>, length: UInt64, blocksMax: Int, limits: ReadAhead.Limits) -> ReadAhead.Plan {
        readAhead.withLock { readAhead in
            if readAhead == nil { readAhead = ReadAhead(limits: limits) }
            return readAhead?.observe(read, length: length, blocksMax: blocksMax) ?? ReadAhead.Plan()
        }
    }

    func shrink(run: UInt32, to limit: UInt64) {
        readAhead.withLock { $0?.shrink(run: run, to: limit) }
    }
}
