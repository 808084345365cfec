import Testing

@testable import OutputFSCommands
@testable import OutputTree

extension MountStatus {
    /// A mount that was read from and written to.
    static func sample(hasDiskCache: Bool = false, passthroughOpens: UInt64 = 0, isIdle: Bool = false) -> MountStatus {
        MountStatus(
            mountPoint: "/mnt/outputs",
            source: "https://farm.blob.core.windows.net",
            processID: 42,
            workerProcessID: 43,
            restarts: 0,
            programVersion: "0.1.0",
            mountedAt: 1_000,
            isReadOnly: false,
            journalDirectory: "/var/spool/outputfs",
            durability: "commit",
            logFile: nil,
            drainTimeout: 60,
            credentialRemaining: 7_200,
            state: .serving,
            tree: TreeStatus(pendingFiles: [], keptFiles: [], knownNodes: 12, openHandles: 3, errors: []),
            cache: isIdle
                ? CacheStatus(
                    resident: 0,
                    budget: 256 << 20,
                    hits: 0,
                    misses: 0,
                    served: 0,
                    fromDisk: 0,
                    fromStore: 0,
                    readAhead: 0,
                    readAheadWaste: 0
                )
                : CacheStatus(
                    resident: 128 << 20,
                    budget: 256 << 20,
                    hits: 996,
                    misses: 4,
                    served: 10 << 30,
                    fromDisk: 4 << 30,
                    fromStore: 1 << 30,
                    readAhead: 1 << 30,
                    readAheadWaste: 64 << 20
                ),
            diskCache: hasDiskCache
                ? DiskCacheStatus(
                    directory: "/var/cache/outputfs",
                    capacity: 10 << 30,
                    used: 5 << 30,
                    files: 7,
                    saved: 1 << 30,
                    waiting: 3 << 20,
                    notSaved: 0,
                    evicted: 2 << 20,
                    damaged: 1
                ) : nil,
            uploads: UploadsStatus(
                commitsRunning: 1,
                blocksInFlight: 2,
                bytesStaged: 0,
                filesCommitted: 3,
                bytesCommitted: 4096
            ),
            store: StoreStatus(
                requests: isIdle ? [:] : ["Get Blob": 260, "List Blobs": 7],
                retries: 1,
                failures: 0,
                bytesReceived: 1 << 30,
                bytesSent: 4096
            ),
            kernelRequests: ["read": 1000, "lookup": 20],
            kernelRequestsWaiting: 5,
            passthroughOpens: passthroughOpens
        )
    }
}

/// `outputfs status MNT` as people read it.
struct StatusTextTests {
    @Test func `rates are parts of one, and there are none before the first read`() {
        let cache = MountStatus.sample().cache
        #expect(cache.readHitRate == 0.996)
        #expect(cache.byteHitRate == 0.9)
        let idle = MountStatus.sample(isIdle: true).cache
        #expect(idle.readHitRate == nil && idle.byteHitRate == nil)
    }

    @Test func `more fetched than read is a rate of nothing, not less`() {
        let cache = CacheStatus(
            resident: 0,
            budget: 1,
            hits: 0,
            misses: 1,
            served: 4096,
            fromDisk: 0,
            fromStore: 65_536,
            readAhead: 0,
            readAheadWaste: 0
        )
        #expect(cache.byteHitRate == 0)
    }

    @Test(arguments: [
        (0.0, "0 %"), (0.001, "1 %"), (0.5, "50 %"), (0.9999, "99 %"), (1.0, "100 %"),
    ])
    func `only everything is 100 percent, and only nothing is 0`(_ part: Double, _ expected: String) {
        #expect(MountStatus.percent(part) == expected)
    }

    @Test func `a newcomer finds what was read and where it came from`() {
        let text = MountStatus.sample(hasDiskCache: true).details(now: 1_065)
        for line in [
            "/mnt/outputs shows https://farm.blob.core.windows.net",
            "  state                 serving, read-write, for 1m 05s",
            "  programs read         10 GiB in 1000 reads",
            "  answered at once      996 reads, 99 % of them",
            "  from the store        1 GiB; 90 % of what was read needed no fetching (the hit rate)",
            "  from the disk         4 GiB",
            "  read ahead            1 GiB; for nothing: 64 MiB, 6 % of that",
            "  memory                128 MiB of 256 MiB (--memory)",
            "  disk cache            5 GiB of 10 GiB in /var/cache/outputfs (--cache-dir)",
            "Requests to the store: 267",
            "  Get Blob              260",
            "  trouble               1 retry, 0 failures",
            "Requests of the kernel: 1020, 5 waiting",
            "Everything is in the store.",
        ] {
            #expect(text.split(separator: "\n").contains(Substring(line)), "\(line)\n\nin\n\n\(text)")
        }
        #expect(!text.contains("passthrough"))
    }

    @Test func `what is not there is said, too`() {
        let text = MountStatus.sample(passthroughOpens: 3, isIdle: true).details(now: 1_000)
        #expect(text.contains("  disk cache            none (--cache-dir)\n"))
        #expect(text.contains("  passthrough           3 opens, whose reads are not counted above"))
        #expect(!text.contains("hit rate"))
        #expect(text.contains("Requests to the store: 0\n"))
    }

    @Test func `the keys of the JSON are those that the documentation names`() throws {
        let json = try JSONText.of(StatusReport(mounts: [.sample(hasDiskCache: true)], silent: []))
        for key in [
            "mounts", "silent", "mountPoint", "cache", "resident", "budget", "hits", "misses", "served", "fromDisk",
            "fromStore", "readAhead", "readAheadWaste", "readHitRate", "byteHitRate", "diskCache", "directory",
            "capacity", "used", "files", "saved", "waiting", "notSaved", "evicted", "damaged", "passthroughOpens",
            "kernelRequests", "kernelRequestsWaiting", "store", "requests", "retries", "failures", "bytesReceived",
            "bytesSent", "uploads", "tree", "pendingFiles", "knownNodes",
        ] {
            #expect(json.contains("\"\(key)\" : "), "\(key)")
        }
    }
}
