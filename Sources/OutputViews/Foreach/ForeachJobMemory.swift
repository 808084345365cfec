import BlobStorage
import Synchronization

/// Which containers were found to hold a foreach job, and which not: otherwise each listing of all of them would look into
/// each.
///
/// An answer is that of one version of the container, as the listing of containers told it before the look: one that is made
/// anew under the same name has another. One that holds a job does so until it is deleted. One that does not may be a job
/// that is just being submitted, so that the answer is good for a tenth of the container's age at that time, and for an hour
/// at most.
final class ForeachJobMemory: Sendable {
    private struct Finding {
        var isJob: Bool
        var version: BlobVersion
        var askedAt: Int64
    }

    /// Seconds.
    private static let longest: Int64 = 3600

    private let findings = Mutex<[String: Finding]>([:])

    /// `nil` if it has to be asked. `now`: seconds since the epoch, like all times here.
    func isJob(_ container: String, _ version: BlobVersion, now: Int64) -> Bool? {
        findings.withLock { findings in
            guard let finding = findings[container], finding.version.etag == version.etag else { return nil }
            if finding.isJob { return true }
            let goodFor = min(max(0, finding.askedAt - version.lastModified) / 10, Self.longest)
            return now - finding.askedAt < goodFor ? false : nil
        }
    }

    func note(_ container: String, _ version: BlobVersion, isJob: Bool, at now: Int64) {
        findings.withLock { $0[container] = Finding(isJob: isJob, version: version, askedAt: now) }
    }

    /// A look by the name alone, which tells no version: what contradicts it is wrong, and nothing else follows from it.
    func noteLook(_ container: String, isJob: Bool) {
        findings.withLock { findings in
            if findings[container]?.isJob != isJob { findings[container] = nil }
        }
    }

    /// Forgets containers that are no longer there.
    func keep(_ containers: Set<String>) {
        findings.withLock { findings in
            guard findings.count > containers.count || !findings.keys.allSatisfy(containers.contains) else { return }
            findings = findings.filter { containers.contains($0.key) }
        }
    }
}
