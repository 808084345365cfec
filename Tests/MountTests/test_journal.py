"""What a mount that was killed had promised, the next one with the same journal keeps (SEMANTICS part 4)."""

import contextlib
import errno
import json
import os
import random
import subprocess
import time

import pytest

from mounts import Background, Mount, Server, binary, fails_with, wait_until

DEADLINES = ["--commit-deadline", "1s", "--retry-deadline", "1s"]


@pytest.fixture
def own_server(tmp_path):
    running = Server(data=tmp_path / "data")
    yield running
    running.stop()


def kill(mount):
    """As the kernel does when memory is short; and the mount that nobody answers for is taken away."""
    mount.kill()
    subprocess.run(["fusermount3", "-uz", mount.place], check=False, capture_output=True)


def run(mount, *arguments):
    return subprocess.run(
        [binary(), *map(str, arguments)], env=mount.environment, capture_output=True, text=True, timeout=60
    )


def recover(mount, *arguments):
    return run(mount, "recover", "--journal-dir", mount.journal, *arguments)


def write_quietly(path, content):
    """By somebody whose mount is killed meanwhile."""
    with contextlib.suppress(OSError):
        path.write_bytes(content)


def is_everything_sent(mount):
    return not mount.status()["tree"]["pendingFiles"]


def failed_close(mount, server, name, content):
    """A file whose close said EIO, and whose bytes only the journal has."""
    outputs = mount.job("journal")
    file = open(outputs / name, "wb", buffering=0)
    file.write(content)
    server.kill()
    with fails_with(errno.EIO):
        file.close()


def test_bytes_of_a_failed_close_are_uploaded_by_the_next_mount(own_server, tmp_path):
    """§4.2, §4.6"""
    mount = Mount(tmp_path / "mnt", own_server, *DEADLINES)
    content = os.urandom(3 << 20)
    failed_close(mount, own_server, "f.txt", content)
    kill(mount)
    own_server.start()
    again = Mount(tmp_path / "mnt", own_server)
    try:
        # At once, also before it is sent.
        assert (again / "jobs/journal/JobOutput/f.txt").read_bytes() == content
        wait_until(lambda: is_everything_sent(again), 20, "that it is uploaded")
        assert own_server.bytes("job-journal", "$JobOutput/f.txt") == content
        properties = own_server.blob("job-journal", "$JobOutput/f.txt").get_blob_properties()
        assert properties.content_settings.content_type == "text/plain"
        assert again.unmount() == 0
        assert list(again.journal.iterdir()) == []
    finally:
        again.end()


def test_a_newer_blob_is_not_overwritten_and_the_bytes_can_be_had(own_server, tmp_path):
    """§4.6"""
    mount = Mount(tmp_path / "mnt", own_server, *DEADLINES)
    content = os.urandom(100_000)
    failed_close(mount, own_server, "f", content)
    kill(mount)
    own_server.start()
    own_server.blob("job-journal", "$JobOutput/f").upload_blob(b"somebody else's")
    again = Mount(tmp_path / "mnt", own_server)
    try:
        wait_until(lambda: again.status()["tree"]["keptFiles"], 20, "that the conflict is seen")
        assert (again / "jobs/journal/JobOutput/f").read_bytes() == b"somebody else's"
        drained = run(again, "drain", again.place)
        assert drained.returncode == 74 and "$JobOutput/f" in drained.stderr
        again.unmount()
        assert own_server.bytes("job-journal", "$JobOutput/f") == b"somebody else's"

        listed = recover(again, "--list").stdout
        assert "$JobOutput/f" in listed and "somebody else" in listed
        assert recover(again, "--export", tmp_path / "saved").returncode == 0
        (manifest,) = json.loads((tmp_path / "saved/manifest.json").read_text())
        assert (manifest["container"], manifest["blob"]) == ("job-journal", "$JobOutput/f")
        assert (tmp_path / "saved" / manifest["file"]).read_bytes() == content and manifest["missing"] == []

        assert recover(again).returncode == 74
        assert recover(again, "--publish", manifest["id"]).returncode == 0
        assert own_server.bytes("job-journal", "$JobOutput/f") == content
        assert "Nothing waits" in recover(again, "--list").stdout
    finally:
        again.end()


