/// How far a warming is: what was found, what was read, and how fast. Times are seconds since its start.
struct WarmProgress: Sendable {
    /// A moment's totals.
    private struct Sample {
        var time: Double
        var bytes: UInt64
        var files: Int
    }

    var filesFound = 0
    var bytesFound: UInt64 = 0
    /// Every directory was read: what was found is all.
    var isComplete = false

    var filesRead = 0
    var bytesRead: UInt64 = 0
    var filesFailed = 0

    private var samples: [Sample] = []

    /// The rate is that of the last seconds: the mean over an hour says nothing of the line as it is now.
    static let window = 10.0

    /// Notes the totals for the rate.
    mutating func sample(at time: Double) {
        samples.append(Sample(time: time, bytes: bytesRead, files: filesRead + filesFailed))
        // One sample from before the window stays: it is where the window begins.
        while samples.count > 2, samples[1].time <= time - Self.window { samples.removeFirst() }
    }

    /// Bytes per second over the window; `nil` before there are two samples half a second apart.
    var bytesPerSecond: Double? { rate { Double($0.bytes) } }

    private func rate(_ total: (Sample) -> Double) -> Double? {
        guard let first = samples.first, let last = samples.last, last.time - first.time >= 0.5 else { return nil }
        return (total(last) - total(first)) / (last.time - first.time)
    }

    /// Seconds until the end at the present rate: by bytes or by files, whichever takes longer, for thousands of small
    /// files take their time without many bytes. `nil` while that cannot be told.
    var secondsLeft: Double? {
        guard isComplete, let byteRate = bytesPerSecond, let fileRate = rate({ Double($0.files) }) else { return nil }
        let bytesLeft = Double(bytesFound - min(bytesRead, bytesFound))
        let filesLeft = Double(filesFound - min(filesRead + filesFailed, filesFound))
        guard byteRate > 0 || bytesLeft == 0 else { return nil }
        let byBytes = bytesLeft == 0 ? 0 : bytesLeft / byteRate
        // A large file that is half read has no rate of files yet.
        let byFiles = fileRate > 0 ? filesLeft / fileRate : 0
        // Few files are counted by their bytes: the last one of two would be foretold as long as the first.
        return filesLeft > 100 ? max(byBytes, byFiles) : byBytes
    }

    /// `123 of 1234 files, 1.2 GiB of 12 GiB, 250 MiB/s, 43s left`.
    var line: String {
        let atLeast = isComplete ? "" : "at least "
        var parts = [
            "\(filesRead) of \(atLeast)\(filesFound) files",
            "\(HumanUnits.bytes(bytesRead)) of \(atLeast)\(HumanUnits.bytes(bytesFound))",
        ]
        if let rate = bytesPerSecond { parts.append("\(HumanUnits.bytes(UInt64(rate.rounded())))/s") }
        if let left = secondsLeft { parts.append("\(HumanUnits.age(seconds: Int(left.rounded(.up)))) left") }
        if filesFailed > 0 { parts.append("\(filesFailed) failed") }
        return parts.joined(separator: ", ")
    }
}
