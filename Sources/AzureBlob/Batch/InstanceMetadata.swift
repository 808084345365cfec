/// The metadata service that every virtual machine of Azure's can ask about itself, at an address of its own link.
package final class InstanceMetadata: Sendable {
    /// Where it is, unless tests have one of their own.
    package static let standardBase = "http://169.254.169.254"

    private let calls: SmallCalls
    private let base: String

    /// `nil` if libcurl or its thread cannot be started.
    package init?(base: String = standardBase) {
        guard let calls = SmallCalls() else { return nil }
        self.calls = calls
        self.base = base.hasSuffix("/") ? String(base.dropLast()) : base
    }

    /// The document of scheduled events, as JSON; `nil` while there is no answer. The first call on a machine turns the
    /// events on, which may take two minutes.
    package func scheduledEvents() async -> [UInt8]? { await get("scheduledevents?api-version=2020-07-01") }

    /// As scheduled events name it.
    package func machineName() async -> String? {
        let body = await get("instance/compute/name?api-version=2021-02-01&format=text")
        return body.flatMap { String(validating: $0, as: UTF8.self) }?.trimmingBlanks().description
    }

    private func get(_ path: String) async -> [UInt8]? {
        // Through a proxy the address would mean the proxy's machine.
        let answer = await calls.get(
            "\(base)/metadata/\(path)",
            [HTTPHeader("Metadata", "true")],
            timeout: .seconds(5),
            usesProxy: false
        )
        guard case .success(let answer) = answer, answer.head.isSuccess else { return nil }
        return answer.body
    }
}
