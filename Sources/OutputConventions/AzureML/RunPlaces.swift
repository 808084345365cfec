/// Where the containers of an Azure ML workspace keep what belongs to one run.
///
///     ExperimentRun/dcid.<run>/…              what it wrote: outputs, logs and other artifacts
///     ArtifactZip/ExperimentRun/dcid.<run>.zip  the studio's "download all"
///     ComputeRecord/dcid.<run>, …/…           what it ran on
///     azureml/<run>/<output>/…                named outputs; dataset/<run>/… in older workspaces
package enum RunPlaces {
    /// Whether a container is one of those that workspaces have.
    package static func isInWorkspace(container: String) -> Bool {
        container.utf8.elementsEqual(RunBlobs.artifactContainer.utf8)
            || container.utf8.starts(with: RunBlobs.blobstorePrefix.utf8)
    }

    /// What stands before the run's id, and behind it.
    private static let forms =
        [
            Form(before: RunBlobs.root, after: "/", shown: nil),
            Form(before: "ArtifactZip/\(RunBlobs.root)", after: ".zip", shown: "archive"),
            Form(before: "ComputeRecord/dcid.", after: "/", shown: "compute"),
            Form(before: "ComputeRecord/dcid.", after: "", shown: "compute"),
        ] + RunBlobs.namedOutputRoots.map { Form(before: $0, after: "/", shown: "named-outputs") }

    private struct Form {
        let before: String
        let after: String
        /// The folder of the run in which this is told of; `nil`: by the first name of what is below.
        let shown: String?
    }

    /// Under which prefixes a listing by `/` shows all runs of a container.
    package static let listed: [String] = {
        var seen: [String] = []
        for form in forms where !seen.contains(form.before) { seen.append(form.before) }
        return seen
    }()

    /// Whose run a line of such a listing is, a prefix with its slash or a blob; `nil` if nobody's.
    package static func run(of name: String) -> String? {
        for form in forms where name.utf8.starts(with: form.before.utf8) {
            let rest = name.utf8.dropFirst(form.before.utf8.count)
            guard rest.count > form.after.utf8.count, rest.suffix(form.after.utf8.count).elementsEqual(form.after.utf8)
            else { continue }
            let run = String(decoding: rest.dropLast(form.after.utf8.count), as: UTF8.self)
            if !run.utf8.contains(UInt8(ascii: "/")) { return run }
        }
        return nil
    }

    /// Whether something below this prefix shows that there is a run. `dataset/` is a name that people give to folders of
    /// their own.
    package static func proves(_ prefix: String) -> Bool { !prefix.utf8.starts(with: "dataset/".utf8) }

    /// The folders of a run, each with its slash.
    package static func folders(of run: String) -> [String] {
        forms.filter { $0.after == "/" }.map { $0.before + run + $0.after }
    }

    /// The single blobs of a run.
    package static func blobs(of run: String) -> [String] {
        forms.filter { $0.after != "/" }.map { $0.before + run + $0.after }
    }

    /// The names by which a blob below one of these prefixes is told of, as `runs/<run>/…` has them.
    ///
    /// - Parameter names: those of the blob behind the prefix.
    package static func path(_ names: [String], behind prefix: String) -> [String] {
        guard let form = forms.first(where: { prefix.utf8.starts(with: $0.before.utf8) }) else { return names }
        if let shown = form.shown { return [shown] + names }
        let isOwn = RunCategory.allCases.contains { names.first?.utf8.elementsEqual($0.rawValue.utf8) ?? false }
        return isOwn && names.count > 1 ? names : ["artifacts"] + names
    }
}
