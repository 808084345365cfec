internal import AzureBlob

/// What a datastore says to what opens it. A mount does without one that does not answer: never a problem.
enum DatastoreChecks {
    static func run(_ datastore: DatastoreSource, in source: StorageSource, isReadOnly: Bool) -> [Finding] {
        var own = datastore.source ?? source
        own.container = datastore.container
        let check = "datastore \(datastore.name)"
        do throws(CommandFailure) {
            let probe = try Composition.probe(own)
            let findings = StoreChecks.judge(
                probe,
                source: "\(own)",
                endpoint: "\(own.account.endpoint)",
                isReadOnly: isReadOnly
            )
            return judge(findings, check, place: "\(own)")
        } catch { return [Finding(check, error, level: .warning)] }
    }

    /// One line for all that is well, one each for what is not.
    static func judge(_ findings: [Finding], _ check: String, place: String) -> [Finding] {
        let troubled = findings.filter { $0.level != .ok }
        guard !troubled.isEmpty else {
            let said = findings.filter { ["identity", "permissions"].contains($0.check) }.map(\.finding)
            return [Finding(check, .ok, ([place] + said).joined(separator: "; "))]
        }
        return troubled.map { finding in
            var own = finding
            (own.check, own.level) = (check, .warning)
            return own
        }
    }
}
