internal import BlobStorage

/// What a few cheap requests showed.
struct StoreProbe: Sendable {
    /// How it was signed in, or why not; then nothing else was asked. `nil` before that.
    var signIn: Result<OpenDoor, CommandFailure>?
    /// Why the first request failed.
    var error: StorageError?
    /// From request to answer: the first with its connection, and those after it.
    var times: [Duration] = []
    /// `nil`: the credentials were refused, or nobody answered.
    var permissions: Permissions?
    /// Seconds that the service's clock is ahead of ours.
    var clockOffset: Int64?
}

/// What the store says to these credentials, from here.
enum StoreChecks {
    static func judge(
        _ probe: StoreProbe,
        source: String,
        endpoint: String,
        isReadOnly: Bool = false
    ) -> [Finding] {
        var findings: [Finding] = []
        var kind = OpenDoor.Kind.secret
        switch probe.signIn {
        case .failure(let failure): return [Finding("identity", failure)]
        case .success(let door):
            findings.append(Finding("identity", .ok, door.words))
            kind = door.kind
        case nil: break
        }
        findings.append(credentials(probe.error, source: source, endpoint: endpoint, kind))
        if let permissions = probe.permissions {
            findings.append(permissions.finding(mayList: probe.error == nil, isReadOnly: isReadOnly))
        }
        if let offset = probe.clockOffset { findings.append(clock(offset)) }
        if probe.error == nil, let first = probe.times.first, let best = probe.times.dropFirst().min() {
            findings.append(latency(first: first, best: best))
        }
        return findings
    }

    private static func credentials(
        _ error: StorageError?,
        source: String,
        endpoint: String,
        _ kind: OpenDoor.Kind
    ) -> Finding {
        guard let error else { return Finding("store", .ok, "\(source) answers, and takes the credentials") }
        if let failure = StorageCheck.failure(error, source: source, endpoint: endpoint, kind) {
            return Finding("store", failure)
        }
        return Finding(
            "store",
            .warning,
            "\(source) may not be listed with these credentials; names that are known can be opened",
            try: kind == .identity
                ? "the role Storage Blob Data Contributor (Owner or Contributor of the account is not enough); "
                    + "a new assignment takes minutes"
                : "a SAS with l in sp="
        )
    }

    /// The service refuses requests that are more than 15 minutes off. Signed ones are corrected by what it says; a
    /// SAS is not.
    static func clock(_ offset: Int64) -> Finding {
        let amount = HumanUnits.age(seconds: Int(abs(offset)))
        let words = "the clock is \(amount) \(offset > 0 ? "behind" : "ahead of") the store's"
        let remedy = "timedatectl set-ntp true"
        switch abs(offset) {
        case ...5: return Finding("clock", .ok, "right within 5 seconds")
        case ...900: return Finding("clock", .warning, "\(words): a SAS begins and ends at other times", try: remedy)
        default: return Finding("clock", .problem, "\(words): the service refuses more than 15 minutes", try: remedy)
        }
    }

    /// Each open waits for one answer, and a new directory for one listing.
    static func latency(first: Duration, best: Duration) -> Finding {
        let words = "answers in \(milliseconds(best)), the first in \(milliseconds(first))"
        guard best >= .milliseconds(100) else { return Finding("latency", .ok, words) }
        return Finding(
            "latency",
            .warning,
            "\(words): each open waits that long",
            try: "a node in the account's region",
            "--attr-ttl 10s where nobody else writes; outputfs warm before a run"
        )
    }

    private static func milliseconds(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let tenths = seconds * 10_000 + attoseconds / 100_000_000_000_000
        return tenths >= 100 ? "\(tenths / 10) ms" : "\(tenths / 10).\(tenths % 10) ms"
    }
}
