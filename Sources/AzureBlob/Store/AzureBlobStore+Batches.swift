package import BlobStorage
internal import Logging
internal import Synchronization

extension AzureBlobStore {
    /// By batches of 256, several at a time. Who may not send batches, or asks a server that knows none, has his blobs
    /// deleted one by one, many at a time.
    package func deleteEach(_ deletions: [BlobDeletion], atOnce: Int) async -> [StorageError?] {
        if engine.refusesBatches.load(ordering: .relaxed) { return await deleteSingly(deletions, atOnce: atOnce) }
        var batches: [[Int]] = []
        let containers = Dictionary(grouping: deletions.indices) { deletions[$0].blob.container }
        for numbers in containers.values {
            for start in stride(from: 0, to: numbers.count, by: BlobBatch.countMax) {
                batches.append(Array(numbers[start..<min(start + BlobBatch.countMax, numbers.count)]))
            }
        }
        return await withTaskGroup(of: [(Int, StorageError?)].self) { group in
            var failures = [StorageError?](repeating: nil, count: deletions.count)
            var rest = batches[...]
            func start() {
                guard let numbers = rest.popFirst() else { return }
                group.addTask { Array(zip(numbers, await self.delete(batch: numbers.map { deletions[$0] }, atOnce))) }
            }
            for _ in 0..<atOnce { start() }
            for await ended in group {
                for (number, failure) in ended { failures[number] = failure }
                start()
            }
            return failures
        }
    }

    /// All of one container.
    private func delete(batch deletions: [BlobDeletion], _ atOnce: Int) async -> [StorageError?] {
        // A batch of one is only longer.
        guard deletions.count > 1, let container = deletions.first?.blob.container else {
            return await deleteSingly(deletions, atOnce: atOnce)
        }
        let batch = BlobBatch(container: container, deletions)
        let answer: BatchAnswer
        do throws(StorageError) { answer = try await send(batch) } catch {
            guard error.kind.saysNoBatches else { return deletions.map { _ in error } }
            engine.refusesBatches.store(true, ordering: .relaxed)
            engine.logger.debug("deletes go one by one: \(error)")
            return await deleteSingly(deletions, atOnce: atOnce)
        }
        var failures: [StorageError?] = []
        var again: [Int] = []
        for (number, request) in batch.parts.enumerated() {
            let part = answer.parts[number]
            let failure = part.flatMap {
                $0.head.isSuccess ? nil : StorageError($0.head, body: $0.body, request: request)
            }
            failures.append(failure)
            if part == nil || failure?.persistence == .temporary { again.append(number) }
        }
        let answers = await deleteSingly(again.map { deletions[$0] }, atOnce: atOnce)
        for (number, failure) in zip(again, answers) { failures[number] = failure }
        return await told(failures, of: batch.parts)
    }

    /// A condition on what is gone is not met either, and an earlier attempt of the batch may have done it: of the few that
    /// are refused so, a look tells.
    private func told(_ failures: [StorageError?], of parts: [StorageRequest]) async -> [StorageError?] {
        var failures = failures
        for (number, part) in parts.enumerated() {
            guard failures[number]?.kind == .conditionFailed, let container = part.container, let name = part.blob
            else { continue }
            do throws(StorageError) {
                let found = try await engine.head(ifPresent: BlobAddress(container: container, name: name))
                if found == nil { failures[number] = StorageError(.notFound, .permanent, part, "not there") }
            } catch { failures[number] = error }
        }
        return failures
    }

    private func send(_ batch: BlobBatch) async throws(StorageError) -> BatchAnswer {
        let token = try await engine.authorizer.token(refused: nil)
        let body = batch.body { engine.authorizer.part($0, token: token) }
        let request = batch.request(byteCount: body.count)
        return try await engine.call(request, body: UploadBody(body), priority: .background) {
            answer throws(StorageError) in
            guard let parsed = BatchAnswer(answer.body, contentType: answer.head["content-type"]) else {
                throw StorageError(.corrupted, .temporary, request, "the answer is no batch's", head: answer.head)
            }
            if let whole = parsed.whole, parsed.parts.isEmpty {
                throw StorageError(whole.head, body: whole.body, request: request)
            }
            return parsed
        }
    }
}

extension StorageError.Kind {
    /// A refusal that says nothing of the blobs: the token may not, or the server cannot. Parts are judged by themselves.
    fileprivate var saysNoBatches: Bool {
        switch self {
        case .denied, .invalid, .unexpected, .conflict, .notFound, .corrupted: true
        default: false
        }
    }
}
