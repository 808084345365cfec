"""The jobs of doAzureParallel under `foreach/`, as its client and Batch leave them: SEMANTICS.md §1.13."""

import errno
import itertools
import json
import os
import pathlib
import stat
import subprocess
import time

import pytest

from mounts import Mount, Server, binary, fails_with, run, wait_until

VECTORS = json.loads(
    (pathlib.Path(__file__).parents[1] / "OutputConventionsTests/Vectors/foreach_map_vectors.json").read_text()
)
SCRIPTS = ("worker.R", "merger.R", "install_github.R", "install_cran.R", "install_bioconductor.R")
BUSY = {"operation": "List Blobs", "effect": "status", "status": 503, "code": "ServerBusy"}
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def few():
    """An emulator with few containers, since each of them is looked into when jobs are listed."""
    running = Server()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def mount(few, tmp_path_factory):
    mount = Mount(tmp_path_factory.mktemp("foreach") / "mnt", few)
    yield mount
    mount.end()


class Job:
    """A job as its client submits it, step by step, and what Batch uploads of its tasks."""

    def __init__(self, server):
        self.name = f"job2018{next(numbers):010}"
        self.container = server.service.create_container(self.name)

    def put(self, name, data=b"x", **more):
        self.container.upload_blob(name, data, **more)

    def scripts(self):
        for script in SCRIPTS:
            self.put(script, f"# {script}", content_type="text/plain")

    def environment(self):
        self.put(f"{self.name}.rds", b"environment")

    def metadata(self):
        self.put(f"{self.name}-metadata.rds", b"metadata")

    def submit(self):
        self.scripts()
        self.environment()
        self.metadata()

    def task(self, task):
        """What Batch uploads when a task ends."""
        self.put(f"logs/{task}.txt", f"log of {task}\nError Code: 0\n")
        self.put(f"stdout/{task}-stdout.txt", b"")
        self.put(f"stderr/{task}-stderr.txt", b"Rscript --verbose\n")
        self.put(f"results/{task}-result.rds", f"result of {task}")


@pytest.fixture
def job(few):
    return Job(few)


@pytest.fixture
def submitted(mount, job):
    job.submit()
    wait_for(mount, job.name)
    return job


def wait_for(mount, job):
    """A listing of all jobs is good for a second."""
    wait_until((mount / "foreach" / job).exists, what="the job")


def tree(directory):
    """All files below, by their paths."""
    return sorted(
        os.path.relpath(os.path.join(place, file), directory)
        for place, _, files in os.walk(directory)
        for file in files
    )


def test_a_job_is_there_as_soon_as_its_blobs_say_what_it_is(mount, job):
    foreach = mount / "foreach"
    job.scripts()
    assert job.name not in os.listdir(foreach)
    assert not (foreach / job.name).exists()
    job.environment()
    wait_until(lambda: (foreach / job.name).exists(), what="the job by its name")
    wait_until(lambda: job.name in os.listdir(foreach), what="the job in the listing")
    job.metadata()
    assert sorted(os.listdir(foreach / job.name)) == ["job", "other", "results", "tasks"]
    files = ["environment.rds", "metadata.rds", "scripts"]
    wait_until(lambda: sorted(os.listdir(foreach / job.name / "job")) == files, what="the metadata")


def test_metadata_alone_says_it_too(mount, job):
    job.metadata()
    wait_for(mount, job.name)
    assert (mount / "foreach" / job.name / "job/metadata.rds").read_bytes() == b"metadata"
    wait_until(lambda: job.name in os.listdir(mount / "foreach"), what="the job in the listing")


def test_a_job_has_its_tasks_with_their_files(mount, submitted):
    submitted.put("1.rds", b"arguments")
    for task in (1, 2, "merge"):
        submitted.task(task)
    place = mount / "foreach" / submitted.name
    files = ["log.txt", "result.rds", "stderr.txt", "stdout.txt"]
    assert tree(place) == sorted(
        ["job/environment.rds", "job/metadata.rds"]
        + [f"job/scripts/{script}" for script in SCRIPTS]
        + [f"tasks/{task}/{file}" for task in (1, 2, "merge") for file in files]
        + ["tasks/1/args.rds", "results/1.rds", "results/2.rds", "results/merged.rds"]
    )
    assert (place / "tasks/2/log.txt").read_text() == "log of 2\nError Code: 0\n"
    assert (place / "tasks/1/args.rds").read_bytes() == b"arguments"
    assert (place / "results/merged.rds").read_text() == "result of merge"
    # A second path to one file.
    one, other = os.stat(place / "results/1.rds"), os.stat(place / "tasks/1/result.rds")
    raw = os.stat(mount / "containers" / submitted.name / "results/1-result.rds")
    assert one.st_ino == other.st_ino == raw.st_ino


