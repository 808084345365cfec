internal import OutputTransfer

/// One process of a machine fetches, the others wait for it and end as it ends.
struct OncePerNode {
    let rank: LocalRank
    private let turn: NodeTurn

    /// - Parameters:
    ///   - folder: where the processes meet.
    ///   - request: all that must be equal for one to do another's work.
    init(in folder: String, for request: [String]) throws(CommandFailure) {
        do {
            rank = try LocalRank(environment: System.environment)
        } catch {
            throw CommandFailure(
                .usage,
                "\(error.variable) is '\(error.value)', which is no local rank",
                try: "0 for the process that fetches; or unset it"
            )
        }
        do {
            turn = try NodeTurn(in: folder, for: request, as: rank)
        } catch {
            throw CommandFailure(
                .cannotCreate,
                "\(error)",
                try: "a destination that ends with a slash: the processes then meet inside of it, not beside it"
            )
        }
    }

    /// Fetches, or waits for the one that does.
    ///
    /// - Parameters:
    ///   - isThere: whether nothing is to be fetched, by a look at the store and the destination.
    ///   - fetch: the work. What it says of single files goes to stderr by itself.
    func run(
        isThere: () throws -> Bool,
        fetch: () throws -> TransferSummary
    ) throws -> TransferSummary {
        if !rank.leads, !turn.isTaken, try isThere() {
            return summary("all of it was there")
        }
        let role = try Result { () throws(LocalFileError) in try turn.wait() }
            .mapError { CommandFailure(.cannotCreate, "\($0)") }.get()
        switch role {
        case .follow(let outcome):
            if let failure = outcome.failure {
                let status = outcome.status.flatMap { ExitStatus(rawValue: $0) } ?? .failure
                throw CommandFailure(status, "\(outcome.by) was to fetch for this machine, and failed: \(failure)")
            }
            var summary = summary("fetched by \(outcome.by)")
            summary.kept = outcome.files
            return summary
        case .lead: return try lead(fetch)
        }
    }

    private func lead(_ fetch: () throws -> TransferSummary) throws -> TransferSummary {
        do {
            var summary = try fetch()
            let failure = summary.exitStatus == .success ? nil : summary.failureText
            try turn.end(
                NodeOutcome(
                    by: turn.name,
                    files: summary.files + summary.kept,
                    byteCount: summary.bytes,
                    failure: failure,
                    status: summary.exitStatus.rawValue
                )
            )
            summary.node = .init(rank: rank.number, role: "fetched for this machine")
            return summary
        } catch {
            let known = error as? CommandFailure
            let text = known?.what ?? "\(error)"
            // The other error is what people are to see; who waits finds the lock free, and tries by itself.
            try? turn.end(
                NodeOutcome(by: turn.name, files: 0, byteCount: 0, failure: text, status: known?.status.rawValue)
            )
            throw error
        }
    }

    private func summary(_ role: String) -> TransferSummary {
        var summary = TransferSummary()
        summary.node = .init(rank: rank.number, role: role)
        return summary
    }
}
