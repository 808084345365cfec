import FileSystemModel
import Synchronization

/// The last failures, for `outputfs status`.
package final class ErrorLog: Sendable {
    package struct Item: Sendable, Codable {
        package var operation: String
        package var path: String
        package var errno: Int32
        package var message: String
        /// Seconds since the epoch.
        package var time: Int64
    }

    private let capacity: Int
    private let items = Mutex<[Item]>([])

    init(capacity: Int) { self.capacity = capacity }

    func record(operation: String, path: String, error: FileSystemError, at time: Timestamp) {
        let item = Item(
            operation: operation,
            path: path,
            errno: error.errno,
            message: error.reason,
            time: time.seconds
        )
        items.withLock { items in
            if items.count == capacity { items.removeFirst() }
            items.append(item)
        }
    }

    /// Oldest first.
    package var all: [Item] { items.withLock { $0 } }
}
