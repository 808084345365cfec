internal import AzureBlob
internal import FuseBinding
internal import Glibc
internal import Logging
internal import Synchronization

/// What a mount does where Batch looks at it, and where a machine may go.
extension MountService {
    /// Writes the status file now and every ten seconds, until the mount is gone.
    func keepStatusFile() {
        guard let statusFile else { return }
        if let error = statusFile.write(status(), isLast: false) {
            logger.error("the status file \(statusFile.path) cannot be written: \(error)")
            return
        }
        PlainThread.start(named: "status-file") { [self] in
            while !isUnmounted(within: StatusFile.interval) { statusFile.write(status(), isLast: false) }
        }
    }

    /// What is left, for whoever looks after the process is gone.
    func writeLastStatus() {
        guard let statusFile else { return }
        var last = status()
        last.state = .ended
        statusFile.write(last, isLast: true)
    }

    /// - Parameter metadataBase: `nil` for the machine's own metadata service.
    func watchForEviction(metadataBase: String?) {
        guard let metadata = InstanceMetadata(base: metadataBase ?? InstanceMetadata.standardBase) else {
            logger.error("evictions are not watched for: libcurl or its thread cannot be started")
            return
        }
        EvictionWatch(
            metadata: metadata,
            logger: logger,
            drain: { [self] in
                let left = mounted.drain(timeout: configuration.drainTimeout)
                for file in left { logger.warning("not in the store yet: \(file.path): \(file.reason)") }
            },
            isOver: { [self] pause in isUnmounted(within: pause) }
        ).start()
    }
}
