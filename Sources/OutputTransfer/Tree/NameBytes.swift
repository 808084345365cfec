/// A name, compared by its bytes: `String` takes composed and decomposed letters for one.
struct NameBytes: Hashable, Sendable {
    let text: String

    init(_ text: String) { self.text = text }

    static func == (one: NameBytes, other: NameBytes) -> Bool { one.text.utf8.elementsEqual(other.text.utf8) }

    func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
    }
}
