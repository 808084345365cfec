import Testing

@testable import AzureBlob

/// When a token is used, renewed and given up: by times alone.
struct TokenLifeTests {
    private let old = AccessToken(secret: Secret("old"), lifetime: .seconds(1000))
    private let lapse = SignInFailure(.unavailable, "no answer")
    private let refusal = SignInFailure(.refused, "no")

    @Test func `without a token one is fetched`() {
        #expect(TokenLife().step(now: .zero, refused: nil) == .renew)
    }

    @Test(arguments: [(0.0, 500), (0.5, 650), (0.999, 799)])
    func `it is renewed at half to four fifths of its life, while it is used`(_ random: Double, _ second: Int) {
        var life = TokenLife()
        life.renewed(old, now: .seconds(100), random: random)
        #expect(life.step(now: .seconds(100 + second - 1), refused: nil) == .use(Secret("old")))
        #expect(life.step(now: .seconds(100 + second + 1), refused: nil) == .useAndRenew(Secret("old")))
    }

    @Test func `the service's own wish counts, with a spread`() {
        var token = old
        token.refreshIn = .seconds(300)
        var life = TokenLife()
        life.renewed(token, now: .zero, random: 0)
        #expect(life.step(now: .seconds(299), refused: nil) == .use(Secret("old")))
        #expect(life.step(now: .seconds(301), refused: nil) == .useAndRenew(Secret("old")))
        life.renewed(token, now: .zero, random: 0.999)
        #expect(life.step(now: .seconds(349), refused: nil) == .use(Secret("old")))
        #expect(life.step(now: .seconds(351), refused: nil) == .useAndRenew(Secret("old")))
    }

    @Test func `shortly before its end it is not sent any more`() {
        var life = TokenLife()
        life.renewed(old, now: .zero, random: 0)
        #expect(life.step(now: .seconds(969), refused: nil) == .useAndRenew(Secret("old")))
        #expect(life.step(now: .seconds(970), refused: nil) == .renew)
        #expect(life.remaining(now: .seconds(900)) == .seconds(70))
        // A life of two seconds has a margin of a tenth.
        life.renewed(AccessToken(secret: Secret("short"), lifetime: .seconds(2)), now: .zero, random: 0)
        #expect(life.step(now: .milliseconds(1890), refused: nil) == .useAndRenew(Secret("short")))
        #expect(life.step(now: .milliseconds(1900), refused: nil) == .renew)
    }

    @Test func `a lapse is survived with the token that is there, and asked after every half minute`() {
        var life = TokenLife()
        life.renewed(old, now: .zero, random: 0)
        #expect(life.failed(lapse, now: .seconds(600), random: 1) == 1)
        #expect(life.step(now: .seconds(629), refused: nil) == .use(Secret("old")))
        #expect(life.step(now: .seconds(631), refused: nil) == .useAndRenew(Secret("old")))
        #expect(life.failed(lapse, now: .seconds(631), random: 1) == 2)
        #expect(life.step(now: .seconds(960), refused: nil) == .useAndRenew(Secret("old")))
    }

    @Test func `without a token a failure holds for a moment and no longer`() {
        var life = TokenLife()
        life.failed(lapse, now: .zero, random: 1)
        #expect(life.step(now: .milliseconds(499), refused: nil) == .fail(lapse))
        #expect(life.step(now: .milliseconds(501), refused: nil) == .renew)
        for _ in 0..<20 { life.failed(lapse, now: .zero, random: 1) }
        #expect(life.step(now: .milliseconds(9999), refused: nil) == .fail(lapse))
        #expect(life.step(now: .seconds(10), refused: nil) == .renew)
        life.failed(refusal, now: .zero, random: 1)
        #expect(life.step(now: .milliseconds(4999), refused: nil) == .fail(refusal))
        #expect(life.step(now: .seconds(5), refused: nil) == .renew)
        life.renewed(old, now: .seconds(5), random: 0)
        #expect(life.step(now: .seconds(5), refused: nil) == .use(Secret("old")))
    }

    @Test func `a refused token is replaced, unless it was replaced already or came a moment ago`() {
        var life = TokenLife()
        life.renewed(old, now: .zero, random: 0)
        #expect(life.step(now: .seconds(4), refused: Secret("old")) == .use(Secret("old")))
        #expect(life.step(now: .seconds(6), refused: Secret("old")) == .renew)
        life.renewed(AccessToken(secret: Secret("new"), lifetime: .seconds(1000)), now: .seconds(7), random: 0)
        #expect(life.step(now: .seconds(60), refused: Secret("old")) == .use(Secret("new")))
    }
}
