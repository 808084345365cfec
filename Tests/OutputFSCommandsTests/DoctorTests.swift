import AzureBlob
import BlobStorage
import Testing

@testable import OutputFSCommands

/// What doctor makes of what it sees.
struct DoctorTests {
    @Test(arguments: [
        ("6.9.0-1-amd64", true, "by itself"), ("6.18.44", true, "by itself"), ("7.0", true, "by itself"),
        ("6.8.12", true, "no passthrough"), ("5.15.0-91-generic", true, "no passthrough"),
        ("6.9.0", false, "for mounts by root"),
    ])
    func `the kernel's release says whether it reads local files by itself`(
        _ release: String,
        _ isRoot: Bool,
        _ words: String
    ) {
        let finding = MachineChecks.kernel(release: release, isRoot: isRoot)
        #expect(finding.level == .ok && finding.finding.contains(words), "\(finding.finding)")
    }

    @Test func `a release that is none is a warning`() {
        #expect(MachineChecks.kernel(release: "", isRoot: true).level == .warning)
    }

    @Test(arguments: [
        (Int64(0), Finding.Level.ok), (-5, .ok), (6, .warning), (-900, .warning), (901, .problem), (-86_400, .problem),
    ])
    func `a clock may be off by seconds, and must not by 15 minutes`(_ offset: Int64, _ level: Finding.Level) {
        #expect(StoreChecks.clock(offset).level == level)
    }

    @Test func `a clock is behind when the store's is ahead`() {
        #expect(StoreChecks.clock(120).finding.contains("2m 00s behind the store's"))
        #expect(StoreChecks.clock(-120).finding.contains("2m 00s ahead of the store's"))
    }

    @Test func `a store far away is a warning`() {
        #expect(StoreChecks.latency(first: .milliseconds(80), best: .milliseconds(20)).level == .ok)
        let far = StoreChecks.latency(first: .milliseconds(400), best: .microseconds(150_400))
        #expect(far.level == .warning && far.finding.contains("answers in 150 ms, the first in 400 ms"))
        #expect(
            StoreChecks.latency(first: .milliseconds(5), best: .microseconds(420)).finding
                == "answers in 0.4 ms, the first in 5.0 ms"
        )
    }

    @Test func `credentials that may not list are a warning, and wrong ones a problem`() {
        func level(_ kind: StorageError.Kind, _ code: String) -> Finding.Level? {
            let error = StorageError(
                kind,
                .permanent,
                operation: "List Containers",
                resource: "",
                message: "no",
                status: 403,
                code: code
            )
            let probe = StoreProbe(error: error, times: [.seconds(1)], clockOffset: nil)
            return StoreChecks.judge(probe, source: "s", endpoint: "e").first?.level
        }
        #expect(level(.denied, "AuthorizationPermissionMismatch") == .warning)
        #expect(level(.unauthenticated, "AuthenticationFailed") == .problem)
    }

    @Test func `an identity is named, and what it lacks is told in its own words`() throws {
        let door = OpenDoor(credential: .anonymous, kind: .identity, words: "managed identity (IMDS)")
        func findings(_ kind: StorageError.Kind, _ code: String) -> [Finding] {
            var probe = StoreProbe()
            probe.signIn = .success(door)
            probe.error = StorageError(
                kind,
                .permanent,
                operation: "List Containers",
                resource: "account",
                message: "no",
                status: 403,
                code: code
            )
            return StoreChecks.judge(probe, source: "s", endpoint: "e")
        }
        let noRole = findings(.denied, "AuthorizationPermissionMismatch")
        #expect(noRole.map(\.check) == ["identity", "store"])
        #expect(noRole[0].level == .ok && noRole[0].finding == "managed identity (IMDS)")
        #expect(noRole[1].level == .warning && noRole[1].remedies[0].contains("Storage Blob Data Contributor"))
        let noTenant = findings(.unauthenticated, "InvalidAuthenticationInfo")
        #expect(noTenant[1].level == .problem && noTenant[1].remedies[0].contains("--tenant-id"))
    }

    @Test func `who cannot sign in is told why, and the store is not judged`() {
        var probe = StoreProbe()
        probe.signIn = .failure(CommandFailure(.denied, "no identity is at hand", try: "az login"))
        let findings = StoreChecks.judge(probe, source: "s", endpoint: "e")
        #expect(findings.map(\.check) == ["identity"])
        #expect(findings[0].level == .problem && findings[0].remedies == ["az login"])
    }

    @Test func `few descriptors are a warning`() {
        #expect(MachineChecks.descriptors(limit: 1_024).level == .warning)
        #expect(MachineChecks.descriptors(limit: 1 << 20).level == .ok)
    }

    @Test func `the report has a line a check, remedies below it, and the sum`() {
        let report = DoctorReport(
            programVersion: "1",
            findings: [
                Finding("FUSE", .ok, "fine"), Finding("clock", .problem, "an hour off", try: "date", "ntp"),
                Finding("journal", .warning, "small"),
            ]
        )
        #expect(
            report.text == """
                ok       FUSE     fine
                problem  clock    an hour off
                         try: date
                         try: ntp
                warning  journal  small

                1 problem, 1 warning.
                """
        )
        #expect(report.exitStatus == .failure)
        #expect(DoctorReport(programVersion: "1", findings: [Finding("a", .warning, "b")]).exitStatus == .success)
    }
}
