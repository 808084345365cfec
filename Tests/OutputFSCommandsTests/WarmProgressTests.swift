import Testing

@testable import OutputFSCommands

/// How far a warming says it is.
struct WarmProgressTests {
    /// Reads `rate` bytes a second for some seconds, one file in each, after everything was found.
    private func progress(bytes: UInt64, files: Int, rate: UInt64, seconds: Int) -> WarmProgress {
        var progress = WarmProgress()
        (progress.bytesFound, progress.filesFound, progress.isComplete) = (bytes, files, true)
        progress.sample(at: 0)
        for second in 1...seconds {
            progress.bytesRead += rate
            progress.filesRead += 1
            progress.sample(at: Double(second))
        }
        return progress
    }

    @Test func `the time that is left follows from the bytes that are left`() {
        let progress = progress(bytes: 1000 << 20, files: 50, rate: 100 << 20, seconds: 4)
        #expect(progress.bytesPerSecond == Double(100 << 20))
        #expect(progress.secondsLeft == 6)
        #expect(progress.line == "4 of 50 files, 400 MiB of 1000 MiB, 100 MiB/s, 6s left")
    }

    @Test func `many small files are foretold by their number`() {
        // 624 KiB at 100 KiB/s, and 1,000 files at one a second.
        let progress = progress(bytes: 1 << 20, files: 1004, rate: 100 << 10, seconds: 4)
        #expect(progress.secondsLeft == 1000)
    }

    @Test func `the rate is that of the last ten seconds`() {
        var progress = progress(bytes: 1 << 40, files: 1, rate: 1 << 30, seconds: 60)
        for second in 61...75 { progress.sample(at: Double(second)) }
        #expect(progress.bytesPerSecond == 0)
        #expect(progress.secondsLeft == nil)
    }

    @Test func `before it knows, it does not guess`() {
        var progress = WarmProgress()
        #expect(progress.bytesPerSecond == nil && progress.secondsLeft == nil)
        progress.filesFound = 3
        progress.bytesFound = 2048
        progress.sample(at: 0)
        progress.sample(at: 0.25)
        #expect(progress.line == "0 of at least 3 files, 0 B of at least 2 KiB")
    }

    @Test func `failed files are counted beside the others`() {
        var progress = WarmProgress()
        (progress.filesFound, progress.filesRead, progress.filesFailed, progress.isComplete) = (3, 1, 2, true)
        #expect(progress.line == "1 of 3 files, 0 B of 0 B, 2 failed")
    }
}
