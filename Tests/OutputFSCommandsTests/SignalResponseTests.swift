import Glibc
import Testing

@testable import OutputFSCommands

/// What a mount does on which signal.
struct SignalResponseTests {
    @Test(arguments: [SIGTERM, SIGHUP])
    func `one SIGTERM ends a mount that is in use, for nobody sends a second`(_ number: Int32) {
        #expect(SignalResponse(number, isFirst: true, isEnding: false) == .end)
    }

    @Test func `Ctrl-C leaves a mount that is in use, and a second one ends it`() {
        #expect(SignalResponse(SIGINT, isFirst: true, isEnding: false) == .unmount)
        #expect(SignalResponse(SIGINT, isFirst: false, isEnding: false) == .end)
    }

    @Test(arguments: [SIGINT, SIGTERM, SIGHUP])
    func `a signal while the last one is followed means at once`(_ number: Int32) {
        #expect(SignalResponse(number, isFirst: false, isEnding: true) == .giveUp)
    }
}
