import Synchronization
import Testing

@testable import OutputFSCommands

/// How `warm` waits for the disk: 16 MiB of memory, of which an eighth may wait.
@Suite(.timeLimit(.minutes(1))) struct DiskPaceTests {
    /// What the mount says, one after the other; the last again and again.
    private final class Mount: Sendable {
        private let answers: Mutex<[UInt64?]>
        private let asked = Mutex(0)

        init(_ answers: [UInt64?]) { self.answers = Mutex(answers) }

        var askedCount: Int { asked.withLock { $0 } }

        func pace(patience: Duration = .seconds(60)) -> DiskPace {
            DiskPace(memory: 16 << 20, patience: patience) {
                self.asked.withLock { $0 += 1 }
                return self.answers.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
            }
        }
    }

    @Test func `readers go on until they have read a sixteenth of the memory`() {
        let mount = Mount([0])
        let pace = mount.pace()
        pace.wait(afterReading: 1 << 19) { false }
        #expect(mount.askedCount == 0)
        pace.wait(afterReading: 1 << 19) { false }
        #expect(mount.askedCount == 1)
    }

    @Test func `readers wait until an eighth of the memory is left to save`() {
        let mount = Mount([5 << 20, 3 << 20, 2 << 20, 0])
        mount.pace().wait(afterReading: 1 << 20) { false }
        #expect(mount.askedCount == 3)
    }

    @Test func `the end waits for the last byte, and tells how much is left`() {
        let mount = Mount([2 << 20, 1 << 20, 0])
        let told = Mutex<[UInt64]>([])
        mount.pace().drain(unless: { false }) { left in told.withLock { $0.append(left) } }
        #expect(told.withLock { $0 } == [2 << 20, 1 << 20])
    }

    @Test func `a disk that takes nothing is given up, once and for all`() {
        let mount = Mount([9 << 20])
        let pace = mount.pace(patience: .milliseconds(30))
        pace.wait(afterReading: 1 << 20) { false }
        let count = mount.askedCount
        pace.wait(afterReading: 1 << 20) { false }
        pace.drain(unless: { false }) { _ in }
        #expect(count > 0 && mount.askedCount == count)
    }

    @Test func `a mount that does not answer is not waited for, nor anything after an interrupt`() {
        let silent = Mount([nil])
        silent.pace().drain(unless: { false }) { _ in }
        #expect(silent.askedCount == 1)
        let slow = Mount([9 << 20])
        slow.pace().drain(unless: { true }) { _ in }
        #expect(slow.askedCount == 0)
    }
}
