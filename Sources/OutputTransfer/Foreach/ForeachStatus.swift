internal import BlobStorage
internal import OutputConventions
internal import RDS

/// How far a foreach job is, as far as storage tells: whether it still runs, only Batch knows.
package struct ForeachStatus: Sendable, Hashable, Codable {
    package var job: String
    /// Releases of doAzureParallel that lay a job out like this.
    package var releases: String
    /// `stop`, `pass` or `remove`.
    package var errorHandling: String?
    /// Iterations of a task.
    package var chunkSize: Int?
    /// Tasks in all; `nil` where nothing tells.
    package var expected: Int?
    /// Tasks with a result.
    package var present: Int
    /// Numbers of tasks without one, as ranges: `3`, `7-12`.
    package var missing: [String]
    /// How many these are.
    package var missingCount: Int
    /// Of those, the ones that left a log: they ended without a result.
    package var endedWithout: [String]
    package var mergesInCloud: Bool?
    package var isMerged: Bool
    package var packages: [String]
    /// What could not be read, and why.
    package var unreadable: [String]
}

extension StoreTree {
    /// Reads what the client noted of a job: two small blobs, and of `<c>.rds` only how many iterations there are and which
    /// packages.
    package func status(of job: ForeachJob) async throws -> ForeachStatus {
        let reading = ResultReading(store, jobs: 2)
        var unreadable: [String] = []
        var metadata: ForeachMetadata?
        if let file = job.metadata {
            do {
                metadata = ForeachMetadata(try await reading.read(file) { try StringFile.string(in: $0) })
            } catch { try Self.note(error, file, &unreadable) }
        }
        var environment: EnvironmentFile?
        if let file = job.environment {
            do {
                environment = try await reading.read(file) { source in
                    try EnvironmentFile(
                        source,
                        lengthsOf: ["argsList"],
                        stringsOf: ["packages", "github", "bioconductor"]
                    )
                }
            } catch { try Self.note(error, file, &unreadable) }
        }
        let iterations = environment?.lengths["argsList"].flatMap { Int(exactly: $0) }
        let expected = Self.expected(job, iterations: iterations, chunkSize: metadata?.chunkSize)
        let last = expected ?? job.results.keys.max() ?? 0
        let missing = NumberRanges.missing(of: last, in: job.results.keys.filter { $0 <= last }.sorted())
        let endedWithout = job.ended.filter { job.results[$0] == nil && $0 <= last }.sorted()
        let packages = ["packages", "github", "bioconductor"].flatMap { environment?.strings[$0] ?? [] }
        return ForeachStatus(
            job: job.container,
            releases: job.releases,
            errorHandling: metadata?.errorHandling.flatMap { Self.isPackageName($0) ? $0 : nil },
            chunkSize: metadata?.chunkSize,
            expected: expected,
            present: job.results.count,
            missing: missing.map(NumberRanges.text),
            missingCount: missing.reduce(0) { $0 + $1.count },
            endedWithout: NumberRanges.of(endedWithout).map(NumberRanges.text),
            mergesInCloud: metadata?.combinesInCloud,
            isMerged: job.mergedResult != nil,
            packages: Self.unique((metadata?.packages ?? []) + packages).filter(Self.isPackageName),
            unreadable: unreadable
        )
    }

    private static func note(_ error: any Error, _ file: ForeachJob.File, _ unreadable: inout [String]) throws {
        if error is CancellationError { throw error }
        if let error = error as? StorageError, error.kind == .cancelled { throw error }
        unreadable.append("\(file.address): \(error)")
    }

    /// How many tasks the job has. Where tasks have arguments of their own, the environment's are those of an earlier loop.
    static func expected(_ job: ForeachJob, iterations: Int?, chunkSize: Int?) -> Int? {
        // Counted from 1 without a gap: a user's own `2018.rds` beside them is no task.
        let own = (1...).prefix { job.arguments.contains($0) }.count
        guard own == 0 else { return own }
        guard let iterations, let chunkSize, chunkSize > 0 else { return nil }
        return iterations / chunkSize + (iterations % chunkSize == 0 ? 0 : 1)
    }

    private static func unique(_ names: [String]) -> [String] {
        var seen: Set<NameBytes> = []
        return names.filter { seen.insert(NameBytes($0)).inserted }
    }

    /// `dplyr`, `tidyverse/dplyr@v1.0`: nothing that could be a token is shown of a job's environment.
    static func isPackageName(_ name: String) -> Bool {
        let others = Set("._-/@".utf8)
        return (1...100).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || others.contains(byte)
            }
    }
}

/// Numbers of tasks, as people write them down: `1-3`, `7`. A user's blob may look like task 999,999,999: none are counted one by one.
enum NumberRanges {
    /// - Parameter numbers: ascending.
    static func of(_ numbers: [Int]) -> [ClosedRange<Int>] {
        var ranges: [ClosedRange<Int>] = []
        for number in numbers {
            if let last = ranges.last, last.upperBound + 1 == number {
                ranges[ranges.count - 1] = last.lowerBound...number
            } else {
                ranges.append(number...number)
            }
        }
        return ranges
    }

    /// What lies between `numbers` (ascending, from 1), up to `last`.
    static func missing(of last: Int, in numbers: [Int]) -> [ClosedRange<Int>] {
        var ranges: [ClosedRange<Int>] = []
        var next = 1
        for number in numbers + [last + 1] {
            if next < number { ranges.append(next...number - 1) }
            next = number + 1
        }
        return ranges
    }

    static func text(_ range: ClosedRange<Int>) -> String {
        range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
    }
}
