import Glibc

/// A point in time, in units of 100 ns since the Unix epoch: the resolution in which the service prints times.
struct Timestamp: Hashable, Comparable, Sendable {
    var ticks: Int64

    static let ticksPerSecond: Int64 = 10_000_000

    init(ticks: Int64) {
        self.ticks = ticks
    }

    init(seconds: Int64) {
        ticks = seconds * Self.ticksPerSecond
    }

    /// The system's wall clock.
    static func systemNow() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(ticks: Int64(time.tv_sec) * ticksPerSecond + Int64(time.tv_nsec) / 100)
    }

    /// Whole seconds since the epoch, rounded down.
    var seconds: Int64 {
        let quotient = ticks / Self.ticksPerSecond
        return ticks % Self.ticksPerSecond < 0 ? quotient - 1 : quotient
    }

    func adding(seconds: Int64) -> Timestamp {
        Timestamp(ticks: ticks + seconds * Self.ticksPerSecond)
    }

    func adding(milliseconds: Int) -> Timestamp {
        Timestamp(ticks: ticks + Int64(milliseconds) * Self.ticksPerSecond / 1000)
    }

    static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.ticks < right.ticks
    }
}

/// A UTC calendar date and time of day; the proleptic Gregorian calendar.
struct CalendarTime: Equatable, Sendable {
    var year: Int64
    var month: Int64
    var day: Int64
    var hour: Int64 = 0
    var minute: Int64 = 0
    var second: Int64 = 0

    init(year: Int64, month: Int64, day: Int64, hour: Int64 = 0, minute: Int64 = 0, second: Int64 = 0) {
        (self.year, self.month, self.day) = (year, month, day)
        (self.hour, self.minute, self.second) = (hour, minute, second)
    }

    init(_ time: Timestamp) {
        let seconds = time.seconds
        let days = (seconds >= 0 ? seconds : seconds - 86_399) / 86_400
        let rest = seconds - days * 86_400
        // Days to civil date in eras of 400 years that begin on the first of March, so that the leap day comes last.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60)
    }

    private var daysSinceEpoch: Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    var timestamp: Timestamp {
        Timestamp(seconds: daysSinceEpoch * 86_400 + hour * 3600 + minute * 60 + second)
    }

    /// 0 is Sunday.
    var weekday: Int64 {
        ((daysSinceEpoch + 4) % 7 + 7) % 7
    }
}
