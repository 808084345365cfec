internal import CLinux
internal import Glibc
internal import Synchronization

/// What a process that serves a mount leaves to the one that follows it, should it be killed: small records by kind and
/// key, in memory that a keeper holds.
///
/// A log: a record counts when the head's length says so, which changes in one step behind its bytes. So there is no
/// moment at which a kill leaves half a record. When more than half of the log is outdated, what counts is
/// copied to the other region, and the head changes over in one step as well.
///
/// About 0.2 µs and the record's bytes a change; 64 bytes a record besides. Memory is bounded by what is recorded at a
/// time: twice that, and 1 MiB.
package final class Survivors: Sendable {
    package enum Kind: UInt8, Sendable {
        /// The session's INIT request.
        case session = 1
        /// How the kernel serves the open files of a node.
        case openMode
        case directory
        /// A file that is open.
        case file
        case handle
        /// How the account keeps directories.
        case namespace
        /// A folder of the journal that a process of this mount made.
        case journal
        /// A file that was looked up not long ago, by a place among those.
        case lookup
    }

    /// Numbers that only grow.
    package enum Mark: Sendable {
        /// How many nodes the slot had that had most.
        case node
        case handle
    }

    private struct Key: Hashable {
        let kind: UInt8
        let number: UInt64
    }

    private struct State {
        var region: Int
        var end: Int
        /// Bytes of the region that are known to be there.
        var reserved: Int
        /// The length of the records that count.
        var live = 0
        var places: [Key: (offset: Int, length: Int)] = [:]
        var isBroken: Bool
    }

    /// length: 4, kind: 1, whether it is there: 1, free: 2, key: 8; then the bytes, filled up to eight.
    private static let headerSize = 16
    private static let format: UInt64 = 0x6f66_7331
    private static let regionBit: UInt64 = 1 << 63
    private static let slack = 1 << 20
    private static let reservation = 64 << 10

    private let memory: SharedMemory
    private let state: Mutex<State>
    package let keeper: KeeperLink?

    /// New memory for a table, close-on-exec; negative with errno set.
    package static func makeMemory() -> Int32 { memfd_create("outputfs-survivors", UInt32(clinux_mfd_cloexec)) }

    /// Goes on with what the memory holds. `nil` when it cannot be mapped, or holds something else.
    ///
    /// - Parameter descriptor: of `makeMemory`; must stay open.
    package init?(descriptor: Int32, keeper: KeeperLink? = nil) {
        guard let memory = SharedMemory(mapping: descriptor) else { return nil }
        let known = memory.load(.format)
        guard known == 0 || known == Self.format else { return nil }
        memory.store(Self.format, in: .format)
        let end = memory.load(.end)
        var state = State(
            region: end & Self.regionBit == 0 ? 0 : 1,
            end: Int(end & ~Self.regionBit),
            reserved: Int(end & ~Self.regionBit),
            isBroken: memory.load(.isIncomplete) != 0
        )
        guard Self.replay(memory.region(state.region), &state) else { return nil }
        self.memory = memory
        self.keeper = keeper
        self.state = Mutex(state)
    }

    /// Everything that was to be recorded is here.
    package var isComplete: Bool { state.withLock { !$0.isBroken } }

    // MARK: Records

    package func set(_ kind: Kind, _ key: UInt64, _ bytes: [UInt8]) {
        state.withLock { state in
            guard let place = append(Key(kind: kind.rawValue, number: key), isThere: true, bytes, &state) else {
                return
            }
            if let old = state.places.updateValue(place, forKey: Key(kind: kind.rawValue, number: key)) {
                state.live -= old.length
            }
            state.live += place.length
            compactIfWorthwhile(&state)
        }
    }

    package func remove(_ kind: Kind, _ key: UInt64) {
        state.withLock { state in
            guard let old = state.places.removeValue(forKey: Key(kind: kind.rawValue, number: key)) else { return }
            state.live -= old.length
            _ = append(Key(kind: kind.rawValue, number: key), isThere: false, [], &state)
            compactIfWorthwhile(&state)
        }
    }

    package func entries(_ kind: Kind) -> [(key: UInt64, bytes: [UInt8])] {
        state.withLock { state in
            state.places.compactMap { key, place in
                guard key.kind == kind.rawValue else { return nil }
                let record = UnsafeRawBufferPointer(
                    start: memory.region(state.region) + place.offset,
                    count: place.length
                )
                let padding = Int(record[6])
                return (key.number, Array(record[Self.headerSize..<place.length - padding]))
            }
        }
    }

    // MARK: Marks

    package func mark(_ mark: Mark) -> UInt64 { memory.load(mark.word) }

    /// For one caller at a time.
    package func raise(_ mark: Mark, to value: UInt64) {
        if value > memory.load(mark.word) { memory.store(value, in: mark.word) }
    }

    /// In bytes: of the log, outdated records included.
    package var logSize: Int { state.withLock { $0.end } }

    // MARK: The log

    private func append(
        _ key: Key,
        isThere: Bool,
        _ bytes: [UInt8],
        _ state: inout State
    ) -> (offset: Int, length: Int)? {
        guard !state.isBroken else { return nil }
        let offset = state.end
        guard let length = write(key, isThere: isThere, bytes, to: state.region, at: offset, &state.reserved) else {
            state.isBroken = true
            memory.store(1, in: .isIncomplete)
            return nil
        }
        state.end += length
        publish(state.region, state.end)
        return (offset, length)
    }

    private func write(
        _ key: Key,
        isThere: Bool,
        _ bytes: [UInt8],
        to region: Int,
        at offset: Int,
        _ reserved: inout Int
    ) -> Int? {
        let length = (Self.headerSize + bytes.count + 7) & ~7
        guard offset + length <= SharedMemory.regionSize else { return nil }
        if offset + length > reserved {
            let end = min(SharedMemory.regionSize, offset + max(length, Self.reservation))
            guard memory.reserve(offset..<end, of: region) else { return nil }
            reserved = end
        }
        let target = memory.region(region) + offset
        target.storeBytes(of: UInt32(length), as: UInt32.self)
        target.storeBytes(of: key.kind, toByteOffset: 4, as: UInt8.self)
        target.storeBytes(of: isThere ? 1 : 0, toByteOffset: 5, as: UInt8.self)
        target.storeBytes(of: UInt8(length - Self.headerSize - bytes.count), toByteOffset: 6, as: UInt8.self)
        target.storeBytes(of: key.number, toByteOffset: 8, as: UInt64.self)
        bytes.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            (target + Self.headerSize).copyMemory(from: start, byteCount: source.count)
        }
        return length
    }

    private func publish(_ region: Int, _ end: Int) {
        memory.store(UInt64(end) | (region == 0 ? 0 : Self.regionBit), in: .end)
    }

    private func compactIfWorthwhile(_ state: inout State) {
        guard state.end > 2 * state.live + Self.slack else { return }
        let (old, oldEnd) = (state.region, state.end)
        let region = 1 - old
        var (end, places) = (0, state.places)
        guard memory.reserve(0..<max(8, state.live), of: region) else { return }
        for (key, place) in state.places {
            (memory.region(region) + end).copyMemory(
                from: memory.region(old) + place.offset,
                byteCount: place.length
            )
            places[key] = (end, place.length)
            end += place.length
        }
        (state.region, state.end, state.places, state.reserved) = (region, end, places, end)
        publish(region, end)
        memory.clear(old, upTo: oldEnd)
    }

    /// Reads a log; false where it is none.
    private static func replay(_ log: UnsafeMutableRawPointer, _ state: inout State) -> Bool {
        guard state.end <= SharedMemory.regionSize else { return false }
        var offset = 0
        while offset < state.end {
            guard state.end - offset >= headerSize else { return false }
            let length = Int((log + offset).load(as: UInt32.self))
            guard length >= headerSize, length % 8 == 0, length <= state.end - offset else { return false }
            let key = Key(
                kind: (log + offset).load(fromByteOffset: 4, as: UInt8.self),
                number: (log + offset).load(fromByteOffset: 8, as: UInt64.self)
            )
            let isThere = (log + offset).load(fromByteOffset: 5, as: UInt8.self) == 1
            let old =
                isThere
                ? state.places.updateValue((offset, length), forKey: key) : state.places.removeValue(forKey: key)
            state.live += (isThere ? length : 0) - (old?.length ?? 0)
            offset += length
        }
        return true
    }
}

extension Survivors.Mark {
    fileprivate var word: SharedMemory.Word {
        switch self {
        case .node: .highestNode
        case .handle: .highestHandle
        }
    }
}
