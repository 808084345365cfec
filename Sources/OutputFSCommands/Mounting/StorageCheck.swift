internal import BlobStorage

/// One cheap request before a mount, so that a wrong key is a sentence on the terminal and not EACCES in `ls`.
enum StorageCheck {
    /// Asks for one line of a listing: of the account's containers, or of the one container's blobs.
    static func run(_ store: any BlobStore, onlyContainer: String?) async -> StorageError? {
        do throws(StorageError) {
            if let onlyContainer {
                _ = try await store.listBlobs(BlobQuery(container: onlyContainer, pageSize: 1), after: nil)
            } else {
                _ = try await store.listContainers(ContainerQuery(pageSize: 1), after: nil)
            }
            return nil
        } catch { return error }
    }

    /// The sentence and the remedy. `nil` where the mount may go on: a token that may not list is good for names that
    /// are known.
    static func failure(
        _ error: StorageError,
        source: String,
        endpoint: String,
        _ kind: OpenDoor.Kind = .secret
    ) -> CommandFailure? {
        let detail = [error.code, error.status.map { "HTTP \($0)" }].compactMap(\.self).joined(separator: ", ")
        let said = detail.isEmpty ? "" : " (\(detail))"
        switch error.kind {
        case .denied where error.code == "AuthorizationPermissionMismatch" || error.code == "AuthorizationFailure":
            return nil
        case .denied where error.code == "KeyBasedAuthenticationNotPermitted":
            return CommandFailure(
                .denied,
                "\(source) does not permit account keys\(said)",
                try: "a SAS: --sas-file FILE; an identity: --auth msi, spn, workload or azcli"
            )
        case .denied:
            return nil
        case .unauthenticated where kind == .identity:
            return CommandFailure(
                .denied,
                "\(source) refuses the token\(said): \(error.message)",
                try: "the account's tenant: --tenant-id ID, or az login --tenant ID",
                "date (the clock must be right)"
            )
        case .unauthenticated where kind == .anonymous:
            return CommandFailure(
                .denied,
                "\(source) is not public\(said): \(error.message)",
                try: "--auth auto, key, sas, msi, spn, workload or azcli"
            )
        case .unauthenticated:
            return CommandFailure(
                .denied,
                "\(source) refuses the credentials\(said): \(error.message)",
                try: "the key or SAS of this account; a SAS may have expired (se=), or not begun (st=)",
                "date (the clock must be right within 15 minutes)"
            )
        case .notFound:
            return CommandFailure(
                .notFound,
                "\(source) does not exist\(said)",
                try: "the container's name, and that the job has made it"
            )
        case .unavailable, .throttled, .cancelled:
            return CommandFailure(
                .unavailable,
                "\(endpoint) does not answer\(said): \(error.message)",
                try: "the account's name and the endpoint",
                "curl -sI \(endpoint)"
            )
        case .invalid, .corrupted, .unexpected:
            return CommandFailure(
                .unavailable,
                "\(endpoint) does not answer as Blob Storage does\(said): \(error.message)",
                try:
                    "the endpoint: https://<account>.blob.core.windows.net, or the emulator's with the account behind it"
            )
        case .alreadyExists, .conditionFailed, .notEmpty, .leased, .immutable, .archived, .encrypted, .conflict,
            .containerBeingDeleted,
            .tooLarge, .localInput:
            return CommandFailure(.unavailable, "\(source) answers strangely\(said): \(error.message)")
        }
    }
}
