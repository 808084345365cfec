"""The Batch File Conventions as the .NET library writes them: everything it writes is shown and fetched, byte for byte, and what a
mount writes has the library's names."""

import itertools
import json
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parents[1] / "MountTests"))
sys.path.append(str(HERE))

from conventions_library import JOB_KINDS, TASK_KINDS, Storage, container_name  # noqa: E402
from mounts import Mount, Server, binary, clean_environment, wait_until  # noqa: E402

numbers = itertools.count()

# The library's own tests hold the first ten, job by job; the others follow from its algorithm.
CONTAINERS = {
    "job-15": "job-job-15",
    "MyTerrificJob": "job-myterrificjob",
    "J": "job-j",
    "my_job-bob": "job-my-job-bob-e04620bc2add214df74e158ba60d24273a0e0927",
    "my-_EVEN_MORE_-terrific-job": "job-my-even-more-te-68b05a7d8aa6aa65b9a6892c667a6c406a16ad65",
    "---": "job-job-58b63e273b964039d6ef432a415df3f177c818e5",
    "-": "job-job-3bc15c8aae3e4124dd409035f32ea2fd6835efc9",
    "_": "job-job-53a0acfad59379b3e050338bf9f23cfc172ee787",
    "myverylongjobnameallinonewordreallystartingtogetreallysillynow":
        "job-myverylongjobna-a8700e4947d0c8c621e53b24246aa0349d830e41",
    "PersistOutput-20170619-101010": "job-persistoutput-20170619-101010",
    "a" * 59: "job-" + "a" * 59,
    "a" * 60: "job-aaaaaaaaaaaaaaa-13d956033d9af449bfe2c4ef78c17c20469c4bf1",
    "render--final": "job-render-final-543baf752b699771af41b16649cc02cced554148",
    "-leading": "job-leading-6e491d9a4e8e5f730b28ebcc245688f7cd175856",
    "JOB_1": "job-job-1-78a95b1969751b433ac41b1e455c528bc43aa2c0",
    "a:b": "job-a-b-dcea6d9ccd3d20ba1549f6d9b5dde60742158882",
    "0": "job-0",
}

# What the library takes for a kind: any text that is not empty.
ODD_KINDS = [
    "my kind", "alice", "Alice", "a/b", "$dollar", "tasks", "Ünïcode", "100%", "a+b", "x#y?z", "%41", "back\\slash", "dotted.kind",
    ".hidden", "%2E", "%=x", "k" * 240, "TaskLog2",
]


@pytest.fixture(scope="module")
def server():
    running = Server()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def mount(server, tmp_path_factory):
    running = Mount(tmp_path_factory.mktemp("conventions") / "mnt", server, "--attr-ttl", "0s")
    yield running
    running.end()


