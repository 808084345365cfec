/// A text that must not appear in logs, errors or dumps: an account key, a SAS, a token.
///
/// Printing it, interpolating it or reflecting on it gives a fixed word.
package struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let text: String

    package init(_ text: String) { self.text = text }

    /// The text itself. Whoever calls this answers for where it goes.
    package func revealed() -> String { text }

    /// A SAS as it is appended to a query.
    var withoutQuestionMark: Secret { text.hasPrefix("?") ? Secret(String(text.dropFirst())) : self }

    package var description: String { "<secret>" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}
