internal import BlobStorage
internal import FoundationEssentials
internal import OutputTransfer

/// A line of `ls` and `find`.
struct ListedFile: Codable, Sendable {
    /// From the root of the tree, without a slash in front.
    var path: String
    var isDirectory: Bool
    var size: UInt64?
    /// RFC 3339, in UTC.
    var modified: String?
    var type: String?
    var etag: String?
    var container: String?
    var blob: String?

    init(_ entry: StoreTree.Entry, in directory: String?) {
        path = directory.map { $0.isEmpty ? entry.name : $0 + "/" + entry.name } ?? entry.name
        isDirectory = entry.file == nil
        guard let file = entry.file else { return }
        size = file.properties.length
        modified = Self.time(file.properties.version.lastModified)
        type = file.properties.type.rawValue
        etag = file.properties.version.etag.text
        (container, blob) = (file.address.container, file.address.name)
    }

    /// Directories end with a slash, as with `ls -p`.
    var shownName: String { isDirectory ? path + "/" : path }

    /// Size and time.
    var columns: [String] { [size.map(HumanUnits.bytes) ?? "-", modified ?? "-"] }

    static func table(_ lines: [ListedFile]) -> String {
        var table = TextTable([("SIZE", .right), ("MODIFIED", .left), ("NAME", .left)])
        for line in lines { table.add(line.columns + [line.shownName]) }
        return table.text
    }

    static func time(_ seconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
    }
}
