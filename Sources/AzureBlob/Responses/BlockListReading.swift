internal import BlobStorage

/// Reads the answer to Get Block List.
struct BlockListReading: XMLVisitor {
    private(set) var committed: [Block] = []
    private(set) var uncommitted: [Block] = []
    private var isUncommitted = false
    private var block = Block(id: BlockID(base64: ""), byteCount: 0)
    private var hasRoot = false

    static func blocks(_ document: [UInt8]) throws(XMLError) -> (committed: [Block], uncommitted: [Block]) {
        var reading = BlockListReading()
        try XMLReader.read(document, into: &reading)
        guard reading.hasRoot else { throw XMLError(description: "the document is not a block list") }
        return (reading.committed, reading.uncommitted)
    }

    mutating func begin(_ element: XMLName, isEncoded: Bool) {
        if element.matches("BlockList") {
            hasRoot = true
        } else if element.matches("CommittedBlocks") {
            isUncommitted = false
        } else if element.matches("UncommittedBlocks") {
            isUncommitted = true
        }
    }

    mutating func end(_ element: XMLName, text: UnsafeBufferPointer<UInt8>) {
        if element.matches("Name") {
            block.id = BlockID(base64: text.string)
        } else if element.matches("Size") {
            block.byteCount = UInt64(text.string) ?? 0
        } else if element.matches("Block") {
            if isUncommitted { uncommitted.append(block) } else { committed.append(block) }
        }
    }
}
