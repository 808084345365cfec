import Testing

@testable import OutputFSCommands

/// How work is cut and shared, and what is told at the end.
struct WarmingTests {
    private func file(_ size: UInt64) -> WarmFile { WarmFile(path: "/m/f", size: size, targetIndex: 0) }

    @Test(arguments: [
        (UInt64(1), 1), (WarmFile.partSize, 1), (WarmFile.partSize + 1, 2), (10 * WarmFile.partSize, 10),
    ])
    func `a file is cut into parts that cover it without a gap`(_ size: UInt64, _ count: Int) {
        let file = file(size)
        #expect(file.partCount == count)
        var end: UInt64 = 0
        for index in 0..<count {
            let range = file.range(ofPart: index)
            #expect(range.lowerBound == end && !range.isEmpty)
            end = range.upperBound
        }
        #expect(end == size)
    }

    @Test func `the outcome of a file is known with its last part, and the first failure counts`() {
        let file = file(3 * WarmFile.partSize)
        #expect(file.endPart() == nil)
        file.fail(Errno(5))
        file.fail(Errno(116))
        #expect(file.endPart() == nil)
        guard case .failure(let failure) = file.endPart() else {
            Issue.record("the file did not fail")
            return
        }
        #expect(failure.code == 5)
    }

    @Test(.timeLimit(.minutes(5)))
    func `parts are taken in order, and the end reaches every reader`() {
        let queue = WarmQueue(capacity: 4)
        queue.put(file(2 * WarmFile.partSize))
        queue.put(file(1))
        queue.close(readerCount: 2)
        #expect(queue.take()?.index == 0)
        #expect(queue.take()?.index == 1)
        let last = queue.take()
        #expect(last?.file.size == 1 && last?.index == 0)
        #expect(queue.take() == nil)
        #expect(queue.take() == nil)
    }

    @Test(.timeLimit(.minutes(5)))
    func `a queue that was used for long is still in order`() {
        let queue = WarmQueue(capacity: 5_000)
        for size in 1...5_000 { queue.put(file(UInt64(size))) }
        for size in 1...5_000 { #expect(queue.take()?.file.size == UInt64(size)) }
    }

    private func summary(failed: Int = 0, isInterrupted: Bool = false, fromStore: UInt64? = 0) -> WarmSummary {
        WarmSummary(
            files: 3,
            bytes: 300 << 20,
            seconds: 3,
            bytesPerSecond: Double(100 << 20),
            isInterrupted: isInterrupted,
            failed: failed,
            failures: [],
            mounts: [
                .init(
                    mountPoint: "/m",
                    files: 3,
                    bytes: 300 << 20,
                    bytesFromStore: fromStore,
                    bytesNotSaved: fromStore.map { _ in 0 },
                    exceedsCache: false
                )
            ]
        )
    }

    @Test func `what came from the store is told apart from what was here`() {
        #expect(summary().text == "3 files with 300 MiB in 3s (100 MiB/s); all of it was here already")
        #expect(
            summary(fromStore: 1 << 20).text == "3 files with 300 MiB in 3s (100 MiB/s); 1 MiB came from the store"
        )
        #expect(summary(fromStore: nil).text == "3 files with 300 MiB in 3s (100 MiB/s)")
    }

    @Test func `the exit status says whether everything was read`() {
        #expect(summary().exitStatus == .success)
        #expect(summary(failed: 1).exitStatus == .failure)
        #expect(summary(failed: 1).text.hasSuffix("; 1 could not be read"))
        #expect(summary(failed: 1, isInterrupted: true).exitStatus == .interrupted)
        #expect(summary(isInterrupted: true).text.hasPrefix("Interrupted: 3 files"))
    }

    @Test func `what did not get to the disk is wanted once more, unless there is no room or an interrupt`() {
        var first = summary(fromStore: 100 << 20)
        #expect(first.lackingMounts.isEmpty)
        first.mounts[0].bytesNotSaved = 40 << 20
        #expect(first.lackingMounts == [0])
        var full = first
        full.mounts[0].exceedsCache = true
        #expect(full.lackingMounts.isEmpty)
        var interrupted = first
        interrupted.isInterrupted = true
        #expect(interrupted.lackingMounts.isEmpty)
    }

    @Test func `the exit status says whether it got to the disk, where there is room for it`() {
        var lacking = summary(fromStore: 100 << 20)
        lacking.mounts[0].bytesNotSaved = 1
        #expect(lacking.exitStatus == .failure)
        lacking.mounts[0].exceedsCache = true
        #expect(lacking.exitStatus == .success)
    }

    @Test func `a further pass adds time and fetches, and counts no file twice`() {
        var sum = summary(fromStore: 100 << 20)
        sum.mounts[0].bytesNotSaved = 40 << 20
        sum.add(summary(fromStore: 40 << 20))
        #expect((sum.files, sum.bytes, sum.seconds) == (3, 300 << 20, 6))
        #expect(sum.bytesPerSecond == Double(50 << 20))
        #expect(sum.mounts[0].bytesFromStore == 140 << 20)
        #expect(sum.bytesNotSaved == 0)
        // What lies in memory is not fetched, and so not saved.
        sum.mounts[0].bytesNotSaved = 5 << 20
        sum.add(summary(fromStore: 0))
        #expect(sum.bytesNotSaved == 5 << 20)
        #expect(sum.text.hasSuffix("; 5 MiB did not get to the disk cache"))
    }

    @Test func `a mount that keeps nothing on disk, or is not ours, is told before`() {
        #expect(WarmTarget(mountPoint: "/m", status: .sample()).note?.contains("no --cache-dir") == true)
        #expect(WarmTarget(mountPoint: "/m", status: .sample()).capacity == 256 << 20)
        #expect(WarmTarget(mountPoint: "/m", status: .sample(hasDiskCache: true)).note == nil)
        #expect(WarmTarget(mountPoint: "/m", status: .sample(hasDiskCache: true)).capacity == 10 << 30)
        #expect(WarmTarget(mountPoint: "/m", status: nil).note?.contains("not yours") == true)
        #expect(WarmTarget(mountPoint: "/m", status: .sample()).noteOnExcess.contains("its memory holds (256 MiB)"))
    }
}
