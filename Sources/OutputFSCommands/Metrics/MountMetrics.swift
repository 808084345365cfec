internal import AzureBlob
internal import OutputTree

/// A mount's status as metrics. docs/METRICS.md has the same names: Tests/CommandTests compares them.
enum MountMetrics {
    static func exposition(_ status: MountStatus, store: RequestCounters) -> String {
        MetricFamily.exposition(families(status, store: store))
    }

    static func families(_ status: MountStatus, store: RequestCounters) -> [MetricFamily] {
        mount(status) + reading(status.cache) + diskCache(status.diskCache) + writing(status) + requests(store)
            + kernel(status)
    }

    private static func mount(_ status: MountStatus) -> [MetricFamily] {
        let labels = [
            ("mount_point", status.mountPoint), ("source", status.source), ("version", status.programVersion),
        ]
        var families = [
            MetricFamily(
                name: "outputfs_mount",
                kind: .info,
                help: "What is mounted where.",
                samples: [.init(suffix: "_info", labels: labels, value: 1)]
            ),
            .gauge(
                "outputfs_mount_start_time_seconds",
                unit: "seconds",
                "When the mount began, since 1970.",
                Double(status.mountedAt)
            ),
            .gauge(
                "outputfs_known_nodes",
                "Files and directories that the kernel knows.",
                Double(status.tree.knownNodes)
            ),
            .gauge("outputfs_open_handles", "Files and directories that are open.", Double(status.tree.openHandles)),
        ]
        if let remaining = status.credentialRemaining {
            families.append(
                .gauge(
                    "outputfs_credential_remaining_seconds",
                    unit: "seconds",
                    "How long the SAS or the token is good as it is.",
                    remaining
                )
            )
        }
        return families
    }

    private static func reading(_ cache: CacheStatus) -> [MetricFamily] {
        [
            .counter("outputfs_read_hits", "Reads that memory answered at once.", cache.hits),
            .counter("outputfs_read_misses", "Reads that waited for the local disk or the store.", cache.misses),
            .counter("outputfs_read_served_bytes", unit: "bytes", "Handed to programs.", cache.served),
            .counter(
                "outputfs_read_disk_bytes",
                unit: "bytes",
                "Brought into memory from the disk cache.",
                cache.fromDisk
            ),
            .counter(
                "outputfs_read_store_bytes",
                unit: "bytes",
                "Brought into memory from the store.",
                cache.fromStore
            ),
            .counter("outputfs_read_ahead_bytes", unit: "bytes", "Asked for ahead of any reader.", cache.readAhead),
            .counter(
                "outputfs_read_ahead_waste_bytes",
                unit: "bytes",
                "Of those, given up unread.",
                cache.readAheadWaste
            ),
            .gauge("outputfs_memory_bytes", unit: "bytes", "Memory for blocks in use.", Double(cache.resident)),
            .gauge("outputfs_memory_limit_bytes", unit: "bytes", "Its bound (--memory).", Double(cache.budget)),
        ]
    }

    /// Nothing without `--cache-dir`.
    private static func diskCache(_ disk: DiskCacheStatus?) -> [MetricFamily] {
        guard let disk else { return [] }
        return [
            .gauge("outputfs_disk_cache_bytes", unit: "bytes", "On the disk, of all that share it.", Double(disk.used)),
            .gauge(
                "outputfs_disk_cache_limit_bytes",
                unit: "bytes",
                "Its bound (--cache-size).",
                Double(disk.capacity)
            ),
            .gauge("outputfs_disk_cache_files", "Versions of blobs on the disk, whole or in part.", Double(disk.files)),
            .gauge(
                "outputfs_disk_cache_waiting_bytes",
                unit: "bytes",
                "Fetched, still to be saved.",
                Double(disk.waiting)
            ),
            .counter("outputfs_disk_cache_saved_bytes", unit: "bytes", "Saved by this mount.", disk.saved),
            .counter(
                "outputfs_disk_cache_not_saved_bytes",
                unit: "bytes",
                "Given up before they were saved.",
                disk.notSaved
            ),
            .counter(
                "outputfs_disk_cache_evicted_bytes",
                unit: "bytes",
                "Taken away for others to come.",
                disk.evicted
            ),
            .counter(
                "outputfs_disk_cache_damaged_pieces",
                "Pieces of 64 KiB that the disk gave back changed.",
                disk.damaged
            ),
        ]
    }

