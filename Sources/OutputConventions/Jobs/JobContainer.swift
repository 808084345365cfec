internal import COpenSSL

/// Which container holds the outputs of a job.
package enum JobContainer {
    /// What the names of all job containers begin with.
    package static let prefix = "job-"

    /// 63, the longest container name, less the prefix.
    private static let plainCountMax = 59
    /// How much of an id is kept in front of its hash.
    private static let keptCountMax = 15

    /// The container of a job, by the algorithm of the .NET library; the case of `id` does not matter.
    ///
    /// An id that is itself fit for a container name is kept; of any other a readable part remains, followed by the
    /// SHA-1 of the whole in lower case. The function leads back to the same container from that container's name
    /// without `job-`, which is how a listing can show jobs whose ids are not known.
    package static func name(forJob id: String) -> String {
        let bytes = id.utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
        if isPlain(bytes) { return prefix + String(decoding: bytes, as: UTF8.self) }
        return prefix + String(decoding: kept(bytes) + [hyphen] + hexadecimal(sha1(bytes)), as: UTF8.self)
    }

    /// Whether Batch may have given a job this id: letters, digits, `-` and `_`; a job of a schedule also has a colon.
    package static func isJobID(_ id: String) -> Bool {
        !id.isEmpty && id.utf8.allSatisfy { isAlphanumeric($0) || isSeparator($0) }
    }

    private static let hyphen = UInt8(ascii: "-")

    private static func isSeparator(_ byte: UInt8) -> Bool {
        byte == hyphen || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ":")
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || isDigit(byte)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isPlain(_ id: [UInt8]) -> Bool {
        guard let first = id.first, first != hyphen, id.last != hyphen, id.count <= plainCountMax else { return false }
        return id.allSatisfy { isAlphanumeric($0) || $0 == hyphen }
            && !zip(id, id.dropFirst()).contains { $0 == hyphen && $1 == hyphen }
    }

    /// The readable part: each run of separators as one hyphen, at most 15 characters, no hyphen at either end.
    private static func kept(_ id: [UInt8]) -> [UInt8] {
        let words = id.split(whereSeparator: isSeparator).joined(separator: [hyphen])
        var kept = Array(words.prefix(keptCountMax))
        while kept.last == hyphen { kept.removeLast() }
        return kept.isEmpty ? Array("job".utf8) : kept
    }

    private static func sha1(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Int(SHA_DIGEST_LENGTH)) { digest, count in
            SHA1(bytes, bytes.count, digest.baseAddress)
            count = Int(SHA_DIGEST_LENGTH)
        }
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 0xF)]] }
    }
}
