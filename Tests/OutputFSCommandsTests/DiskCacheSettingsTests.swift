import Testing

@testable import OutputFSCommands

/// What `--cache-dir` and `--cache-size` come to.
struct DiskCacheSettingsTests {
    @Test func `without a directory there is no cache`() throws {
        #expect(try DiskCacheSettings(directory: nil, size: nil, workingDirectory: "/here") == nil)
    }

    @Test func `a directory is taken from where the command was given`() throws {
        let cache = try DiskCacheSettings(directory: "below", size: 1 << 30, workingDirectory: "/here")
        #expect(cache?.directory == "/here/below")
        #expect(cache?.capacity == 1 << 30)
        #expect(try DiskCacheSettings(directory: "/c", size: nil, workingDirectory: "/here")?.capacity == nil)
    }

    @Test func `a size without a directory is refused with both ways out`() {
        #expect {
            _ = try DiskCacheSettings(directory: nil, size: 1 << 30, workingDirectory: "/")
        } throws: { error in
            guard let failure = error as? CommandFailure else { return false }
            return failure.status == .usage && failure.report.contains("--cache-dir")
                && failure.report.contains("--memory")
        }
    }

    @Test(arguments: [0, 1, 64 << 20 - 1])
    func `a size that holds less than 16 blocks is refused`(_ size: Int) {
        #expect {
            _ = try DiskCacheSettings(directory: "/c", size: size, workingDirectory: "/")
        } throws: { error in
            guard let failure = error as? CommandFailure else { return false }
            return failure.status == .usage && failure.report.contains("at least 64 MiB")
        }
    }

    @Test func `the least size is taken`() throws {
        #expect(try DiskCacheSettings(directory: "/c", size: 64 << 20, workingDirectory: "/")?.capacity == 64 << 20)
    }

    private static let rooms: [(free: UInt64, held: UInt64, expected: UInt64)] = [
        (100 << 30, 0, 10 << 30),
        (5 << 30, 0, 4 << 30),
        // What the last mount cached is no less room for this one.
        (1 << 30, 4 << 30, 4 << 30),
        (.max, 1 << 30, 10 << 30),
    ]

    @Test(arguments: rooms)
    func `without a size it is 10 GiB, or 80 % of the room`(_ free: UInt64, _ held: UInt64, _ expected: UInt64) throws {
        #expect(try DiskCacheSettings.standardCapacity(free: free, held: held, directory: "/c") == expected)
    }

    @Test func `a disk without room is named, and how to use it all the same`() {
        #expect {
            _ = try DiskCacheSettings.standardCapacity(free: 10 << 20, held: 0, directory: "/c")
        } throws: { error in
            guard let failure = error as? CommandFailure else { return false }
            return failure.status == .cannotCreate && failure.report.contains("/c has only 10 MiB left")
                && failure.report.contains("--cache-size 64MiB")
        }
    }
}
