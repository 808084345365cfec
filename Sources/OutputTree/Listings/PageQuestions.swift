/// Whether names of a page are asked for so often that listing the page again is cheaper than asking for each.
///
/// A walk over a large directory (ls -l, du, rsync) asks for one name after the other, and what the listing told grows
/// too old on the way: one List request then answers thousands of questions. Who only looks at a file now and then is
/// better served by one HEAD. So the second name within the window lists the page. Where that helped few, for somebody
/// who looks at three files every second, the next time takes twice as many names, up to 64.
struct PageQuestions: Sendable {
    private static let fewestNames = 2
    private static let mostNames = 64
    /// A listing that answered as many was worth it.
    private static let worth = 8

    /// The names that were asked for one after the other.
    private var names: [UInt64] = []
    /// When the page was asked for a name last.
    private(set) var lastAt = Duration.zero
    private var needed: Int
    /// `needed`, while no listing has been in vain.
    private let fewest: Int
    private var answerCount = 0
    private var (isWanted, wasWanted) = (false, false)

    /// `isDear`: a listing is more than one request.
    init(isDear: Bool = false) {
        fewest = isDear ? Self.mostNames : Self.fewestNames
        needed = fewest
    }

    /// A question that what is known is too old for. Whether to list the page. `window`: a longer pause ends a walk.
    /// `isWalk`: there are other signs that more will be asked for.
    mutating func ask(_ name: UInt64, at now: Duration, window: Duration, isWalk: Bool) -> Bool {
        if now - lastAt > window { names = [] }
        lastAt = now
        if names.count < needed, !names.contains(name) { names.append(name) }
        guard names.count >= needed || isWalk else { return false }
        isWanted = true
        return true
    }

    /// The page was listed. `isLate`: it took longer than what it says is good for, so it answers only who waited for it.
    mutating func noteLoaded(isLate: Bool = false) {
        if isLate {
            needed = Self.mostNames
        } else if wasWanted {
            needed = answerCount < Self.worth ? min(needed * 2, Self.mostNames) : fewest
        }
        (isWanted, wasWanted) = (false, isWanted)
        answerCount = 0
        names = []
    }

    /// The page could not be listed: for a while its names are better asked for one by one.
    mutating func noteFailed() {
        needed = Self.mostNames
        names = []
    }

    /// Whether no listing of the page has been in vain.
    var isTrusting: Bool { needed == Self.fewestNames }

    /// A question that what is known was good enough for. True if the page was listed for questions, and has answered
    /// many.
    mutating func noteAnswer(at now: Duration) -> Bool {
        answerCount += 1
        lastAt = now
        return wasWanted && answerCount >= Self.worth
    }
}
