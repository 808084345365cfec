import BlobStorage

/// Asks for several things, so many at a time; the answers in the order of the questions. The first failure ends it.
func concurrently<Question: Sendable, Answer: Sendable>(
    _ questions: [Question],
    atOnce: Int,
    _ ask: @escaping @Sendable (Question) async throws(StorageError) -> Answer
) async throws(StorageError) -> [Answer] {
    var answers: [Answer?] = Array(repeating: nil, count: questions.count)
    let failure = await withTaskGroup(of: (Int, Result<Answer, StorageError>).self) { group -> StorageError? in
        for (index, question) in questions.enumerated() {
            if index >= atOnce, let failure = take(await group.next(), into: &answers) {
                group.cancelAll()
                return failure
            }
            group.addTask {
                do throws(StorageError) { return (index, .success(try await ask(question))) } catch {
                    return (index, .failure(error))
                }
            }
        }
        for await answered in group {
            guard let failure = take(answered, into: &answers) else { continue }
            group.cancelAll()
            return failure
        }
        return nil
    }
    if let failure { throw failure }
    return answers.compactMap(\.self)
}

private func take<Answer>(
    _ answered: (Int, Result<Answer, StorageError>)?,
    into answers: inout [Answer?]
) -> StorageError? {
    guard let (index, result) = answered else { return nil }
    switch result {
    case .success(let answer): answers[index] = answer
    case .failure(let error): return error
    }
    return nil
}
