internal import AzureBlob
internal import BlobStorage
internal import FuseBinding

/// What the Batch service says to the credential for it. A mount does without it where it must: never a problem.
enum BatchChecks {
    static func run(_ account: BatchAccount, network: NetworkSettings) -> Finding {
        do throws(AccountError) {
            let service = try BatchService(account, network: network)
            return judge(PlainThread.wait { await service.check() }, account: account.url)
        } catch { return Finding("batch", .problem, "\(error)", try: "the key as the portal shows it") }
    }

    static func judge(_ error: StorageError?, account: String) -> Finding {
        guard let error else { return Finding("batch", .ok, "\(account) answers, and takes the credential") }
        let said = [error.code, error.status.map { "HTTP \($0)" }].compactMap(\.self).joined(separator: ", ")
        let words = "\(error.message)\(said.isEmpty ? "" : " (\(said))"): no true job ids, and no records"
        switch error.kind {
        case .unauthenticated where error.status == nil:
            return Finding(
                "batch",
                .warning,
                "there is no token for \(account): \(words)",
                try: "--batch-key-file FILE, or export AZURE_BATCH_ACCESS_KEY=…",
                "--auth, for the identity that has a role in the Batch account",
                "--batch-token-file FILE, which somebody keeps renewed"
            )
        case .unauthenticated, .denied:
            return Finding(
                "batch",
                .warning,
                "\(account) refuses the credential: \(words)",
                try: "the key or token of this Batch account, which is another than the storage account's",
                "the role Azure Batch Account Reader, for an identity",
                "date (the clock must be right within 15 minutes)"
            )
        default:
            return Finding(
                "batch",
                .warning,
                "\(account) does not answer: \(words)",
                try: "the URL as AZ_BATCH_ACCOUNT_URL has it"
            )
        }
    }
}
