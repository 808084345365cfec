/// Who is due when, and how many are at it: a pure value. All wait equally long, so who came first is due first.
struct FlushQueue<Element> {
    enum Next {
        case flush(Element)
        case sleep(Duration)
        /// Nobody waits, or as many as may are at it: `add` and `ended` say when to look again.
        case nothing
    }

    /// So many at a time.
    let countMax: Int
    let interval: Duration
    private var waiting: [(element: Element, due: Duration)] = []
    /// Those in front of it were taken already.
    private var first = 0
    private(set) var running = 0

    init(countMax: Int, interval: Duration) {
        self.countMax = countMax
        self.interval = interval
    }

    var waitingCount: Int { waiting.count - first }

    mutating func add(_ element: Element, at now: Duration) { waiting.append((element, now + interval)) }

    mutating func next(at now: Duration) -> Next {
        guard first < waiting.count, running < countMax else { return .nothing }
        let due = waiting[first].due
        guard due <= now else { return .sleep(due - now) }
        running += 1
        let element = waiting[first].element
        first += 1
        if first == waiting.count || first >= 1024 {
            waiting.removeFirst(first)
            first = 0
        }
        return .flush(element)
    }

    mutating func ended() { running -= 1 }
}