@pytest.fixture
def run(server):
    def run(*arguments):
        return subprocess.run(
            [binary(), *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
            env=clean_environment(AZURE_STORAGE_CONNECTION_STRING=server.connection_string),
        )

    return run


@pytest.fixture
def job():
    return f"Films_{next(numbers)}"


def stored(name):
    """The service takes a backslash for a slash; a server that keeps it is for the tests of names."""
    return name.replace("\\", "/")


def tree(path):
    path = os.fsencode(path)
    found = {}
    for folder, _, files in os.walk(path):
        for name in files:
            whole = os.path.join(folder, name)
            with open(whole, "rb") as file:
                found[os.path.relpath(whole, path)] = file.read()
    return found


def test_every_job_id_leads_to_the_librarys_container(server, mount, run):
    for job, container in CONTAINERS.items():
        assert container_name(job) == container, job
        storage = Storage(server.service, job)
        storage.prepare()
        storage.save("JobOutput", job.encode(), "id.txt")
        assert (mount / f"jobs/{job}/JobOutput/id.txt").read_bytes() == job.encode()
    paths = [f"jobs/{job}/JobOutput/id.txt" for job in CONTAINERS]
    assert run("cat", *paths).stdout == "".join(CONTAINERS).encode()
    assert json.loads(run("jobs", "show", "--json", "jobs/JOB_1").stdout)["places"] == [CONTAINERS["JOB_1"]]
    listed = {json.loads(line)["container"] for line in run("jobs", "list", "--json", "--kind", "batch").stdout.splitlines()}
    assert set(CONTAINERS.values()) <= listed


def test_a_mount_makes_the_librarys_containers(server, mount):
    for job in ["Made-By_Mount", "made:job-1", "Plain-Name"]:
        (mount / f"jobs/{job}").mkdir()
        assert server.service.get_container_client(container_name(job)).exists()


def test_everything_that_the_library_saves_is_shown_and_fetched(server, mount, run, job, tmp_path):
    """Kinds with odd characters, paths with backslashes, names that no file could have."""
    written = {}
    of_job, of_task = Storage(server.service, job), Storage(server.service, job, "Task_1-a")
    of_job.prepare()
    destinations = [
        "plain.txt", "deep/er/file", "with space", "100%.txt", "a+b#c?d&e", "Testing$/SpecialCharacters%/stdout.txt", "ü/é",
        "é", "back\\slash.txt", "a:b", "semi;colon", "'quoted\"", "~tilde", "%2E", "x" * 300, "ends\\",
    ]
    for storage, kinds in [(of_job, JOB_KINDS + ODD_KINDS), (of_task, TASK_KINDS + ODD_KINDS)]:
        for kind in kinds:
            for destination in destinations if kind in ("JobOutput", "TaskOutput", "a/b") else destinations[:3]:
                data = f"{kind} {destination}".encode() * 3
                written[stored(storage.save(kind, data, destination))] = data
    blobs = {blob.name for blob in of_job.container.list_blobs()}
    assert blobs == set(written)
    shown = tree(mount / f"jobs/{job}")
    assert sorted(shown.values()) == sorted(written.values())
    assert run("get", f"jobs/{job}", tmp_path / "fetched").returncode == 0
    assert tree(tmp_path / "fetched") == shown
    listed = [json.loads(line) for line in run("find", "--json", f"jobs/{job}").stdout.splitlines()]
    assert {line["blob"] for line in listed} == blobs
    assert {os.fsencode(line["path"].removeprefix(f"jobs/{job}/")) for line in listed} == set(shown)
    # Each path leads back to its blob.
    for line in listed[::7]:
        pattern = "".join("\\" + letter if letter in "*?[\\" else letter for letter in line["path"])
        assert run("cat", pattern).stdout == written[line["blob"]], line
    summary = json.loads(run("jobs", "show", "--json", f"jobs/{job}").stdout)
    assert summary["total"]["files"] == len(written) and [task["id"] for task in summary["tasks"]] == ["Task_1-a"]
    assert "(other)" not in {kind["name"] for kind in summary["kinds"]}


@pytest.mark.parametrize(
    "given, blob, shown",
    [
        ("..\\stdout.txt", "stdout.txt", "stdout.txt"),
        ("../stdout.txt", "stdout.txt", "stdout.txt"),
        ("File\\Under\\T.txt", "File/Under/T.txt", "File/Under/T.txt"),
        ("..\\sub\\a.txt", "sub\\a.txt", "sub/a.txt"),
    ],
)
def test_relative_paths_are_shown_as_the_library_leaves_them(server, mount, run, job, given, blob, shown):
    storage = Storage(server.service, job, "t")
    storage.prepare()
    assert storage.save_relative("TaskOutput", given.encode(), given) == f"t/$TaskOutput/{blob}"
    assert (mount / f"jobs/{job}/tasks/t/TaskOutput/{shown}").read_bytes() == given.encode()
    assert run("cat", f"jobs/{job}/tasks/t/TaskOutput/{shown}").stdout == given.encode()
    (line,) = run("find", "--json", f"jobs/{job}").stdout.splitlines()
    assert json.loads(line)["blob"] == stored(f"t/$TaskOutput/{blob}")


def test_a_kind_is_a_folder_and_no_prefix(server, mount, run, job, tmp_path):
    """The library's own listing of `Foo` brings `Foobar` along."""
    storage = Storage(server.service, job, "t")
    storage.prepare()
    storage.save("Foo", b"1", "a")
    storage.save("Foobar", b"2", "a")
    assert run("find", f"jobs/{job}/tasks/t/Foo").stdout.decode().split() == [f"/jobs/{job}/tasks/t/Foo/a"]
    assert os.listdir(mount / f"jobs/{job}/tasks/t/Foo") == ["a"]


def test_case_of_tasks_and_kinds_counts_and_that_of_jobs_does_not(server, mount, job):
    for task in ["Task1", "task1"]:
        storage = Storage(server.service, job, task)
        storage.prepare()
        storage.save("alice", task.encode(), "a")
        storage.save("Alice", task.encode() * 2, "a")
    other = job.swapcase()
    assert sorted(os.listdir(mount / f"jobs/{other}/tasks")) == ["Task1", "task1"]
    assert (mount / f"jobs/{other}/tasks/task1/Alice/a").read_bytes() == b"task1task1"


def test_what_a_mount_writes_has_the_librarys_names(server, mount, job):
    (mount / f"jobs/{job}").mkdir()
    storage = Storage(server.service, job, "Frame_1")
    wanted = {}
    for kind in TASK_KINDS + ["my kind", "Ünïcode", "tasks", "$$x"]:
        path = mount / f"jobs/{job}/tasks/Frame_1/{kind}/deep/name with space.txt"
        # The dollar sign of a kind is not shown, but where the kind begins with another.
        own = kind[1:] if kind.startswith("$") else kind
        path.parent.mkdir(parents=True)
        path.write_bytes(kind.encode())
        wanted[storage.blob_name(own, "deep/name with space.txt")] = kind.encode()
    found = {blob.name for blob in storage.container.list_blobs(include=["metadata"]) if not (blob.metadata or {}).get("hdi_isfolder")}
    assert found == set(wanted)
    for name, data in wanted.items():
        assert storage.container.download_blob(name).readall() == data


# Tracked logs


def test_a_tracked_log_is_followed_while_it_grows(server, mount, run, job, tmp_path):
    storage = Storage(server.service, job, "t")
    storage.prepare()
    source = tmp_path / "stdout.txt"
    source.write_bytes(b"")
    log = storage.tracked("TaskLog", source, "stdout.txt")
    path = mount / f"jobs/{job}/tasks/t/TaskLog/stdout.txt"
    assert path.read_bytes() == b""
    written = b""
    with open(path, "rb") as reader:
        for number in range(20):
            more = os.urandom(number * 50_000) + b"\n"
            written += more
            with open(source, "ab") as file:
                file.write(more)
            log.flush()
            wait_until(lambda: (path.stat().st_size == len(written)), 10, "the log's new size")
            assert reader.read() == more
            assert run("cat", f"jobs/{job}/tasks/t/TaskLog/stdout.txt").stdout == written
    log.dispose()
    (line,) = run("find", "--json", f"jobs/{job}").stdout.splitlines()
    assert json.loads(line)["type"] == "AppendBlob"
    assert run("get", f"jobs/{job}/tasks/t/TaskLog", tmp_path / "logs").returncode == 0
    assert (tmp_path / "logs" / "stdout.txt").read_bytes() == written


def test_a_line_in_parts_of_four_mebibytes_is_one_line(server, mount, run, job, tmp_path):
    storage = Storage(server.service, job, "t")
    storage.prepare()
    source = tmp_path / "big"
    source.write_bytes(os.urandom(9 << 20))
    storage.tracked("TaskLog", source, "big").dispose()
    assert (mount / f"jobs/{job}/tasks/t/TaskLog/big").read_bytes() == source.read_bytes()
    assert run("cat", f"jobs/{job}/tasks/t/TaskLog/big").stdout == source.read_bytes()


def test_a_task_that_runs_again_doubles_its_log_and_all_of_it_is_shown(server, mount, run, job, tmp_path):
    """The library keeps a blob that is there, and begins at the source's first byte."""
    storage = Storage(server.service, job, "t")
    storage.prepare()
    source = tmp_path / "stdout.txt"
    source.write_bytes(b"first try\n")
    storage.tracked("TaskLog", source, "stdout.txt").dispose()
    path = mount / f"jobs/{job}/tasks/t/TaskLog/stdout.txt"
    assert path.read_bytes() == b"first try\n"
    source.write_bytes(b"second try\n")
    storage.tracked("TaskLog", source, "stdout.txt").dispose()
    assert path.read_bytes() == b"first try\nsecond try\n"
    assert run("cat", f"jobs/{job}/tasks/t/TaskLog/stdout.txt").stdout == b"first try\nsecond try\n"


def test_a_log_that_rolls_is_two_logs(server, mount, run, job, tmp_path):
    """A source that is cut is not followed; programs that roll their logs begin another file."""
    storage = Storage(server.service, job, "t")
    storage.prepare()
    for number in range(3):
        source = tmp_path / f"app.{number}.log"
        source.write_bytes(b"line\n" * (number + 1))
        log = storage.tracked("TaskLog", source, f"app.{number}.log")
        log.flush()
        source.write_bytes(b"")
        log.dispose()
    found = tree(mount / f"jobs/{job}/tasks/t/TaskLog")
    assert found == {f"app.{number}.log".encode(): b"line\n" * (number + 1) for number in range(3)}
    assert run("cat", f"jobs/{job}/tasks/t/TaskLog/app.*.log").stdout == b"line\n" * 6


def test_the_library_appends_to_a_log_that_a_mount_began(server, mount, job, tmp_path):
    path = mount / f"jobs/{job}/tasks/t/TaskLog/stdout.txt"
    (mount / f"jobs/{job}").mkdir()
    path.parent.parent.mkdir()
    path.write_bytes(b"from the mount\n")
    source = tmp_path / "stdout.txt"
    source.write_bytes(b"from the library\n")
    Storage(server.service, job, "t").tracked("TaskLog", source, "stdout.txt").dispose()
    assert path.read_bytes() == b"from the mount\nfrom the library\n"
    with open(path, "ab") as file:
        file.write(b"and again\n")
    blob = server.service.get_blob_client(container_name(job), "t/$TaskLog/stdout.txt")
    assert blob.download_blob().readall() == b"from the mount\nfrom the library\nand again\n"
    assert blob.get_blob_properties().blob_type == "AppendBlob"
