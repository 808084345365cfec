/// `[datastores.lab]` of a configuration file, as it stands there.
struct DatastoreTable: Sendable, Equatable {
    let name: String
    let path: String
    /// Of the table's head; from 1.
    let line: Int
    var given: [GivenSetting] = []

    /// What may stand in it: where an account's blobs are and what opens it, as for the mount; and the place in it.
    static let settings =
        SettingTable.storage + SettingTable.identity + [Setting("container", .text), Setting("prefix", .text)]

    /// Names as Azure ML has them.
    static let nameLengthMax = 255

    /// - Throws: what is wrong with the name.
    init(name: String, path: String, line: Int) throws(CommandFailure) {
        let isWord = name.utf8.allSatisfy { byte in
            byte == UInt8(ascii: "_") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
        }
        guard isWord, (1...Self.nameLengthMax).contains(name.utf8.count) else {
            throw CommandFailure(
                .configuration,
                "\(path):\(line): '\(name)' is no name of a datastore",
                try: "letters, digits and underscores, at most \(Self.nameLengthMax)"
            )
        }
        (self.name, self.path, self.line) = (name, path, line)
    }

    /// As the process that serves gets them: see `DatastoreArgument`.
    var arguments: [String] {
        given.flatMap { ["--datastore", "\(name).\($0.setting.name)=\($0.value)"] }
            + (given.isEmpty ? ["--datastore", name] : [])
    }
}

/// One setting of one datastore on a command line, hidden: files are read once, and what they say is handed on, without
/// secrets, to the process that serves.
struct DatastoreArgument: Sendable, Equatable {
    let datastore: String
    let key: String
    let value: String

    /// `lab.container=models`; `lab` alone for a table with nothing in it.
    init?(_ text: String) {
        guard let dot = text.firstIndex(of: ".") else {
            (datastore, key, value) = (text, "", "")
            return
        }
        let rest = text[text.index(after: dot)...]
        guard let equals = rest.firstIndex(of: "=") else { return nil }
        datastore = String(text[..<dot])
        key = String(rest[..<equals])
        value = String(rest[rest.index(after: equals)...])
    }
}
