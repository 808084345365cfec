internal import BlobStorage
internal import Glibc
internal import SystemPackage
internal import TestSupport
internal import Testing

/// Views, jobs, kinds, tasks, directories: what is there, what can be made, and what can be removed.
package enum TreeBehaviours {
    package static let all: [Behaviour] = views + directories + removal

    private static let views: [Behaviour] = [
        // §1.1
        Behaviour("the top level shows the views and self") { (world) throws in
            #expect(
                try world.files.names("") == [
                    "containers", "datastores", "foreach", "jobs", "projects", "runs", "self", "uploads",
                ]
            )
            #expect(try world.files.status("self").kind == .link)
            expect(.noSuchFileOrDirectory) { try world.files.status("nothing") }
            expect(.notPermitted) { try world.files.makeDirectory("mine") }
        },
        // §1.3
        Behaviour("predefined kinds and tasks are there without being made") { (world) throws in
            let files = world.files
            try files.makeDirectory("jobs/j")
            #expect(try files.names("jobs/j") == ["JobOutput", "JobPreview", "tasks"])
            #expect(try files.names("jobs/j/JobOutput") == [])
            expect(.fileExists) { try files.makeDirectory("jobs/j/JobOutput") }
            try files.makeDirectory("jobs/j/tasks/t")
            #expect(
                try files.names("jobs/j/tasks/t") == ["TaskIntermediate", "TaskLog", "TaskOutput", "TaskPreview"]
            )
            #expect(try files.status("jobs/j/tasks/t/TaskLog").kind == .directory)
        },
        // §1.3
        Behaviour("a custom kind exists after mkdir, for other mounts as well") { (world) throws in
            try world.makeJob()
            expect(.noSuchFileOrDirectory) { try world.files.status("jobs/j/Renders") }
            try world.files.makeDirectory("jobs/j/Renders")
            #expect(try world.files.names("jobs/j") == ["JobOutput", "JobPreview", "Renders", "tasks"])
            let marker = world.store.storedProperties(of: BlobAddress(container: "job-j", name: "$Renders"))
            #expect(marker?.length == 0)
            #expect(marker?.metadata["hdi_isfolder"] == "true")
            let other = try world.anotherMount()
            #expect(try other.names("jobs/j") == ["JobOutput", "JobPreview", "Renders", "tasks"])
            #expect(try other.names("jobs/j/Renders") == [])
        },
        Behaviour("a kind and a task exist once something is in them") { (world) throws in
            world.store.add(BlobAddress(container: "job-j", name: "$Custom/a"), [1])
            world.store.add(BlobAddress(container: "job-j", name: "t1/$TaskOutput/b"), [1])
            #expect(try world.files.names("jobs/j") == ["Custom", "JobOutput", "JobPreview", "tasks"])
            #expect(try world.files.names("jobs/j/tasks") == ["t1"])
            #expect(try world.files.readFile("jobs/j/tasks/t1/TaskOutput/b") == [1])
            expect(.noSuchFileOrDirectory) { try world.files.status("jobs/j/tasks/t2") }
        },
        // §1.4
        Behaviour("a whole path can be made and written to") { (world) throws in
            try world.files.makeDirectories("jobs/j/tasks/t/TaskOutput/deep/er")
            try world.files.writeFile("jobs/j/tasks/t/TaskOutput/deep/er/f", "x")
            #expect(world.store.containerNames == ["job-j"])
            #expect(world.stored("deep/er/f") == "x")
        },
        Behaviour("a file can be written into a task that nobody made") { (world) throws in
            try world.makeJob()
            try world.files.makeDirectories("jobs/j/tasks/new")
            try world.files.writeFile("jobs/j/tasks/new/TaskLog/out.txt", "x")
            #expect(world.store.bytes(of: BlobAddress(container: "job-j", name: "new/$TaskLog/out.txt")) != nil)
            world.letValidityPass()
            #expect(try world.files.names("jobs/j/tasks") == ["new", "t"])
        },
        // §1.2
        Behaviour("a job whose id is no container name resolves, and is shown by its true id") { (world) throws in
            try world.files.makeDirectory("jobs/My_Job--1")
            try world.files.writeFile("jobs/My_Job--1/JobOutput/f", "x")
            let names = world.store.containerNames
            #expect(names.count == 1 && names[0].hasPrefix("job-my-job-1-"))
            #expect(try world.files.names("jobs") == ["My_Job--1"])
            let other = try world.anotherMount()
            #expect(try other.names("jobs") == ["My_Job--1"])
            #expect(try other.readText("jobs/My_Job--1/JobOutput/f") == "x")
            #expect(try other.readText("jobs/my_job--1/JobOutput/f") == "x")
        },
        // §1.2
        Behaviour("a job whose id nobody knows is shown by its container's name, which leads to it") { (world) throws in
            try world.files.makeDirectory("jobs/My_Job--1")
            let container = world.store.containerNames[0]
            world.store.addContainer(container)
            world.store.add(BlobAddress(container: container, name: "$JobOutput/f"), [1])
            world.letValidityPass()
            let other = try world.anotherMount()
            let shown = try other.names("jobs")
            #expect(shown == [String(container.dropFirst("job-".count))])
            #expect(try other.readFile("jobs/\(shown[0])/JobOutput/f") == [1])
            #expect(try other.readFile("jobs/My_Job--1/JobOutput/f") == [1])
        },
        Behaviour("containers of other tools are shown under containers only") { (world) throws in
            world.store.add(BlobAddress(container: "misc", name: "d/f"), [1])
            #expect(try world.files.names("jobs") == [])
            #expect(try world.files.names("containers") == ["misc"])
            #expect(try world.files.names("containers/misc") == ["d"])
            #expect(try world.files.readFile("containers/misc/d/f") == [1])
        },
        Behaviour("a job that does not exist is ENOENT, and an impossible id, too") { (world) throws in
            expect(.noSuchFileOrDirectory) { try world.files.status("jobs/none") }
            expect(.noSuchFileOrDirectory) { try world.files.status("jobs/no spaces") }
            expect(.noSuchFileOrDirectory) { try world.files.status("containers/UPPER") }
            expect(.noSuchFileOrDirectory) {
                try world.files.writeFile("jobs/none/JobOutput/f", "x")
            }
            expect(.invalidArgument) { try world.files.makeDirectory("containers/x") }
        },
        // §1.1
        Behaviour("a file is one inode through every view, and its unsent bytes are seen in both") { (world) throws in
            try world.makeJob()
            let files = world.files
            let writer = try files.open(world.path("f"), O_RDWR | O_CREAT)
            try files.write(writer, Array("unsent".utf8))
            let twin = "containers/job-j/t/$TaskOutput/f"
            #expect(try files.status(twin).inode == files.status(world.path("f")).inode)
            #expect(try files.status(twin).size == 6)
            #expect(world.stored("f") == nil)
            #expect(try files.readText(twin) == "unsent")
            #expect(try files.names("containers/job-j/t/$TaskOutput") == ["f"])
            try files.close(writer)
            #expect(try files.readText(twin) == "unsent")
        },
        Behaviour("what is made through one view is listed in the other at once") { (world) throws in
            try world.makeJob()
            #expect(try world.files.names("containers/job-j") == ["t"])
            try world.files.makeDirectory("jobs/j/Renders")
            try world.files.writeFile("jobs/j/JobOutput/f", "x")
            #expect(try world.files.names("containers/job-j/$JobOutput") == ["f"])
            #expect(try world.files.names("containers/job-j").contains("$Renders"))
            try world.files.unlink("containers/job-j/$JobOutput/f")
            #expect(try world.files.names("jobs/j/JobOutput") == [])
        },
        Behaviour("inode numbers are the same after a remount") { (world) throws in
            try world.makeJob()
            try world.files.makeDirectories(world.path("d"))
            try world.files.writeFile(world.path("d/f"), "x")
            let other = try world.anotherMount()
            for path in ["", "jobs", "jobs/j", "jobs/j/tasks", world.folder, world.path("d"), world.path("d/f")] {
                #expect(try world.files.status(path).inode == other.status(path).inode, "\(path)")
            }
            for entry in try world.files.list(world.path("d")) {
                #expect(try entry.inode == other.status(world.path("d/" + entry.name)).inode)
            }
        },
    ]

    private static let directories: [Behaviour] = [
        // §1.5
        Behaviour("an empty directory lives on, for other mounts as well") { (world) throws in
            try world.makeJob()
            try world.files.makeDirectories(world.path("empty"))
            world.letValidityPass()
            let other = try world.anotherMount()
            #expect(try world.files.names(world.folder) == ["empty"])
            #expect(try other.names(world.folder) == ["empty"])
            #expect(try other.status(world.path("empty")).kind == .directory)
            try other.removeDirectory(world.path("empty"))
            world.letValidityPass()
            #expect(try world.files.names(world.folder) == [])
            expect(.noSuchFileOrDirectory) { try world.files.status(world.path("empty")) }
        },
        Behaviour("a directory that is only a prefix of blobs can be listed and entered") { (world) throws in
            world.put("a/b/c", "deep")
            world.put("a/x", "side")
            #expect(try world.files.names(world.path("a")) == ["b", "x"])
            #expect(try world.files.names(world.path("a/b")) == ["c"])
            #expect(try world.files.readText(world.path("a/b/c")) == "deep")
            #expect(try world.files.status(world.path("a")).linkCount == 1)
        },
        // §1.5
        Behaviour("markers of other tools are directories") { (world) throws in
            world.store.add(world.blob("gen2"), metadata: ["hdi_isfolder": "true"])
            world.store.add(world.blob("slash/"))
            world.store.add(world.blob("both"), metadata: ["hdi_isfolder": "true"])
            world.put("both/f", "x")
            #expect(try world.files.names(world.folder) == ["both", "gen2", "slash"])
            #expect(try world.files.names(world.path("gen2")) == [])
            #expect(try world.files.names(world.path("slash")) == [])
            #expect(try world.files.names(world.path("both")) == ["f"])
            for name in ["both", "gen2", "slash"] {
                #expect(try world.files.status(world.path(name)).kind == .directory)
            }
        },
        Behaviour("a listing of many names is complete and holds each once") { (world) throws in
            for number in 0..<300 { world.put("n\(number)", "") }
            let names = try world.files.names(world.folder)
            #expect(Set(names).count == 300 && names.count == 300)
        },
        Behaviour("mkdir of what is there is EEXIST") { (world) throws in
            try world.makeJob()
            try world.files.makeDirectories(world.path("d"))
            try world.files.writeFile(world.path("f"), "x")
            expect(.fileExists) { try world.files.makeDirectory(world.path("d")) }
            expect(.fileExists) { try world.files.makeDirectory(world.path("f")) }
            expect(.fileExists) { try world.files.makeDirectory("jobs/j") }
        },
        Behaviour("a file in the way is ENOTDIR") { (world) throws in
            try world.makeJob()
            try world.files.writeFile(world.path("f"), "x")
            expect(.notDirectory) { try world.files.status(world.path("f/g")) }
            expect(.notDirectory) { try world.files.list(world.path("f")) }
            expect(.notDirectory) { try world.files.makeDirectory(world.path("f/d")) }
        },
    ]

    private static let removal: [Behaviour] = [
        // §1.4
        Behaviour("no file operation deletes a container") { (world) throws in
            try world.makeJob()
            expect(.notPermitted) { try world.files.removeDirectory("jobs/j") }
            expect(.notPermitted) { try world.files.removeDirectory("containers/job-j") }
            expect(.notPermitted) { try world.files.removeDirectory("jobs") }
            #expect(world.store.containerNames == ["job-j"])
        },
        // §1.3
        Behaviour("rmdir of an empty predefined kind succeeds and changes nothing") { (world) throws in
            try world.makeJob()
            try world.files.removeDirectory("jobs/j/JobOutput")
            #expect(try world.files.names("jobs/j").contains("JobOutput"))
            try world.files.writeFile("jobs/j/JobOutput/f", "x")
            expect(.directoryNotEmpty) { try world.files.removeDirectory("jobs/j/JobOutput") }
        },
        Behaviour("rmdir of a directory with something in it is ENOTEMPTY") { (world) throws in
            try world.makeJob()
            try world.files.makeDirectories(world.path("d"))
            let descriptor = try world.files.open(world.path("d/unsent"), O_WRONLY | O_CREAT)
            expect(.directoryNotEmpty) { try world.files.removeDirectory(world.path("d")) }
            try world.files.write(descriptor, [1])
            try world.files.close(descriptor)
            expect(.directoryNotEmpty) { try world.files.removeDirectory(world.path("d")) }
            try world.files.unlink(world.path("d/unsent"))
            try world.files.makeDirectory(world.path("d/made"))
            expect(.directoryNotEmpty) { try world.files.removeDirectory(world.path("d")) }
            try world.files.removeDirectory(world.path("d/made"))
            try world.files.removeDirectory(world.path("d"))
            #expect(!world.files.exists(world.path("d")))
        },
        // §1.5
        Behaviour("rm -r of a directory that is only a prefix leaves nothing behind") { (world) throws in
            for name in ["d/a", "d/b", "d/e/f", "d/e/g/h"] { world.put(name, "x") }
            try world.files.removeTree(world.path("d"))
            #expect(world.blobNames == [])
            #expect(!world.files.exists(world.path("d")))
            #expect(try world.files.names(world.folder) == [])
        },
        Behaviour("rm -r of directories that were made here leaves nothing behind") { (world) throws in
            try world.makeJob()
            try world.files.makeDirectories(world.path("d/e"))
            for name in ["d/a", "d/e/f"] { try world.files.writeFile(world.path(name), "x") }
            try world.files.removeTree(world.path("d"))
            #expect(world.blobNames == [])
            #expect(!world.files.exists(world.path("d")))
        },
        Behaviour("unlink of a directory is EISDIR, rmdir of a file ENOTDIR") { (world) throws in
            try world.makeJob()
            try world.files.makeDirectories(world.path("d"))
            try world.files.writeFile(world.path("f"), "x")
            expect(.isDirectory) { try world.files.unlink(world.path("d")) }
            expect(.notDirectory) { try world.files.removeDirectory(world.path("f")) }
            expect(.noSuchFileOrDirectory) { try world.files.unlink(world.path("none")) }
            expect(.noSuchFileOrDirectory) { try world.files.removeDirectory(world.path("none")) }
        },
    ]
}
