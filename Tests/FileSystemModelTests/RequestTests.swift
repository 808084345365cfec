import FileSystemModel
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(5)))
struct RequestTests {
    private let sink = RecordingSink()
    private let refusal = FileSystemError(errno: 13, "no")

    @Test func `a dropped request answers EIO, once`() {
        do { let _: Request<Done> = sink.request() }
        #expect(sink.replies == [.failure(5)])
    }

    @Test func `an answered request answers nothing more when it ends`() {
        do {
            let request: Request<Done> = sink.request()
            request.succeed(Done())
        }
        do {
            let request: Request<ByteCount> = sink.request(2)
            request.complete(.success(ByteCount(7)))
        }
        do {
            let request: Request<Done> = sink.request(3)
            request.fail(refusal)
        }
        #expect(sink.replies == [.done, .count(7), .failure(13)])
    }

    @Test func `of several who answer a pending request the first wins`() {
        let request: Request<ByteCount> = sink.request()
        let pending = request.pending()
        #expect(pending.complete(.success(ByteCount(1))))
        #expect(!pending.complete(.success(ByteCount(2))))
        #expect(!pending.complete(.failure(refusal)))
        #expect(sink.replies == [.count(1)])
    }

    @Test func `a pending request that everybody lets go of answers EIO`() {
        do {
            let request: Request<Done> = sink.request()
            _ = request.pending()
        }
        #expect(sink.replies == [.failure(5)])
    }

    @Test func `an interrupt may answer a pending request from within its handler`() {
        let request: Request<Done> = sink.request()
        let pending = request.pending()
        pending.onInterrupt { pending.complete(.failure(FileSystemError(errno: 4, "interrupted"))) }
        #expect(sink.interrupt(RequestToken(rawValue: 1)))
        #expect(!pending.complete(.success(Done())))
        #expect(sink.replies == [.failure(4)])
    }

    @Test func `a pending request that is answered registers no interest in interrupts`() {
        let request: Request<Done> = sink.request()
        let pending = request.pending()
        pending.complete(.success(Done()))
        pending.onInterrupt { Issue.record("called for a request that was answered") }
        #expect(!sink.interrupt(RequestToken(rawValue: 1)))
    }

    @Test func `later answers with what the task returns or throws`() async {
        let request: Request<ByteCount> = sink.request()
        request.later { () throws(FileSystemError) in ByteCount(9) }
        #expect(await sink.firstReply() == .count(9))

        let other = RecordingSink()
        let refusal = refusal
        let failing: Request<ByteCount> = other.request()
        failing.later { () throws(FileSystemError) in throw refusal }
        #expect(await other.firstReply() == .failure(13))
    }

    @Test func `an interrupt cancels the task of later`() async {
        let request: Request<Done> = sink.request()
        request.later { () throws(FileSystemError) in
            while !Task.isCancelled { await Task.yield() }
            throw FileSystemError(errno: 4, "interrupted")
        }
        #expect(sink.interrupt(RequestToken(rawValue: 1)))
        #expect(await sink.firstReply() == .failure(4))
    }

    @Test func `a read hands its lent pieces on in order`() {
        let (head, tail): ([UInt8], [UInt8]) = ([1, 2], [3])
        head.withUnsafeBytes { head in
            tail.withUnsafeBytes { tail in
                [head, tail].withUnsafeBufferPointer { sink.readRequest().succeed($0) }
            }
        }
        #expect(sink.replies == [.bytes([1, 2, 3])])
    }

    @Test func `a dropped read answers EIO`() {
        do { _ = sink.readRequest() }
        #expect(sink.replies == [.failure(5)])
    }

    @Test func `of data and interrupt the first answers a pending read`() {
        let pending = sink.readRequest().pending()
        pending.onInterrupt { pending.fail(FileSystemError(errno: 4, "interrupted")) }
        sink.interrupt(RequestToken(rawValue: 1))
        #expect(
            [[UInt8]](repeating: [1], count: 1)[0].withUnsafeBytes { only in
                [only].withUnsafeBufferPointer { pending.succeed($0) }
            } == false
        )
        #expect(sink.replies == [.failure(4)])
    }
}

@Suite(.timeLimit(.minutes(5)))
struct DirectoryRequestTests {
    private let caller = Caller(userID: 0, groupID: 0, processID: 0)

    private func entry(_ name: FileName, _ offset: UInt64) -> DirectoryEntry {
        DirectoryEntry(name: name, inode: offset, kind: .file, entry: nil, nextOffset: offset)
    }

    @Test func `a dropped readdir answers EIO`() {
        let buffer = RecordingDirectoryBuffer(room: 1)
        do { _ = DirectoryRequest(caller: caller, buffer: buffer) }
        #expect(buffer.endings == [.failed(5)])
    }

    @Test func `entries are added until one does not fit, then the page is finished once`() {
        let buffer = RecordingDirectoryBuffer(room: 1)
        let request = DirectoryRequest(caller: caller, buffer: buffer)
        let first = request.add(entry("a", 1))
        let second = request.add(entry("b", 2))
        request.finish()
        #expect(first)
        #expect(!second)
        #expect(buffer.names == ["a"])
        #expect(buffer.endings == [.finished])
    }

    @Test func `later fills the page from a task`() async {
        let buffer = RecordingDirectoryBuffer(room: 2)
        let entry = entry("a", 1)
        DirectoryRequest(caller: caller, buffer: buffer).later { buffer throws(FileSystemError) in
            _ = buffer.add(entry)
        }
        while buffer.endings.isEmpty && !Task.isCancelled { await Task.yield() }
        #expect(buffer.names == ["a"])
        #expect(buffer.endings == [.finished])
    }
}
