internal import AzureBlob
internal import FuseBinding
internal import Logging

/// A way into the store that was tried: one for everything in the process, since it holds the token.
struct OpenDoor: Sendable {
    enum Kind: Sendable {
        case secret, identity, anonymous
    }

    let credential: Credential
    let kind: Kind
    /// What it is, for `doctor` and the log; without secrets.
    let words: String

    /// Signs in, where that takes asking somebody.
    ///
    /// - Parameter asksFirst: `false`: whoever needs a token first asks for it, and hears why there is none.
    static func open(
        _ source: StorageSource,
        asksFirst: Bool = true,
        logger: Logger
    ) throws(CommandFailure) -> OpenDoor {
        switch source.signIn {
        case .key(let key): return OpenDoor(credential: .sharedKey(key), kind: .secret, words: "an account key")
        case .anonymous:
            return OpenDoor(credential: .anonymous, kind: .anonymous, words: "nobody in particular (anonymous)")
        case .sas(let token, let file):
            let held = HeldSAS(token, file: file, logger: logger)
            let end = held.expiry.map { ", good until \(HTTPDate.formatISO($0))" } ?? ""
            let source = file.map { ", read again from \($0.path)" } ?? ""
            return OpenDoor(credential: .changingSAS(held), kind: .secret, words: "a SAS\(end)\(source)")
        case .identity(let links):
            let signedIn = SignedIn(
                links,
                for: .storage,
                tools: IdentityTools(forNetwork: source.network.settings),
                logger: logger
            )
            guard asksFirst else {
                return OpenDoor(credential: .bearer(signedIn.token), kind: .identity, words: "an identity")
            }
            switch PlainThread.wait(for: { await signedIn.signIn() }) {
            case .failure(let failure):
                throw CommandFailure(
                    failure.kind == .unavailable ? .unavailable : .denied,
                    failure.paragraph,
                    remedies: failure.remedies
                )
            case .success(let (link, lifetime)):
                let words = "\(link), with a token for \(HumanUnits.age(seconds: Int(lifetime.components.seconds)))"
                logger.notice("signed in as \(words)")
                return OpenDoor(credential: .bearer(signedIn.token), kind: .identity, words: words)
            }
        }
    }
}
