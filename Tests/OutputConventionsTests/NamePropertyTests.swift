import OutputConventions
import TestSupport
import Testing

/// Random names, each with its seed: `SEED=… swift test --filter NamePropertyTests` replays a failure.
@Suite(.timeLimit(.minutes(5)))
struct NamePropertyTests {
    private static let root = TreePlace.container(.containers, container: "box")
    private static let job = TreePlace.container(.jobs, container: "job-1")
    private static let rounds = 3_000

    @Test func everyBlobHasOnePathInContainersWhichLeadsBack() throws {
        var names = NastyNames(random: SeededRandom(seed: testSeed()))
        for _ in 0..<Self.rounds {
            let blob = names.blobName()
            let steps = try #require(walk(to: blob, from: Self.root), "\(blob.debugDescription) is invisible")
            var place = Self.root
            for step in steps {
                #expect(isFileName(step.name), "\(step.name.debugDescription) of \(blob.debugDescription)")
                let resolution = place.resolve(step.name, views: allViews)
                #expect(
                    resolution.places.contains(step.place),
                    "\(step.name.debugDescription) of \(blob.debugDescription)"
                )
                place = step.place
            }
        }
    }

    @Test func whatIsCreatedReadsBackAsWritten() throws {
        var names = NastyNames(random: SeededRandom(seed: testSeed()))
        var createdCount = 0
        for _ in 0..<Self.rounds {
            var place = Self.root
            let path = (0..<Int.random(in: 1...4, using: &names.random)).map { _ in names.fileName() }
            for (index, name) in path.enumerated() {
                guard place.obstacle(toMaking: name, views: allViews) == nil else { break }
                guard case .either(let file, let folder) = place.resolve(name, views: allViews) else {
                    Issue.record("\(name.debugDescription) can be made but is not a file or folder")
                    break
                }
                place = folder
                guard index == path.count - 1, case .file(_, _, let blob) = file else { continue }
                createdCount += 1
                #expect(isStorable(blob), "\(blob.debugDescription) for \(path.debugDescription)")
                let steps = try #require(walk(to: blob, from: Self.root), "\(path.debugDescription) vanished")
                #expect(steps.map { Array($0.name.utf8) } == path.map { Array($0.utf8) })
            }
        }
        #expect(createdCount > Self.rounds / 4, "the names were too nasty to test anything")
    }

    /// Any name that leads somewhere is the one name by which that place is shown: no place has two paths.
    @Test(arguments: [
        root, job, .tasks(container: "job-1"), .task(container: "job-1", task: "t"),
        .folder(.containers, container: "box", prefix: "a//"),
        .folder(.jobs, container: "job-1", prefix: "t/$TaskLog/"),
        .folder(.containers, container: "box", prefix: "d/" + String(repeating: "x", count: 245)),
    ])
    func aNameThatLeadsSomewhereIsTheNameShown(directory: TreePlace) {
        var names = NastyNames(random: SeededRandom(seed: testSeed()))
        let fixed = directory.planned(views: allViews).fixed.map { Array($0.name.utf8) }
        for _ in 0..<Self.rounds / 2 {
            var name = names.fileName()
            if Bool.random(using: &names.random) { name = "%=" + name }
            guard !fixed.contains(Array(name.utf8)) else { continue }
            for place in directory.resolve(name, views: allViews).places {
                let shown: [String?]
                switch place {
                case .file(_, _, let blob):
                    shown = [directory.shown(blob: blob)?.name, directory.shadowed(blob: blob)?.name]
                case .folder(_, _, let prefix) where prefix.utf8.last == UInt8(ascii: "/"):
                    shown = [directory.shown(prefix: prefix)?.name]
                case .task(_, let task):
                    shown = [directory.shown(prefix: task + "/")?.name]
                default:
                    continue
                }
                #expect(
                    shown.contains { $0.map { $0.utf8.elementsEqual(name.utf8) } ?? false },
                    "\(name.debugDescription) leads to \(place), shown as \(shown)"
                )
            }
        }
    }

    @Test func noTwoBlobsShareAPath() {
        var names = NastyNames(random: SeededRandom(seed: testSeed()))
        var blobs: [[Step]: String] = [:]
        for _ in 0..<Self.rounds / 4 {
            // Short ones, so that near misses meet.
            let blob = names.segment()
            guard !blob.isEmpty, blob.utf8.count < 12, let steps = walk(to: blob, from: Self.root) else { continue }
            let path = steps.map { Step(name: $0.name, place: .root) }
            if let other = blobs[path] {
                #expect(other.utf8.elementsEqual(blob.utf8), "\(blob.debugDescription) and \(other.debugDescription)")
            }
            blobs[path] = blob
        }
    }

    @Test func theFileBesideADirectoryOfItsNameKeepsAPathOfItsOwn() throws {
        var names = NastyNames(random: SeededRandom(seed: testSeed()))
        for _ in 0..<Self.rounds / 2 {
            let blob = names.segment()
            guard !blob.isEmpty else { continue }
            var place = Self.root
            while true {
                let shown = try #require(place.shadowed(blob: blob), "\(blob.debugDescription) is invisible")
                let directory = place.shown(prefix: blob + "/")
                #expect(isFileName(shown.name))
                if case .file = shown.place {
                    #expect(place.resolve(shown.name, views: allViews) == .file(shown.place))
                    #expect(directory.map { !$0.name.utf8.elementsEqual(shown.name.utf8) } ?? true)
                    break
                }
                #expect(place.resolve(shown.name, views: allViews) == .folder(shown.place))
                place = shown.place
            }
        }
    }

    /// The inversion of the conventions, written a second time from their definition.
    @Test func jobsShowsExactlyTheBlobsOfTheConventions() throws {
        var names = NastyNames(random: SeededRandom(seed: testSeed()))
        var shownCount = 0
        for _ in 0..<Self.rounds {
            let blob = names.blobName()
            let segments = blob.unicodeScalars.split(separator: "/", omittingEmptySubsequences: false)
            let isKind = segments.map { $0.first == "$" && $0.count > 1 }
            let isJobOutput = isKind[0] && segments.count > 1
            let isTaskOutput = segments.count > 2 && segments[0].first != "$" && !segments[0].isEmpty && isKind[1]
            let steps = walk(to: blob, from: Self.job)
            #expect((steps != nil) == (isJobOutput || isTaskOutput), "\(blob.debugDescription)")
            guard let steps else { continue }
            shownCount += 1
            #expect((steps[0].name == "tasks") == isTaskOutput)
            var place = Self.job
            for step in steps {
                #expect(
                    place.resolve(step.name, views: allViews).places.contains(step.place),
                    "\(blob.debugDescription)"
                )
                place = step.place
            }
        }
        #expect(shownCount > 100, "the names were too nasty to test anything")
    }

    private func isFileName(_ name: String) -> Bool {
        (1...255).contains(name.utf8.count) && !name.utf8.contains(0) && !name.utf8.contains(UInt8(ascii: "/"))
            && !name.utf8.elementsEqual(".".utf8) && !name.utf8.elementsEqual("..".utf8)
    }

    /// What the service takes and keeps, as its naming rules have it.
    private func isStorable(_ blob: String) -> Bool {
        let segments = blob.unicodeScalars.split(separator: "/", omittingEmptySubsequences: false)
        return (1...1024).contains(blob.utf16.count)
            && segments.allSatisfy { !$0.isEmpty && $0.last != "." }
            && blob.unicodeScalars.allSatisfy { scalar in
                scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value) && scalar != "\\"
                    && !(0xE000...0xF8FF).contains(scalar.value) && scalar.value & 0xFFFE != 0xFFFE
                    && !(0xFFF0...0xFFFF).contains(scalar.value)
            }
    }
}
