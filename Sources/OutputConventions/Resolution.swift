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
    /// What `name` may mean in this directory.
    package func resolve(_ name: String, views: Set<OutputView>) -> Resolution {
        .impossible(NameProblem(.invalid, "skeleton"))
    }

    /// Why nothing can be made under `name` in this directory, though a blob that is there may be shown so; `nil` when
    /// it can be made. Names of which `resolve` says `.impossible` have the same problem here.
    package func obstacle(toMaking name: String, views: Set<OutputView>) -> NameProblem? {
        nil
    }
}
