/// Where a reading of a directory stands, as the kernel and telldir(3) see it: a page, how many of its entries went by,
/// and 19 bits of the hash of the last of them.
///
/// A page that is no longer in memory is listed again when somebody seeks back into it, and others may have made or
/// removed files meanwhile: by the hash the place is found again.
struct ReadingPosition: Equatable {
    var page: Int
    /// Entries of the page that went by.
    var index: Int
    var check: UInt64 = 0

    static let beginning = ReadingPosition(page: 0, index: 0)

    /// 20 bits of page, 24 of index: 2^20 pages of 5,000 names; a directory that has to be listed whole has one page.
    private static let checkBits: UInt64 = 19
    private static let indexBits: UInt64 = 24

    init(page: Int, index: Int, check: UInt64 = 0) {
        self.page = page
        self.index = index
        self.check = check
    }

    /// Behind an entry of this name, the `index`-th of its page counted from 1.
    init(page: Int, index: Int, after name: some Sequence<UInt8>) {
        self.init(page: page, index: index, check: Self.check(of: name))
    }

    private static func check(of name: some Sequence<UInt8>) -> UInt64 {
        let hash = NameHash.of(name)
        return (hash ^ hash >> 32) & (1 << checkBits - 1)
    }

    /// `nil` for the two positions before ".." has gone by, which are 0 and 1.
    init?(offset: UInt64) {
        guard offset >= 2 else { return nil }
        page = Int(offset >> (Self.checkBits + Self.indexBits))
        index = Int(offset >> Self.checkBits & (1 << Self.indexBits - 1)) - 1
        check = offset & (1 << Self.checkBits - 1)
        guard index >= 0 else { return nil }
    }

    var offset: UInt64 {
        UInt64(page) << (Self.checkBits + Self.indexBits) | UInt64(index + 1) << Self.checkBits | check
    }

    /// The index to go on with in a page of `count` names: behind the name that was the last, wherever it is now; where
    /// that is gone, at the same index.
    func start(in count: Int, name: (Int) -> ArraySlice<UInt8>) -> Int {
        guard index > 0 else { return 0 }
        var (below, above) = (index - 1, index)
        while below >= 0 || above < count {
            if below >= 0 {
                if below < count, Self.check(of: name(below)) == check { return below + 1 }
                below -= 1
            }
            if above < count {
                if Self.check(of: name(above)) == check { return above + 1 }
                above += 1
            }
        }
        return min(index, count)
    }
}
