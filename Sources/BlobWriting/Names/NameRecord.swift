package import BlobStorage

/// One line of the log of a change of names that is under way: there are no bytes beside it. The numbers are those in the
/// files, for ever, and none of them is a `JournalRecord`'s.
package enum NameRecord: Sendable, Hashable {
    /// The name is gone, says unlink(2): this version of the blob is to be deleted.
    case removal(BlobAddress, ETag)
    /// All blobs with the first prefix, and the directory's marker, move to the second.
    case move(from: BlobAddress, to: BlobAddress)
    /// This version of a source is being copied.
    case copying(ETag)
    /// And was: this is the copy's version.
    case copied(ETag, ETag)
    /// All copies stand. From here on sources are deleted.
    case allCopied

    private enum Kind: UInt8 { case removal = 40, move, copying, copied, allCopied }

    package var payload: [UInt8] {
        var writer = PayloadWriter()
        switch self {
        case .removal(let blob, let etag):
            writer.byte(Kind.removal.rawValue)
            writer.blob(blob)
            writer.etag(etag)
        case .move(let from, let to):
            writer.byte(Kind.move.rawValue)
            writer.blob(from)
            writer.blob(to)
        case .copying(let source):
            writer.byte(Kind.copying.rawValue)
            writer.etag(source)
        case .copied(let source, let copy):
            writer.byte(Kind.copied.rawValue)
            writer.etag(source)
            writer.etag(copy)
        case .allCopied: writer.byte(Kind.allCopied.rawValue)
        }
        return writer.bytes
    }

    /// `nil` for what is another kind of record, or none.
    package init?(payload: [UInt8]) {
        var reader = PayloadReader(payload)
        guard let kind = reader.byte().flatMap(Kind.init) else { return nil }
        let record: NameRecord
        switch kind {
        case .removal:
            guard let blob = reader.blob(), let etag = reader.etag() else { return nil }
            record = .removal(blob, etag)
        case .move:
            guard let from = reader.blob(), let to = reader.blob() else { return nil }
            record = .move(from: from, to: to)
        case .copying:
            guard let source = reader.etag() else { return nil }
            record = .copying(source)
        case .copied:
            guard let source = reader.etag(), let copy = reader.etag() else { return nil }
            record = .copied(source, copy)
        case .allCopied: record = .allCopied
        }
        guard reader.isAtEnd else { return nil }
        self = record
    }
}

/// A directory of a million files has two versions each in its log: the service's ETags are numbers of 8 bytes in text
/// of 19 characters, and are kept as such.
extension PayloadWriter {
    fileprivate mutating func etag(_ etag: ETag) {
        if let number = etag.number {
            byte(1)
            integer(number)
        } else {
            byte(0)
            string(etag.text)
        }
    }
}

extension PayloadReader {
    fileprivate mutating func etag() -> ETag? {
        switch byte() {
        case 0: string().map { ETag($0) }
        case 1: integer().map { ETag(number: $0) }
        default: nil
        }
    }
}

extension ETag {
    /// Of `"0x8DE2…"`, exactly as the service writes it.
    fileprivate var number: UInt64? {
        guard text.utf8.starts(with: "\"0x".utf8), text.utf8.last == UInt8(ascii: "\""),
            let number = UInt64(text.dropFirst(3).dropLast(), radix: 16), ETag(number: number) == self
        else { return nil }
        return number
    }

    fileprivate init(number: UInt64) { self.init("\"0x\(String(number, radix: 16, uppercase: true))\"") }
}
