import Glibc
import Logging
import Testing

@testable import OutputFSCommands

/// What stands in the log, for people, programs and journald.
struct LogLineTests {
    private let time = WallTime(seconds: 0, milliseconds: 7)

    @Test func `for programs a line is one JSON object`() {
        let line = LogLines(label: "mount", format: .json).line(
            time: time,
            level: .error,
            message: "a \"b\"\n/c",
            metadata: ["status": "404", "level": "x"]
        )
        #expect(
            line
                == #"{"level":"error","logger":"mount","message":"a \"b\"\n/c","status":"404","time":"1970-01-01T00:00:00.007Z"}"#
                + "\n"
        )
    }

    @Test(arguments: zip(Logger.Level.allCases, [7, 7, 6, 5, 4, 3, 2]))
    func `journald gets the level in front, and no time`(_ level: Logger.Level, _ priority: Int) {
        let lines = LogLines(label: "mount", format: .text, isForJournal: true)
        #expect(lines.line(time: time, level: level, message: "m", metadata: ["a": "1"]) == "<\(priority)>m a=1\n")
    }

    @Test func `only the stream that systemd made is the journal's`() {
        var status = stat()
        fstat(1, &status)
        let own = "\(status.st_dev):\(status.st_ino)"
        #expect(OpenLog.isJournal(1, own))
        #expect(!OpenLog.isJournal(1, "\(status.st_dev):\(status.st_ino + 1)"))
        #expect(!OpenLog.isJournal(1, nil))
        #expect(!OpenLog.isJournal(-1, own))
    }

    @Test func `a level that is changed holds for loggers that were copied before`() {
        let threshold = LogThreshold(.notice)
        let writer = LogWriter(lines: LogLines(label: "t", format: .text), threshold: threshold, descriptor: -1)
        let logger = Logger(label: "t") { _ in writer }
        let copy = logger
        #expect(copy.logLevel == .notice)
        threshold.level = .trace
        #expect(copy.logLevel == .trace)
    }
}
