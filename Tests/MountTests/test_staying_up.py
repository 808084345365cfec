"""§5.6: what processes see when the process that serves the mount is killed, at once and in the middle of things."""

import contextlib
import errno
import hashlib
import json
import os
import pathlib
import random
import signal
import subprocess
import threading
import time

import pytest
from mounts import ACCOUNT, KEY, Background, binary, clean_environment, fails_with, is_mounted, run, wait_until, worker_of

MIB = 1 << 20


def data(size, seed) -> bytes:
    return random.Random(seed).randbytes(size)


def put(server, job, name, content, kind="JobOutput"):
    container = server.service.get_container_client(f"job-{job}")
    if not container.exists():
        container.create_container()
    container.upload_blob(f"${kind}/{name}", content)


def test_a_mount_that_was_idle_goes_on(mounting, job):
    mount = mounting()
    outputs = mount.job(job)
    (outputs / "f").write_bytes(b"before")
    mount.kill_worker()
    assert (outputs / "f").read_bytes() == b"before"
    (outputs / "g").write_bytes(b"after")
    assert sorted(os.listdir(outputs)) == ["f", "g"]
    status = mount.status()
    assert status["restarts"] == 1 and status["lastEnd"] == "was killed by SIGKILL"
    assert status["processID"] == mount.process.pid and status["workerProcessID"] == mount.worker
    assert mount.unmount() == 0


