internal import BlobStorage
internal import Logging
internal import Synchronization

/// The strongest checksum of a range that the server computes, as far as its answers have told. The service has CRC-64;
/// other servers of its protocol have MD5, or none.
final class OfferedChecksum: Sendable {
    private let known = Mutex(RangeVerification.crc64)

    var strongest: RangeVerification { known.withLock { $0 } }

    /// An answer had this one, and nothing stronger that was asked for. Said once, where it changes anything.
    func learn(_ offered: RangeVerification, _ logger: Logger) {
        let isNews = known.withLock { known in
            guard offered != known, offered == .none || known == .crc64 else { return false }
            known = offered
            return true
        }
        guard isNews else { return }
        if offered == .none {
            logger.warning("the server computes no checksums of ranges: bytes are handed out as they arrive")
        } else {
            logger.notice("the server computes no CRC-64 of ranges: they are verified by MD5, at 20 times the cost")
        }
    }
}
