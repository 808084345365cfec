package import Logging

/// The process's identity before one service: the ways that it has, the token that it keeps, and which way gave it.
package final class SignedIn: Sendable {
    private let chain: IdentityChain
    private let keeper: TokenKeeper

    /// Asks nobody yet.
    package init(_ links: [IdentityLink], for audience: TokenAudience, tools: IdentityTools, logger: Logger) {
        let chain = IdentityChain(links)
        let requester = TokenRequester(tools: tools, audience: audience)
        self.chain = chain
        keeper = TokenKeeper(surroundings: tools.surroundings, logger: logger) {
            await chain.token { link, isSearch in await requester.token(link, isSearch: isSearch) }
        }
    }

    package var token: any CredentialSource { keeper }

    /// Gets a token, if there is none, and says by what and for how long.
    package func signIn() async -> Result<(link: String, lifetime: Duration), SignInFailure> {
        await keeper.token().map { _ in (chain.chosenLink?.name ?? "", keeper.remaining ?? .zero) }
    }
}
