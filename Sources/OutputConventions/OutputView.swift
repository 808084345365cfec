/// One top-level folder of the tree.
package enum OutputView: String, CaseIterable, Sendable, Hashable {
    /// Azure Batch File Conventions: one folder for each job.
    case jobs
    /// Azure ML: one folder for each run.
    case runs
    /// Azure ML: the datastores of a workspace, and those that are configured.
    case datastores
    /// Azure ML: what was uploaded, by the name and version of the asset.
    case uploads
    /// doAzureParallel: one folder for each job.
    case foreach
    /// luisy: the projects of one container.
    case projects
    /// Every blob under its own name, whatever wrote it.
    case containers
}

/// Which views a tree has, and what they need to know beforehand.
package struct ShownViews: Sendable, Hashable {
    package var shown: Set<OutputView>
    /// The container that luisy keeps its projects in; `nil`: `projects` is empty.
    package var luisyContainer: String?

    package static let all = ShownViews(OutputView.allCases)

    package init(_ shown: some Sequence<OutputView>, luisyContainer: String? = nil) {
        self.shown = Set(shown)
        self.luisyContainer = luisyContainer
    }

    package func contains(_ view: OutputView) -> Bool { shown.contains(view) }
}

extension ShownViews: ExpressibleByArrayLiteral {
    package init(arrayLiteral elements: OutputView...) { self.init(elements) }
}
