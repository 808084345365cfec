package import BlobStorage

/// Why there is no token; without secrets.
package struct SignInFailure: Error, Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        /// This way in does not exist here: no such variables, no IMDS, nobody logged in. A chain goes on to the next.
        case absent
        /// It exists, and says no: trying again gives the same answer until somebody changes something.
        case refused
        /// No answer for now.
        case unavailable
    }

    /// What one link of a chain said.
    package struct Answer: Sendable, Hashable {
        package var link: String
        package var text: String
    }

    package var kind: Kind
    package var text: String
    /// What the user can do; one line each.
    package var remedies: [String]
    /// Of a chain: what each link said, in the order in which they were asked.
    package var answers: [Answer] = []

    package init(_ kind: Kind, _ text: String, try remedies: String...) {
        self.kind = kind
        self.text = text
        self.remedies = remedies
    }

    /// On one line, for logs.
    package var line: String {
        let said = answers.map { "\($0.link): \($0.text)" }.joined(separator: "; ")
        return said.isEmpty ? text : "\(text) (\(said))"
    }

    /// With a line for each link, for terminals.
    package var paragraph: String {
        ([text] + answers.map { "  \($0.link): \($0.text)" }).joined(separator: "\n")
    }

    /// As requests that need the token see it.
    package var storageError: StorageError {
        let message = ([line] + remedies.map { "try: \($0)" }).joined(separator: "; ")
        return kind == .unavailable
            ? StorageError(.unavailable, .temporary, operation: "sign in", resource: "identity", message: message)
            : StorageError(.unauthenticated, .permanent, operation: "sign in", resource: "identity", message: message)
    }
}
