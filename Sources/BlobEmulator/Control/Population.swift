/// Blobs to be made at once, for tests and benchmarks of big directories:
/// `{"account": "devstoreaccount1", "container": "jobs", "prefix": "many/", "count": 1000000, "size": 4096}`.
///
/// The names are the prefix and seven digits from `0000000` on, the bytes are noise that all of the blobs share.
struct Population: Decodable {
    var account: String
    var container: String
    var prefix: String
    var count: Int
    /// Of each blob, in bytes.
    var size: Int

    /// Seven digits.
    static let countLimit = 10_000_000

    func name(_ number: Int) -> Name {
        var bytes = Array(prefix.utf8)
        bytes.reserveCapacity(bytes.count + 7)
        var divisor = Self.countLimit / 10
        while divisor > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(number / divisor % 10))
            divisor /= 10
        }
        return Name(bytes)
    }
}

extension Service {
    /// Makes the blobs in place of what is under their names: without requests, without room for each one's bytes, and
    /// only in memory, since a journal would write every one down.
    func populate(_ population: Population) throws(Failure) {
        guard let account = accounts[population.account] else { throw .code(.resourceNotFound) }
        let container = try account.container(population.container)
        guard journal == nil, 0...Population.countLimit ~= population.count, population.size >= 0 else {
            throw .code(.invalidInput)
        }
        let now = clock.now()
        let content = try noise(population.size)
        var number = 0
        while number < population.count {
            // In steps: other requests get their turn.
            let step = number..<min(number + 10_000, population.count)
            try container.withState { (state) throws(Failure) in
                state.makeParents(of: population.name(0), etags.next(at: now), at: now)
                for number in step {
                    let etag = etags.next(at: now)
                    let blob = Blob(kind: .block, content: content, etag: etag, modified: now, created: now)
                    state.commit(.blob(population.name(number), blob))
                }
            }
            number = step.upperBound
        }
    }

    /// Bytes that do not compress; a long body repeats one piece of them.
    private func noise(_ size: Int) throws(Failure) -> Content {
        guard size > 0 else { return Content() }
        let length = min(size, ExtentMemory.pieceSize)
        guard let memory = ExtentMemory.allocate(length) else { throw .code(.internalError) }
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        for position in 0..<length {
            // xorshift64
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            memory[position] = UInt8(truncatingIfNeeded: state)
        }
        let extent = Extent(id: 0, length: length, place: .memory(memory))
        var content = Content()
        while content.length < size {
            content.append(StoredSlice(extent: extent, offset: 0, length: min(length, size - content.length)))
        }
        return content
    }
}
