import Foundation
import Testing

/// Rules that a formatter does not know.
struct SourceTests {
    private static func allSwift() throws -> [Repository.File] {
        try Repository.swiftFiles(below: "Sources") + Repository.swiftFiles(below: "Tests")
    }

    @Test func `no file has more than 600 lines`() throws {
        for file in try Self.allSwift() where file.lines.count > 600 {
            Issue.record("\(file.path) has \(file.lines.count) lines: are these two things?")
        }
    }

    @Test func `nothing is left for later`() throws {
        // In parts, so that this file does not name what it looks for.
        let words = ["TO" + "DO", "FIX" + "ME", "fatal" + "Error()", "not yet " + "implemented"]
        for file in try Self.allSwift() {
            for (number, line) in file.lines.enumerated() {
                for word in words where line.contains(word) {
                    Issue.record("\(file.path):\(number + 1) says \(word)")
                }
            }
        }
    }

    @Test func `no test is switched off`() throws {
        for file in try Repository.swiftFiles(below: "Tests") {
            for (number, line) in file.lines.enumerated() where line.contains("." + "disabled(") {
                Issue.record("\(file.path):\(number + 1) switches a test off")
            }
        }
    }

    /// A type that other modules see says what it is. Members may speak for themselves.
    @Test func `every type for other modules has a doc comment`() throws {
        let kinds = ["struct", "class", "enum", "protocol", "actor"]
        for file in try Repository.swiftFiles(below: "Sources") {
            for (number, line) in file.lines.enumerated() {
                let words = line.split(separator: " ")
                // At the outermost level only: a nested type is explained by the one around it, or by its name.
                guard line.hasPrefix("package "), let kind = words.firstIndex(where: { kinds.contains(String($0)) }),
                    words[..<kind].allSatisfy({ ["package", "final", "indirect"].contains($0) })
                else { continue }
                var above = number - 1
                while above >= 0, file.lines[above].hasPrefix("@") { above -= 1 }
                if above < 0 || !file.lines[above].hasPrefix("///") {
                    Issue.record("\(file.path):\(number + 1) has no doc comment: \(line)")
                }
            }
        }
    }

    @Test func `no path of one machine is written down`() throws {
        let folders = ["/work" + "/", "/tmp/bash" + "_jobs", "/ro" + "ot/", "/opt/swift-" + "packages"]
        let extensions: Set = ["swift", "md", "py", "sh", "h", "modulemap", "txt", "json"]
        let folderNames = ["Sources", "Tests", "docs", "scripts", "Benchmarks"]
        var files = try folderNames.flatMap { try Repository.files(below: $0, extensions: extensions) }
        for name in try FileManager.default.contentsOfDirectory(atPath: Repository.root.path)
        where name.hasSuffix(".md") || name == "Package.swift" { files.append(try Repository.file(name)) }
        for name in try FileManager.default.contentsOfDirectory(
            atPath: Repository.root.appending(path: "scripts").path
        ) { files.append(try Repository.file("scripts/\(name)")) }
        for file in files {
            for folder in folders where file.text.contains(folder) {
                Issue.record("\(file.path) names \(folder)")
            }
        }
    }

    @Test func `scripts say how they are used, and stop at the first error`() throws {
        let scripts = Repository.root.appending(path: "scripts")
        for name in try FileManager.default.contentsOfDirectory(atPath: scripts.path) where !name.contains(".") {
            let script = try Repository.file("scripts/\(name)")
            #expect(script.text.contains("# Usage: scripts/\(name)"), "scripts/\(name) has no usage line")
            #expect(script.text.contains("set -euo pipefail"), "scripts/\(name) goes on after errors")
            #expect(FileManager.default.isExecutableFile(atPath: scripts.appending(path: name).path))
        }
    }
}
