/// How long a shared access signature is good for, as its own fields say, and when people should hear of it.
struct SASTerm: Sendable, Hashable {
    /// Seconds since the epoch: the signature's end (`se`), or that of the key that signed it (`ske`) if that is sooner.
    /// `nil` where a stored policy says it (`si`).
    let expiry: Int64?

    init(_ token: Secret) {
        let fields = token.withoutQuestionMark.revealed().split(separator: "&")
        let times = fields.compactMap { field -> Int64? in
            guard field.hasPrefix("se=") || field.hasPrefix("ske="), let equals = field.firstIndex(of: "=") else {
                return nil
            }
            return PercentEncoding.decode(field[field.index(after: equals)...]).flatMap(HTTPDate.parseISO)
        }
        expiry = times.min()
    }

    /// Whether the text is a SAS at all: every kind has a version and a signature.
    static func isSAS(_ text: String) -> Bool {
        let fields = Secret(text).withoutQuestionMark.revealed().split(separator: "&")
        return fields.contains { $0.hasPrefix("sig=") && $0.count > 4 } && !text.contains { $0.isWhitespace }
    }

    /// Told when there is less left than a day, an hour, five minutes, and when it is over.
    static let thresholds: [Int64] = [86_400, 3_600, 300, 0]

    /// How many of the thresholds are behind us.
    func thresholdsPassed(now: Int64) -> Int {
        guard let expiry else { return 0 }
        return Self.thresholds.count { expiry - now <= $0 }
    }

    /// When the next threshold is passed; `nil` after the last.
    func nextThreshold(after passed: Int) -> Int64? {
        guard let expiry, passed < Self.thresholds.count else { return nil }
        return expiry - Self.thresholds[passed]
    }
}
