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

    @Test(arguments: [
        (0x0102_1994, DiskKind.memory), (0x6969, .network), (0xFF53_4D42, .network), (0x6573_5546, .fuse),
        (0x794C_7630, .container), (0xEF53, .disk), (0x9123_683E, .disk), (-1, .disk),
    ])
    func `a disk is known by the number of its file system`(_ magic: Int, _ kind: DiskKind) {
        #expect(DiskKind(magic: magic) == kind)
        #expect((kind.concern == nil) == (kind == .disk))
    }

    @Test(arguments: [
        ("10.1.2.3", true), ("172.16.0.1", true), ("172.32.0.1", false), ("192.168.1.1", true), ("192.169.1.1", false),
        ("20.60.1.2", false), ("127.0.0.1", true), ("169.254.169.254", true), ("::1", true), ("fd00::1", true),
        ("fe80::1%eth0", true), ("2603:1030::1", false),
    ])
    func `an address tells whether it is a private network's`(_ address: String, _ isPrivate: Bool) {
        #expect(NetworkChecks.isPrivate(address) == isPrivate)
    }

    @Test(arguments: [
        ("farm.example", "https", "farm.example", "443"), ("h:8080", "http", "h", "8080"), ("h", "http", "h", "80"),
        ("[::1]:10000", "http", "::1", "10000"), ("[::1]", "https", "::1", "443"),
    ])
    func `a host and a port are taken out of an endpoint`(
        _ authority: String,
        _ scheme: String,
        _ host: String,
        _ port: String
    ) {
        let target = NetworkChecks.Target(authority: authority, scheme: scheme)
        #expect((target.host, target.port) == (host, port))
    }

    @Test func `what goes in the clear is a problem, unless it stays here`() throws {
        #expect(NetworkChecks.encryption(try BlobEndpoint("http://127.0.0.1:10000/farm"), refusal: nil).level == .ok)
        #expect(NetworkChecks.encryption(try BlobEndpoint("http://192.0.2.1/farm"), refusal: nil).level == .problem)
        #expect(NetworkChecks.encryption(try BlobEndpoint("https://192.0.2.1/farm"), refusal: nil).level == .ok)
        #expect(NetworkChecks.encryption(try BlobEndpoint("https://192.0.2.1"), refusal: "expired").level == .problem)
    }

    @Test func `what nobody could tell is said so, and is no obstacle`() {
        var permissions = Permissions()
        for right in Permissions.Right.allCases { permissions.allowed[right] = true }
        #expect(permissions.finding(mayList: true, isReadOnly: false).level == .ok)
        permissions.allowed.removeValue(forKey: .delete)
        let finding = permissions.finding(mayList: true, isReadOnly: false)
        #expect(finding.level == .ok && finding.finding.hasSuffix("; no telling: delete"))
        #expect(permissions.finding(mayList: false, isReadOnly: false).level == .warning)
        permissions.allowed = [.read: false, .write: true]
        #expect(permissions.finding(mayList: false, isReadOnly: true).level == .problem)
        #expect(permissions.finding(mayList: false, isReadOnly: false).level == .warning)
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
