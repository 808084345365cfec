internal import HandOver
internal import LocalStore

extension JournalSuccession {
    /// The keeper holds the locks of the folders that its workers made, and the table says which those are.
    convenience init(_ survivors: Survivors) {
        self.init(
            survivors.entries(.journal).map { String(decoding: $0.bytes, as: UTF8.self) },
            made: { folder, lock in
                let number = (survivors.entries(.journal).map(\.key).max() ?? 0) + 1
                // In this order: a folder that is in the table and not locked is only there for everybody.
                survivors.set(.journal, number, Array(folder.utf8))
                survivors.keeper?.send(.keep(Self.keeperNumber(number)), descriptor: lock)
            },
            ended: { folder in
                for (number, bytes) in survivors.entries(.journal) where bytes.elementsEqual(folder.utf8) {
                    survivors.remove(.journal, number)
                    survivors.keeper?.send(.drop(Self.keeperNumber(number)))
                }
            }
        )
    }

    /// Apart from the numbers of nodes, by which the keeper holds other locks.
    private static func keeperNumber(_ number: UInt64) -> UInt64 { .max - number }
}
