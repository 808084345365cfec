"""What many writers cost, and what happens at the limit of open files: SEMANTICS.md §3.2, §5.5."""

import concurrent.futures
import errno
import os
import pathlib
import random
import resource

import pytest

from mounts import Background, run, wait_until

PIECE = random.Random(7).randbytes(1 << 20)


@pytest.fixture
def limit():
    """Sets this process's, and so its children's, hard limit of open files for a while."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    def put(count):
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, before[1]))

    yield put
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_thousand_writers_at_once_stay_in_the_budget(own_server, mounting, job, limit):
    limit(min(4000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    mount = mounting("--memory", "64M", server=own_server)
    outputs = mount.job(job)
    files = [os.open(outputs / f"f{number}", os.O_WRONLY | os.O_CREAT) for number in range(1000)]
    sizes = [0] * len(files)
    # Round by round, so that all of them have something on its way; some are large enough for blocks.
    for step in range(10):
        for number, file in enumerate(files):
            if number % 100 == 0 or step == 0:
                sizes[number] += os.write(file, PIECE if number % 100 == 0 else PIECE[:200_000])
    assert mount.peak_memory() < (64 << 20) + (64 << 20)
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        list(pool.map(os.close, files))
    assert mount.peak_memory() < (64 << 20) + (64 << 20), mount.peak_memory()
    stored = {blob.name: blob.size for blob in own_server.service.get_container_client(f"job-{job}").list_blobs()}
    assert stored == {f"$JobOutput/f{number}": size for number, size in enumerate(sizes)}
    for number in (0, 1, 999):
        assert own_server.bytes(f"job-{job}", f"$JobOutput/f{number}") == (PIECE * 10)[: sizes[number]]


def test_at_the_limit_of_open_files_open_fails_and_nothing_else(server, mounting, job):
    mount = mounting()
    outputs = mount.job(job)
    (outputs / "before").write_text("before")
    # What it has open now, and some more.
    count = len(os.listdir(f"/proc/{mount.worker}/fd"))
    resource.prlimit(mount.worker, resource.RLIMIT_NOFILE, (count + 40, count + 40))
    files, refused = [], 0
    for number in range(60):
        try:
            file = open(outputs / f"f{number}", "wb", buffering=0)
            file.write(b"x" * 1000)
            files.append(file)
        except OSError as error:
            assert error.errno == errno.EMFILE, error
            refused += 1
    assert refused > 0 and len(files) > 5
    assert (outputs / "before").read_text() == "before"
    os.rename(outputs / "before", outputs / "after")
    for file in files:
        file.close()
    for file in files:
        assert server.bytes(f"job-{job}", f"$JobOutput/{pathlib.Path(file.name).name}") == b"x" * 1000
    (outputs / "later").write_text("later")
    assert server.bytes(f"job-{job}", "$JobOutput/later") == b"later"


def test_the_limit_of_open_files_is_raised_at_mount(mounting, limit):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limit(512)
    mount = mounting()
    assert resource.prlimit(mount.worker, resource.RLIMIT_NOFILE)[0] > 512 or hard <= 512


def test_programs_that_a_mount_starts_get_none_of_its_files(mounting, job):
    """`az` and fusermount3 would keep connections, and with them what the other end waits for."""
    mount = mounting()
    (mount.job(job) / "f").write_bytes(PIECE)
    assert (mount.job(job) / "f").read_bytes() == PIECE
    mount.status()
    for process in (mount.process.pid, mount.worker):
        for name in os.listdir(f"/proc/{process}/fd"):
            path = pathlib.Path(f"/proc/{process}/fdinfo/{name}")
            if int(name) <= 2 or not path.exists():
                continue
            flags = next(line.split()[1] for line in path.read_text().splitlines() if line.startswith("flags:"))
            assert int(flags, 8) & os.O_CLOEXEC, f"{process}: {name} is {os.readlink(f'/proc/{process}/fd/{name}')}"


def test_a_directory_of_a_thousand_files_moves_with_two_requests_each(own_server, mounting, job):
    """A directory moves in two waves, copies and deletes; names are removed one at a time, as the kernel asks for them."""
    mount = mounting(server=own_server)
    outputs = mount.job(job)
    own_server.control(
        "POST",
        "populate",
        {"account": "field", "container": f"job-{job}", "prefix": "$JobOutput/many/", "count": 1000, "size": 100},
    )
    wait_until((outputs / "many").exists, 5)
    own_server.reset_counters()
    os.rename(outputs / "many", outputs / "moved")
    requests = own_server.requests()
    assert requests["Copy Blob From URL"] == 1000 and requests["Delete Blob"] <= 1002
    assert len(os.listdir(outputs / "moved")) == 1000
    assert not (outputs / "many").exists()


@pytest.mark.parametrize("operation", ["Copy Blob From URL", "Delete Blob"])
def test_a_mount_killed_while_a_directory_moves_leaves_each_file_whole_under_a_name(own_server, mounting, job, operation):
    """§3.7: and what is left under the old name can be moved after."""
    mount = mounting(server=own_server)
    outputs = mount.job(job)
    (outputs / "d").mkdir()
    content = {f"f{number}": random.Random(number).randbytes(1000) for number in range(100)}
    for name, data in content.items():
        own_server.blob(f"job-{job}", f"$JobOutput/d/{name}").upload_blob(data)
    wait_until(lambda: len(os.listdir(outputs / "d")) == 100, 5)
    own_server.faults({"operation": operation, "skip": 40, "effect": "delay", "milliseconds": 60_000})
    own_server.reset_counters()
    mover = Background(lambda: os.rename(outputs / "d", outputs / "e"))
    wait_until(lambda: own_server.requests().get(operation, 0) >= 40, 10)
    mount.kill()
    with pytest.raises(OSError):
        mover.join()
    own_server.faults()
    outputs = mounting(server=own_server).place / f"jobs/{job}/JobOutput"
    if operation == "Copy Blob From URL":
        assert {name: (outputs / "d" / name).read_bytes() for name in content} == content
    for name, data in content.items():
        found = [path.read_bytes() for path in (outputs / "d" / name, outputs / "e" / name) if path.exists()]
        assert found and set(found) == {data}, name
    run("rsync -a --remove-source-files d/ e/ && rmdir d", outputs)
    assert {name: (outputs / "e" / name).read_bytes() for name in content} == content
    assert os.listdir(outputs) == ["e"]
