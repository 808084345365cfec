internal import Glibc

/// Puts answers on the wire: stored bytes straight from where they lie, or piece by piece where a fault says so.
struct ResponseSender {
    let connection: Connection

    enum Outcome {
        case sent
        /// Nothing more can be sent on this connection.
        case ended
        /// The connection has to end with a reset.
        case reset
    }

    func send(_ response: Response, faults: FaultPlan) -> Outcome {
        if faults.disturbsSending { return sendDisturbed(response, faults) }
        let head = response.head()
        let isSent = head.withUnsafeBytes { head in
            switch response.body {
            case .none: connection.send(head)
            case .bytes(let bytes): bytes.withUnsafeBytes { sendTogether(head, [$0]) }
            case .stored(let slices, _): send(head, slices)
            }
        }
        return isSent ? .sent : .ended
    }

    private func sendTogether(_ head: UnsafeRawBufferPointer, _ bodies: [UnsafeRawBufferPointer]) -> Bool {
        var vectors = ([head] + bodies).map { bytes in
            iovec(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
        }
        return connection.send(&vectors)
    }

    /// Slices in memory go out together with the head; what lies in files goes from the file to the socket.
    private func send(_ head: UnsafeRawBufferPointer, _ slices: [StoredSlice]) -> Bool {
        var gathered: [UnsafeRawBufferPointer] = []
        var position = 0
        while position < slices.count, case .memory(let bytes) = slices[position].extent.place {
            let slice = slices[position]
            gathered.append(UnsafeRawBufferPointer(rebasing: bytes[slice.offset..<slice.offset + slice.length]))
            position += 1
        }
        guard withExtendedLifetime(slices, { sendTogether(head, gathered) }) else { return false }
        for slice in slices[position...] {
            guard send(slice) else { return false }
        }
        return true
    }

    private func send(_ slice: StoredSlice) -> Bool {
        if case .file(let directory) = slice.extent.place {
            let file = directory.open(slice.extent.id)
            guard file >= 0 else { return false }
            defer { close(file) }
            return connection.send(file: file, offset: slice.offset, length: slice.length)
        }
        do throws(PeerGone) {
            try slice.forEachPiece { (bytes) throws(PeerGone) in
                guard connection.send(bytes) else { throw PeerGone() }
            }
            return true
        } catch {
            return false
        }
    }

    // MARK: With faults

    private func sendDisturbed(_ response: Response, _ faults: FaultPlan) -> Outcome {
        var wire = DisturbedWire(connection: connection, faults: faults)
        do throws(DisturbedWire.Stop) {
            try response.head().withUnsafeBufferPointer { (head) throws(DisturbedWire.Stop) in
                try wire.sendHead(UnsafeRawBufferPointer(head))
            }
            try wire.beginBody()
            switch response.body {
            case .none: break
            case .bytes(let bytes):
                try bytes.withUnsafeBufferPointer { (bytes) throws(DisturbedWire.Stop) in
                    try wire.sendBody(UnsafeRawBufferPointer(bytes))
                }
            case .stored(let slices, _):
                for slice in slices {
                    try slice.forEachPiece { (bytes) throws(DisturbedWire.Stop) in try wire.sendBody(bytes) }
                }
            }
            return .sent
        } catch {
            return error == .reset ? .reset : .ended
        }
    }
}

private struct PeerGone: Error {}

/// A socket with the faults of one answer in its way.
private struct DisturbedWire {
    enum Stop: Error {
        case ended, reset
    }

    let connection: Connection
    let faults: FaultPlan
    private var bodyPosition = 0
    private var pacer = Pacer()

    init(connection: Connection, faults: FaultPlan) {
        (self.connection, self.faults) = (connection, faults)
    }

    mutating func sendHead(_ head: UnsafeRawBufferPointer) throws(Stop) {
        guard let stall = faults.stall, stall.part == .head else { return try send(head) }
        let position = min(stall.afterBytes, head.count)
        try send(UnsafeRawBufferPointer(rebasing: head[..<position]))
        connection.pause(milliseconds: stall.milliseconds)
        try send(UnsafeRawBufferPointer(rebasing: head[position...]))
    }

    /// A fault at byte 0 of the body acts even if there is none.
    mutating func beginBody() throws(Stop) {
        try actAtPosition()
    }

    mutating func sendBody(_ bytes: UnsafeRawBufferPointer) throws(Stop) {
        var offset = 0
        while offset < bytes.count {
            let count = min(bytes.count - offset, stepSize)
            let piece = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
            if let corrupted = faults.corruptedByte, bodyPosition <= corrupted, corrupted < bodyPosition + count {
                var copy = [UInt8](piece)
                copy[corrupted - bodyPosition] ^= 0xFF
                try copy.withUnsafeBufferPointer { (bytes) throws(Stop) in try send(UnsafeRawBufferPointer(bytes)) }
            } else {
                try send(piece)
            }
            offset += count
            bodyPosition += count
            try actAtPosition()
            if let rate = faults.bytesPerSecond {
                connection.pause(milliseconds: pacer.milliseconds(after: count, bytesPerSecond: rate))
            }
        }
    }

    /// Up to the next position where something happens. Where there is a rate to keep, 20 ms of it and at most 256 KiB:
    /// at 100 MiB/s a step lasts 2.5 ms, so that 32 connections wake up 13,000 times a second and not 50,000.
    private var stepSize: Int {
        var size = faults.bytesPerSecond.map { min(max($0 / 50, 1), 256 << 10) } ?? 64 << 10
        var stops: [Int] = []
        if let cut = faults.cutAfter { stops.append(cut) }
        if case .afterBodyBytes(let reset) = faults.reset { stops.append(reset) }
        if let stall = faults.stall, stall.part == .body { stops.append(stall.afterBytes) }
        for stop in stops where stop > bodyPosition { size = min(size, stop - bodyPosition) }
        return size
    }

    private func actAtPosition() throws(Stop) {
        if let stall = faults.stall, stall.part == .body, stall.afterBytes == bodyPosition {
            connection.pause(milliseconds: stall.milliseconds)
        }
        if faults.cutAfter == bodyPosition { throw .ended }
        if faults.reset == .afterBodyBytes(bodyPosition) { throw .reset }
    }

    private func send(_ bytes: UnsafeRawBufferPointer) throws(Stop) {
        guard connection.send(bytes) else { throw .ended }
    }
}