def test_what_was_never_closed_is_offered_and_not_published(own_server, tmp_path):
    """§4.7"""
    mount = Mount(tmp_path / "mnt", own_server)
    file = open(mount.job("journal") / "open", "wb", buffering=0)
    file.write(b"half a line")
    kill(mount)
    with pytest.raises(OSError):
        file.close()
    again = Mount(tmp_path / "mnt", own_server)
    try:
        assert not (again / "jobs/journal/JobOutput/open").exists()
        (kept,) = again.status()["tree"]["keptFiles"]
        assert kept["reason"] == "written, and never closed" and kept["size"] == 11
        # Also while a mount is at work.
        assert recover(again, "--export", tmp_path / "saved").returncode == 0
        (manifest,) = json.loads((tmp_path / "saved/manifest.json").read_text())
        assert (tmp_path / "saved" / manifest["file"]).read_bytes() == b"half a line"
        assert recover(again, "--discard", manifest["id"]).returncode == 0
        assert "half" not in recover(again, "--list").stdout
    finally:
        again.end()


def test_a_file_that_is_changed_again_before_it_is_sent_is_uploaded_as_it_was_then(own_server, tmp_path):
    """The exception of §4.7: with `--durability journal`, what was closed and not sent is changed in place."""
    mount = Mount(tmp_path / "mnt", own_server, *DEADLINES, "--durability", "journal")
    outputs = mount.job("journal")
    own_server.faults({"operation": "Put Blob", "effect": "status", "status": 500, "code": "InternalError"})
    (outputs / "f").write_bytes(b"one line\n" * 1000)
    file = open(outputs / "f", "r+b", buffering=0)
    file.write(b"changed ")
    kill(mount)
    with pytest.raises(OSError):
        file.close()
    own_server.faults()
    again = Mount(tmp_path / "mnt", own_server)
    try:
        wait_until(lambda: is_everything_sent(again), 20, "that it is uploaded")
        assert own_server.bytes("job-journal", "$JobOutput/f") == b"changed \n" + b"one line\n" * 999
        assert again.status()["tree"]["keptFiles"] == []
    finally:
        again.end()


def test_attributes_that_are_set_before_recovery_finds_the_bytes_are_kept(own_server, tmp_path):
    """The bytes are in the store already, though nobody heard so; the mode is not."""
    mount = Mount(tmp_path / "mnt", own_server, *DEADLINES)
    outputs = mount.job("journal")
    own_server.faults({"operation": "Put Blob", "effect": "hold"})
    caller = Background(lambda: write_quietly(outputs / "f", b"bytes"))
    wait_until(lambda: own_server.held() == 1, 20, "that the commit is held")
    kill(mount)
    failing = {"effect": "status", "status": 500, "code": "InternalError"}
    own_server.faults({"operation": "Get Blob Properties", "blob": "$JobOutput/f", **failing})
    wait_until(lambda: own_server.requests().get("Put Blob"), 20, "that it landed")
    again = Mount(tmp_path / "mnt", own_server, *DEADLINES)
    try:
        wait_until(lambda: again.status()["tree"]["pendingFiles"][0]["failedAttempts"], 20, "that recovery has looked")
        os.chmod(again / "jobs/journal/JobOutput/f", 0o600)
        own_server.faults()
        assert again.drain() == 0
        assert (again / "jobs/journal/JobOutput/f").stat().st_mode & 0o777 == 0o600
        other = Mount(tmp_path / "other", own_server)
        try:
            assert (other / "jobs/journal/JobOutput/f").stat().st_mode & 0o777 == 0o600
            assert (other / "jobs/journal/JobOutput/f").read_bytes() == b"bytes"
        finally:
            other.end()
    finally:
        again.end()
    caller.join()


def test_an_edit_that_was_not_committed_keeps_the_rest_of_the_blob(own_server, tmp_path):
    mount = Mount(tmp_path / "mnt", own_server, *DEADLINES)
    outputs = mount.job("journal")
    content = bytearray(os.urandom(9 << 20))
    (outputs / "f").write_bytes(content)
    with open(outputs / "f", "r+b", buffering=0) as file:
        file.seek(5 << 20)
        file.write(b"changed")
        own_server.kill()
        with fails_with(errno.EIO):
            os.fsync(file.fileno())
        kill(mount)
        with pytest.raises(OSError):
            file.close()
            raise OSError
    content[5 << 20 : (5 << 20) + 7] = b"changed"
    own_server.start()
    again = Mount(tmp_path / "mnt", own_server)
    try:
        assert (again / "jobs/journal/JobOutput/f").read_bytes() == content
        assert run(again, "drain", again.place, "--timeout", "30s").returncode == 0
        assert own_server.bytes("job-journal", "$JobOutput/f") == content
    finally:
        again.end()


