private let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
private let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

/// `7` as `07`: a number with leading zeros to `width` digits.
func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return digits.utf8.count >= width ? digits : String(repeating: "0", count: width - digits.utf8.count) + digits
}

/// The two shapes of time in the protocol: RFC 1123 in headers and list properties, ISO 8601 in tokens and snapshots.
extension Timestamp {
    /// `Wed, 11 Nov 2026 09:30:00 GMT`
    var httpDate: String {
        let time = CalendarTime(self)
        let date = "\(padded(time.day, 2)) \(months[Int(time.month) - 1]) \(padded(time.year, 4))"
        return "\(weekdays[Int(time.weekday)]), \(date) "
            + "\(padded(time.hour, 2)):\(padded(time.minute, 2)):\(padded(time.second, 2)) GMT"
    }

    /// `2026-11-11T09:00:00.1234567Z`, as in snapshot identities and error bodies.
    var iso8601WithFraction: String {
        let fraction = ticks - seconds * Self.ticksPerSecond
        return iso8601Seconds.dropLast() + "." + padded(fraction, 7) + "Z"
    }

    /// `2026-11-11T09:00:00Z`
    var iso8601Seconds: String {
        let time = CalendarTime(self)
        return "\(padded(time.year, 4))-\(padded(time.month, 2))-\(padded(time.day, 2))T"
            + "\(padded(time.hour, 2)):\(padded(time.minute, 2)):\(padded(time.second, 2))Z"
    }

    /// Reads an RFC 1123 date. The weekday is not checked, as the service does not.
    init?(httpDate text: String) {
        let parts = text.utf8.split(whereSeparator: { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: ":") })
        guard parts.count == 8, let day = number(parts[1]), let year = number(parts[3]), let hour = number(parts[4]),
            let minute = number(parts[5]), let second = number(parts[6]),
            let month = months.firstIndex(where: { $0.utf8.elementsEqual(parts[2]) }),
            parts[7].elementsEqual("GMT".utf8), (1...31).contains(day), hour < 24, minute < 60, second <= 60
        else { return nil }
        self =
            CalendarTime(year: year, month: Int64(month) + 1, day: day, hour: hour, minute: minute, second: second)
            .timestamp
    }

    /// Reads `YYYY-MM-DD`, `YYYY-MM-DDThh:mmZ`, `YYYY-MM-DDThh:mm:ssZ` and the last with up to seven decimals.
    init?(iso8601 text: String) {
        let bytes = Array(text.utf8)
        func field(_ start: Int, _ length: Int) -> Int64? {
            start + length <= bytes.count ? number(bytes[start..<start + length]) : nil
        }
        func isMark(_ index: Int, _ mark: Unicode.Scalar) -> Bool {
            index < bytes.count && bytes[index] == UInt8(ascii: mark)
        }
        guard let year = field(0, 4), isMark(4, "-"), let month = field(5, 2), isMark(7, "-"), let day = field(8, 2),
            (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        var time = CalendarTime(year: year, month: month, day: day)
        var fraction: Int64 = 0
        if bytes.count > 10 {
            guard isMark(10, "T"), bytes.last == UInt8(ascii: "Z"), let hour = field(11, 2), isMark(13, ":"),
                let minute = field(14, 2), hour < 24, minute < 60
            else { return nil }
            (time.hour, time.minute) = (hour, minute)
            if bytes.count > 17 {
                guard isMark(16, ":"), let second = field(17, 2), second < 60 else { return nil }
                time.second = second
            }
            if bytes.count > 20 {
                let digits = bytes[20..<bytes.count - 1]
                guard isMark(19, "."), (1...7).contains(digits.count), var value = number(digits) else { return nil }
                for _ in digits.count..<7 { value *= 10 }
                fraction = value
            }
        }
        self.init(ticks: time.timestamp.ticks + fraction)
    }
}

/// The value of a run of decimal digits; nil if anything else is in it.
func number<Digits: Collection>(_ digits: Digits) -> Int64? where Digits.Element == UInt8 {
    guard !digits.isEmpty, digits.count <= 18 else { return nil }
    var value: Int64 = 0
    for digit in digits {
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
        value = value * 10 + Int64(digit - UInt8(ascii: "0"))
    }
    return value
}