def test_a_working_directory_stays_where_it_is(mounting, job):
    mount = mounting()
    deep = mount.job(job) / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "f").write_bytes(b"x")
    script = "read; pwd -P; cat f; cat ../b/f; ls; echo y > g; cd ..; ls b"
    process = subprocess.Popen(["bash", "-ec", script], cwd=deep, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    mount.kill_worker()
    out, _ = process.communicate("\n", 30)
    assert process.returncode == 0 and out == f"{deep}\nxxf\nf\ng\n"


def test_a_mount_over_the_directory_that_it_was_started_in_goes_on(server, job, tmp_path):
    place = tmp_path / "here"
    place.mkdir()
    environment = clean_environment(AZURE_STORAGE_CONNECTION_STRING=server.connection_string)
    command = [binary(), "mount", ".", "--journal-dir", str(tmp_path / "journal"), "--attr-ttl", "0s"]
    assert subprocess.run(command, cwd=place, env=environment, timeout=30).returncode == 0
    try:
        put(server, job, "f", b"x")
        answer = subprocess.check_output([binary(), "status", "--json", str(place)], env=environment, timeout=30)
        status = json.loads(answer)["mounts"][0]
        os.kill(status["workerProcessID"], signal.SIGKILL)
        read = Background(lambda: (place / "jobs" / job / "JobOutput/f").read_bytes())
        assert read.join(20) == b"x"
    finally:
        subprocess.run([binary(), "unmount", "--lazy", str(place)], env=environment, timeout=30)


def test_readers_read_on_what_they_opened(mounting, server, job):
    content = data(24 * MIB, 1)
    for number in range(3):
        put(server, job, f"large{number}", content)
    mount = mounting("--memory", "32M")
    outputs = mount.job(job)
    files = [open(outputs / f"large{number}", "rb", buffering=0) for number in range(3)]
    digests = [hashlib.sha256() for _ in files]
    killed = 0
    while any(digest is not None for digest in digests):
        for index, file in enumerate(files):
            if digests[index] is None:
                continue
            bytes = file.read(MIB)
            if bytes:
                digests[index].update(bytes)
            else:
                assert digests[index].hexdigest() == hashlib.sha256(content).hexdigest()
                digests[index] = None
        if killed < 3 and files[0].tell() >= (killed + 1) * 6 * MIB:
            killed += 1
            mount.kill_worker()
    assert killed == 3
    for file in files:
        file.close()


def test_a_reader_does_not_get_another_version_in_the_middle(mounting, server, job):
    put(server, job, "f", data(8 * MIB, 2))
    mount = mounting()
    with open(mount.job(job) / "f", "rb", buffering=0) as file:
        assert file.read(MIB) == data(8 * MIB, 2)[:MIB]
        server.blob(f"job-{job}", "$JobOutput/f").upload_blob(data(8 * MIB, 3), overwrite=True)
        mount.kill_worker()
        got = b""
        with fails_with(errno.ESTALE):
            while chunk := file.read(MIB):
                got += chunk
        assert data(8 * MIB, 2)[MIB:].startswith(got)
    assert (mount.job(job) / "f").read_bytes() == data(8 * MIB, 3)


def test_a_call_that_waits_gets_its_answer_from_the_next_process(mounting, own_server, job):
    put(own_server, job, "f", data(MIB, 4))
    mount = mounting(server=own_server)
    outputs = mount.job(job)
    own_server.faults({"operation": "Get Blob", "effect": "delay", "milliseconds": 30_000, "times": 1})
    reading = Background(lambda: (outputs / "f").read_bytes())
    wait_until(lambda: mount.status()["kernelRequestsWaiting"] > 0, 10, "that it waits")
    own_server.faults()
    mount.kill_worker()
    assert reading.join() == data(MIB, 4)


def test_ls_of_a_large_tree_ends_and_is_complete(mounting, own_server, job):
    container = own_server.service.create_container(f"job-{job}")
    names = sorted(f"d{d}/f{f:03}" for d in range(20) for f in range(40))
    for name in names:
        container.upload_blob(f"$JobOutput/{name}", b"")
    mount = mounting(server=own_server)
    outputs = mount.job(job)
    own_server.faults({"operation": "List Blobs", "effect": "delay", "milliseconds": 100})
    listing = subprocess.Popen(["find", ".", "-type", "f"], cwd=outputs, stdout=subprocess.PIPE, text=True)
    for _ in range(3):
        time.sleep(0.4)
        mount.kill_worker()
    out, _ = listing.communicate(timeout=60)
    assert listing.returncode == 0
    assert sorted(line[2:] for line in out.splitlines()) == names


def test_a_listing_of_several_pages_goes_on_in_the_middle_of_one(mounting, own_server, job):
    own_server.service.create_container(f"job-{job}")
    populated = {"account": ACCOUNT, "container": f"job-{job}", "prefix": "$JobOutput/", "count": 12_000, "size": 1}
    own_server.control("POST", "populate", populated)
    mount = mounting(server=own_server)
    names = []
    with os.scandir(mount.job(job)) as entries:
        for entry in entries:
            names.append(entry.name)
            if len(names) in (2_000, 7_000):
                mount.kill_worker()
    assert names == [f"{number:07}" for number in range(12_000)]


def test_a_file_being_written_goes_on_being_written(mounting, server, job):
    mount = mounting()
    outputs = mount.job(job)
    content = data(24 * MIB, 5)
    with open(outputs / "f", "wb", buffering=0) as file:
        for offset in range(0, len(content), MIB):
            file.write(content[offset : offset + MIB])
            if offset in (5 * MIB, 14 * MIB):
                mount.kill_worker()
        os.fchmod(file.fileno(), 0o600)
    assert server.bytes(f"job-{job}", "$JobOutput/f") == content
    assert os.stat(outputs / "f").st_mode & 0o777 == 0o600
    mount.kill_worker()
    assert (outputs / "f").read_bytes() == content


def test_mounts_that_share_a_journal_and_lose_their_workers_at_once_keep_what_is_theirs(mounting, server, job, tmp_path):
    # The later option counts.
    mounts = [mounting("--journal-dir", str(tmp_path / "journal")) for _ in range(2)]
    files = [open(mount.job(job) / f"f{number}", "wb", buffering=0) for number, mount in enumerate(mounts)]
    for round in range(3):
        for file in files:
            file.write(b"%d" % round * 1000)
        workers = [mount.worker for mount in mounts]
        # One of them comes back first, and finds the other's folder without its process.
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        for mount, worker in zip(mounts, workers):
            wait_until(lambda: mount.worker not in (None, worker), 20, "that another worker is started")
    for number, file in enumerate(files):
        file.close()
        assert server.bytes(f"job-{job}", f"$JobOutput/f{number}") == b"0" * 1000 + b"1" * 1000 + b"2" * 1000
    assert [mount.unmount() for mount in mounts] == [0, 0]
    assert os.listdir(tmp_path / "journal") == []


def test_an_edit_goes_on_where_it_was(mounting, server, job):
    content = bytearray(data(12 * MIB, 6))
    put(server, job, "f", bytes(content))
    mount = mounting()
    with open(mount.job(job) / "f", "r+b", buffering=0) as file:
        for turn, offset in enumerate((3 * MIB + 5, 70_000, 11 * MIB)):
            piece = data(100_000, turn)
            file.seek(offset)
            file.write(piece)
            content[offset : offset + len(piece)] = piece
            mount.kill_worker()
            file.seek(0)
            assert file.read(len(content)) == content
    assert server.bytes(f"job-{job}", "$JobOutput/f") == content


@pytest.mark.parametrize("kind", ["JobOutput", "TaskLog"])
def test_lines_that_were_appended_are_there_once(mounting, server, job, kind):
    mount = mounting("--log-interval", "1s")
    mount.job(job)
    folder = mount / "jobs" / job / "tasks" / "t" / kind if kind == "TaskLog" else mount / "jobs" / job / kind
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"line {number} of the log\n".encode() for number in range(600)]
    descriptor = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for number, line in enumerate(lines):
        assert os.write(descriptor, line) == len(line)
        if number % 200 == 100:
            mount.kill_worker()
    os.close(descriptor)
    blob = "t/$TaskLog/log" if kind == "TaskLog" else "$JobOutput/log"
    assert server.bytes(f"job-{job}", blob) == b"".join(lines)


