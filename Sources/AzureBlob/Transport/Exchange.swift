internal import BlobStorage

/// A request ready to be sent: dated, authorized, addressed.
///
/// The URL may end in a SAS and the headers hold the authorization: this value is never logged.
struct HTTPRequest: Sendable {
    var method: HTTPMethod
    var url: String
    var headers: [HTTPHeader]
}

/// Which transfers go first when connections are scarce.
enum TransferPriority: Sendable {
    /// Somebody waits: reads that missed, metadata, commits.
    case foreground
    /// Read-ahead and blocks to upload. Some connections are always left to the foreground.
    case background
}

/// How long one attempt may take.
struct AttemptTimeouts: Sendable, Hashable {
    var connect: Duration
    /// With fewer than `AttemptTimeouts.stallRate` bytes a second for so long, the attempt is given up.
    var stall: Duration
    var total: Duration

    static let stallRate = 64
}

/// Where an answer's body goes.
enum ResponseSink: Sendable {
    /// Collected; more than this many bytes are an error.
    case collected(limit: Int)
    case memory(MemorySink)
}

/// Memory that a caller lends until the completion; the transport copies into it.
struct MemorySink: Sendable {
    nonisolated(unsafe) var destination: UnsafeMutableRawPointer
    /// Called once, when the head is there: how many bytes the body may put into the destination; `nil` if the body is
    /// something else (an error's explanation), which is then collected.
    var capacity: @Sendable (ResponseHead) -> Int?
    /// Called on the transport's thread with the number of bytes so far.
    var onProgress: (@Sendable (Int) -> Void)?
}

/// One attempt at a request.
struct Exchange: Sendable {
    var request: HTTPRequest
    /// `nil` if the request has no body.
    var body: UploadBody?
    var sink: ResponseSink
    var priority: TransferPriority
    var timeouts: AttemptTimeouts
    /// Which account it is for, of those that share the transport.
    var lane = 0
    /// `false` for addresses that mean this machine, and would mean the proxy's there (IMDS).
    var usesProxy = true
    /// Called on the transport's thread when the request is sent a second time because its answer does not come; `nil`
    /// for requests that are sent once only.
    var onHedge: (@Sendable () -> Void)?
    /// Over a connection that is made for it: one that was kept has just turned out to be dead.
    var needsFreshConnection = false
}

/// What an attempt came to.
struct ExchangeResult: Sendable {
    /// `nil` if no complete head arrived.
    var head: ResponseHead?
    /// What was collected.
    var body: [UInt8] = []
    /// Bytes in a `MemorySink`'s destination.
    var byteCount = 0
    /// How often the request went out: libcurl repeats it by itself when a kept-alive connection turns out to be
    /// dead, and then the first may have been carried out.
    var sendCount = 0
    /// Bytes of request bodies that were handed to the network.
    var uploadedCount = 0
    /// `nil` if the answer is complete.
    var failure: TransportFailure?
    /// What was in the way, if the failure showed it.
    var obstacle: NetworkObstacle?
    /// The connection was kept from an earlier transfer and broke before a byte of the answer, or the machine slept: this
    /// says nothing about the server.
    var wasDeadConnection = false
}

enum TransportFailure: Error, Sendable, Hashable {
    case cancelled
    /// The bytes to send could not be read.
    case localInput
    /// The answer was longer than announced or allowed.
    case tooLong
    /// The answer ended before its announced length.
    case cutShort
    /// A certificate that does not prove the server's name: trying again will not help.
    case untrusted(String)
    /// A URL or option that libcurl refuses.
    case invalid(String)
    /// Refused, reset, timed out, not resolved; libcurl's words.
    case network(String)
}
