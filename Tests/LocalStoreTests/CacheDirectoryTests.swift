import Glibc
import Logging
import TestSupport
import Testing

@testable import LocalStore

/// Which directories are taken as a cache.
struct CacheDirectoryTests {
    private func refusal(_ bench: CacheBench, cellSize: Int = CacheBench.cellSize) async -> LocalStoreError? {
        do {
            _ = try await bench.open(cellSize: cellSize)
            return nil
        } catch {
            return error as? LocalStoreError
        }
    }

    private func mode(_ path: String) -> mode_t? {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode & 0o777 : nil
    }

    @Test func `a cache belongs to one user`() async throws {
        let bench = try CacheBench()
        try #require(mkdir(bench.path, 0o755) == 0)
        let cache = try await bench.open()
        let blob = TestBlob(name: "a", length: 10)
        cache.file(blob)?.save(blob, 0..<10)
        #expect(mode(bench.path) == 0o700)
        #expect(mode(bench.dataPath(blob)) == 0o600 && mode(bench.indexPath(blob)) == 0o600)
    }

    @Test func `a symbolic link is refused`() async throws {
        let bench = try CacheBench()
        try #require(mkdir(bench.parent.path + "/elsewhere", 0o700) == 0)
        try #require(symlink(bench.parent.path + "/elsewhere", bench.path) == 0)
        let error = await refusal(bench)
        #expect(error?.errno == ELOOP)
        #expect(error?.description == "\(bench.path) is a symbolic link: name the directory itself")
    }

    @Test(.enabled(if: geteuid() == 0, "needs root to make a directory of somebody else"))
    func `a directory of another user is refused`() async throws {
        let bench = try CacheBench()
        try #require(mkdir(bench.path, 0o700) == 0)
        try #require(chown(bench.path, 12_345, 12_345) == 0)
        let error = await refusal(bench)
        #expect(error?.errno == EPERM)
    }

    @Test func `a directory with other files is refused, and left as it is`() async throws {
        let bench = try CacheBench()
        try #require(mkdir(bench.path, 0o755) == 0)
        close(open(bench.path + "/thesis.tex", O_CREAT | O_WRONLY, 0o644))
        let error = await refusal(bench)
        #expect(error?.errno == ENOTEMPTY)
        #expect(mode(bench.path) == 0o755)
        #expect(mode(bench.path + "/format") == nil)
    }

    @Test func `a file, and a place that is not there, are refused`() async throws {
        let bench = try CacheBench()
        close(open(bench.path, O_CREAT | O_WRONLY, 0o644))
        #expect(await refusal(bench)?.errno == ENOTDIR)
        let threads = WorkerThreads(name: "clean-test", count: 1)
        let configuration = CleanFiles.Configuration(directory: bench.parent.path + "/no/such", capacity: 1 << 20)
        #expect(throws: LocalStoreError.self) {
            _ = try CleanFiles(configuration, threads: threads, logger: .init(label: "test"))
        }
    }

    @Test func `another format is refused, with what to do`() async throws {
        let bench = try CacheBench()
        _ = try await bench.open()
        let error = await refusal(bench, cellSize: 8_192)
        #expect(error?.errno == EINVAL)
        #expect(error?.description.contains("cells of 4096 bytes): empty it, or name another directory") == true)
        #expect(await refusal(bench) == nil)
    }

    @Test func `a mark that was being made when the process died is made again`() async throws {
        let bench = try CacheBench()
        try #require(mkdir(bench.path, 0o700) == 0)
        close(open(bench.path + "/format", O_CREAT | O_WRONLY, 0o600))
        #expect(await refusal(bench) == nil)
    }
}