    private static func writing(_ status: MountStatus) -> [MetricFamily] {
        let (tree, uploads) = (status.tree, status.uploads)
        func sum(_ sizes: [UInt64]) -> Double { Double(sizes.reduce(0, +)) }
        return [
            .gauge(
                "outputfs_unsent_files",
                "Files not in the store as this mount has them.",
                Double(tree.pendingFiles.count)
            ),
            .gauge("outputfs_unsent_bytes", unit: "bytes", "Their sizes.", sum(tree.pendingFiles.map(\.size))),
            .gauge(
                "outputfs_unsent_failed_files",
                "Of those, files with a failed try.",
                Double(tree.pendingFiles.count { $0.failedAttempts > 0 })
            ),
            .gauge(
                "outputfs_journal_kept_files",
                "Files in the journal that wait for outputfs recover.",
                Double(tree.keptFiles.count)
            ),
            .gauge("outputfs_journal_kept_bytes", unit: "bytes", "Their sizes.", sum(tree.keptFiles.map(\.size))),
            .gauge("outputfs_commits_running", "Commits under way.", Double(uploads.commitsRunning)),
            .gauge("outputfs_blocks_in_flight", "Blocks on their way to the store.", Double(uploads.blocksInFlight)),
            .counter(
                "outputfs_staged_bytes",
                unit: "bytes",
                "In blocks that arrived, committed or not.",
                uploads.bytesStaged
            ),
            .counter("outputfs_committed_files", "Files that were put into the store.", uploads.filesCommitted),
            .counter("outputfs_committed_bytes", unit: "bytes", "Their sizes.", uploads.bytesCommitted),
        ]
    }

    private static func requests(_ store: RequestCounters) -> [MetricFamily] {
        let operations = store.requests.keys.sorted { $0.rawValue < $1.rawValue }
        let ended = operations.flatMap { operation in
            (store.ended[operation] ?? [:]).sorted { $0.key < $1.key }.map { status, count in
                ([("operation", operation.rawValue), ("status", status == 0 ? "none" : "\(status)")], Double(count))
            }
        }
        var families: [MetricFamily] = [
            .counter(
                "outputfs_store_requests",
                "Requests sent, by operation of the REST reference.",
                operations.map { ([("operation", $0.rawValue)], Double(store.requests[$0] ?? 0)) }
            ),
            .counter("outputfs_store_responses", "How they ended, by HTTP status; none: no whole answer.", ended),
            MetricFamily(
                name: "outputfs_store_request_duration_seconds",
                kind: .histogram,
                unit: "seconds",
                help: "From asking to the last byte of the answer.",
                samples: operations.flatMap { operation in
                    store.latency[operation].map { histogram($0, operation.rawValue) } ?? []
                }
            ),
            .counter("outputfs_store_retries", "Requests sent again after a failure.", UInt64(store.retries)),
            .counter("outputfs_store_hedges", "Requests sent beside one that did not answer.", UInt64(store.hedges)),
            .counter("outputfs_store_failures", "Operations that failed in the end.", UInt64(store.failures)),
            .counter("outputfs_store_received_bytes", unit: "bytes", "Bodies of answers.", store.bytesReceived),
            .counter("outputfs_store_sent_bytes", unit: "bytes", "Bodies of requests.", store.bytesSent),
        ]
        if let offset = store.clockOffset {
            families.append(
                .gauge(
                    "outputfs_store_clock_offset_seconds",
                    unit: "seconds",
                    "How far the store's clock is ahead of this machine's.",
                    Double(offset)
                )
            )
        }
        return families
    }

    /// Buckets count everything up to their end.
    private static func histogram(_ histogram: LatencyHistogram, _ operation: String) -> [MetricFamily.Sample] {
        var total: UInt64 = 0
        let ends = LatencyHistogram.bounds.map { "\($0)" } + ["+Inf"]
        let buckets = zip(ends, histogram.counts).map { end, count in
            total += count
            return MetricFamily.Sample(
                suffix: "_bucket",
                labels: [("operation", operation), ("le", end)],
                value: Double(total)
            )
        }
        return buckets + [
            .init(suffix: "_count", labels: [("operation", operation)], value: Double(total)),
            .init(suffix: "_sum", labels: [("operation", operation)], value: histogram.sum),
        ]
    }

    private static func kernel(_ status: MountStatus) -> [MetricFamily] {
        [
            .counter(
                "outputfs_kernel_requests",
                "Requests of the kernel, by the names of <linux/fuse.h>.",
                status.kernelRequests.sorted { $0.key < $1.key }.map { ([("operation", $0.key)], Double($0.value)) }
            ),
            .gauge(
                "outputfs_kernel_requests_waiting",
                "Those without an answer.",
                Double(status.kernelRequestsWaiting)
            ),
            .counter(
                "outputfs_passthrough_opens",
                "Opens that the kernel reads by itself from the local disk.",
                status.passthroughOpens
            ),
        ]
    }
}
