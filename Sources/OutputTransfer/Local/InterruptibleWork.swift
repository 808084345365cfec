internal import LocalStore
internal import Synchronization

/// Says whether the task that waits for work on another thread was cancelled.
final class InterruptFlag: Sendable {
    private let flag = Atomic<Bool>(false)

    var isSet: Bool { flag.load(ordering: .relaxed) }

    func set() { flag.store(true, ordering: .relaxed) }
}

extension WorkerThreads {
    /// As `perform`, for what takes long: the digest of a large file, minutes at 0.8 GiB/s. The job is to end soon once the
    /// flag is set; until it has, the task that was cancelled waits.
    func performInterruptibly<Success: Sendable, Failure: Error>(
        _ job: @escaping @Sendable (InterruptFlag) throws(Failure) -> Success
    ) async throws(Failure) -> Success {
        let flag = InterruptFlag()
        let result = await withTaskCancellationHandler {
            await perform { () -> Result<Success, Failure> in
                do throws(Failure) { return .success(try job(flag)) } catch { return .failure(error) }
            }
        } onCancel: {
            flag.set()
        }
        return try result.get()
    }
}
