/// What protects a blob, as it stands in a record behind the blob.
extension RecordWriter {
    mutating func write(_ protection: BlobProtection) {
        switch protection.encryption {
        case nil: byte(0)
        case .customerKey(let digest):
            byte(1)
            text(digest)
        case .scope(let name):
            byte(2)
            text(name)
        }
        flag(protection.policy != nil)
        if let policy = protection.policy {
            integer(policy.until.ticks)
            text(policy.mode.rawValue)
        }
        flag(protection.hasLegalHold)
        time(protection.rehydrates)
        flag(protection.deletion != nil)
        if let deletion = protection.deletion {
            integer(deletion.time.ticks)
            integer(deletion.ends.ticks)
        }
    }
}

extension RecordReader {
    mutating func protection() throws(RecordError) -> BlobProtection {
        var protection = BlobProtection()
        switch try byte() {
        case 0: break
        case 1: protection.encryption = .customerKey(sha256: try text())
        case 2: protection.encryption = .scope(try text())
        default: throw RecordError()
        }
        if try flag() {
            let until = Timestamp(ticks: try integer())
            guard let mode = ImmutabilityPolicy.Mode(rawValue: try text()) else { throw RecordError() }
            protection.policy = ImmutabilityPolicy(until: until, mode: mode)
        }
        protection.hasLegalHold = try flag()
        protection.rehydrates = try time()
        if try flag() {
            protection.deletion = Deletion(
                time: Timestamp(ticks: try integer()),
                ends: Timestamp(ticks: try integer())
            )
        }
        return protection
    }
}
