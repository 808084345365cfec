"""Deletes, renames and attributes of a mount that is killed (SEMANTICS.md §3.7, §3.8, §3.9)."""

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time

import pytest

from mounts import Background, Mount, Server, binary, fails_with, wait_until

SLOWLY = {"effect": "delay", "milliseconds": 200}
REFUSED = {"effect": "status", "status": 403, "code": "AuthorizationFailure"}


@pytest.fixture
def own_server(tmp_path):
    running = Server(data=tmp_path / "data")
    yield running
    running.stop()


@pytest.fixture
def start(own_server, tmp_path):
    """Makes the one mount of the test: again, with the same journal, once it was killed."""
    made = []

    def make(*options):
        made.append(Mount(tmp_path / "mnt", own_server, *options))
        return made[-1]

    yield make
    for mount in made:
        mount.end()


def kill(mount):
    mount.process.kill()
    mount.process.wait()
    subprocess.run(["fusermount3", "-uz", mount.place], check=False, capture_output=True)


@contextlib.contextmanager
def reading(path):
    """Somebody who has it open, and whose mount goes."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)


def outfs(mount, *arguments):
    return subprocess.run(
        [binary(), *map(str, arguments)], env=mount.environment, capture_output=True, text=True, timeout=60
    )


def names(server, prefix=""):
    container = server.service.get_container_client("job-n")
    return sorted(blob.name for blob in container.list_blobs(name_starts_with="$JobOutput/" + prefix))


def settled(mount):
    wait_until(lambda: not mount.status()["tree"]["pendingFiles"], 20, "that nothing waits")


# Unlinked while open


@pytest.mark.parametrize("content", [b"", os.urandom(3 << 20)], ids=["empty", "written here"])
def test_what_is_unlinked_while_its_bytes_are_here_is_gone_from_the_store_at_once(own_server, start, content):
    """§3.8"""
    outputs = start().job("n")
    with open(outputs / "f", "w+b", buffering=0) as file:
        file.write(content)
        os.fsync(file.fileno())
        assert names(own_server) == ["$JobOutput/f"]
        os.unlink(outputs / "f")
        assert names(own_server) == []
        file.seek(0)
        assert file.read() == content


def test_what_is_unlinked_while_it_is_read_is_deleted_by_the_next_mount(own_server, start):
    """§3.8"""
    mount = start()
    outputs = mount.job("n")
    own_server.blob("job-n", "$JobOutput/f").upload_blob(os.urandom(3 << 20))
    file = open(outputs / "f", "rb", buffering=0)
    os.unlink(outputs / "f")
    assert names(own_server) == ["$JobOutput/f"]
    assert len(file.read(100)) == 100
    kill(mount)
    listed = outfs(mount, "recover", "--journal-dir", mount.journal, "--list").stdout
    assert "$JobOutput/f" in listed and "unlinked" in listed
    again = start()
    settled(again)
    assert names(own_server) == [] and not (again / "jobs/n/JobOutput/f").exists()
    assert again.unmount() == 0
    assert list(again.journal.iterdir()) == []


def test_an_unlinked_name_that_somebody_gave_to_another_file_stays_theirs(own_server, start):
    """§3.8"""
    mount = start()
    outputs = mount.job("n")
    blob = own_server.blob("job-n", "$JobOutput/f")
    blob.upload_blob(b"same bytes")
    with reading(outputs / "f"):
        os.unlink(outputs / "f")
        kill(mount)
    blob.upload_blob(b"same bytes", overwrite=True)
    again = start()
    settled(again)
    assert (again / "jobs/n/JobOutput/f").read_bytes() == b"same bytes"


def test_a_new_file_of_an_unlinked_name_is_uploaded_by_the_next_mount(own_server, start):
    """§3.8, §4.6"""
    mount = start("--durability", "journal")
    outputs = mount.job("n")
    own_server.blob("job-n", "$JobOutput/f").upload_blob(b"old" * 1000)
    with reading(outputs / "f"):
        os.unlink(outputs / "f")
        own_server.faults({"operation": "Put Blob", **REFUSED}, {"operation": "Delete Blob", **REFUSED})
        (outputs / "f").write_bytes(b"new")
        kill(mount)
    own_server.faults()
    again = start()
    settled(again)
    assert own_server.bytes("job-n", "$JobOutput/f") == b"new"
    assert again.status()["tree"]["keptFiles"] == []


def test_a_mount_that_is_ended_deletes_what_is_still_open(own_server, start):
    """§3.8"""
    mount = start()
    outputs = mount.job("n")
    own_server.blob("job-n", "$JobOutput/f").upload_blob(b"old" * 1000)
    with reading(outputs / "f"):
        os.unlink(outputs / "f")
        assert mount.unmount() == 0
        assert names(own_server) == []


# Directories


def populated(server, count):
    for number in range(count):
        server.blob("job-n", f"$JobOutput/old/{number:03}").upload_blob(b"%d" % number)
    return [f"$JobOutput/{{}}/{number:03}" for number in range(count)]


def renaming(mount):
    outputs = mount / "jobs/n/JobOutput"
    return Background(lambda: os.rename(outputs / "old", outputs / "new"))


@pytest.mark.parametrize("way", ["mount", "recover"])
@pytest.mark.parametrize("progress", [1, 40, 80])
@pytest.mark.parametrize("operation", ["Copy Blob From URL", "Delete Blob"])
def test_a_rename_of_a_directory_that_is_killed_is_undone_or_finished(own_server, start, operation, progress, way):
    """§3.7"""
    mount = start()
    mount.job("n")
    blobs = populated(own_server, 120)
    own_server.faults({"operation": operation, **SLOWLY})
    own_server.reset_counters()
    rename = renaming(mount)
    # One delete asks for the right.
    wait_until(lambda: own_server.requests().get(operation, 0) > progress, what="that it is in the middle")
    kill(mount)
    with pytest.raises(OSError):
        rename.join()
    time.sleep(0.5)  # What was on its way is done, or was never begun.
    assert names(own_server, "new/")
    own_server.faults()
    where = "new" if operation == "Delete Blob" else "old"
    listed = outfs(mount, "recover", "--journal-dir", mount.journal, "--list").stdout
    assert "job-n/$JobOutput/old/" in listed and ("finished" if where == "new" else "undone") in listed
    if way == "recover":
        done = outfs(mount, "recover", "--journal-dir", mount.journal)
        assert done.returncode == 0, done.stderr
    again = start()
    settled(again)
    assert names(own_server) == [name.format(where) for name in blobs]
    outputs = again / "jobs/n/JobOutput"
    assert [entry.name for entry in outputs.iterdir()] == [where]
    assert (outputs / where / "007").read_bytes() == b"7"
    # And it can be renamed again.
    os.rename(outputs / where, outputs / "there")
    assert names(own_server) == [name.format("there") for name in blobs]
    assert again.unmount() == 0
    assert list(again.journal.iterdir()) == []


@pytest.mark.parametrize("operation", ["Copy Blob From URL", "Delete Blob"])
def test_what_somebody_changed_after_a_killed_rename_stays(own_server, start, operation):
    """§3.7"""
    mount = start()
    mount.job("n")
    populated(own_server, 120)
    own_server.faults({"operation": operation, **SLOWLY})
    own_server.reset_counters()
    rename = renaming(mount)
    wait_until(lambda: own_server.requests().get(operation, 0) > 40, what="that it is in the middle")
    kill(mount)
    with pytest.raises(OSError):
        rename.join()
    time.sleep(0.5)
    own_server.faults()
    going, staying = ("old/", "new/") if operation == "Delete Blob" else ("new/", "old/")
    first, second, third = names(own_server, going)[:3]
    own_server.blob("job-n", first).upload_blob(b"theirs", overwrite=True)
    # The only one there is of these bytes, now.
    own_server.blob("job-n", second.replace(going, staying)).delete_blob()
    own_server.blob("job-n", third.replace(going, staying)).upload_blob(b"another", overwrite=True)
    own_server.blob("job-n", f"$JobOutput/{going}own").upload_blob(b"own")
    settled(start())
    assert names(own_server, going) == sorted([first, second, third, f"$JobOutput/{going}own"])
    assert own_server.bytes("job-n", first) == b"theirs"


def test_a_rename_of_a_directory_is_whole_or_not_at_all_whichever_request_fails(own_server, start):
    """§3.7"""
    mount = start("--retry-deadline", "1s", "--commit-deadline", "1s")
    mount.job("n")
    blobs = populated(own_server, 5)
    outputs = mount / "jobs/n/JobOutput"
    (outputs / "d").mkdir()
    (outputs / "d").rmdir()
    where, other = "old", "new"
    for operation in ["List Blobs", "Get Blob Properties", "Copy Blob From URL", "Delete Blob"]:
        for skip in range(6):
            own_server.faults({"operation": operation, "skip": skip, "times": 1, **REFUSED})
            try:
                os.rename(outputs / where, outputs / other)
                where, other = other, where
            except OSError as error:
                assert error.errno in (errno.EACCES, errno.ENOENT), error
            own_server.faults()
            settled(mount)
            found = names(own_server)
            if found == [name.format(where) for name in blobs]:
                continue
            # One source could not be deleted: it is under both names, and the new directory is complete.
            assert operation == "Delete Blob"
            assert [name for name in found if f"/{other}/" in name] == [name.format(other) for name in blobs]
            (left,) = [name for name in found if f"/{where}/" in name]
            own_server.blob("job-n", left).delete_blob()
            time.sleep(1.1)
            where, other = other, where


def test_an_interrupted_rename_of_a_directory_leaves_the_old_one_alone(own_server, start):
    """§3.7, §5.3"""
    mount = start()
    mount.job("n")
    blobs = populated(own_server, 120)
    own_server.faults({"operation": "Copy Blob From URL", **SLOWLY})
    own_server.reset_counters()
    outputs = mount / "jobs/n/JobOutput"
    script = "import os, sys; os.rename(sys.argv[1], sys.argv[2])"
    process = subprocess.Popen([sys.executable, "-c", script, outputs / "old", outputs / "new"], stderr=subprocess.PIPE)
    wait_until(lambda: own_server.requests().get("Copy Blob From URL", 0) > 40, what="that it is in the middle")
    process.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in process.communicate(timeout=20)[1]
    own_server.faults()
    settled(mount)
    time.sleep(0.2)
    assert names(own_server) == [name.format("old") for name in blobs]
    assert sorted(os.listdir(outputs)) == ["old"]


def test_a_rename_that_the_store_does_not_carry_out_ends_when_it_is_back(own_server, start):
    """§3.7"""
    mount = start("--retry-deadline", "1s", "--commit-deadline", "1s")
    mount.job("n")
    blobs = populated(own_server, 40)
    outputs = mount / "jobs/n/JobOutput"
    os.rename(outputs / "old/000", outputs / "old/0")
    os.rename(outputs / "old/0", outputs / "old/000")
    own_server.faults({"operation": "Delete Blob", "skip": 20, "effect": "status", "status": 500, "code": "InternalError"})
    with fails_with(errno.EIO):
        os.rename(outputs / "old", outputs / "new")
    (pending,) = mount.status()["tree"]["pendingFiles"]
    assert pending["path"] == "job-n/$JobOutput/old/" and "being finished" in pending["lastError"]
    own_server.faults()
    assert mount.drain() == 0
    assert names(own_server) == [name.format("new") for name in blobs]


# Attributes


def changed(path):
    os.chmod(path, 0o640)
    os.utime(path, (1_600_000_000, 1_600_000_000))
    os.setxattr(path, "user.a", b"value")


def assert_changed(path):
    status = os.stat(path)
    assert status.st_mode & 0o777 == 0o640 and status.st_mtime == 1_600_000_000
    assert os.getxattr(path, "user.a") == b"value"


def test_attributes_of_a_stored_file_are_in_the_store_when_the_call_returns(own_server, start):
    """§3.9"""
    mount = start()
    outputs = mount.job("n")
    (outputs / "f").write_bytes(b"bytes")
    changed(outputs / "f")
    os.symlink("f", outputs / "link")
    (outputs / "d").mkdir()
    os.chmod(outputs / "d", 0o700)
    kill(mount)
    outputs = start() / "jobs/n/JobOutput"
    assert_changed(outputs / "f")
    assert os.readlink(outputs / "link") == "f"
    assert os.stat(outputs / "d").st_mode & 0o777 == 0o700


def test_attributes_of_a_file_that_waits_go_up_with_its_bytes(own_server, start):
    """§3.9, §4.6"""
    mount = start("--durability", "journal", "--commit-deadline", "1s", "--retry-deadline", "1s")
    outputs = mount.job("n")
    own_server.faults({"operation": "Put Blob", "effect": "status", "status": 500, "code": "InternalError"})
    (outputs / "f").write_bytes(b"bytes")
    changed(outputs / "f")
    kill(mount)
    own_server.faults()
    again = start()
    settled(again)
    assert_changed(again / "jobs/n/JobOutput/f")
    kill(again)
    assert_changed(start() / "jobs/n/JobOutput/f")


def test_attributes_of_a_file_whose_close_failed_go_up_with_its_bytes(own_server, start):
    """§3.9, §4.2"""
    mount = start("--commit-deadline", "1s", "--retry-deadline", "1s")
    outputs = mount.job("n")
    own_server.faults({"operation": "Put Blob", "effect": "status", "status": 500, "code": "InternalError"})
    with fails_with(errno.EIO):
        (outputs / "f").write_bytes(b"bytes")
    changed(outputs / "f")
    kill(mount)
    own_server.faults()
    again = start()
    settled(again)
    assert_changed(again / "jobs/n/JobOutput/f")


def test_an_empty_file_that_was_given_a_mode_is_in_the_store(own_server, start):
    """§3.3, §3.9"""
    mount = start()
    outputs = mount.job("n")
    own_server.faults({"operation": "Put Blob", "effect": "delay", "milliseconds": 300})
    os.close(os.open(outputs / "f", os.O_CREAT | os.O_WRONLY))
    os.chmod(outputs / "f", 0o600)
    kill(mount)
    assert os.stat(start() / "jobs/n/JobOutput/f").st_mode & 0o777 == 0o600


def test_attributes_that_come_before_close_cost_no_request(own_server, start):
    """§3.9"""
    outputs = start().job("n")
    (outputs / "first").write_bytes(b"bytes")
    own_server.reset_counters()
    with open(outputs / "f", "wb", buffering=0) as file:
        file.write(b"bytes")
        os.fchmod(file.fileno(), 0o640)
        os.utime(file.fileno(), (1_600_000_000, 1_600_000_000))
        os.setxattr(file.fileno(), "user.a", b"value")
    requests = own_server.requests()
    assert requests.get("Put Blob") == 1 and requests.get("Set Blob Metadata", 0) == 0
    assert sum(requests.values()) - requests.get("List Blobs", 0) - requests.get("Get Blob Properties", 0) == 1
    assert_changed(outputs / "f")
