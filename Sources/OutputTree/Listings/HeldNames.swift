import BlobStorage

/// Reads a listing in the order of its names, and holds each blob back until the listing has passed its name with a
/// slash: then it is known whether a directory has the plain name.
///
/// What is held is a chain, each name the beginning of the next (`a`, `a-`, `a-b`), so it is short. It goes over from
/// page to page. Names are bytes behind the listing's prefix. A pure value: the listing of a page begins with a copy.
struct HeldNames: Sendable {
    /// What the listing says of one name, now that it is final.
    enum Final {
        case file(FileFacts)
        /// `marker`: of the blob that marks it, if there is one.
        case directory(marker: FileFacts?)
        /// Beside a directory of its name.
        case shadowedFile(FileFacts)
    }

    /// One name of the listing with what is final of it.
    struct Line {
        let name: [UInt8]
        let what: Final
        /// When the request began that told it.
        let learnedAt: Duration
    }

    private struct Held: Sendable {
        let name: [UInt8]
        let facts: FileFacts
        let learnedAt: Duration
    }

    /// How far the listing has come: the last name or prefix; `nil` at its beginning.
    private(set) var position: [UInt8]?
    private var held: [Held] = []

    private enum Order { case next, again, back }

    private func order(of name: [UInt8]) -> Order {
        guard let position else { return .next }
        if name == position { return .again }
        return NameOrder.precedes(position, name) ? .next : .back
    }

    /// Goes on to the prefix `name`, its slash included; `facts` where the listing tells any of it. False, and nothing done, where the listing went back.
    mutating func pass(
        prefix name: [UInt8],
        _ facts: FileFacts? = nil,
        learnedAt: Duration,
        _ emit: (Line) -> Void
    ) -> Bool {
        switch order(of: name) {
        case .again: return true
        case .back: return false
        case .next: break
        }
        release(before: name, emit)
        position = name
        let directory = Array(name.dropLast())
        guard let blob = held.last, blob.name == directory else {
            emit(Line(name: directory, what: .directory(marker: facts), learnedAt: learnedAt))
            return true
        }
        held.removeLast()
        if blob.facts.isDirectoryMarker {
            emit(Line(name: directory, what: .directory(marker: blob.facts), learnedAt: blob.learnedAt))
        } else {
            emit(Line(name: directory, what: .directory(marker: nil), learnedAt: learnedAt))
            emit(Line(name: directory, what: .shadowedFile(blob.facts), learnedAt: blob.learnedAt))
        }
        return true
    }

    /// Goes on to the blob `name`. False, and nothing done, where the listing went back.
    mutating func pass(
        blob name: [UInt8],
        _ facts: FileFacts,
        learnedAt: Duration,
        _ emit: (Line) -> Void
    ) -> Bool {
        switch order(of: name) {
        case .again: return true
        case .back: return false
        case .next: break
        }
        release(before: name, emit)
        position = name
        held.append(Held(name: name, facts: facts, learnedAt: learnedAt))
        return true
    }

    /// Lets those go that no name from `next` on can hide.
    private mutating func release(before next: [UInt8], _ emit: (Line) -> Void) {
        while let last = held.last, NameOrder.compare(finalOf: last.name, with: next) < 0 { releaseLast(emit) }
    }

    /// The listing has come to `end`, whether or not that name is still there. What is held after that belongs to the page
    /// that begins there.
    mutating func go(to end: [UInt8], _ emit: (Line) -> Void) {
        while let last = held.last, NameOrder.compare(finalOf: last.name, with: end) <= 0 { releaseLast(emit) }
        position = end
    }

    /// The listing is over.
    mutating func finish(_ emit: (Line) -> Void) { while !held.isEmpty { releaseLast(emit) } }

    private mutating func releaseLast(_ emit: (Line) -> Void) {
        let blob = held.removeLast()
        let what: Final = blob.facts.isDirectoryMarker ? .directory(marker: blob.facts) : .file(blob.facts)
        emit(Line(name: blob.name, what: what, learnedAt: blob.learnedAt))
    }

    /// What is held, for a listing that turns out to be out of order.
    var blobs: [(name: [UInt8], facts: FileFacts)] { held.map { ($0.name, $0.facts) } }
}
