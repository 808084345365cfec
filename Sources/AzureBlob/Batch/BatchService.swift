package import BlobStorage

/// The few questions that are asked of the Batch service; nothing is ever changed there.
package final class BatchService: Sendable {
    /// The version of the REST interface.
    static let apiVersion = "2024-07-01.20.0"
    /// The most that the service gives at a time.
    static let pageSizeMax = 1000
    /// Tries for one page, and the time that all of them have: whoever waits for a listing of blobs must not wait for
    /// what is said beside them.
    private static let attemptsMax = 3

    private let account: BatchAccount
    private let key: SigningKey?
    private let calls: SmallCalls
    private let surroundings: Surroundings
    private let pageSize: Int

    /// - Parameter pageSize: less than the most is for tests.
    package init(
        _ account: BatchAccount,
        pageSize: Int = 1000,
        network: NetworkSettings = NetworkSettings(),
        surroundings: Surroundings = .system
    ) throws(AccountError) {
        self.account = account
        self.pageSize = min(pageSize, Self.pageSizeMax)
        self.surroundings = surroundings
        switch account.credential {
        case .bearer: key = nil
        case .sharedKey(let text):
            guard let key = SigningKey(base64: text) else {
                throw AccountError("the Batch account's key is not base64")
            }
            self.key = key
        }
        guard let calls = SmallCalls(network) else { throw AccountError("libcurl or its thread cannot be started") }
        self.calls = calls
    }

    /// Whether the service answers, and takes the credential.
    package func check() async -> StorageError? {
        do throws(StorageError) {
            let query = [("$select", "id"), ("api-version", Self.apiVersion), ("maxresults", "1")]
            _ = try await get("/jobs", query, BatchPage<BatchID>.self)
            return nil
        } catch { return error }
    }

    /// Every job of the account.
    package func jobs() async throws(StorageError) -> [BatchJob] { try await all("/jobs", BatchJob.selection) }

    /// `nil` if there is none.
    package func job(_ job: String) async throws(StorageError) -> BatchJob? {
        let query = [("$select", BatchJob.selection), ("api-version", Self.apiVersion)]
        do throws(StorageError) { return try await get("/jobs/\(Self.segment(job))", query, BatchJob.self) } catch {
            if error.kind == .notFound { return nil }
            throw error
        }
    }

    /// Every task of a job.
    package func tasks(ofJob job: String) async throws(StorageError) -> [BatchTask] {
        try await all("/jobs/\(Self.segment(job))/tasks", BatchTask.selection)
    }

    /// `nil` if there is none.
    package func task(_ task: String, ofJob job: String) async throws(StorageError) -> BatchTask? {
        let path = "/jobs/\(Self.segment(job))/tasks/\(Self.segment(task))"
        let query = [("$select", BatchTask.selection), ("api-version", Self.apiVersion)]
        do throws(StorageError) { return try await get(path, query, BatchTask.self) } catch {
            if error.kind == .notFound { return nil }
            throw error
        }
    }

    // MARK: Pages

    private func all<Item: Decodable & Sendable>(
        _ path: String,
        _ selection: String
    ) async throws(StorageError) -> [Item] {
        var (path, query) = (
            path,
            [("$select", selection), ("api-version", Self.apiVersion), ("maxresults", "\(pageSize)")]
        )
        var items: [Item] = []
        while true {
            let page = try await get(path, query, BatchPage<Item>.self)
            items += page.value
            guard let next = page.nextLink else { return items }
            guard let parts = BatchLink(next, of: account) else {
                throw failure(.unexpected, .permanent, path, "the next page is said to be elsewhere")
            }
            (path, query) = (parts.path, parts.query)
        }
    }

    private func get<Value: Decodable & Sendable>(
        _ path: String,
        _ query: [(String, String)],
        _ type: Value.Type
    ) async throws(StorageError) -> Value {
        var attempt = 0
        var refused: Secret?
        while true {
            attempt += 1
            let token = try await token(refused: refused)
            do throws(StorageError) { return try await once(path, query, token, type) } catch {
                // It may have been taken back before its time: one new one is tried, if there is one.
                if error.status == 401, refused == nil, let token, try await self.token(refused: token) != token {
                    refused = token
                    continue
                }
                guard error.persistence == .temporary, attempt < Self.attemptsMax else { throw error }
                let pause = Duration.milliseconds(250) * (1 << attempt) * (0.5 + surroundings.random() / 2)
                let asked = error.retryAfter ?? .zero
                guard asked <= .seconds(5), (try? await surroundings.sleep(max(pause, asked))) != nil else {
                    throw error
                }
            }
        }
    }

    /// `nil` for an account that is opened with its key.
    private func token(refused: Secret?) async throws(StorageError) -> Secret? {
        guard case .bearer(let source) = account.credential else { return nil }
        if refused == nil, let token = source.ready() { return token }
        return try await source.secret(refused: refused).get()
    }

    private func once<Value: Decodable & Sendable>(
        _ path: String,
        _ query: [(String, String)],
        _ token: Secret?,
        _ type: Value.Type
    ) async throws(StorageError) -> Value {
        let date = HTTPDate.format(surroundings.wallClock())
        var headers = [
            HTTPHeader("Accept", "application/json; odata=minimalmetadata"), HTTPHeader("ocp-date", date),
        ]
        if let token {
            headers.append(HTTPHeader("Authorization", "Bearer \(token.revealed())"))
        } else {
            let text = BatchSharedKey.stringToSign(account: account.name, path: path, query: query, date: date)
            headers.append(HTTPHeader("Authorization", "SharedKey \(account.name):\(key?.signature(of: text) ?? "")"))
        }
        let words = query.map { "\(PercentEncoding.queryValue($0.0))=\(PercentEncoding.queryValue($0.1))" }
        let url = "\(account.url)\(path)?\(words.joined(separator: "&"))"
        let answer: SmallCalls.Answer
        switch await calls.get(url, headers, timeout: .seconds(20)) {
        case .success(let given): answer = given
        case .failure(.cancelled): throw failure(.cancelled, .permanent, path, "cancelled")
        case .failure(.untrusted(let reason)): throw failure(.unavailable, .permanent, path, reason)
        case .failure(let other): throw failure(.unavailable, .temporary, path, Self.words(other))
        }
        guard answer.head.isSuccess else { throw refusal(answer, path) }
        guard let value = BatchJSON.decode(type, answer.body) else {
            throw failure(.unexpected, .permanent, path, "the answer is not that of the Batch service")
        }
        return value
    }

    // MARK: Failures

    private func refusal(_ answer: SmallCalls.Answer, _ path: String) -> StorageError {
        let (kind, persistence): (StorageError.Kind, StorageError.Persistence) =
            switch answer.head.status {
            case 401: (.unauthenticated, .permanent)
            case 403: (.denied, .permanent)
            case 404: (.notFound, .permanent)
            case 408: (.unavailable, .temporary)
            case 429, 503: (.throttled, .temporary)
            case 500...: (.unavailable, .temporary)
            default: (.unexpected, .permanent)
            }
        let said = BatchJSON.decode(BatchErrorBody.self, answer.body)
        // The service's message goes on with request id and time on lines of their own.
        let message = said?.message?.value?.split(whereSeparator: \.isNewline).first.map(String.init)
        var error = failure(kind, persistence, path, message ?? "the Batch service says no")
        error.status = answer.head.status
        error.code = said?.code
        error.retryAfter = answer.head.retryAfter
        return error
    }

    private func failure(
        _ kind: StorageError.Kind,
        _ persistence: StorageError.Persistence,
        _ path: String,
        _ message: String
    ) -> StorageError {
        StorageError(kind, persistence, operation: "ask Batch", resource: account.url + path, message: message)
    }

    private static func words(_ failure: TransportFailure) -> String {
        switch failure {
        case .network(let reason), .untrusted(let reason), .invalid(let reason): reason
        case .cutShort: "the answer was cut short"
        case .tooLong: "the answer is longer than it may be"
        case .localInput, .cancelled: "cancelled"
        }
    }

    /// Ids of jobs that a schedule made have a colon.
    private static func segment(_ id: String) -> String { PercentEncoding.queryValue(id) }
}

/// `odata.nextLink`, taken apart; `nil` if it leads elsewhere: keys and tokens stay with the account.
struct BatchLink {
    let path: String
    /// Decoded.
    let query: [(String, String)]

    init?(_ text: String, of account: BatchAccount) {
        guard text.utf8.starts(with: (account.url + "/").utf8) else { return nil }
        let rest = text.dropFirst(account.url.count)
        guard let mark = rest.firstIndex(of: "?") else { return nil }
        path = String(rest[..<mark])
        var query: [(String, String)] = []
        for pair in rest[rest.index(after: mark)...].split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentEncoding.decode(parts[0]),
                let value = PercentEncoding.decode(parts.count > 1 ? parts[1] : "")
            else { return nil }
            query.append((name, value))
        }
        self.query = query
    }
}
