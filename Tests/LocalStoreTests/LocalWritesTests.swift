import Testing

@testable import LocalStore

struct LocalWritesTests {
    @Test func `bytes are written from front to end in steps of at most 256 KiB`() {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 600 << 10, alignment: 16)
        defer { bytes.deallocate() }
        var (done, steps) = (0, [Int]())
        while done < bytes.count {
            let next = LocalWrites.next(of: UnsafeRawBufferPointer(bytes), after: done)
            #expect(next.baseAddress == UnsafeRawPointer(bytes.baseAddress.map { $0 + done }))
            steps.append(next.count)
            done += next.count
        }
        #expect(steps == [256 << 10, 256 << 10, 88 << 10])
    }
}
