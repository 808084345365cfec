/// luisy's `.luisy.hash`: one flat JSON object, output → hash of the code that made it.
///
/// What is not understood stays as it is, and so does the order: other versions of luisy and other programs read it, too.
package struct LuisyManifest: Sendable, Equatable {
    package enum Value: Sendable, Hashable {
        /// 32 hexadecimal digits, as luisy writes them; compared as they are.
        case hash(String)
        /// luisy saves it for each directory of Parquet files.
        case null
        /// JSON of another kind, which luisy would take for the hash of other code.
        case other(json: String)

        package var hash: String? { if case .hash(let text) = self { text } else { nil } }

        /// What luisy compares with the hash of the code: no hash is what other JSON is.
        var compared: String? {
            switch self {
            case .hash(let text): text
            case .null: nil
            case .other(let json): json
            }
        }
    }

    package struct Entry: Sendable, Equatable {
        package let key: LuisyKey
        /// As it stands in the JSON: half a surrogate pair could not be written back otherwise.
        fileprivate let rawKey: String
        package fileprivate(set) var value: Value
    }

    package private(set) var entries: [Entry] = []
    private var places: [LuisyKey: Int] = [:]

    package init() {}

    /// - Parameter json: the whole file.
    package init(json: [UInt8]) throws(BrokenManifest) {
        guard String(validating: json, as: UTF8.self) != nil else { throw BrokenManifest(reason: "it is not UTF-8") }
        var scanner = ManifestScanner(json)
        for (rawKey, text, read) in try scanner.object() {
            let value: Value =
                switch read {
                case .string(let hash): .hash(hash)
                case .null: .null
                case .other(let json): .other(json: json)
                }
            let key = LuisyKey(text)
            // Of two of one name the later counts, at the place of the first: as in a dict of Python.
            if let place = places[key] {
                entries[place].value = value
            } else {
                places[key] = entries.count
                entries.append(Entry(key: key, rawKey: rawKey, value: value))
            }
        }
    }

    /// Setting keeps the place of a key that is there; a new one goes to the end.
    package subscript(_ key: LuisyKey) -> Value? {
        get { places[key].map { entries[$0].value } }
        set {
            if let newValue {
                if let place = places[key] {
                    entries[place].value = newValue
                } else {
                    places[key] = entries.count
                    entries.append(Entry(key: key, rawKey: Self.quoted(key.text), value: newValue))
                }
            } else if places[key] != nil {
                entries.removeAll { $0.key == key }
                places = Dictionary(uniqueKeysWithValues: entries.indices.map { (entries[$0].key, $0) })
            }
        }
    }

    /// Removes all of them at once.
    package mutating func remove(_ keys: Set<LuisyKey>) {
        entries.removeAll { keys.contains($0.key) }
        places = Dictionary(uniqueKeysWithValues: entries.indices.map { (entries[$0].key, $0) })
    }

    // MARK: JSON

    /// As `json.dumps` writes it: a blank behind each comma and colon, ASCII only, no newline at the end.
    package var json: [UInt8] {
        var text = "{"
        for (index, entry) in entries.enumerated() {
            if index > 0 { text += ", " }
            text += entry.rawKey + ": "
            switch entry.value {
            case .hash(let hash): text += Self.quoted(hash)
            case .null: text += "null"
            case .other(let json): text += json
            }
        }
        return Array((text + "}").utf8)
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for unit in text.utf16 {
            switch unit {
            case 0x22: quoted += "\\\""
            case 0x5C: quoted += "\\\\"
            case 0x0A: quoted += "\\n"
            case 0x0D: quoted += "\\r"
            case 0x09: quoted += "\\t"
            case 0x08: quoted += "\\b"
            case 0x0C: quoted += "\\f"
            case 0x20...0x7E: quoted.unicodeScalars.append(Unicode.Scalar(UInt8(unit)))
            default:
                let digits = String(unit, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return quoted + "\""
    }
}
