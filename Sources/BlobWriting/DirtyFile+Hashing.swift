internal import Checksums
internal import LocalStore
internal import Synchronization

/// The MD5 of the whole file: behind a sequential writer, and what is left of it at the commit.
///
/// A file has one job at a time on the hashing threads, a step long. MD5 cannot be split: a second one, as a commit once
/// brought along, only waited for the first, on a thread that other files needed.
extension DirtyFile {
    /// Lets the hashing threads go on with this file. To be called by whoever `beginHashing` told to.
    func hashNext() {
        scheduler.hashing.run { [self] in
            hash.step { state.withLock { $0.plan.claimForHashing(ContentHash.stepSize) } }
            let (goesOn, waiter) = state.withLock { $0.endHashStep() }
            if goesOn { hashNext() } else { waiter?.resume() }
        }
    }

    /// Hashes what the hash behind the writer has not reached yet; the MD5 in base64, `nil` where it is not known. For
    /// the one commit that runs.
    func finishHash() async -> String? {
        if state.withLock({ $0.beginHashing() }) { hashNext() }
        await hashingEnded()
        guard state.withLock({ !$0.isHashing && $0.plan.isHashComplete }) else { return nil }
        return await scheduler.hashing.perform { self.hash.digest() }.map { Base64.encode($0) }
    }

    /// Returns when there is nothing more to hash, or the task is cancelled.
    private func hashingEnded() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let mustWait = state.withLock { state in
                    let mustWait = state.isHashing && !Task.isCancelled
                    if mustWait { state.hashWaiter = continuation }
                    return mustWait
                }
                if !mustWait { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.hashWaiter.take() }?.resume()
        }
    }
}

extension DirtyFile.State {
    /// Whether the hash has something to do and nobody was at it.
    mutating func beginHashing() -> Bool {
        guard !isHashing, plan.hasBytesToHash else { return false }
        isHashing = true
        return true
    }

    fileprivate mutating func endHashStep() -> (goesOn: Bool, waiter: CheckedContinuation<Void, Never>?) {
        if plan.hasBytesToHash { return (true, nil) }
        isHashing = false
        return (false, hashWaiter.take())
    }
}
