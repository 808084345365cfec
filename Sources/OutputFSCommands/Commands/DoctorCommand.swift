internal import ArgumentParser
internal import AzureBlob
internal import BlobStorage
internal import Glibc
internal import Logging

struct DoctorCommand: ParsableCommand, TakingPlaces {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check what a mount needs: FUSE, kernel, network, credentials, permissions, clock, disks.",
        usage: "outputfs doctor [<source>] [<mountpoint>] [<options of mount>]",
        discussion: """
            Takes what mount takes for storage, tree and transfers, changes nothing, and says of each check whether \
            it is ok, a warning or a problem, with what helps. What the credentials permit is asked of a blob that \
            does not exist. Ends with 1 when there is a problem.

            EXAMPLES
              outputfs doctor
              outputfs doctor myaccount /mnt/outputs --key-file ~/.azure/myaccount.key --cache-dir /mnt/disk/cache
              outputfs doctor --json | jq '.findings[] | select(.level != "ok")'
            """
    )

    @Argument(
        help: .init("The account or endpoint, and the directory, as for mount.", valueName: "places"),
        completion: .directory
    )
    var places: [String] = []

    @Flag(help: "For programs: one JSON object.")
    var json = false

    @OptionGroup var file: ConfigurationOptions

    @OptionGroup(title: "Storage")
    var storage: StorageOptions

    @OptionGroup(title: "The tree")
    var tree: TreeFlags

    @OptionGroup(title: "Transfers")
    var transfer: TransferFlags

    @OptionGroup(title: "Azure Batch")
    var batch: BatchFlags

    var sourceAndMountPoint: (source: String?, mountPoint: String?) { Self.taken(places) }

    func validate() throws {
        guard places.count <= 2 else {
            throw ValidationError("One source and one mount point; '\(places[2])' is too much.")
        }
    }

    func run() throws {
        TerminationSignals.ignorePipe()
        System.keepOutOfCoreDumps()
        let report = DoctorReport(programVersion: Program.version, findings: findings())
        Terminal.print(json ? try JSONText.of(report) : report.text)
        System.exit(report.exitStatus)
    }

    private func findings() -> [Finding] {
        let running = StatusReport.collect()
        var findings = MachineChecks.run(allowsOthers: tree.allowOther) + EnvironmentChecks.run(System.environment)
        var mountPoint: String?
        if let place = BatchNode.mountPoint(named: places.last) {
            let (canonical, finding) = MountChecks.mountPoint(place, allowsContent: tree.nonempty, running)
            mountPoint = canonical
            findings.append(finding)
        }
        do throws(CommandFailure) {
            let source = try storage.source(named: places.count == 2 ? places[0] : nil)
            let configuration = try MountConfiguration(
                source: source,
                mountPoint: mountPoint ?? "",
                tree: tree,
                transfer: transfer,
                user: (System.userID, getegid()),
                environment: System.environment,
                workingDirectory: System.canonicalPath(".") ?? "/"
            )
            findings.append(DirectoryChecks.journal(configuration.journalDirectory, mountPoint: mountPoint))
            findings.append(DirectoryChecks.cache(configuration.diskCache, mountPoint: mountPoint))
            findings += network(source, try Composition.probe(source), isReadOnly: configuration.isReadOnly)
            for datastore in source.datastores {
                findings += DatastoreChecks.run(datastore, in: source, isReadOnly: configuration.isReadOnly)
            }
            let account = try batch.account.account(
                identity: storage.resolver().signInResolver,
                network: source.network.settings,
                logger: Logger(label: "doctor") { _ in SwiftLogNoOpLogHandler() }
            )
            if let account { findings.append(BatchChecks.run(account, network: source.network.settings)) }
        } catch { findings.append(Finding("arguments", error)) }
        return findings + MountChecks.running(running)
    }

    /// The way to the store, and what it says.
    private func network(_ source: StorageSource, _ probe: StoreProbe, isReadOnly: Bool) -> [Finding] {
        let endpoint = source.account.endpoint
        let refusal = probe.error.flatMap { error -> String? in
            switch error.obstacle {
            case .certificate, .notTLS, .silentHandshake: error.message
            default: nil
            }
        }
        let isReached = probe.error.map { $0.status != nil } ?? true
        let proxy = source.network.settings.proxies.proxy(forURL: endpoint.description)
        var findings = [
            proxy.map { Finding("proxy", .ok, "\($0.url), which resolves the endpoint's name") }
                ?? NetworkChecks.name(endpoint)
        ]
        if isReached || refusal != nil || endpoint.scheme == "http" {
            let isAllowed = source.network.allowsHTTP
            findings.append(NetworkChecks.encryption(endpoint, refusal: refusal, isAllowed: isAllowed))
        }
        return findings
            + StoreChecks.judge(
                probe,
                source: source.description,
                endpoint: endpoint.description,
                isReadOnly: isReadOnly
            )
    }
}
