import OutputConventions
import Testing

/// The shape of the tree, and the Batch File Conventions in it.
struct TreeTests {
    private static let job = TreePlace.container(.jobs, container: "job-1")

    private func folder(_ prefix: String) -> TreePlace { .folder(.jobs, container: "job-1", prefix: prefix) }

    @Test func `the top level holds the views, and self beside jobs`() {
        #expect(
            TreePlace.root.planned(views: allViews).fixed.map(\.name) == OutputView.allCases.map(\.rawValue) + ["self"]
        )
        #expect(TreePlace.root.planned(views: [.containers]).fixed.map(\.name) == ["containers"])
        #expect(TreePlace.root.resolve("jobs", views: allViews) == .fixed(.view(.jobs)))
        #expect(TreePlace.root.resolve("self", views: allViews) == .fixed(.selfLink))
        #expect(TreePlace.root.resolve("self", views: [.containers]).places == [])
        #expect(TreePlace.root.obstacle(toMaking: "new", views: allViews)?.kind == .notHere)
    }

    @Test func `a job is looked up by its id and listed by its container`() {
        let jobs = TreePlace.view(.jobs)
        #expect(jobs.planned(views: allViews).source == .containers(prefix: "job-"))
        let bob = "job-my-job-bob-e04620bc2add214df74e158ba60d24273a0e0927"
        let place = TreePlace.container(.jobs, container: bob)
        #expect(jobs.resolve("my_job-bob", views: allViews) == .container(place))
        #expect(
            jobs.resolve("my-job-bob-e04620bc2add214df74e158ba60d24273a0e0927", views: allViews) == .container(place)
        )
        #expect(jobs.shown(container: bob, jobID: nil)?.name == "my-job-bob-e04620bc2add214df74e158ba60d24273a0e0927")
        #expect(jobs.shown(container: bob, jobID: "My_Job-Bob")?.name == "My_Job-Bob")
        // An id that somebody wrote into the wrong container's metadata does not lead astray.
        #expect(
            jobs.shown(container: bob, jobID: "other")?.name == "my-job-bob-e04620bc2add214df74e158ba60d24273a0e0927"
        )
        #expect(jobs.shown(container: "photos", jobID: nil) == nil)
        #expect(jobs.obstacle(toMaking: "not a job", views: allViews)?.kind == .invalid)
        #expect(jobs.obstacle(toMaking: "nightly:job-1", views: allViews) == nil)
    }

    @Test func `containers are shown under their names`() {
        let containers = TreePlace.view(.containers)
        for name in ["photos", "$root", "$web", "$logs", "abc"] {
            #expect(containers.shown(container: name, jobID: nil)?.name == name)
            #expect(containers.resolve(name, views: allViews) == .container(.container(.containers, container: name)))
        }
        for name in ["ab", "UPPER", "a--b", "-a1", "a1-", "$other", ".git", "x y z"] {
            #expect(containers.obstacle(toMaking: name, views: allViews)?.kind == .invalid, "\(name)")
        }
    }

    @Test func `predefined kinds and tasks are always there`() {
        let fixed = Self.job.planned(views: allViews).fixed
        #expect(fixed.map(\.name) == ["JobOutput", "JobPreview", "tasks"])
        #expect(Self.job.resolve("JobOutput", views: allViews) == .fixed(folder("$JobOutput/")))
        #expect(Self.job.resolve("tasks", views: allViews) == .fixed(.tasks(container: "job-1")))
        let task = TreePlace.task(container: "job-1", task: "t1")
        #expect(
            task.planned(views: allViews).fixed.map(\.name) == [
                "TaskOutput", "TaskPreview", "TaskLog", "TaskIntermediate",
            ]
        )
        #expect(task.resolve("TaskLog", views: allViews) == .fixed(folder("t1/$TaskLog/")))
        #expect(task.planned(views: allViews).source == .blobs(container: "job-1", prefix: "t1/$"))
    }

    /// A kind is shown without its `$`, unless that would make it another name.
    @Test(arguments: [
        ("JobOutput", "$JobOutput/"), ("Custom Kind", "$Custom Kind/"), ("TaskLog", "$TaskLog/"), ("$tasks", "$tasks/"),
        ("$$x", "$$x/"), ("%=$.", "$./"), ("%=$..", "$../"), ("alice", "$alice/"), ("Alice", "$Alice/"),
    ])
    func `a kind of a job is a folder`(name: String, prefix: String) {
        let shown = Self.job.shown(prefix: prefix)
        #expect(shown?.name == name)
        #expect(shown?.place == folder(prefix))
        #expect(Self.job.resolve(name, views: allViews).places == [folder(prefix)])
    }

    @Test func `only kinds live in a job and only tasks in tasks`() {
        #expect(Self.job.shown(blob: "$loose") == nil)
        #expect(Self.job.shown(prefix: "$/") == nil)
        #expect(Self.job.resolve("file.txt", views: allViews) == .folder(folder("$file.txt/")))
        #expect(Self.job.obstacle(toMaking: "$JobOutput", views: allViews)?.kind == .invalid)
        let tasks = TreePlace.tasks(container: "job-1")
        let task = TreePlace.task(container: "job-1", task: "t1")
        #expect(tasks.shown(prefix: "t1/")?.place == task)
        #expect(tasks.resolve("t1", views: allViews) == .folder(task))
        #expect(tasks.shown(prefix: "$JobOutput/") == nil)
        #expect(tasks.shown(prefix: "/") == nil)
        #expect(tasks.shown(blob: "loose.txt") == nil)
        #expect(tasks.obstacle(toMaking: "$t", views: allViews)?.kind == .invalid)
        // The `$` counts in the first place of a task's names only.
        let log = folder("t1/$TaskLog/")
        #expect(log.resolve("$x", views: allViews).places.contains(folder("t1/$TaskLog/$x/")))
    }

    @Test func `the marker of a directory is named like it`() {
        let box = TreePlace.folder(.containers, container: "box", prefix: "a/b/")
        #expect(box.marker?.name == "a/b")
        #expect(box.slashMarker?.name == "a/b/")
        #expect(TreePlace.task(container: "job-1", task: "t1").marker?.name == "t1")
        #expect(folder("$JobOutput/").marker?.name == "$JobOutput")
        #expect(TreePlace.folder(.containers, container: "box", prefix: "a//").marker == nil)
        #expect(TreePlace.folder(.containers, container: "box", prefix: "/").marker == nil)
        #expect(Self.job.marker == nil)
    }

    @Test func `places are told apart by bytes`() {
        let (composed, decomposed) = ("\u{e9}", "e\u{301}")
        #expect(composed == decomposed)
        let one = TreePlace.file(.containers, container: "box", name: composed)
        let other = TreePlace.file(.containers, container: "box", name: decomposed)
        #expect(one != other)
        #expect(Set([one, other, one]).count == 2)
        #expect(one != .file(.jobs, container: "box", name: composed))
        #expect(TreePlace.task(container: "a", task: "b") != .folder(.jobs, container: "a", prefix: "b"))
    }
}
