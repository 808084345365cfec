/// Where a symbolic link leads, judged by the text that it holds.
enum LinkTarget {
    /// PATH_MAX, with its closing 0.
    private static let byteCountMax = 4_095

    /// Whether it stays below a folder, wherever that folder is moved to: relative, and up at most to the folder itself.
    ///
    /// A `..` behind a name does not count as staying: the name may be a link, and then leads up from somewhere else.
    ///
    /// - Parameter depth: how many folders the link lies below that one.
    static func staysInside(_ text: String, depth: Int) -> Bool {
        let bytes = text.utf8
        guard let first = bytes.first, first != UInt8(ascii: "/"), bytes.count <= byteCountMax, !bytes.contains(0)
        else { return false }
        var (rises, isBelow) = (0, false)
        for name in bytes.split(separator: UInt8(ascii: "/")) {
            if name.elementsEqual("..".utf8) {
                if isBelow { return false }
                rises += 1
            } else if !name.elementsEqual(".".utf8) {
                isBelow = true
            }
        }
        return rises <= depth
    }
}
