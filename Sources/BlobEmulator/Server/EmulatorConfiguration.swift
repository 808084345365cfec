/// A storage account of an emulator.
package struct EmulatorAccount: Sendable {
    package let name: String
    /// Base64.
    package let key: String
    /// Whether it has a hierarchical namespace, and with it the operations of the Data Lake endpoint.
    package let isHierarchical: Bool

    package init(name: String, key: String, isHierarchical: Bool = false) {
        (self.name, self.key, self.isHierarchical) = (name, key, isHierarchical)
    }

    /// The account that every emulator of this service has, with the key that everybody knows.
    package static let development = EmulatorAccount(
        name: "devstoreaccount1",
        key: "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    )
}

/// How an emulator is set up.
package struct EmulatorConfiguration: Sendable {
    package var address: String
    package var port: UInt16
    package var dataDirectory: String?
    package var accounts: [EmulatorAccount]
    package var allowsControl: Bool
    package var clock: EmulatorClock

    /// - Parameters:
    ///   - address: an IPv4 address to listen on
    ///   - port: 0 takes any that is free
    ///   - dataDirectory: where everything is kept; nil keeps it in memory
    ///   - accounts: the first is the one of `Emulator.endpoint`
    ///   - allowsControl: whether faults and counters can be reached over HTTP, under `/-/`
    ///   - clock: the time to live by
    package init(
        address: String = "127.0.0.1",
        port: UInt16 = 0,
        dataDirectory: String? = nil,
        accounts: [EmulatorAccount] = [.development],
        allowsControl: Bool = false,
        clock: EmulatorClock = EmulatorClock()
    ) {
        (self.address, self.port, self.dataDirectory) = (address, port, dataDirectory)
        (self.accounts, self.allowsControl, self.clock) = (accounts, allowsControl, clock)
    }
}
