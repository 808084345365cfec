import AzureBlob
import BlobStorage
import Logging
import OutputConventions
import OutputTree
import Synchronization
import Testing

@testable import OutputFSCommands

/// What is remembered of Batch's answers, for how long, and what happens without them; time is a number here.
@Suite(.timeLimit(.minutes(5)))
struct BatchRecordsTests {
    /// Plays the service.
    private final class Desk: Sendable {
        struct State {
            var jobs: [BatchJob] = [BatchJob(id: "Film_1", state: "active")]
            var tasks: [String: BatchTask] = [:]
            var failure: StorageError?
            var asked: [String] = []
            var now = Duration.zero
        }

        let state = Mutex(State())

        var asked: [String] { state.withLock { $0.asked } }

        func wait(_ time: Duration) { state.withLock { $0.now += time } }

        private func answer<Value: Sendable>(
            _ question: String,
            _ value: (State) -> Value
        ) -> Result<Value, StorageError> {
            state.withLock { state in
                state.asked.append(question)
                return state.failure.map { .failure($0) } ?? .success(value(state))
            }
        }

        var records: BatchRecords {
            BatchRecords(
                BatchQuestions(
                    jobs: { self.answer("jobs") { $0.jobs } },
                    tasks: { job in self.answer("tasks of \(job)") { Array($0.tasks.values) } },
                    task: { task, job in self.answer("\(task) of \(job)") { $0.tasks[task] } }
                ),
                // Nobody's patience ends while a machine is busy with other tests.
                patience: BatchRecords.Patience(listing: .seconds(3600), lookup: .seconds(3600)),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
                now: { self.state.withLock { $0.now } }
            )
        }
    }

    private static let container = JobContainer.name(forJob: "Film_1")

    private static func task(_ number: Int) -> RecordName { .task(container: container, task: "t\(number)") }

    private static func failure(_ persistence: StorageError.Persistence) -> StorageError {
        StorageError(.unavailable, persistence, operation: "ask Batch", resource: "r", message: "down")
    }

    private static func desk() -> Desk {
        let desk = Desk()
        desk.state.withLock { state in
            for number in 0..<20 { state.tasks["t\(number)"] = BatchTask(id: "t\(number)", state: "running") }
        }
        return desk
    }

    @Test func `jobs are asked for once in half a minute`() async {
        let desk = Self.desk()
        let records = desk.records
        for _ in 0..<3 { #expect(await records.jobIDs() == [Self.container: "Film_1"]) }
        #expect(desk.asked == ["jobs"])
        desk.wait(.seconds(31))
        // What was known is shown while it is asked for anew.
        #expect(await records.jobIDs() == [Self.container: "Film_1"])
        while desk.asked.count < 2 { await Task.yield() }
        #expect(desk.asked == ["jobs", "jobs"])
    }

    @Test func `a task is asked for by itself, and after a few all are`() async {
        let desk = Self.desk()
        let records = desk.records
        for number in 0..<20 { #expect(await records.record(Self.task(number), isListing: false) != nil) }
        #expect(desk.asked == ["jobs"] + (0..<8).map { "t\($0) of Film_1" } + ["tasks of Film_1"])
        #expect(await records.record(Self.task(99), isListing: true) == nil)
        #expect(desk.asked.count == 10, "a list tells also who is not there")
    }

    @Test func `a task that was asked for is known for five seconds`() async {
        let desk = Self.desk()
        let records = desk.records
        func text() async -> String {
            await records.record(Self.task(1), isListing: false).map { String(decoding: $0.text, as: UTF8.self) } ?? ""
        }
        #expect(await text().contains("running"))
        desk.state.withLock { $0.tasks["t1"]?.state = "completed" }
        desk.wait(.seconds(4))
        #expect(await text().contains("running"))
        desk.wait(.seconds(2))
        #expect(await text().contains("completed"))
    }

    @Test func `tasks are found whatever the case of their ids`() async {
        let desk = Self.desk()
        let records = desk.records
        for number in 0..<9 { _ = await records.record(Self.task(number), isListing: false) }
        #expect(await records.record(.task(container: Self.container, task: "T3"), isListing: false) != nil)
    }

    @Test(arguments: [(StorageError.Persistence.temporary, 10), (.permanent, 60)])
    func `a service that fails is spared for a while`(_ persistence: StorageError.Persistence, _ seconds: Int) async {
        let desk = Self.desk()
        desk.state.withLock { $0.failure = Self.failure(persistence) }
        let records = desk.records
        for _ in 0..<5 { #expect(await records.jobIDs().isEmpty) }
        #expect(desk.asked == ["jobs"])
        desk.state.withLock { $0.failure = nil }
        desk.wait(.seconds(seconds - 1))
        #expect(await records.jobIDs().isEmpty)
        desk.wait(.seconds(1))
        #expect(await records.jobIDs() == [Self.container: "Film_1"])
    }

    @Test func `what was known stays while the service fails`() async {
        let desk = Self.desk()
        let records = desk.records
        #expect(await records.record(Self.task(1), isListing: false) != nil)
        desk.state.withLock { $0.failure = Self.failure(.temporary) }
        desk.wait(.seconds(6))
        #expect(await records.record(Self.task(1), isListing: true) != nil)
        #expect(await records.record(.job(container: Self.container), isListing: true) != nil)
    }

    @Test func `a job that Batch does not know has no record, and its tasks are not asked for`() async {
        let desk = Self.desk()
        let records = desk.records
        #expect(await records.record(.job(container: "job-other"), isListing: false) == nil)
        #expect(await records.record(.task(container: "job-other", task: "t1"), isListing: false) == nil)
        #expect(desk.asked == ["jobs"])
    }

    @Test func `who waits for an answer waits no longer than he can spare`() async {
        let answer = SharedAnswer<Int> {
            try? await Task.sleep(for: .seconds(3600))
            return 1
        }
        #expect(await answer.value(within: .milliseconds(10)) == nil)
        let quick = SharedAnswer<Int> { 2 }
        #expect(await quick.value(within: .seconds(3600)) == 2)
        #expect(await quick.value(within: .zero) == 2)
    }

    @Test(.timeLimit(.minutes(1))) func `who can spare nothing is not left waiting`() async {
        let answer = SharedAnswer<Int> {
            try? await Task.sleep(for: .seconds(3600))
            return 1
        }
        // The alarm goes off at once, on another thread: before anybody waits, if it could.
        for _ in 0..<20_000 { #expect(await answer.value(within: .zero) == nil) }
    }
}
