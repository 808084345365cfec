/// The job of the demo, as a render farm's would be: tasks that render side by side, and one that joins.
///
/// The tasks are shell scripts that know nothing of Azure: they write files. Run on a local directory they write the
/// same bytes, and that is what the demo compares with.
enum DemoJob {
    static let name = "film"
    static let frameCount = 4

    static var frameTasks: [String] { (1...frameCount).map { "frame-\($0)" } }
    static let joinTask = "join"

    /// A file of the job: below `jobs/film` of the mount, and its blob in the container `job-film`.
    struct File: Sendable, Equatable {
        var path: String
        var blob: String
    }

    static let container = "job-film"

    /// Everything that the job leaves behind.
    static var files: [File] {
        let rendered = frameTasks.flatMap { task in
            [
                file(task, "TaskOutput", "\(task).ppm"), file(task, "TaskPreview", "\(task).ppm"),
                file(task, "TaskLog", "render.log"),
            ]
        }
        return rendered + [
            file(joinTask, "TaskLog", "join.log"),
            File(path: "JobOutput/film.ppm", blob: "$JobOutput/film.ppm"),
            File(path: "JobPreview/film.ppm", blob: "$JobPreview/film.ppm"),
        ]
    }

    private static func file(_ task: String, _ kind: String, _ name: String) -> File {
        File(path: "tasks/\(task)/\(kind)/\(name)", blob: "\(task)/$\(kind)/\(name)")
    }

    /// `sh -c renderScript render JOB NUMBER`: one frame of a ball that crosses the picture, its preview, and a log.
    ///
    /// Binary PPM out of awk is not portable (locale, NUL); octal escapes that the shell's printf turns into bytes are.
    static let renderScript = #"""
        set -eu
        job=$1 number=$2
        task=$job/tasks/frame-$number
        mkdir -p "$task/TaskOutput" "$task/TaskPreview" "$task/TaskLog"
        log=$task/TaskLog/render.log

        note() {
            echo "frame $number: $1" >> "$log"
            sync "$log"
        }

        render() {
            printf "P6\n$1 $2\n255\n"
            printf "$(awk -v w="$1" -v h="$2" -v n="$number" 'BEGIN {
                for (y = 0; y < h; y++) for (x = 0; x < w; x++) {
                    dx = x - w * n / 5; dy = y - h / 2
                    ball = dx * dx + dy * dy < h * h / 16
                    printf "\\%03o\\%03o\\%03o", ball ? 255 : int(255 * x / w), int(255 * y / h), ball ? 64 : 160
                }
            }')"
        }

        note "begins"
        render 96 54 > "$task/TaskOutput/frame-$number.ppm"
        note "rendered $(wc -c < "$task/TaskOutput/frame-$number.ppm") bytes"
        render 24 14 > "$task/TaskPreview/frame-$number.ppm"
        note "done"
        """#

    /// `sh -c joinScript join JOB COUNT`: all frames one behind the other (which PPM allows) are the film.
    static let joinScript = #"""
        set -eu
        job=$1 count=$2
        mkdir -p "$job/tasks/join/TaskLog" "$job/JobOutput" "$job/JobPreview"
        log=$job/tasks/join/TaskLog/join.log
        for kind in Output Preview; do
            number=1
            while [ "$number" -le "$count" ]; do
                cat "$job/tasks/frame-$number/Task$kind/frame-$number.ppm"
                echo "join: $kind of frame $number" >> "$log"
                number=$((number + 1))
            done > "$job/Job$kind/film.ppm"
        done
        echo "join: done" >> "$log"
        """#

    /// `python -c sdkScript CONTAINER DIRECTORY`: what Microsoft's own SDK finds, downloaded by name.
    static let sdkScript = #"""
        import os, sys
        from azure.storage.blob import ContainerClient, __version__

        container = ContainerClient.from_connection_string(os.environ["AZURE_STORAGE_CONNECTION_STRING"], sys.argv[1])
        print("azure-storage-blob " + __version__)
        for blob in container.list_blobs():
            path = os.path.join(sys.argv[2], blob.name)
            if blob.size == 0:
                continue
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                container.download_blob(blob.name).readinto(file)
        """#
}
