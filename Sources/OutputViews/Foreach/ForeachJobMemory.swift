import BlobStorage
import Synchronization

/// Which containers were found to hold a foreach job, and which not: otherwise each listing of all of them would look into
/// each.
///
/// One that holds a job does so until it is deleted. One that does not may be a job that is just being submitted, so that
/// the answer is good for a tenth of the container's age at that time, and for an hour at most.
final class ForeachJobMemory: Sendable {
    private struct Finding {
        var isJob: Bool
        /// Of the container; `nil` where it was not known.
        var version: BlobVersion?
        var askedAt: Int64
    }

    /// Seconds.
    private static let longest: Int64 = 3600

    private let findings = Mutex<[String: Finding]>([:])

    /// `nil` if it has to be asked. `now`: seconds since the epoch, like all times here.
    func isJob(_ container: String, _ version: BlobVersion, now: Int64) -> Bool? {
        findings.withLock { findings in
            guard let finding = findings[container] else { return nil }
            guard let known = finding.version else {
                // Looked at by its name alone: from now on the answer is that of this version.
                guard finding.isJob else { return nil }
                findings[container]?.version = version
                return true
            }
            guard known.etag == version.etag else { return nil }
            if finding.isJob { return true }
            let goodFor = min(max(0, finding.askedAt - version.lastModified) / 10, Self.longest)
            return now - finding.askedAt < goodFor ? false : nil
        }
    }

    func note(_ container: String, _ version: BlobVersion?, isJob: Bool, at now: Int64) {
        findings.withLock { findings in
            // Without a version it would never be believed: names that programs look for in vain take no memory.
            let isGood = isJob || version != nil
            findings[container] = isGood ? Finding(isJob: isJob, version: version, askedAt: now) : nil
        }
    }

    var count: Int { findings.withLock { $0.count } }

    /// Forgets containers that are no longer there.
    func keep(_ containers: Set<String>) {
        findings.withLock { findings in
            guard findings.count > containers.count || !findings.keys.allSatisfy(containers.contains) else { return }
            findings = findings.filter { containers.contains($0.key) }
        }
    }
}