def test_lines_of_a_log_are_sent_though_nobody_writes_another(mounting, server, job):
    mount = mounting("--log-interval", "20s")
    mount.job(job)
    folder = mount / "jobs" / job / "tasks" / "t" / "TaskLog"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "log", "wb", buffering=0) as log:
        log.write(b"the last words\n")
        mount.kill_worker()
        blob = server.blob(f"job-{job}", "t/$TaskLog/log")
        wait_until(blob.exists, 15, "that the line is sent")
        assert blob.download_blob().readall() == b"the last words\n"


def test_a_file_that_was_made_and_not_written_to_can_be(mounting, server, job):
    mount = mounting()
    outputs = mount.job(job)
    put(server, job, "old", b"what it was")
    with open(outputs / "new", "wb", buffering=0) as new, open(outputs / "old", "wb", buffering=0) as old:
        mount.kill_worker()
        new.write(b"one")
        old.write(b"two")
    assert server.bytes(f"job-{job}", "$JobOutput/new") == b"one"
    assert server.bytes(f"job-{job}", "$JobOutput/old") == b"two"


def test_a_lock_file_that_was_being_put_there_is_its_makers(mounting, own_server, job):
    mount = mounting("--exclusive", "open", server=own_server)
    outputs = mount.job(job)

    def lock():
        return os.open(outputs / "lock", os.O_CREAT | os.O_EXCL | os.O_WRONLY)

    # The store does it, and nobody hears of it.
    stall = {"effect": "stall", "part": "head", "bytes": 0, "milliseconds": 30_000, "times": 1}
    own_server.faults({"operation": "Put Blob", **stall})
    locking = Background(lock)
    wait_until(lambda: own_server.blob(f"job-{job}", "$JobOutput/lock").exists(), 10, "that it is there")
    assert locking.is_running()
    own_server.faults()
    mount.kill_worker()
    descriptor = locking.join()
    with fails_with(errno.EEXIST):
        lock()
    os.write(descriptor, b"mine")
    os.close(descriptor)
    assert own_server.bytes(f"job-{job}", "$JobOutput/lock") == b"mine"
    (outputs / "lock").unlink()
    os.close(lock())
    assert mount.unmount() == 0