@pytest.mark.parametrize("container", sorted({pair["container"] for pair in VECTORS["pairs"]}))
def test_blobs_of_all_releases_are_shown_and_fetched_where_the_rules_say(few, mount, tmp_path, container):
    pairs = {pair["blob"]: pair["path"] for pair in VECTORS["pairs"] if pair["container"] == container}
    client = few.service.create_container(container)
    for blob in pairs:
        client.upload_blob(blob, blob.encode())
    # A blob with nothing behind its last slash has no name of its own.
    wanted = {path.replace("results/", "results/%=") if path.endswith("/") else path: blob for blob, path in pairs.items()}
    wait_for(mount, container)
    place = mount / "foreach" / container
    assert [path for path in tree(place) if not path.startswith("results/")] == sorted(wanted)
    for path, blob in wanted.items():
        assert (place / path).read_bytes() == blob.encode(), path
    for absent in (entry for entry in VECTORS["absent"] if entry["container"] == container):
        assert not (place / absent["path"]).exists()
    # The same without a mount.
    environment = {"AZURE_STORAGE_CONNECTION_STRING": few.connection_string}
    run(f"{binary()} get foreach/{container} fetched", tmp_path, environment=environment)
    fetched = next(path for path in (tmp_path / "fetched", tmp_path / "fetched" / container) if (path / "job").exists())
    assert tree(fetched) == sorted(wanted)
    for path, blob in wanted.items():
        assert (fetched / path).read_bytes() == blob.encode(), path
    listed = run(f"{binary()} ls foreach/{container}/tasks", tmp_path, environment=environment)
    assert sorted(line.rstrip("/") for line in listed.split()) == sorted(os.listdir(place / "tasks"))


def test_what_follows_no_rule_is_in_other(mount, submitted):
    submitted.task(1)
    place = mount / "foreach" / submitted.name / "other"
    assert os.listdir(place) == []
    for name in ("notes.txt", "logs/readme", "mine/deep/er.txt"):
        submitted.put(name, name.encode())
    wait_until(lambda: sorted(os.listdir(place)) == ["logs", "mine", "notes.txt"])
    assert tree(place) == ["logs/readme", "mine/deep/er.txt", "notes.txt"]
    assert os.listdir(place / "logs") == ["readme"]
    (place / "mine/new.txt").write_text("new")
    assert submitted.container.download_blob("mine/new.txt").readall() == b"new"


def test_files_that_may_hold_tokens_are_the_owner_s_alone_by_every_path(mount, submitted):
    name = submitted.name
    for path in (f"foreach/{name}/job/environment.rds", f"containers/{name}/{name}.rds"):
        assert stat.S_IMODE(os.stat(mount / path).st_mode) == 0o400
        time.sleep(1.1)
        assert stat.S_IMODE(os.stat(mount / path).st_mode) == 0o400
    for path in (f"foreach/{name}/job/metadata.rds", f"containers/{name}/worker.R"):
        assert stat.S_IMODE(os.stat(mount / path).st_mode) == 0o644
    os.chmod(mount / f"containers/{name}/{name}.rds", 0o440)
    assert stat.S_IMODE(os.stat(mount / f"foreach/{name}/job/environment.rds").st_mode) == 0o440


def test_a_log_is_followed_over_its_replacement_and_growth(mount, submitted, few):
    path = mount / "foreach" / submitted.name / "tasks/7/log.txt"
    few.blob(submitted.name, "logs/7.txt").create_append_blob()
    few.blob(submitted.name, "logs/7.txt").append_block(b"one\n")
    out = path.parent.parent.parent.parent.parent.parent / f"{submitted.name}.followed"
    with open(out, "wb") as file:
        follower = subprocess.Popen(["tail", "-F", "-s", "0.1", path], stdout=file, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: out.read_bytes() == b"one\n")
        few.blob(submitted.name, "logs/7.txt").append_block(b"two\n")
        wait_until(lambda: out.read_bytes() == b"one\ntwo\n")
        # At the task's end Batch uploads the whole.
        submitted.container.delete_blob("logs/7.txt")
        submitted.put("logs/7.txt", b"one\ntwo\nError Code: 0\n")
        wait_until(lambda: out.read_bytes().endswith(b"Error Code: 0\n"), 20)
    finally:
        follower.kill()
        follower.wait()