def test_durability_journal_closes_without_the_store_and_drain_tells_the_truth(own_server, tmp_path):
    """§4.5"""
    mount = Mount(tmp_path / "mnt", own_server, "--durability", "journal", *DEADLINES)
    try:
        outputs = mount.job("journal")
        with open(outputs / "a", "wb", buffering=0) as file:
            own_server.kill()
            file.write(b"a" * 1000)
        drained = run(mount, "drain", mount.place, "--timeout", "2s")
        assert drained.returncode == 74 and "$JobOutput/a" in drained.stderr
        own_server.start()
        drained = run(mount, "drain", mount.place, "--timeout", "30s")
        assert drained.returncode == 0, drained.stderr
        assert own_server.bytes("job-journal", "$JobOutput/a") == b"a" * 1000
    finally:
        mount.end()


def test_drain_without_a_mount_says_so(shared_mount, tmp_path):
    assert run(shared_mount, "drain", tmp_path).returncode == 66


def test_two_mounts_share_a_journal_directory(own_server, tmp_path):
    """§4.8"""
    one = Mount(tmp_path / "one", own_server)
    two = Mount(tmp_path / "two", own_server, "--journal-dir", one.journal)
    try:
        outputs = one.job("journal")
        file = open(outputs / "f", "wb", buffering=0)
        file.write(b"written by one")
        assert two.status()["tree"]["keptFiles"] == []
        assert "at work here" in recover(one, "--list").stdout
        file.close()
        (two / "jobs/journal/JobOutput/g").write_bytes(b"by two")
        assert own_server.bytes("job-journal", "$JobOutput/f") == b"written by one"
        assert own_server.bytes("job-journal", "$JobOutput/g") == b"by two"
    finally:
        two.end()
        one.end()


def test_a_damaged_log_is_reported_and_its_bytes_are_exported(own_server, tmp_path):
    """§4.8"""
    mount = Mount(tmp_path / "mnt", own_server, *DEADLINES)
    content = os.urandom(5000)
    failed_close(mount, own_server, "f", content)
    kill(mount)
    own_server.start()
    (log,) = mount.journal.glob("*/*.log")
    log.write_bytes(b"nonsense" + log.read_bytes()[8:])
    again = Mount(tmp_path / "mnt", own_server)
    try:
        (kept,) = again.status()["tree"]["keptFiles"]
        assert "does not say what it is" in kept["reason"]
        assert recover(again, "--export", tmp_path / "saved").returncode == 0
        (manifest,) = json.loads((tmp_path / "saved/manifest.json").read_text())
        assert (tmp_path / "saved" / manifest["file"]).read_bytes() == content
    finally:
        again.end()


@pytest.mark.parametrize("durability", ["commit", "journal"])
def test_killed_at_any_moment_nothing_that_was_reported_is_lost(own_server, tmp_path, durability):
    """A writer notes what close reported; the mount is killed under it, again and again."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    choice = random.Random(seed)
    reported = {}
    options = ["--durability", durability]
    mount = Mount(tmp_path / "mnt", own_server, *options)
    mount.job("journal")
    for round in range(4):
        end = time.monotonic() + choice.uniform(0.05, 0.6)
        number = 0
        try:
            while time.monotonic() < end:
                name = f"{round}-{number}"
                content = choice.randbytes(choice.choice([0, 10, 5000, 300_000]))
                with open(mount / "jobs/journal/JobOutput" / name, "wb", buffering=0) as file:
                    file.write(content)
                    os.fsync(file.fileno())
                reported[name] = content
                number += 1
        finally:
            kill(mount)
        mount = Mount(tmp_path / "mnt", own_server, *options)
    try:
        drained = run(mount, "drain", mount.place, "--timeout", "60s")
        assert drained.returncode == 0, drained.stderr
        for name, content in reported.items():
            assert own_server.bytes("job-journal", "$JobOutput/" + name) == content, name
    finally:
        mount.end()