def test_a_lock_file_that_somebody_else_was_faster_with_is_theirs(mounting, own_server, job):
    mount = mounting("--exclusive", "open", server=own_server)
    outputs = mount.job(job)
    own_server.faults({"operation": "Put Blob", "effect": "delay", "milliseconds": 30_000})
    locking = Background(lambda: os.open(outputs / "lock", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    wait_until(lambda: mount.status()["kernelRequestsWaiting"] > 0, 10, "that it waits")
    os.kill(mount.worker, signal.SIGSTOP)
    own_server.faults()
    put(own_server, job, "lock", b"")
    mount.kill_worker()
    with fails_with(errno.EEXIST):
        locking.join()
    assert own_server.blob(f"job-{job}", "$JobOutput/lock").exists()


def test_what_was_unlinked_is_read_on_and_goes_with_the_last_reader(mounting, server, job):
    put(server, job, "f", data(4 * MIB, 7))
    mount = mounting()
    outputs = mount.job(job)
    with open(outputs / "f", "rb", buffering=0) as file:
        assert file.read(10) == data(4 * MIB, 7)[:10]
        os.unlink(outputs / "f")
        mount.kill_worker()
        assert not (outputs / "f").exists()
        file.seek(0)
        assert file.read(4 * MIB) == data(4 * MIB, 7)
    wait_until(lambda: not server.blob(f"job-{job}", "$JobOutput/f").exists(), 10, "that the blob goes")


def test_bytes_of_an_unlinked_file_that_the_store_never_had_are_an_error(mounting, job):
    mount = mounting()
    outputs = mount.job(job)
    file = os.open(outputs / "f", os.O_RDWR | os.O_CREAT)
    os.write(file, b"x" * 100)
    os.unlink(outputs / "f")
    mount.kill_worker()
    # A page that the kernel has, it shows; what needs the mount is refused.
    for call in (lambda: os.fsync(file), lambda: os.write(file, b"y"), lambda: os.close(file)):
        with fails_with(errno.ESTALE):
            call()


@pytest.mark.parametrize("operation", ["rename", "unlink", "mkdir", "rmdir", "commit"])
def test_what_was_cut_off_is_done_once(mounting, own_server, job, operation):
    mount = mounting(server=own_server)
    outputs = mount.job(job)
    (outputs / "f").write_bytes(data(MIB, 8))
    (outputs / "empty").mkdir()
    requests = {
        "rename": "Delete Blob", "unlink": "Delete Blob", "rmdir": "Delete Blob", "mkdir": "Put Blob",
        "commit": "Put Blob",
    }

    def write():
        with open(outputs / "g", "xb") as file:
            file.write(data(MIB, 9))

    act = {
        "rename": lambda: os.rename(outputs / "f", outputs / "g"),
        "unlink": lambda: os.unlink(outputs / "f"),
        "mkdir": lambda: os.mkdir(outputs / "d"),
        "rmdir": lambda: os.rmdir(outputs / "empty"),
        "commit": write,
    }[operation]
    # The deed is done in the store, and nobody hears of it: the connection stays open and silent.
    own_server.faults({"operation": requests[operation], "effect": "stall", "part": "head", "bytes": 0, "milliseconds": 5_000, "times": 1})
    acting = Background(act)
    time.sleep(0.7)
    assert acting.is_running()
    own_server.faults()
    mount.kill_worker()
    acting.join()
    names = sorted(os.listdir(outputs))
    expected = {
        "rename": ["empty", "g"], "unlink": ["empty"], "mkdir": ["d", "empty", "f"], "rmdir": ["f"],
        "commit": ["empty", "f", "g"],
    }[operation]
    assert names == expected
    if operation == "rename":
        assert (outputs / "g").read_bytes() == data(MIB, 8)
    if operation == "commit":
        assert own_server.bytes(f"job-{job}", "$JobOutput/g") == data(MIB, 9)


def test_every_close_that_said_yes_is_in_the_store_whenever_the_worker_dies(mounting, server, job):
    mount = mounting()
    outputs = mount.job(job)
    closed, failed, stopping = {}, [], threading.Event()

    def write(number):
        turn = 0
        while not stopping.is_set():
            name, content = f"w{number}-{turn}", data(random.Random(turn).randrange(1, 3 * MIB), number * 1000 + turn)
            turn += 1
            try:
                with open(outputs / name, "wb", buffering=0) as file:
                    for offset in range(0, len(content), 300_000):
                        file.write(content[offset : offset + 300_000])
                closed[name] = content
            except OSError as error:
                failed.append((name, error.errno))

    writers = [Background(lambda number=number: write(number)) for number in range(8)]
    for _ in range(8):
        time.sleep(random.uniform(0.2, 1.2))
        mount.kill_worker()
    stopping.set()
    for writer in writers:
        writer.join(60)
    assert len(closed) > 8
    assert failed == []
    for name, content in closed.items():
        assert server.bytes(f"job-{job}", f"$JobOutput/{name}") == content, name
    assert mount.unmount() == 0


def test_many_open_files_go_on(mounting, server, job):
    mount = mounting()
    outputs = mount.job(job)
    for number in range(300):
        put(server, job, f"f{number}", f"content {number}".encode())
    files = [open(outputs / f"f{number}", "rb", buffering=0) for number in range(300)]
    written = [open(outputs / f"w{number}", "wb", buffering=0) for number in range(100)]
    for file in written:
        file.write(b"one ")
    directories = [os.open(outputs, os.O_RDONLY | os.O_DIRECTORY) for _ in range(20)]
    mount.kill_worker()
    for number, file in enumerate(files):
        assert file.read() == f"content {number}".encode()
        file.close()
    for number, file in enumerate(written):
        file.write(b"two")
        file.close()
        assert server.bytes(f"job-{job}", f"$JobOutput/w{number}") == b"one two"
    for directory in directories:
        assert len(os.listdir(directory)) == 400
        os.close(directory)
    assert mount.status()["tree"]["openHandles"] == 0


@pytest.mark.timeout(300)
def test_fifty_kills_in_a_row_leave_the_mount_as_it_was(mounting, server, job):
    content = data(2 * MIB, 10)
    put(server, job, "f", content)
    mount = mounting()
    outputs = mount.job(job)
    with open(outputs / "f", "rb", buffering=0) as reader, open(outputs / "out", "wb", buffering=0) as writer:
        for turn in range(50):
            writer.write(bytes([turn]) * 1000)
            reader.seek(turn * 30_000)
            assert reader.read(30_000) == content[turn * 30_000 : (turn + 1) * 30_000]
            mount.kill_worker()
            assert os.stat(outputs / "f").st_size == len(content)
            # Nine short lives may follow each other.
            if turn % 8 == 7:
                time.sleep(1.3)
    assert server.bytes(f"job-{job}", "$JobOutput/out") == b"".join(bytes([turn]) * 1000 for turn in range(50))
    assert mount.status()["restarts"] == 50
    # What a keeper holds does not grow with what it has seen.
    assert len(os.listdir(f"/proc/{mount.process.pid}/fd")) < 16


@pytest.mark.skipif(os.geteuid() != 0, reason="the kernel reads local files for root only")
def test_files_that_the_kernel_reads_by_itself_are_read_on(mounting, server, job, tmp_path):
    content = data(4 * MIB, 11)
    put(server, job, "f", content)
    for number in range(8):
        put(server, job, f"g{number}", data(16 * MIB, 20 + number))
    mount = mounting("--cache-dir", tmp_path / "cache", "--cache-size", "64M")
    path = mount.job(job) / "f"
    path.read_bytes()

    def is_backed():
        path.read_bytes()
        return mount.status()["passthroughOpens"] > 0

    wait_until(is_backed, 20, "that the kernel reads the file by itself")
    with open(path, "rb", buffering=0) as file:
        mount.kill_worker()
        # Others push it out of the cache, if nobody holds it.
        for number in range(8):
            (mount.job(job) / f"g{number}").read_bytes()
        with open(path, "rb", buffering=0) as other:
            assert other.read(4 * MIB) == content
        assert file.read(4 * MIB) == content
    path.write_bytes(b"changed")
    assert path.read_bytes() == b"changed"


def test_without_a_whole_table_there_is_a_new_mount_at_once(mounting, server, job):
    mount = mounting()
    outputs = mount.job(job)
    open_file = open(outputs / "f", "wb", buffering=0)
    open_file.write(b"x")
    (outputs / "g").write_bytes(b"there")
    device = os.stat(mount.place).st_dev
    for descriptor in pathlib.Path(f"/proc/{mount.process.pid}/fd").iterdir():
        if "outputfs-survivors" in os.readlink(descriptor):
            with open(descriptor, "r+b", buffering=0) as memory:
                # As the table does when it has no room: the third word of its head.
                memory.seek(16)
                memory.write((1).to_bytes(8, "little"))
    os.kill(mount.worker, signal.SIGKILL)

    def is_new():
        try:
            return os.stat(mount.place).st_dev != device and (outputs / "g").read_bytes() == b"there"
        except OSError as error:
            assert error.errno in (errno.ENOTCONN, errno.ECONNABORTED, errno.ENOENT)

    wait_until(is_new, 20, "that there is another mount")
    with fails_with(errno.ENOTCONN):
        open_file.write(b"y")
    with contextlib.suppress(OSError):
        open_file.close()
    assert mount.status()["restarts"] == 1
    assert [file["reason"] for file in mount.status()["tree"]["keptFiles"]] == ["written, and never closed"]


def test_who_has_a_file_open_goes_on_under_the_name_that_it_got_when_the_worker_was_killed(mounting, own_server, job):
    content = data(3 * MIB, 11)
    put(own_server, job, "read", content)
    mount = mounting(server=own_server)
    outputs = mount.job(job)

    def rename(old, new):
        # From here on this worker knows that it may delete.
        (outputs / "x").write_bytes(b"x")
        os.rename(outputs / "x", outputs / "y")
        # Copied and deleted, and nobody hears of it.
        stall = {"effect": "stall", "part": "head", "bytes": 0, "milliseconds": 5_000, "times": 1}
        own_server.faults({"operation": "Delete Blob", **stall})
        renaming = Background(lambda: os.rename(outputs / old, outputs / new))
        wait_until(lambda: not own_server.blob(f"job-{job}", f"$JobOutput/{old}").exists(), 10, "that it is deleted")
        time.sleep(0.3)
        assert renaming.is_running()
        own_server.faults()
        mount.kill_worker()
        renaming.join()

    with open(outputs / "read", "rb", buffering=0) as reader, open(outputs / "log", "wb", buffering=0) as writer:
        writer.write(b"one ")
        os.fsync(writer.fileno())
        rename("log", "log.1")
        writer.write(b"two")
        rename("read", "read.1")
        assert reader.read(4 * MIB) == content
    assert own_server.bytes(f"job-{job}", "$JobOutput/log.1") == b"one two"
    assert sorted(os.listdir(outputs)) == ["log.1", "read.1", "y"]


@pytest.mark.parametrize("target", ["new", "old"])
def test_a_directory_whose_rename_is_cut_off_loses_nothing(mounting, own_server, job, target):
    mount = mounting(server=own_server)
    outputs = mount.job(job)
    (outputs / "old").mkdir()
    contents = {f"f{number}": data(1000, number) for number in range(100)}
    for name, content in contents.items():
        (outputs / "old" / name).write_bytes(content)
    # While it copies, or while it deletes.
    slow = "Copy Blob From URL" if target == "new" else "Delete Blob"
    own_server.faults({"operation": slow, "effect": "delay", "milliseconds": 300})
    own_server.reset_counters()
    renaming = Background(lambda: os.rename(outputs / "old", outputs / "new"))
    wait_until(lambda: own_server.requests().get(slow, 0) > 40, 20, f"{slow}: {own_server.requests()}")
    mount.kill_worker()
    own_server.faults()
    with contextlib.suppress(OSError):
        renaming.join()
    found = {}
    for place in ("old", "new"):
        if (outputs / place).exists():
            for name in os.listdir(outputs / place):
                found[name] = (outputs / place / name).read_bytes()
    assert found == contents
    assert mount.unmount() == 0


def test_who_reads_in_a_directory_reads_on_though_its_rename_is_cut_off(mounting, own_server, job):
    mount = mounting(server=own_server)
    outputs = mount.job(job)
    (outputs / "old").mkdir()
    contents = {f"f{number}": data(1000, number) for number in range(100)}
    for name, content in contents.items():
        (outputs / "old" / name).write_bytes(content)
    readers = {name: open(outputs / "old" / name, "rb", buffering=0) for name in contents}
    # All copies stand, some of the sources are gone.
    own_server.faults({"operation": "Delete Blob", "effect": "delay", "milliseconds": 300})
    own_server.reset_counters()
    renaming = Background(lambda: os.rename(outputs / "old", outputs / "new"))
    wait_until(lambda: own_server.requests().get("Delete Blob", 0) > 40, 20, "that it deletes")
    mount.kill_worker()
    own_server.faults()
    for name, reader in readers.items():
        assert reader.read() == contents[name]
        reader.close()
    renaming.join()
    assert sorted(os.listdir(outputs)) == ["new"] and sorted(os.listdir(outputs / "new")) == sorted(contents)


def test_a_worker_that_cannot_live_is_given_up(mounting, job):
    mount = mounting()
    outputs = mount.job(job)

    def kill_again():
        worker = worker_of(mount.process.pid) if mount.process.poll() is None else None
        if worker:
            os.kill(worker, signal.SIGKILL)
        return mount.process.poll() is not None

    wait_until(kill_again, 60, "that the keeper gives up")
    assert mount.process.returncode == 71
    assert "was killed by SIGKILL, 10 times in a row" in mount.log()
    assert not is_mounted(mount.place)
    assert not os.path.exists(outputs)


def test_while_the_next_worker_is_waited_for_status_says_so_and_unmount_waits(mounting, server, job):
    mount = mounting()
    outputs = mount.job(job)
    (outputs / "f").write_bytes(b"x")
    # With each short life the pause before the next is longer: 1.6 s behind the fifth.
    for _ in range(5):
        killed = mount.worker
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: mount.worker != killed, 10, "that the worker is gone")
        if _ < 4:
            wait_until(lambda: mount.worker is not None, 10, "that there is another")
    assert mount.worker is None

    def outputfs(*arguments):
        command = [binary(), *arguments]
        return subprocess.run(command, env=mount.environment, capture_output=True, text=True, timeout=60)

    assert "is being started again" in outputfs("status", mount.place).stdout
    ended = outputfs("unmount", mount.place)
    assert ended.returncode == 0, ended.stderr
    assert mount.process.wait(20) == 0
    assert server.bytes(f"job-{job}", "$JobOutput/f") == b"x"


def test_the_end_of_the_keeper_is_the_end_of_the_worker(mounting, job):
    mount = mounting()
    mount.job(job)
    worker = mount.worker
    mount.kill()
    wait_until(lambda: not pathlib.Path(f"/proc/{worker}").exists(), 10, "that the worker ends")
    with fails_with(errno.ENOTCONN):
        os.statvfs(mount.place)


def test_signals_for_keeper_and_worker_at_once_count_once(mounting, server, job):
    mount = mounting()
    outputs = mount.job(job)
    (outputs / "f").write_bytes(b"x" * MIB)
    # As a service manager does it, to every process of the service.
    os.kill(mount.worker, signal.SIGTERM)
    os.kill(mount.process.pid, signal.SIGTERM)
    assert mount.process.wait(30) == 0
    assert "again" not in mount.log()


def test_a_secret_that_came_through_a_pipe_is_there_for_the_next_process(server, tmp_path, job):
    place = tmp_path / "mnt"
    place.mkdir()
    environment = clean_environment(XDG_RUNTIME_DIR=str(tmp_path), AZURE_STORAGE_BLOB_ENDPOINT=server.endpoint)
    script = f'"{binary()}" mount {server.endpoint} {place} --key-file <(printf %s "$KEY") --journal-dir {tmp_path}/j'
    run(script, tmp_path, environment={**environment, "KEY": KEY})
    try:
        status = subprocess.run(
            [binary(), "status", place, "--json"], env=environment, capture_output=True, check=True, timeout=20
        )
        mounted = json.loads(status.stdout)["mounts"][0]
        os.kill(mounted["workerProcessID"], signal.SIGKILL)
        (place / "jobs" / job).mkdir()
        (place / "jobs" / job / "JobOutput" / "f").write_bytes(b"still with the key")
        assert server.bytes(f"job-{job}", "$JobOutput/f") == b"still with the key"
        assert KEY.encode() not in pathlib.Path(f"/proc/{mounted['processID']}/cmdline").read_bytes()
    finally:
        run(f'"{binary()}" unmount {place} --lazy', tmp_path, environment=environment)
