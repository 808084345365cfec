internal import Glibc
internal import SystemPackage
internal import TestSupport

/// One step of a random run: what a program might do next. Descriptors are named by the slot that they are kept in.
enum RandomOperation: Sendable {
    case writeFile(String, count: Int, seed: UInt8)
    case readFile(String)
    case open(slot: Int, String, flags: Int32)
    case pwrite(slot: Int, count: Int, offset: UInt64, seed: UInt8)
    case write(slot: Int, count: Int, seed: UInt8)
    case pread(slot: Int, count: Int, offset: UInt64)
    case resize(slot: Int, UInt64)
    case fsync(slot: Int)
    case size(slot: Int)
    case close(slot: Int)
    case truncate(String, UInt64)
    case status(String)
    case list(String)
    case makeDirectory(String)
    case removeDirectory(String)
    case unlink(String)
    case rename(String, String)
    case makeLink(String, target: String)
    case setPermissions(String, UInt16)
    case setTime(String, Int64)
    /// Everything that is remembered grows too old.
    case wait

    static let slotCount = 5
    private static let directories = ["", "d", "d/e", "x"]
    private static let names = ["a", "b", "c", "d", "e", "x"]

    /// Few names, so that operations meet; sizes around the blocks' and requests' borders as well as small ones.
    static func next(_ random: inout SeededRandom) -> RandomOperation {
        let slot = Int.random(in: 0..<slotCount, using: &random)
        let seed = UInt8.random(in: 1...255, using: &random)
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<10: return .writeFile(path(&random), count: count(&random), seed: seed)
        case 10..<18: return .readFile(path(&random))
        case 18..<28: return .open(slot: slot, path(&random), flags: flags(&random))
        case 28..<38: return .pwrite(slot: slot, count: 1 + count(&random) / 4, offset: offset(&random), seed: seed)
        case 38..<42: return .write(slot: slot, count: 1 + count(&random) / 4, seed: seed)
        case 42..<50: return .pread(slot: slot, count: count(&random), offset: offset(&random))
        case 50..<53: return .resize(slot: slot, offset(&random))
        case 53..<56: return .fsync(slot: slot)
        case 56..<58: return .size(slot: slot)
        case 58..<66: return .close(slot: slot)
        case 66..<68: return .truncate(path(&random), offset(&random))
        case 68..<74: return .status(path(&random))
        case 74..<78: return .list(path(&random))
        case 78..<82: return .makeDirectory(path(&random))
        case 82..<84: return .removeDirectory(path(&random))
        case 84..<88: return .unlink(path(&random))
        case 88..<93: return .rename(path(&random), path(&random))
        case 93..<95: return .makeLink(path(&random), target: names[Int.random(in: 0..<names.count, using: &random)])
        case 95..<97: return .setPermissions(path(&random), Bool.random(using: &random) ? 0o600 : 0o755)
        case 97..<98: return .setTime(path(&random), Int64.random(in: 0...2_000_000_000_000_000_000, using: &random))
        default: return .wait
        }
    }

    private static func path(_ random: inout SeededRandom) -> String {
        let directory = directories[Int.random(in: 0..<directories.count, using: &random)]
        let name = names[Int.random(in: 0..<names.count, using: &random)]
        return directory.isEmpty ? name : directory + "/" + name
    }

    private static func count(_ random: inout SeededRandom) -> Int {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: 0
        case 1..<7: Int.random(in: 1...5_000, using: &random)
        case 7: [65_536, 262_143, 262_144, 262_145, 524_288][Int.random(in: 0..<5, using: &random)]
        default: Int.random(in: 1...800_000, using: &random)
        }
    }

    private static func offset(_ random: inout SeededRandom) -> UInt64 {
        Bool.random(using: &random) ? UInt64.random(in: 0...6_000, using: &random) : UInt64(count(&random))
    }

    private static func flags(_ random: inout SeededRandom) -> Int32 {
        let access = [O_RDONLY, O_WRONLY, O_RDWR, O_RDWR][Int.random(in: 0..<4, using: &random)]
        var flags = access
        if Bool.random(using: &random) { flags |= O_CREAT }
        if access != O_RDONLY {
            if Int.random(in: 0..<4, using: &random) == 0 { flags |= O_TRUNC }
            if Int.random(in: 0..<4, using: &random) == 0 { flags |= O_APPEND }
            if flags & O_CREAT != 0, Int.random(in: 0..<6, using: &random) == 0 { flags |= O_EXCL }
        }
        return flags
    }
}

/// What an operation showed: the same on every tree.
enum RandomOutcome: Equatable, Sendable, CustomStringConvertible {
    case done
    case bytes([UInt8])
    case names([String])
    case status(FileStatus.Kind, size: UInt64, permissions: UInt16)
    case size(UInt64)
    case failed(Errno)

    var description: String {
        switch self {
        case .done: "done"
        case .bytes(let bytes):
            "\(bytes.count) bytes, sum \(bytes.reduce(0) { $0 &* 31 &+ Int($1) }), \(bytes.prefix(8))…"
        case .names(let names): "\(names)"
        case .status(let kind, let size, let permissions): "\(kind) \(size) \(String(permissions, radix: 8))"
        case .size(let size): "size \(size)"
        case .failed(let errno): "\(errno)"
        }
    }
}
