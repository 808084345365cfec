/// What the segments of blob names mean at one place of the tree, and which plain file names they have there.
enum SegmentLevel: Sendable, Hashable {
    /// Files and folders.
    case paths
    /// Files and folders of an Azure ML run, but for those of its own kinds, which have folders beside these.
    case artifacts
    /// The task folders of a job: every first segment that does not begin with `$`.
    case tasks
    /// The folders of output kinds: segments that begin with `$`, shown without it.
    case kinds(ofJob: Bool)

    /// The plain file name of a segment, or `nil` if it has none here.
    func plainName(of segment: String) -> String? {
        switch self {
        case .paths:
            return PlainName.file(forSegment: segment)
        case .tasks, .artifacts:
            return holds(segment) ? PlainName.file(forSegment: segment) : nil
        case .kinds:
            guard holds(segment) else { return nil }
            let kind = String(decoding: segment.utf8.dropFirst(), as: UTF8.self)
            if let name = PlainName.file(forSegment: kind), isPlainKind(name) { return name }
            return PlainName.file(forSegment: segment)
        }
    }

    /// The segment that a plain file name stands for; the inverse of `plainName(of:)`.
    func segment(forPlain name: String) -> Result<String, NameProblem> {
        let segment: String
        switch self {
        case .paths:
            segment = PlainName.segment(forFile: name)
        case .artifacts:
            segment = PlainName.segment(forFile: name)
            guard holds(segment) else {
                return .failure(
                    NameProblem(.invalid, "the run has a folder of this name, which is not among artifacts")
                )
            }
        case .tasks:
            guard !Self.beginsWithDollar(name) else {
                return .failure(NameProblem(.invalid, "the name of a task cannot begin with $"))
            }
            segment = PlainName.segment(forFile: name)
        case .kinds:
            segment = (isPlainKind(name) ? "$" : "") + PlainName.segment(forFile: name)
            guard let shown = plainName(of: segment), shown.utf8.elementsEqual(name.utf8) else {
                return .failure(NameProblem(.invalid, "the folder of an output kind is named without the $"))
            }
        }
        return .success(segment)
    }

    /// Whether segments may be those of files.
    var hasFiles: Bool {
        switch self {
        case .paths, .artifacts: true
        case .tasks, .kinds: false
        }
    }

    /// Whether segments like this one are shown here at all.
    func holds(_ segment: String) -> Bool {
        switch self {
        case .paths: true
        case .artifacts: !RunCategory.allCases.contains { $0.rawValue.utf8.elementsEqual(segment.utf8) }
        case .tasks: !segment.isEmpty && !Self.beginsWithDollar(segment)
        case .kinds: segment.utf8.count > 1 && Self.beginsWithDollar(segment)
        }
    }

    /// Whether segments that are shown here may begin like this.
    func mayBegin(_ beginning: String) -> Bool {
        switch self {
        case .paths, .artifacts: true
        case .tasks: !Self.beginsWithDollar(beginning)
        case .kinds: Self.beginsWithDollar(beginning)
        }
    }

    /// Whether a kind of this name is shown without its `$`: not if that would make it another name here.
    private func isPlainKind(_ name: String) -> Bool {
        !Self.beginsWithDollar(name) && !(self == .kinds(ofJob: true) && name == TreePlace.tasksName)
    }

    private static func beginsWithDollar(_ text: String) -> Bool { text.utf8.first == UInt8(ascii: "$") }
}
