/// Which names a container can have.
package enum ContainerName {
    /// Containers that the service makes, or gives a meaning to; all others follow the rule.
    private static let special: Set<String> = ["$root", "$web", "$logs", "$blobchangefeed"]

    /// 3 to 63 characters of `[a-z0-9-]`, a letter or digit at both ends and around each hyphen; or a special one.
    package static func isValid(_ name: String) -> Bool {
        if name.utf8.first == UInt8(ascii: "$") { return special.contains(name) }
        guard (3...63).contains(name.utf8.count) else { return false }
        var previous = UInt8(ascii: "-")
        for byte in name.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): break
            case UInt8(ascii: "-"): if previous == byte { return false }
            default: return false
            }
            previous = byte
        }
        return previous != UInt8(ascii: "-")
    }
}
