import Foundation
import Testing

/// The arrows between the modules. The compiler keeps them in part only: a target can import a module that it does
/// not declare, if some dependency brings it along.
struct ArrowTests {
    /// What each module imports, besides Glibc and Synchronization. The same table stands in docs/ARCHITECTURE.md.
    private static let arrows: [String: Set<String>] = [
        "OutputConventions": ["COpenSSL"],
        "FileSystemModel": [],
        "HandOver": ["CLinux"],
        "Checksums": ["CChecksums", "COpenSSL"],
        "BlobStorage": [],
        "AzureBlob": [
            "BlobStorage", "Checksums", "CCurl", "CExpat", "CLinux", "COpenSSL", "DequeModule", "FoundationEssentials",
            "Logging",
        ],
        "LocalStore": ["Checksums", "CLinux", "DequeModule", "Logging"],
        "BlobReading": ["BlobStorage", "LocalStore", "DequeModule", "Logging"],
        "BlobWriting": ["BlobStorage", "LocalStore", "Checksums", "DequeModule", "Logging"],
        "OutputViews": ["OutputConventions", "BlobStorage"],
        "OutputTree": [
            "FileSystemModel", "HandOver", "OutputConventions", "OutputViews", "BlobStorage", "LocalStore",
            "BlobReading",
            "BlobWriting", "Logging",
        ],
        "FuseBinding": ["FileSystemModel", "HandOver", "CFuse3", "CLinux", "Logging"],
        "OutputTransfer": [
            "OutputConventions", "OutputViews", "BlobStorage", "BlobWriting", "LocalStore", "Checksums", "CLinux",
            "FoundationEssentials",
        ],
        "BlobEmulator": ["CCarryless", "CExpat", "CLinux", "COpenSSL", "FoundationEssentials"],
        "OutputFSCommands": [
            "OutputConventions", "BlobStorage", "AzureBlob", "Checksums", "BlobReading", "BlobWriting", "LocalStore",
            "OutputTree", "OutputTransfer", "FuseBinding", "HandOver", "BlobEmulator", "CLinux", "ArgumentParser",
            "Dispatch",
            "FoundationEssentials", "Logging",
        ],
        "outputfs": ["OutputFSCommands"],
    ]

    private static let always: Set<String> = ["Glibc", "Synchronization"]

    @Test(arguments: arrows.keys.sorted())
    func `a module imports only what its row allows`(_ module: String) throws {
        let allowed = try #require(Self.arrows[module]).union(Self.always)
        let files = try Repository.swiftFiles(below: "Sources/\(module)")
        #expect(!files.isEmpty, "Sources/\(module) holds no Swift")
        for file in files {
            for imported in Self.imports(file) where !allowed.contains(imported) {
                Issue.record("\(file.path) imports \(imported); docs/ARCHITECTURE.md does not allow \(module) that")
            }
        }
        let unused = allowed.subtracting(Self.always).subtracting(files.flatMap(Self.imports))
        #expect(unused.isEmpty, "no file of \(module) imports these")
    }

    /// A dependency that nobody imports is built and linked for nothing, and hides that an arrow is gone.
    @Test(arguments: arrows.keys.sorted())
    func `the manifest declares what the row says`(_ module: String) throws {
        let toolchain: Set = ["Dispatch", "FoundationEssentials"]
        let declared = try #require(try Self.manifest()[module], "Package.swift has no target \(module)")
        let row = try #require(Self.arrows[module]).subtracting(toolchain)
        #expect(declared == row)
    }

    @Test func `every module has a row`() throws {
        let sources = Repository.root.appending(path: "Sources")
        for folder in try FileManager.default.contentsOfDirectory(atPath: sources.path) {
            guard try !Repository.swiftFiles(below: "Sources/\(folder)").isEmpty else { continue }
            #expect(Self.arrows[folder] != nil, "Sources/\(folder) is in no row of the table")
        }
    }

    @Test func `the table in the architecture page is the same`() throws {
        var documented: [String: Set<String>] = [:]
        let lines = try Repository.file("docs/ARCHITECTURE.md").lines
        let section = lines.drop { $0 != "## Who may import whom" }.dropFirst().prefix { !$0.hasPrefix("## ") }
        for line in section where line.hasPrefix("| `") {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count == 3, let name = Self.names(cells[0]).first else { continue }
            documented[name] = Set(Self.names(cells[1]) + Self.names(cells[2]))
        }
        #expect(documented == Self.arrows)
    }

    /// The dependencies that Package.swift declares, by target.
    private static func manifest() throws -> [String: Set<String>] {
        let text = try Repository.file("Package.swift").text
        var targets: [String: Set<String>] = [:]
        // `.target(`, `.executableTarget(` and `.testTarget(`, each up to the next one.
        for declaration in text.replacing("Target(", with: "target(").split(separator: "target(").dropFirst() {
            let body = declaration.split(separator: "resources:")[0].split(separator: "path:")[0].split(
                separator: "//"
            )[0]
            // The packages that products come from are quoted, too.
            let words = body.replacing(/package: "[^"]*"/, with: "").split(
                separator: "\"",
                omittingEmptySubsequences: false
            )
            let names = words.enumerated().filter { $0.offset % 2 == 1 }.map { String($0.element) }
            guard let name = names.first else { continue }
            targets[name] = Set(names.dropFirst())
        }
        return targets
    }

    /// Whatever the attributes and access levels: `internal import CFuse3`, `import struct Glibc.stat`.
    private static func imports(_ file: Repository.File) -> [String] {
        file.lines.compactMap { line in
            // An indented line is a text in another language.
            guard !line.hasPrefix(" ") else { return nil }
            let words = line.prefix { $0 != "/" }.split(separator: " ")
            guard let index = words.firstIndex(of: "import"), index + 1 < words.count else { return nil }
            let modifiers: Set<Substring> = ["internal", "package", "private", "fileprivate", "public", "@testable"]
            guard words[..<index].allSatisfy({ modifiers.contains($0) || $0.hasPrefix("@") }) else { return nil }
            let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
            let name = kinds.contains(words[index + 1]) && index + 2 < words.count ? words[index + 2] : words[index + 1]
            return String(name.prefix { $0 != "." })
        }
    }

    /// What stands in backticks.
    private static func names(_ cell: String) -> [String] {
        cell.split(separator: "`", omittingEmptySubsequences: false).enumerated().filter { $0.offset % 2 == 1 }
            .map { String($0.element) }
    }
}
