/// An `x-ms-version`: a date that selects the rules by which a request is served.
struct ServiceVersion: Comparable, Sendable {
    let text: String

    static let oldest = ServiceVersion(known: "2016-05-31")
    /// What rclone 1.75 sends; azure-storage-blob 12.31 for Python sends 2026-10-06.
    static let newest = ServiceVersion(known: "2026-12-06")

    private init(known text: String) {
        self.text = text
    }

    /// Nil for what is no date or lies outside the range that is served.
    init?(_ text: String) {
        guard text.utf8.count == 10, Timestamp(iso8601: text) != nil else { return nil }
        self.init(known: text)
        guard self >= .oldest, self <= .newest else { return nil }
    }

    func isAtLeast(_ date: String) -> Bool {
        !text.utf8.lexicographicallyPrecedes(date.utf8)
    }

    static func == (left: ServiceVersion, right: ServiceVersion) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    static func < (left: ServiceVersion, right: ServiceVersion) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }

    private static let mebibyte = 1 << 20

    /// The most bytes that Put Blob takes.
    var putBlobLimit: Int {
        isAtLeast("2019-12-12") ? 5000 * Self.mebibyte : 256 * Self.mebibyte
    }

    /// The most bytes that Put Block takes.
    var putBlockLimit: Int {
        isAtLeast("2019-12-12") ? 4000 * Self.mebibyte : 100 * Self.mebibyte
    }

    /// The most bytes that Append Block takes.
    var appendBlockLimit: Int {
        isAtLeast("2022-11-02") ? 100 * Self.mebibyte : 4 * Self.mebibyte
    }

    /// Names with U+FFFE or U+FFFF are listed percent-encoded.
    var encodesNames: Bool {
        isAtLeast("2021-02-12")
    }
}
