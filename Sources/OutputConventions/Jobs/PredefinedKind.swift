/// The kinds of output that the conventions name; their folders are there without being made.
package enum PredefinedKind: String, CaseIterable, Sendable, Hashable {
    case jobOutput = "JobOutput"
    case jobPreview = "JobPreview"
    case taskOutput = "TaskOutput"
    case taskPreview = "TaskPreview"
    case taskLog = "TaskLog"
    case taskIntermediate = "TaskIntermediate"

    package static let ofJobs: [PredefinedKind] = [.jobOutput, .jobPreview]
    package static let ofTasks: [PredefinedKind] = [.taskOutput, .taskPreview, .taskLog, .taskIntermediate]
}
