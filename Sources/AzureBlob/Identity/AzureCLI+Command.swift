internal import Glibc

/// A program to run to its end.
package struct IdentityCommand: Sendable, Hashable {
    package var program: String
    package var arguments: [String]
    /// In place of what the environment has.
    package var environment: [String: String]
    package var timeout: Duration
}

/// What became of it.
package enum IdentityCommandOutcome: Sendable, Hashable {
    case ended(status: Int32, output: [UInt8], errors: [UInt8])
    case timedOut
    /// It is not there, or cannot be run; why.
    case notStarted(String)
}

extension AzureCLI {
    func command(for audience: TokenAudience) -> IdentityCommand {
        var arguments = [
            "account", "get-access-token", "--resource", audience.resource, "--output", "json",
        ]
        if let tenantID { arguments += ["--tenant", tenantID] }
        return IdentityCommand(
            program: "az",
            arguments: arguments,
            environment: ["AZURE_CORE_NO_COLOR": "true", "AZURE_CORE_COLLECT_TELEMETRY": "false"],
            timeout: timeout
        )
    }

    /// - Parameter now: seconds since the epoch.
    func token(
        _ outcome: IdentityCommandOutcome,
        for audience: TokenAudience,
        now: Int64
    ) -> Result<AccessToken, SignInFailure> {
        switch outcome {
        case .notStarted(let reason):
            return .failure(
                SignInFailure(.absent, "az cannot be run: \(reason)", try: "install the Azure CLI, and az login")
            )
        case .timedOut:
            return .failure(
                SignInFailure(
                    .unavailable,
                    "az did not answer within \(timeout.components.seconds) s",
                    try: "az account get-access-token --resource \(audience.resource)"
                )
            )
        case .ended(0, let output, _):
            guard let answer = TokenAnswer(output) else {
                return .failure(SignInFailure(.refused, "az answers with something else than JSON", try: "az version"))
            }
            return answer.token(now: now, localTime: Self.localTime)
        case .ended(let status, _, let errors):
            let said = Self.complaint(String(decoding: errors, as: UTF8.self))
            let isLoggedOut = said.contains("az login") || said.contains("AADSTS")
            return .failure(
                SignInFailure(
                    isLoggedOut ? .absent : .refused,
                    said.isEmpty ? "az ended with status \(status)" : "az says: \(said)",
                    try: tenantID.map { "az login --tenant \($0)" } ?? "az login"
                )
            )
        }
    }

    /// The line of its errors that says why; the others are advice about upgrades.
    private static func complaint(_ errors: String) -> String {
        let lines = errors.split(whereSeparator: \.isNewline)
        let line = lines.first { $0.hasPrefix("ERROR") } ?? lines.last ?? ""
        return String(line.drop { !$0.isWhitespace && line.hasPrefix("ERROR") }.trimmingBlanks().prefix(300))
    }

    /// `2026-11-11 12:34:56.000000` by this machine's zone.
    private static func localTime(_ text: String) -> Double? {
        var time = tm()
        let numbers = text.split { !$0.isASCII || !$0.isNumber }.compactMap { Int32($0) }
        guard numbers.count >= 6 else { return nil }
        (time.tm_year, time.tm_mon, time.tm_mday) = (numbers[0] - 1900, numbers[1] - 1, numbers[2])
        (time.tm_hour, time.tm_min, time.tm_sec) = (numbers[3], numbers[4], numbers[5])
        time.tm_isdst = -1
        let seconds = mktime(&time)
        return seconds < 0 ? nil : Double(seconds)
    }
}
