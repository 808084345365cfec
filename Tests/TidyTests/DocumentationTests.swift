import Foundation
import Testing

/// What the program can be told is what the documentation tells.
struct DocumentationTests {
    /// The long options that the sources of the commands declare, as ArgumentParser spells them.
    private static func options(below folder: String = "Sources/OutputFSCommands") throws -> Set<String> {
        var options: Set<String> = []
        for file in try Repository.swiftFiles(below: folder) {
            // A declaration may run over several lines; the name comes with the first `var` behind it.
            var declaration = ""
            for line in file.lines {
                let text = line.drop { $0 == " " }
                if text.hasPrefix("@Option(") || text.hasPrefix("@Flag") { declaration = String(text) }
                guard !declaration.isEmpty else { continue }
                if !text.hasPrefix("@") { declaration += text }
                guard text.hasPrefix("var ") else { continue }
                defer { declaration = "" }
                let isShortOnly = declaration.contains("customShort") && !declaration.contains(", .long]")
                if declaration.contains("help: .hidden") || isShortOnly { continue }
                if let long = declaration.firstMatch(of: /\.customLong\("([a-z0-9-]+)"\)/) {
                    options.insert("--" + long.output.1)
                    continue
                }
                let name = text.dropFirst(4).prefix { $0.isLetter || $0.isNumber }
                options.insert("--" + hyphenated(String(name)))
            }
        }
        return options
    }

    /// `attrTTL` → `attr-ttl`, `containerURLFile` → `container-url-file`.
    private static func hyphenated(_ name: String) -> String {
        let letters = Array(name)
        var words = ""
        for (index, letter) in letters.enumerated() {
            if letter.isUppercase {
                let startsWord = !letters[index - 1].isUppercase
                let endsAcronym = index + 1 < letters.count && letters[index + 1].isLowercase
                if startsWord || endsAcronym { words += "-" }
            }
            words += letter.lowercased()
        }
        return words
    }

    @Test func `every option is in CONFIGURATION`() throws {
        let page = try Repository.file("docs/CONFIGURATION.md").text
        let options = try Self.options()
        #expect(options.count > 30, "the options were not found in the sources")
        for option in options.sorted() where !page.contains("`\(option)") {
            Issue.record("\(option) is not in docs/CONFIGURATION.md")
        }
    }

    /// The names in the table of settings.
    private static func settings() throws -> [String] {
        try Repository.file("Sources/OutputFSCommands/Settings/SettingTable.swift").text
            .matches(of: /Setting\(\s*"([a-z-]+)"/).map { String($0.output.1) }
    }

    /// A setting's flag is an option of its name; its variable, its key and its place in `-o` follow from the name.
    @Test func `every setting is an option, and every option of a mount is a setting`() throws {
        let settings = try Self.settings()
        #expect(settings.count > 30 && Set(settings).count == settings.count)
        let options = try Self.options(below: "Sources/OutputFSCommands/Options")
        #expect(options.subtracting(settings.map { "--" + $0 }).sorted() == ["--config"])
        #expect(Set(settings.map { "--" + $0 }).subtracting(options).sorted() == [])
    }

    /// In a table of its own section, with what it does.
    @Test func `every setting has a line in CONFIGURATION`() throws {
        let rows = try Repository.file("docs/CONFIGURATION.md").lines.filter { $0.hasPrefix("| `--") }
        for setting in try Self.settings() {
            let isThere = rows.contains { row in
                row.split(separator: "|").first?.split(separator: "`").contains { word in
                    word == "--\(setting)" || word.hasPrefix("--\(setting) ")
                } ?? false
            }
            #expect(isThere, "--\(setting) has no line")
        }
    }

    /// With plain hyphens: roff writes them with a backslash where they are to be typed.
    private static func manual() throws -> String {
        try Repository.file("docs/man/outputfs.1").text.replacingOccurrences(of: "\\-", with: "-")
    }

    @Test func `the manual page has every option, and no other`() throws {
        let page = try Self.manual()
        let words = page.split { !$0.isLetter && !$0.isNumber && $0 != "-" }.filter { $0.hasPrefix("--") }
        let (named, declared) = (Set(words.map(String.init)), try Self.options())
        #expect(declared.subtracting(named).sorted() == [])
        #expect(named.subtracting(declared).sorted() == [])
    }

    @Test func `the manual page has every command and exit status`() throws {
        let page = try Self.manual()
        for file in try Repository.swiftFiles(below: "Sources/OutputFSCommands/Commands") {
            for line in file.lines where line.contains("commandName: \"") {
                let name = line.split(separator: "\"")[1]
                #expect(page.contains(".SS \(name)\n"), "\(name)")
            }
        }
        for line in try Repository.file("Sources/OutputFSCommands/ExitStatus.swift").lines {
            let words = line.split(separator: " ")
            guard words.first == "case", words.count == 4, let number = words.last else { continue }
            #expect(page.contains(".B \(number)\n"), "exit status \(number) (\(words[1]))")
        }
    }

    @Test func `every environment variable is in CONFIGURATION`() throws {
        let page = try Repository.file("docs/CONFIGURATION.md").text
        for file in try Repository.swiftFiles(below: "Sources/OutputFSCommands") {
            for word in file.text.split(whereSeparator: { !$0.isLetter && $0 != "_" }) {
                guard word.hasPrefix("AZURE_STORAGE_"), word.count > "AZURE_STORAGE_".count else { continue }
                #expect(page.contains("`\(word)`"), "\(file.path) knows \(word)")
            }
        }
    }

    @Test func `every exit status is in CONFIGURATION`() throws {
        let page = try Repository.file("docs/CONFIGURATION.md").text
        for line in try Repository.file("Sources/OutputFSCommands/ExitStatus.swift").lines {
            let words = line.split(separator: " ")
            guard words.first == "case", words.count == 4, let number = words.last else { continue }
            #expect(page.contains("| \(number) |"), "exit status \(number) (\(words[1]))")
        }
    }

    @Test func `links between the pages lead somewhere`() throws {
        var pages = try Repository.files(below: "docs", extensions: ["md"])
        for name in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"] { pages.append(try Repository.file(name)) }
        for page in pages {
            let folder = Repository.root.appending(path: page.path).deletingLastPathComponent()
            for part in page.text.split(separator: "](").dropFirst() {
                let target = part.prefix { $0 != ")" && $0 != "#" }
                guard !target.isEmpty, !target.contains("://") else { continue }
                let exists = (try? folder.appending(path: String(target)).checkResourceIsReachable()) ?? false
                #expect(exists, "\(page.path) links to \(target)")
            }
        }
    }
}
