/// A configuration file's lines: the part of TOML 1.0 that settings need, and nothing that TOML would read otherwise.
///
/// Keys (bare or quoted), strings of one line (basic and literal), whole numbers, booleans, arrays of strings on one
/// line, `[tables]` and comments. Everything else of TOML is refused by name, with its line, never passed over.
struct TOMLText: Sendable, Equatable {
    enum Value: Sendable, Equatable {
        case string(String)
        /// As it was written: `0o644` and `420` mean different things to people.
        case integer(String)
        case boolean(Bool)
        case strings([String])

        /// For sentences: what stands there.
        var name: String {
            switch self {
            case .string: "a string"
            case .integer: "a number"
            case .boolean: "true or false"
            case .strings: "an array"
            }
        }
    }

    struct Entry: Sendable, Equatable {
        /// The names of the table around it; empty at the top.
        var table: [String]
        var key: String
        var value: Value
        /// From 1.
        var line: Int
    }

    /// The head of a table, which may have nothing below it.
    struct Table: Sendable, Equatable {
        var names: [String]
        /// From 1.
        var line: Int
    }

    /// A line that is not what it should be.
    struct Malformed: Error, Sendable, Equatable {
        var line: Int
        var reason: String
    }

    private(set) var entries: [Entry] = []
    private(set) var tables: [Table] = []

    init(_ text: String) throws(Malformed) {
        var table: [String] = []
        // By bytes: to String, two spellings of é are one.
        var known: Set<[[UInt8]]> = []
        var seen: Set<[[UInt8]]> = []
        // By bytes: CR LF is one Character, and not a line feed.
        let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            var scanner = TOMLScanner(line, line: index + 1)
            scanner.skipBlanks()
            if scanner.isAtEnd { continue }
            if scanner.take("[") {
                if scanner.take("[") { throw scanner.malformed("an array of tables has no use here") }
                table = try scanner.keyPath()
                guard scanner.take("]") else { throw scanner.malformed("a table's name ends with ]") }
                guard known.insert(table.map { Array($0.utf8) }).inserted else {
                    throw scanner.malformed("the table [\(table.joined(separator: "."))] stands there twice")
                }
                tables.append(Table(names: table, line: index + 1))
            } else {
                let path = try scanner.keyPath()
                guard let key = path.last, path.count == 1 else {
                    throw scanner.malformed(
                        "write [\(path.dropLast().joined(separator: "."))] above, not dots in a key"
                    )
                }
                guard scanner.take("=") else { throw scanner.malformed("a key is followed by = and its value") }
                scanner.skipBlanks()
                let value = try scanner.value()
                guard seen.insert((table + [key]).map { Array($0.utf8) }).inserted else {
                    throw scanner.malformed("'\(key)' stands there twice")
                }
                entries.append(Entry(table: table, key: key, value: value, line: index + 1))
            }
            scanner.skipBlanks()
            guard scanner.isAtEnd else { throw scanner.malformed("there is something behind the end") }
        }
    }
}
