/// Names one version of a blob's bytes: equal keys, equal bytes, for ever. All parts are compared as UTF-8 bytes.
package struct CleanFileKey: Hashable, Sendable, CustomStringConvertible {
    /// The endpoint, with the account ("https://account.blob.core.windows.net").
    package let account: String
    package let container: String
    package let blob: String
    /// What fixes the bytes: "etag:" and the ETag as the service gave it; "append:" and what names an append blob's life,
    /// whose bytes never change but may be followed by more.
    package let version: String

    package init(account: String, container: String, blob: String, version: String) {
        self.account = account
        self.container = container
        self.blob = blob
        self.version = version
    }

    package var description: String { "\(container)/\(blob) \(version)" }

    private var parts: [String] { [account, container, blob, version] }

    package static func == (one: CleanFileKey, other: CleanFileKey) -> Bool {
        zip(one.parts, other.parts).allSatisfy { $0.utf8.elementsEqual($1.utf8) }
    }

    package func hash(into hasher: inout Hasher) {
        for var part in parts {
            hasher.combine(part.utf8.count)
            part.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        }
    }
}
