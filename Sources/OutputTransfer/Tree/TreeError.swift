/// Why a path leads nowhere.
package struct TreeError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Reason: Sendable, Hashable {
        case notFound
        case isDirectory
        /// `self`, which only a mount can follow.
        case notInStore
        case impossible(String)
        /// It does not begin with the path that is to be taken off.
        case notBelow([String])
    }

    package let path: [String]
    package let reason: Reason

    init(_ path: [String], _ reason: Reason) {
        self.path = path
        self.reason = reason
    }

    package var description: String {
        let text = "/" + path.joined(separator: "/")
        return switch reason {
        case .notFound: "\(text) is not there"
        case .isDirectory: "\(text) is a directory"
        case .notInStore: "\(text) is a link that only a mount can follow"
        case .notBelow(let names): "\(text) is not below /\(names.joined(separator: "/")), which --strip takes off"
        case .impossible(let why): "\(text) cannot be there: \(why)"
        }
    }
}
