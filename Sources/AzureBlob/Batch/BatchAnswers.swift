internal import FoundationEssentials

/// A job as the Batch service has it: what may be shown of it, and no command lines, environments or URLs with a SAS.
package struct BatchJob: Codable, Sendable, Equatable {
    package var id: String
    package var displayName: String?
    /// `active`, `disabling`, `disabled`, `enabling`, `terminating`, `completed`, `deleting`.
    package var state: String
    package var stateTransitionTime: String?
    package var creationTime: String?
    package var lastModified: String?
    package var priority: Int?
    package var executionInfo: Execution?

    package init(id: String, state: String) {
        self.id = id
        self.state = state
    }

    package struct Execution: Codable, Sendable, Equatable {
        package var startTime: String?
        package var endTime: String?
        package var poolId: String?
        package var terminateReason: String?
    }

    static let selection = "id,displayName,state,stateTransitionTime,creationTime,lastModified,priority,executionInfo"
}

/// A task, in the same way.
package struct BatchTask: Codable, Sendable, Equatable {
    package var id: String
    package var displayName: String?
    /// `active`, `preparing`, `running`, `completed`.
    package var state: String
    package var stateTransitionTime: String?
    package var creationTime: String?
    package var lastModified: String?
    package var executionInfo: Execution?
    package var nodeInfo: Node?

    package init(id: String, state: String) {
        self.id = id
        self.state = state
    }

    package struct Execution: Codable, Sendable, Equatable {
        package var startTime: String?
        package var endTime: String?
        package var exitCode: Int?
        /// `success` or `failure`.
        package var result: String?
        package var retryCount: Int?
        package var requeueCount: Int?
        package var failureInfo: Failure?
    }

    package struct Failure: Codable, Sendable, Equatable {
        package var category: String?
        package var code: String?
        package var message: String?
    }

    package struct Node: Codable, Sendable, Equatable {
        package var poolId: String?
        package var nodeId: String?
    }

    static let selection = "id,displayName,state,stateTransitionTime,creationTime,lastModified,executionInfo,nodeInfo"
}

/// A page of a listing.
struct BatchPage<Item: Decodable & Sendable>: Decodable, Sendable {
    var value: [Item]
    /// The next page's whole URL.
    var nextLink: String?

    enum CodingKeys: String, CodingKey {
        case value
        case nextLink = "odata.nextLink"
    }
}

/// As much as shows that there is a job.
struct BatchID: Decodable, Sendable { var id: String }

/// Why the service said no.
struct BatchErrorBody: Decodable {
    struct Message: Decodable { var value: String? }

    var code: String?
    var message: Message?
}

enum BatchJSON {
    /// `nil` if it is something else.
    static func decode<Value: Decodable>(_ type: Value.Type, _ body: [UInt8]) -> Value? {
        try? JSONDecoder().decode(type, from: Data(body))
    }
}
