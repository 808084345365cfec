/// Which known name somebody meant.
enum NearestName {
    /// The one that the fewest letters tell apart; `nil` where more than a third would have to change.
    static func find(_ name: String, in known: [String]) -> String? {
        let scored = known.map { (name: $0, distance: distance(Array(name.utf8), Array($0.utf8))) }
        guard let best = scored.min(by: { $0.distance < $1.distance }),
            best.distance <= max(1, max(name.utf8.count, best.name.utf8.count) / 3)
        else { return nil }
        return best.name
    }

    /// Levenshtein's, by bytes: letters added, left out or exchanged.
    private static func distance(_ first: [UInt8], _ second: [UInt8]) -> Int {
        var row = Array(0...second.count)
        for (i, letter) in first.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, other) in second.enumerated() {
                let exchanged = diagonal + (letter == other ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(exchanged, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[second.count]
    }
}