def test_files_are_removed_replaced_and_moved_out_and_nothing_is_made(mount, submitted, tmp_path):
    for task in (1, 2):
        submitted.task(task)
    place = mount / "foreach" / submitted.name
    (place / "tasks/1/log.txt").write_text("mine")
    assert submitted.container.download_blob("logs/1.txt").readall() == b"mine"
    os.unlink(place / "tasks/1/stdout.txt")
    assert sorted(os.listdir(place / "tasks/1")) == ["log.txt", "result.rds", "stderr.txt"]
    assert not (place / "tasks/1/stdout.txt").exists()
    os.rename(place / "tasks/1/result.rds", mount / "containers" / submitted.name / "kept.rds")
    assert (mount / "containers" / submitted.name / "kept.rds").read_text() == "result of 1"
    wait_until(lambda: os.listdir(place / "results") == ["2.rds"])
    for path in ("tasks/1/new.txt", "tasks/1/stdout.txt", "tasks/9/log.txt", "results/9.rds", "job/x", "new", "other/new"):
        with fails_with(errno.ENOENT if path == "tasks/9/log.txt" else errno.EPERM):
            (place / path).write_text("x")
    for path in ("tasks/9", "job/more", "other/folder", "results/folder"):
        with fails_with(errno.EPERM):
            os.mkdir(place / path)
    with fails_with(errno.EPERM):
        os.rename(place / "tasks/1/log.txt", place / "tasks/1/stdout.txt")
    with fails_with(errno.EPERM):
        os.mkdir(mount / "foreach/new-job")
    with fails_with(errno.ENOTEMPTY):
        os.rmdir(place / "tasks/2")
    with fails_with(errno.EPERM):
        os.rmdir(place)


def test_a_task_is_removed_with_its_files(mount, submitted):
    for task in (1, 2):
        submitted.task(task)
    tasks = mount / "foreach" / submitted.name / "tasks"
    assert sorted(os.listdir(tasks)) == ["1", "2"]
    run("rm -r 1", tasks)
    assert os.listdir(tasks) == ["2"]
    assert not (tasks / "1").exists()
    run("rm -r 2", tasks)
    assert os.listdir(tasks) == []
    left = sorted(blob.name for blob in submitted.container.list_blobs())
    assert left == sorted([*SCRIPTS, f"{submitted.name}.rds", f"{submitted.name}-metadata.rds"])


def test_a_job_that_is_deleted_at_its_end_is_gone_and_what_is_open_says_so(mount, submitted):
    """autoDeleteJob: the client deletes the container."""
    submitted.task(1)
    foreach = mount / "foreach"
    place = foreach / submitted.name
    assert sorted(os.listdir(place / "tasks/1")) == ["log.txt", "result.rds", "stderr.txt", "stdout.txt"]
    descriptor = os.open(place / "tasks", os.O_RDONLY)
    submitted.container.delete_container()
    wait_until(lambda: submitted.name not in os.listdir(foreach))
    wait_until(lambda: not place.exists())
    # The C library takes ENOENT for the end of a directory that was removed.
    assert os.listdir(descriptor) == []
    os.close(descriptor)


def test_a_busy_store_is_waited_for_and_a_broken_one_is_an_error(few, mounting):
    job = Job(few)
    job.submit()
    job.task(1)
    mount = mounting("--retry-deadline", "2s", server=few)
    place = mount / "foreach" / job.name
    few.faults(BUSY | {"times": 2})
    assert os.listdir(place / "tasks") == ["1"]
    few.faults(BUSY)
    time.sleep(1.1)
    for directory in (place / "tasks", mount / "foreach"):
        with fails_with(errno.EIO):
            os.listdir(directory)
    few.faults()
    assert os.listdir(place / "tasks") == ["1"]


def test_a_job_of_many_tasks_costs_few_requests(own_server, mounting):
    job = Job(own_server)
    job.submit()
    for task in range(1, 31):
        job.task(task)
    mount = mounting(server=own_server)
    place = mount / "foreach" / job.name
    own_server.reset_counters()
    assert len(os.listdir(place / "tasks")) == 30
    # The job, then six folders.
    assert own_server.requests() == {"List Blobs": 7}
    time.sleep(1.1)
    own_server.reset_counters()
    assert (place / "tasks/17/log.txt").read_text().startswith("log of 17")
    requests = own_server.requests()
    # The job, the task, its file, and the file's first bytes.
    assert requests == {"List Blobs": 1, "Get Blob Properties": 2, "Get Blob": 1}
