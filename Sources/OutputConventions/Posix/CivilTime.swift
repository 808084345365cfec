package import FileSystemModel

/// Dates in text as rclone (`2026-11-11T09:29:58.123456789Z`, any offset) and azcopy (`2026-11-11 09:29:58 -0700`) write them.
package enum CivilTime {
    package static func parse(_ text: String) -> Timestamp? {
        var scanner = Scanner(text.utf8)
        guard let year = scanner.digits(4), scanner.skip("-"), let month = scanner.digits(2), scanner.skip("-"),
            let day = scanner.digits(2), scanner.skip("Tt "), let hour = scanner.digits(2), scanner.skip(":"),
            let minute = scanner.digits(2), scanner.skip(":"), let second = scanner.digits(2),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second <= 60
        else { return nil }
        var nanoseconds: Int32 = 0
        if scanner.skip(".") {
            var scale: Int32 = 100_000_000
            while let digit = scanner.digits(1) {
                nanoseconds += Int32(digit) * scale
                scale /= 10
            }
        }
        _ = scanner.skip(" ")
        var offset: Int64 = 0
        if !scanner.skip("Zz") {
            guard let sign = scanner.sign(), let hours = scanner.digits(2) else { return nil }
            _ = scanner.skip(":")
            guard let minutes = scanner.digits(2) else { return nil }
            offset = Int64(sign) * Int64(hours * 3600 + minutes * 60)
        }
        guard scanner.isAtEnd else { return nil }
        let days = daysSinceEpoch(year: Int64(year), month: Int64(month), day: Int64(day))
        let seconds = days * 86400 + Int64(hour * 3600 + minute * 60 + second) - offset
        return Timestamp(seconds: seconds, nanoseconds: nanoseconds)
    }

    package static func format(_ time: Timestamp) -> String {
        // Years 1 to 9999, which the format can hold.
        let seconds = min(max(time.seconds, -62_135_596_800), 253_402_300_799)
        let days = seconds >= 0 ? seconds / 86400 : (seconds - 86399) / 86400
        let rest = Int(seconds - days * 86400)
        let (year, month, day) = civil(days: days)
        var text = "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T"
        text += "\(padded(Int64(rest / 3600), 2)):\(padded(Int64(rest / 60 % 60), 2)):\(padded(Int64(rest % 60), 2))"
        if time.nanoseconds > 0 {
            var fraction = padded(Int64(time.nanoseconds), 9)
            while fraction.hasSuffix("0") { fraction.removeLast() }
            text += "." + fraction
        }
        return text + "Z"
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }

    /// The proleptic Gregorian calendar in eras of 400 years (146,097 days), years beginning in March.
    private static func daysSinceEpoch(year: Int64, month: Int64, day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    private static func civil(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let days = days + 719_468
        let era = (days >= 0 ? days : days - 146_096) / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthIndex = (5 * dayOfYear + 2) / 153
        let month = monthIndex + (monthIndex < 10 ? 3 : -9)
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthIndex + 2) / 5 + 1)
    }

    private struct Scanner {
        private var rest: Substring.UTF8View

        init(_ text: String.UTF8View) { rest = text[...] }

        var isAtEnd: Bool { rest.isEmpty }

        mutating func digits(_ count: Int) -> Int? {
            guard rest.count >= count else { return nil }
            var value = 0
            for byte in rest.prefix(count) {
                guard (0x30...0x39).contains(byte) else { return nil }
                value = value * 10 + Int(byte - 0x30)
            }
            rest = rest.dropFirst(count)
            return value
        }

        mutating func skip(_ anyOf: String) -> Bool {
            guard let first = rest.first, anyOf.utf8.contains(first) else { return false }
            rest = rest.dropFirst()
            return true
        }

        mutating func sign() -> Int? { skip("+") ? 1 : skip("-") ? -1 : nil }
    }
}
