internal import AzureBlob
internal import BlobStorage
internal import FuseBinding

/// What the Batch service says to the credential for it. A mount does without it where it must: never a problem.
enum BatchChecks {
    static func run(_ account: BatchAccount) -> Finding {
        do throws(AccountError) {
            let service = try BatchService(account)
            return judge(PlainThread.wait { await service.check() }, account: account.url)
        } catch { return Finding("batch", .problem, "\(error)", try: "the key as the portal shows it") }
    }

    static func judge(_ error: StorageError?, account: String) -> Finding {
        guard let error else { return Finding("batch", .ok, "\(account) answers, and takes the credential") }
        let said = [error.code, error.status.map { "HTTP \($0)" }].compactMap(\.self).joined(separator: ", ")
        let words = "\(error.message)\(said.isEmpty ? "" : " (\(said))"): no true job ids, and no records"
        switch error.kind {
        case .unauthenticated, .denied:
            return Finding(
                "batch",
                .warning,
                "\(account) refuses the credential: \(words)",
                try: "the key or token of this Batch account, which is another than the storage account's",
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
