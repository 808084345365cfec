internal import Logging

struct Secret: Sendable { let text: String; init(_ t: String) { text = t } }
struct TreeStatus: Codable, Sendable {}

struct MountedTree: Sendable {
    let source: String
    func mount() throws(CommandFailure) {}
    func run() {}
    func unmount(lazily: Bool) -> Errno? { nil }
    func drain(timeout: Duration) -> [PendingFile] { [] }
    func status() -> TreeStatus { TreeStatus() }
    func shutdown() {}
}
struct RunningEmulator { let endpoint: String; func stop() {} }
enum Composition {
    static func mountedTree(_ c: MountConfiguration, logger: Logger) throws(CommandFailure) -> MountedTree { MountedTree(source: "x") }
    static func emulator(_ s: EmulatorSettings) throws(CommandFailure) -> RunningEmulator { RunningEmulator(endpoint: "http://127.0.0.1:\(s.port)") }
}
