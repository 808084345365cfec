/// A key of luisy's manifests: the path of an output below the working directory, with a slash in front (`/demo/raw/t.csv`).
/// The blob has the same name without the slash. Compared by UTF-8 bytes, as blob names are.
package struct LuisyKey: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let text: String

    /// The name of the manifest in a project's folder, on a machine and in the store.
    package static let manifestName = ".luisy.hash"

    package init(_ text: String) { self.text = text }

    package init(blob name: String) { text = "/" + name }

    package var description: String { text }

    package var blobName: String {
        text.utf8.first == UInt8(ascii: "/") ? String(Substring(text.utf8.dropFirst())) : text
    }

    /// The names of the path; `nil` for what no path below a working directory is: one with `..`, `.`, an empty name, or a
    /// NUL, or without a slash in front.
    package var names: [String]? {
        guard text.utf8.first == UInt8(ascii: "/"), !text.utf8.contains(0) else { return nil }
        let names = text.utf8.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .map { String(Substring($0)) }
        let isPath = names.allSatisfy { name in
            !name.isEmpty && !name.utf8.elementsEqual(".".utf8) && !name.utf8.elementsEqual("..".utf8)
        }
        return isPath ? names : nil
    }

    /// The folder at the top that it lies in; `nil` at the container's root, and for what is no path.
    package var project: String? { names.flatMap { $0.count > 1 ? $0[0] : nil } }

    /// It has the name of a project's manifest, which is no output.
    package var isManifest: Bool {
        text.utf8.split(separator: UInt8(ascii: "/")).last?.elementsEqual(Self.manifestName.utf8) ?? false
    }

    /// A table of Spark: luisy keeps a hash of it, and never a blob.
    package var isDeltaTable: Bool { text.utf8.suffix(10).elementsEqual("DeltaTable".utf8) }

    package static func == (one: LuisyKey, other: LuisyKey) -> Bool { one.text.utf8.elementsEqual(other.text.utf8) }

    package static func < (one: LuisyKey, other: LuisyKey) -> Bool {
        one.text.utf8.lexicographicallyPrecedes(other.text.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
