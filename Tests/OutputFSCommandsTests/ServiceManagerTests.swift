import Testing

@testable import OutputFSCommands

/// What is told to systemd, and when.
struct ServiceManagerTests {
    @Test(arguments: [
        (["WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7"], Duration.seconds(30)),
        (["WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "6"], .seconds(30)),
        (["WATCHDOG_USEC": "1000"], .microseconds(500)),
        // Inherited from a service that this is not.
        (["WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "8"], nil),
        (["WATCHDOG_USEC": "0"], nil), (["WATCHDOG_USEC": "x"], nil), ([:], nil),
    ])
    func `only who is watched answers, twice as often as is waited for`(
        _ environment: [String: String],
        _ interval: Duration?
    ) {
        #expect(ServiceManager.watchInterval(environment, processes: [7, 6]) == interval)
    }

    @Test func `a state is a line, whatever a name holds`() {
        #expect(ServiceManager.State.ready(status: "a\nSTOPPING=1").text == "READY=1\nSTATUS=a STOPPING=1")
        #expect(ServiceManager.State.stopping(status: "b").text == "STOPPING=1\nSTATUS=b")
        #expect(ServiceManager.State.alive.text == "WATCHDOG=1")
    }
}
