/// What a file name may mean in a directory, before the store was asked.
package enum Resolution: Sendable, Hashable {
    /// It is there whenever the directory is.
    case fixed(TreePlace)
    /// It is there if the container is.
    case container(TreePlace)
    /// A directory, there if a blob has its prefix, or if its marker is there; never a file.
    case folder(TreePlace)
    /// A file if the blob is there, a directory as for `.folder`; the directory wins.
    case either(file: TreePlace, folder: TreePlace)
    /// The file that a directory of the same name hides: there if the blob is.
    case file(TreePlace)
    /// Several listings tell whether it is there; it cannot be made.
    case gathered(GatheredPlace)
    /// No such name can be there, nor be made.
    case impossible(NameProblem)
}

/// Why a name cannot be made.
package struct NameProblem: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        /// EINVAL: not a name that storage can hold here.
        case invalid
        /// ENAMETOOLONG
        case tooLong
        /// EPERM: this directory holds other things.
        case notHere
    }

    package let kind: Kind
    /// For people, without the name itself.
    package let reason: String

    package init(_ kind: Kind, _ reason: String) {
        self.kind = kind
        self.reason = reason
    }

    package var description: String { reason }
}

extension TreePlace {
    static let tasksName = "tasks"
    static let selfName = "self"

    /// What `name` may mean in this directory.
    package func resolve(_ name: String, views: ShownViews) -> Resolution {
        switch self {
        case .root:
            if let view = OutputView(rawValue: name), views.contains(view) {
                return .fixed(.top(view, views))
            }
            if name == Self.selfName, views.contains(.jobs) { return .fixed(.selfLink) }
            return .impossible(NameProblem(.notHere, "the top level holds the views only"))
        case .view(.jobs):
            guard JobContainer.isJobID(name) else {
                return .impossible(NameProblem(.invalid, "the id of a job consists of letters, digits, - _ and :"))
            }
            return .container(.container(.jobs, container: JobContainer.name(forJob: name)))
        case .view(.containers):
            guard ContainerName.isValid(name) else {
                return .impossible(
                    NameProblem(
                        .invalid,
                        "the name of a container has 3 to 63 characters of a-z, 0-9 and single hyphens"
                    )
                )
            }
            return .container(.container(.containers, container: name))
        case .view(.runs), .view(.datastores), .view(.uploads), .view(.foreach), .gathered:
            guard PlainName.isFileName(name) else {
                return .impossible(NameProblem(.invalid, "not a name that a file can have"))
            }
            return gathered.map { .gathered($0) } ?? .impossible(.notADirectory)
        case .container, .tasks, .task, .folder:
            if let fixed = planned(views: views).fixed.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) {
                return .fixed(fixed.place)
            }
            return BlobDirectory(self)?.resolve(name) ?? .impossible(.notADirectory)
        case .view(.projects):
            return .impossible(NameProblem(.notHere, "which container luisy uses is not configured (luisy-container)"))
        case .selfLink, .file:
            return .impossible(.notADirectory)
        }
    }

    /// Why nothing can be made under `name` in this directory, though a blob that is there may be shown so; `nil` when
    /// it can be made. Names of which `resolve` says `.impossible` have the same problem here.
    package func obstacle(toMaking name: String, views: ShownViews) -> NameProblem? {
        switch resolve(name, views: views) {
        case .impossible(let problem): return problem
        case .gathered: return .gathered
        case .fixed, .container, .folder, .either, .file: break
        }
        return BlobDirectory(self) != nil && PlainName.isReserved(name) ? .reserved : nil
    }
}

extension NameProblem {
    package static let gathered = NameProblem(
        .notHere,
        "what is here is put together from elsewhere: nothing can be made"
    )
    static let notADirectory = NameProblem(.notHere, "not a directory")
}
