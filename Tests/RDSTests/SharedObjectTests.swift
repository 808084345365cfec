import RDS
import TestSupport
import Testing

/// Random objects that share symbols and environments, joined with some of them left out: what is kept has to mean the same.
@Suite(.timeLimit(.minutes(1)))
struct SharedObjectTests {
    @Test func `what is kept means the same, whatever is left out`() throws {
        var random = SeededRandom(seed: testSeed())
        var (dropped, shared) = (0, 0)
        for round in 0..<400 {
            var files: [RandomFile] = []
            for _ in 0..<Int.random(in: 1...3, using: &random) { files.append(RandomFile(using: &random)) }
            let lists = try files.map { try ResultList($0.bytes.source) }
            let count = zip(lists, files).reduce(0) { $0 + $1.0.names.count - $1.1.errors.count }
            let sink = CollectedBytes()
            let joiner = try ResultJoiner(to: sink, version: 2, nativeEncoding: "", count: count)
            for (file, list) in zip(files, lists) {
                #expect(Set(list.failures.map(\.position)) == file.errors, "round \(round)")
                try joiner.append(file.bytes.source, list, dropping: file.errors)
                dropped += file.errors.count
            }
            try joiner.finish(names: Array(repeating: "x", count: count))
            var wanted: [String] = []
            var environmentCount = 0
            for file in files {
                var meaning = Meaning(file.bytes.bytes)
                let elements = try meaning.elements()
                var numbers: [ObjectIdentifier: Int] = [:]
                for (position, element) in elements.enumerated() where !file.errors.contains(position) {
                    wanted.append(element.text(&numbers, &environmentCount))
                }
            }
            var meaning = Meaning(sink.bytes)
            var (numbers, found): ([ObjectIdentifier: Int], Int) = ([:], 0)
            let texts = try meaning.elements().map { $0.text(&numbers, &found) }
            #expect(texts == wanted, "round \(round)")
            shared += texts.count { $0.contains("again") }
        }
        // The rounds are worth something.
        #expect(dropped > 300 && shared > 300)
    }
}

/// A list with errors at some of its places.
private struct RandomFile {
    let bytes = ItemBytes.file()
    private(set) var errors: Set<Int> = []
    private var count = 0
    private var symbols: [(name: String, number: Int)] = []
    private var environments: [Int] = []

    init(using random: inout SeededRandom) {
        let elementCount = Int.random(in: 1...6, using: &random)
        bytes.int(19).int(Int32(elementCount))
        for position in 0..<elementCount {
            guard Int.random(in: 0..<3, using: &random) == 0 else {
                add(depth: 0, &random)
                continue
            }
            errors.insert(position)
            bytes.int(0x313).int(2)
            add(depth: 0, &random)
            add(depth: 1, &random)
            bytes.int(0x402)
            add(symbol: "class")
            bytes.strings(["error"]).int(254)
        }
    }

    private mutating func add(symbol name: String) {
        if let known = symbols.first(where: { $0.name == name }) {
            bytes.int(Int32(known.number << 8 | 255))
        } else {
            count += 1
            symbols.append((name, count))
            bytes.symbol(name)
        }
    }

    private mutating func add(depth: Int, _ random: inout SeededRandom) {
        switch Int.random(in: 0..<(depth < 4 ? 6 : 3), using: &random) {
        case 0: bytes.int(254)
        case 1: add(symbol: ["a", "b", "c", "d"].randomElement(using: &random) ?? "a")
        case 2:
            guard let known = environments.randomElement(using: &random) else {
                bytes.int(254)
                return
            }
            bytes.int(Int32(known << 8 | 255))
        case 3:
            let elementCount = Int.random(in: 0...3, using: &random)
            bytes.int(19).int(Int32(elementCount))
            for _ in 0..<elementCount { add(depth: depth + 1, &random) }
        default:
            count += 1
            // Known to what is in it.
            environments.append(count)
            bytes.int(4).int(0)
            for _ in 0..<4 { add(depth: depth + 1, &random) }
        }
    }
}

/// Reads such a file, and what the joiner makes of it, into objects.
private struct Meaning {
    final class Object {
        enum Kind { case null, symbol(String), list, environment }
        let kind: Kind
        var parts: [Object] = []
        init(_ kind: Kind) { self.kind = kind }

        /// Environments are numbered as they are first met, and told once.
        func text(_ numbers: inout [ObjectIdentifier: Int], _ count: inout Int) -> String {
            switch kind {
            case .null: return "NULL"
            case .symbol(let name): return name
            case .list: return "(" + parts.map { $0.text(&numbers, &count) }.joined(separator: ",") + ")"
            case .environment:
                if let number = numbers[ObjectIdentifier(self)] { return "again\(number)" }
                count += 1
                let number = count
                numbers[ObjectIdentifier(self)] = number
                return "env\(number){" + parts.map { $0.text(&numbers, &count) }.joined(separator: ",") + "}"
            }
        }
    }

    struct Unreadable: Error {}

    private let bytes: [UInt8]
    private var position = 14
    private var known: [Object] = []

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private mutating func int() throws -> Int {
        guard position + 4 <= bytes.count else { throw Unreadable() }
        defer { position += 4 }
        return bytes[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
    }

    private mutating func text() throws -> String {
        guard try int() & 0xFF == 9 else { throw Unreadable() }
        let count = try int()
        defer { position += count }
        return String(decoding: bytes[position..<position + count], as: UTF8.self)
    }

    /// Of the list that the file is.
    mutating func elements() throws -> [Object] {
        _ = try int()
        let count = try int()
        var elements: [Object] = []
        for _ in 0..<count { elements.append(try object()) }
        return elements
    }

    private mutating func object() throws -> Object {
        let bits = try int()
        switch bits & 0xFF {
        case 254: return Object(.null)
        case 255:
            guard known.indices.contains(bits >> 8 - 1) else { throw Unreadable() }
            return known[bits >> 8 - 1]
        case 1:
            let symbol = Object(.symbol(try text()))
            known.append(symbol)
            return symbol
        case 4:
            let environment = Object(.environment)
            known.append(environment)
            _ = try int()
            for _ in 0..<4 { environment.parts.append(try object()) }
            return environment
        case 19:
            let list = Object(.list)
            for _ in 0..<(try int()) { list.parts.append(try object()) }
            if bits & 0x200 != 0 { try attributes() }
            return list
        default: throw Unreadable()
        }
    }

    private mutating func attributes() throws {
        while try int() & 0xFF == 2 {
            _ = try object()
            _ = try int()
            for _ in 0..<(try int()) { _ = try text() }
        }
    }
}
