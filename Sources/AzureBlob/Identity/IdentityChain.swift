internal import Synchronization

/// Ways to a token in order. The first that gives one is the process's from then on; before that, who says no ends
/// the search, since it was meant, and who is absent hands on to the next.
final class IdentityChain: Sendable {
    private let links: [IdentityLink]
    private let chosen = Mutex<Int?>(nil)

    init(_ links: [IdentityLink]) { self.links = links }

    /// The link that gave a token.
    var chosenLink: IdentityLink? { chosen.withLock { $0 }.map { links[$0] } }

    /// - Parameter ask: asks one link. `isSearch` says that others may follow: then it should not try for long.
    func token(
        _ ask: (_ link: IdentityLink, _ isSearch: Bool) async -> Result<AccessToken, SignInFailure>
    ) async -> Result<AccessToken, SignInFailure> {
        if links.count == 1 || chosenLink != nil {
            let index = chosen.withLock { $0 } ?? 0
            let result = await ask(links[index], false)
            if case .success = result { chosen.withLock { $0 = index } }
            return result.mapError { failure in
                var failure = failure
                failure.answers = [SignInFailure.Answer(link: links[index].name, text: failure.text)]
                failure.text = "no token"
                return failure
            }
        }
        var answers: [SignInFailure.Answer] = []
        var remedies: [String] = []
        for (index, link) in links.enumerated() {
            switch await ask(link, true) {
            case .success(let token):
                chosen.withLock { $0 = index }
                return .success(token)
            case .failure(let failure):
                answers.append(SignInFailure.Answer(link: link.name, text: failure.text))
                guard failure.kind == .absent else {
                    return .failure(Self.failure(failure.kind, answers, failure.remedies))
                }
                if case .missing = link { continue }
                remedies += failure.remedies
            }
        }
        remedies.append("--auth msi, spn, workload or azcli, to hear more of the one that is meant")
        return .failure(Self.failure(.absent, answers, remedies))
    }

    private static func failure(
        _ kind: SignInFailure.Kind,
        _ answers: [SignInFailure.Answer],
        _ remedies: [String]
    ) -> SignInFailure {
        var failure = SignInFailure(kind, kind == .absent ? "no identity is at hand" : "no token")
        failure.answers = answers
        failure.remedies = remedies
        return failure
    }
}
