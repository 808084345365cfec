import Foundation
import Testing

/// SEMANTICS.md and the tests: each promise is shown by a test that names it, and tests name what is promised.
struct PromiseTests {
    /// The numbered paragraphs: `**§2.3 Close to open.**`, without those of part 7, which promises nothing.
    private static func paragraphs() throws -> Set<String> {
        let page = try Repository.file("docs/SEMANTICS.md").text
        return Set(page.matches(of: /\*\*§(\d+\.\d+)/).map { String($0.output.1) }.filter { !$0.hasPrefix("7.") })
    }

    /// Where the tests name which paragraph.
    private static func named() throws -> [String: Set<String>] {
        var places: [String: Set<String>] = [:]
        for file in try Repository.files(below: "Tests", extensions: ["swift", "py"])
        where !file.path.hasPrefix("Tests/TidyTests") {
            for match in file.text.matches(of: /§(\d+\.\d+)/) {
                places[String(match.output.1), default: []].insert(file.path)
            }
        }
        return places
    }

    @Test func `each paragraph of SEMANTICS is named by a test`() throws {
        let paragraphs = try Self.paragraphs()
        #expect(paragraphs.count > 35, "the paragraphs were not found")
        let named = try Self.named()
        for paragraph in paragraphs.sorted() where named[paragraph] == nil {
            Issue.record("no test names §\(paragraph)")
        }
    }

    @Test func `tests name paragraphs that are there`() throws {
        let paragraphs = try Self.paragraphs()
        for (paragraph, files) in try Self.named() where !paragraphs.contains(paragraph) {
            Issue.record("§\(paragraph) is not in docs/SEMANTICS.md: \(files.sorted().joined(separator: ", "))")
        }
    }
}
