import Testing

@testable import OutputTransfer

struct NodeWaitTests {
    private static let done = NodeOutcome(by: "local rank 0", files: 3, byteCount: 7, failure: nil)
    private static let failed = NodeOutcome(by: "local rank 0", files: 0, byteCount: 0, failure: "no")

    @Test func `the leader leads at once, whatever an earlier run left`() {
        for left in [nil, Self.done, Self.failed] {
            var wait = NodeWait(leads: true, seen: left?.id)
            #expect(wait.next(outcome: left, isLocked: false, waited: .zero) == .lead)
        }
    }

    @Test(arguments: [done, failed]) func `the others take what the one that worked tells`(_ outcome: NodeOutcome) {
        var wait = NodeWait(leads: false, seen: nil)
        #expect(wait.next(outcome: nil, isLocked: false, waited: .zero) == .wait)
        #expect(wait.next(outcome: nil, isLocked: true, waited: .seconds(1)) == .wait)
        #expect(wait.next(outcome: outcome, isLocked: false, waited: .seconds(2)) == .follow(outcome))
    }

    @Test func `an outcome from before the arrival lets nobody through`() {
        var wait = NodeWait(leads: false, seen: Self.done.id)
        #expect(wait.next(outcome: Self.done, isLocked: false, waited: .zero) == .wait)
        #expect(wait.next(outcome: Self.failed, isLocked: false, waited: .zero) == .follow(Self.failed))
    }

    @Test func `when the one that worked died without a word another one leads`() {
        var wait = NodeWait(leads: false, seen: Self.done.id)
        #expect(wait.next(outcome: Self.done, isLocked: true, waited: .zero) == .wait)
        #expect(wait.next(outcome: Self.done, isLocked: false, waited: .zero) == .lead)
    }

    @Test func `when no leader ever comes another one leads`() {
        var wait = NodeWait(leads: false, seen: nil)
        #expect(wait.next(outcome: nil, isLocked: false, waited: NodeWait.patience - .seconds(1)) == .wait)
        #expect(wait.next(outcome: nil, isLocked: false, waited: NodeWait.patience) == .lead)
    }

    @Test func `the leader waits for one that took over`() {
        var wait = NodeWait(leads: true, seen: nil)
        #expect(wait.next(outcome: nil, isLocked: true, waited: .zero) == .wait)
        #expect(wait.next(outcome: Self.done, isLocked: false, waited: .zero) == .follow(Self.done))
    }
}

struct LocalRankTests {
    @Test func `without a launcher a process leads`() throws {
        #expect(try LocalRank(environment: [:]).leads)
        #expect(try LocalRank(environment: ["RANK": "3", "LOCAL_RANK": ""]).leads)
    }

    @Test(arguments: LocalRank.variables) func `each launcher's variable counts`(_ variable: String) throws {
        #expect(try LocalRank(environment: [variable: "3"]).number == 3)
        #expect(try LocalRank(environment: [variable: "0"]).leads)
        #expect(throws: LocalRank.Malformed(variable: variable, value: "-1")) {
            try LocalRank(environment: [variable: "-1"])
        }
    }

    @Test func `the first variable wins`() throws {
        #expect(try LocalRank(environment: ["SLURM_LOCALID": "0", "LOCAL_RANK": "2"]).number == 2)
    }
}
