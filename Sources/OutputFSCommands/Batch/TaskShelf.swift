internal import AzureBlob

/// What is known of one job's tasks, and what follows from a question: a value without clock or connection.
struct TaskShelf {
    enum Answer: Equatable {
        /// `nil`: there is no such task.
        case known(BatchTask?)
        case askForOne
        /// So many are asked for that a page of 1,000 costs less than they do.
        case askForAll
    }

    /// Questions for different tasks within `validity` before all are listed.
    static let questionsMax = 8
    static let validity = Duration.seconds(5)

    private var one: [String: (task: BatchTask?, at: Duration)] = [:]
    private var all: (tasks: [String: BatchTask], at: Duration, validity: Duration)?
    private var questions: [String: Duration] = [:]
    private(set) var lastUse = Duration.zero

    var holdsList: Bool { all != nil }

    /// Ids of tasks are compared without case, as Batch does; blobs' names are not, so each spelling finds the one task.
    mutating func look(for task: String, now: Duration) -> Answer {
        lastUse = now
        let id = task.lowercased()
        if let all, now < all.at + all.validity { return .known(all.tasks[id]) }
        if let known = one[id], now < known.at + Self.validity { return .known(known.task) }
        questions = questions.filter { now < $0.value + Self.validity }
        questions[id] = now
        return questions.count > Self.questionsMax ? .askForAll : .askForOne
    }

    /// Whatever is known of it, old or not.
    func last(_ task: String) -> BatchTask? {
        let id = task.lowercased()
        return all?.tasks[id] ?? one[id]?.task
    }

    mutating func learn(_ task: BatchTask?, id: String, askedAt: Duration) {
        one = one.filter { askedAt < $0.value.at + Self.validity }
        one[id.lowercased()] = (task, askedAt)
    }

    /// - Parameter took: a list that takes long is kept for longer: listing must not become all that we do.
    mutating func learn(all tasks: [BatchTask], askedAt: Duration, took: Duration) {
        var byID: [String: BatchTask] = [:]
        for task in tasks { byID[task.id.lowercased()] = task }
        all = (byID, askedAt + took, max(Self.validity, took * 4))
        one = [:]
        questions = [:]
    }

    mutating func forgetList() { all = nil }
}
