import Testing

@testable import OutputTransfer

struct RangeMemoryTests {
    @Test func `a piece is the next power of two, and small ones are exact`() {
        #expect(RangeMemory.pieceSize(for: 0) == 1)
        #expect(RangeMemory.pieceSize(for: 1000) == 1000)
        #expect(RangeMemory.pieceSize(for: 128 << 10) == 128 << 10)
        #expect(RangeMemory.pieceSize(for: 128 << 10 | 1) == 256 << 10)
        #expect(RangeMemory.pieceSize(for: 3 << 20) == 4 << 20)
        #expect(RangeMemory.pieceSize(for: 4 << 20) == 4 << 20)
    }

    @Test func `what two hold at once is not the same memory, and each has its room`() {
        let buffers = [1, 5000, 200 << 10, 4 << 20, 4 << 20].map { ($0, RangeMemory.allocate($0)) }
        for (number, (size, bytes)) in buffers.enumerated() {
            #expect(bytes.count >= size)
            bytes.initializeMemory(as: UInt8.self, repeating: UInt8(number))
        }
        for (number, (_, bytes)) in buffers.enumerated() {
            #expect(bytes.first == UInt8(number) && bytes.last == UInt8(number))
            RangeMemory.free(bytes)
        }
    }
}
