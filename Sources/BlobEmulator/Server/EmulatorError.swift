/// Why an emulator cannot come up.
package enum EmulatorError: Error, CustomStringConvertible {
    /// The listening address is not one, or cannot be bound.
    case address(String, reason: String)
    /// The data directory cannot be used.
    case dataDirectory(path: String, reason: String)
    /// An account's key is not base64.
    case accountKey(account: String)

    package var description: String {
        switch self {
        case .address(let address, let reason): "cannot listen on \(address): \(reason)"
        case .dataDirectory(let path, let reason): "the data directory \(path) \(reason)"
        case .accountKey(let account): "the key of account \(account) is not base64"
        }
    }
}
