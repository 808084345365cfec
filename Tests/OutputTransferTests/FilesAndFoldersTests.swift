import Testing

@testable import OutputTransfer

struct FilesAndFoldersTests {
    private let there = FilesAndFolders(["a/b/c", "a/d", "file", "e\u{301}/x"])

    @Test(arguments: ["new", "a/new", "a/b/new", "file2", "b", "\u{E9}", "\u{E9}/x"])
    func `a path beside what is there is free`(_ path: String) {
        #expect(there.obstacle(to: path) == nil)
    }

    @Test(arguments: ["a", "a/b", "e\u{301}"])
    func `a folder's name is taken, compared by its bytes`(_ path: String) {
        #expect(there.obstacle(to: path) == "a folder has its name there")
    }

    @Test(arguments: ["file/x", "file/x/y", "a/d/x"])
    func `nothing can be below a file`(_ path: String) {
        #expect(there.obstacle(to: path)?.hasPrefix("the folder that it is in is a file there: ") == true)
    }
}
