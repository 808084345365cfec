"""Logs that grow while they are read: SEMANTICS.md §2.4."""

import errno
import os
import subprocess
import threading
import time

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError

from mounts import fails_with, wait_until


class TrackedSave:
    """A writer of logs as the .NET library's SaveTracked is one: append blocks, each at the position it counted on."""

    def __init__(self, blob):
        self.blob, self.position = blob, 0
        self.blob.create_append_blob()

    def append(self, text):
        data = text.encode()
        self.blob.append_block(data, appendpos_condition=self.position)
        self.position += len(data)


class Tail:
    """`tail` with its lines as they come."""

    def __init__(self, path, *options):
        command = ["tail", "-s", "0.1", *options, str(path)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines = []
        self.thread = threading.Thread(target=self.follow, daemon=True)
        self.thread.start()

    def follow(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def wait_for(self, line, seconds=5):
        wait_until(lambda: line in self.lines, seconds, f"the line {line!r} after {self.lines[-3:]}")

    def end(self):
        self.process.kill()
        self.process.wait()
        self.thread.join(10)
        for pipe in (self.process.stdout, self.process.stderr):
            pipe.close()


@pytest.fixture
def tailing():
    made = []

    def make(*arguments):
        made.append(Tail(*arguments))
        return made[-1]

    yield make
    for tail in made:
        tail.end()


@pytest.fixture
def log(own_server, mounting, job):
    """A mount, the path of a task's log on it, and its blob, on a server whose counters nobody else moves."""
    mount = mounting(server=own_server)
    mount.job(job)
    path = mount / f"jobs/{job}/tasks/task/TaskLog/stdout.txt"
    return path, own_server.blob(f"job-{job}", "task/$TaskLog/stdout.txt")


def bytes_fetched(server):
    return server.counters().get("Get Blob", {}).get("bytesSent", 0)


@pytest.mark.parametrize("way", ["-f", "-F"])
def test_tail_follows_a_log_and_bytes_once_read_are_not_fetched_again(own_server, log, tailing, way):
    path, blob = log
    writer = TrackedSave(blob)
    history = "".join(f"history {number:060}\n" for number in range(60_000))
    for start in range(0, len(history), 1 << 20):
        writer.append(history[start : start + (1 << 20)])
    wait_until(path.exists, 3)
    assert len(path.read_text()) == len(history)
    tail = tailing(path, way, "-n", "1")
    tail.wait_for(history.splitlines()[-1])
    own_server.reset_counters()
    added = 0
    for number in range(6):
        line = f"line {number}"
        writer.append(line + "\n")
        added += len(line) + 1
        tail.wait_for(line)
    assert bytes_fetched(own_server) == added
    assert tail.lines == [history.splitlines()[-1]] + [f"line {number}" for number in range(6)]
    # A reader that comes later needs no byte again, either.
    assert len(path.read_text()) == len(history) + added
    assert bytes_fetched(own_server) == added


def test_many_small_appends_are_read_each_byte_once_and_in_order(own_server, log, tailing):
    path, blob = log
    writer = TrackedSave(blob)
    writer.append("begin\n")
    wait_until(path.exists, 3)
    tail = tailing(path, "-f", "-n", "+1")
    tail.wait_for("begin")
    own_server.reset_counters()
    sent = 0
    for number in range(600):
        line = f"{number} " + "x" * (number % 700)
        writer.append(line + "\n")
        sent += len(line) + 1
    tail.wait_for("599 " + "x" * 599, 10)
    assert [line.split()[0] for line in tail.lines] == ["begin"] + [str(number) for number in range(600)]
    assert bytes_fetched(own_server) == sent


def test_new_lines_are_there_within_the_attribute_lifetime(own_server, mounting, job):
    """By way of a handle that stays open, without stat by name; an open sees them at once."""
    mount = mounting("--attr-ttl", 2, server=own_server)
    mount.job(job)
    path = mount / f"jobs/{job}/JobOutput/log"
    writer = TrackedSave(own_server.blob(f"job-{job}", "$JobOutput/log"))
    writer.append("one\n")
    wait_until(path.exists, 4)
    with open(path, "rb", buffering=0) as file:
        assert file.read(100) == b"one\n"
        assert file.read(100) == b""
        writer.append("two\n")
        assert path.read_bytes() == b"one\ntwo\n"
        time.sleep(2.2)
        assert os.fstat(file.fileno()).st_size == 8
        assert file.read(100) == b"two\n"


def test_a_handle_that_only_reads_sees_new_lines_too(log):
    """A reader such as Python's, which never asks for the size."""
    path, blob = log
    writer = TrackedSave(blob)
    writer.append("one\n")
    wait_until(path.exists, 3)
    with open(path, "rb", buffering=0) as file:
        assert file.read(100) == b"one\n"
        for line in ("two\n", "three\n"):
            writer.append(line)
            seen = b""

            def grows():
                nonlocal seen
                seen += file.read(100)
                return seen == line.encode()

            wait_until(grows, 3)


def test_a_log_with_a_wrong_position_is_refused_and_read_as_it_is(log):
    path, blob = log
    writer = TrackedSave(blob)
    writer.append("one\n")
    blob.append_block(b"rival\n")
    with pytest.raises(HttpResponseError) as refused:
        writer.append("two\n")
    assert refused.value.error_code == "AppendPositionConditionNotMet"
    wait_until(path.exists, 3)
    assert path.read_text() == "one\nrival\n"


@pytest.mark.parametrize("way", ["truncated in place", "deleted and made anew"])
def test_one_that_got_shorter_or_was_created_anew_is_another_file(log, way):
    path, blob = log
    writer = TrackedSave(blob)
    writer.append("an old line that is long\n")
    wait_until(path.exists, 3)
    with open(path, "rb", buffering=0) as old:
        assert old.read(2) == b"an"
        if way == "deleted and made anew":
            blob.delete_blob()
            # Times of creation have whole seconds.
            time.sleep(1.1)
        writer = TrackedSave(blob)
        writer.append("new\n")
        assert path.read_text() == "new\n"
        # What it had is its own to the end; there is no more.
        try:
            assert os.pread(old.fileno(), 100, 0) == b"an old line that is long\n"
        except OSError as error:
            assert error.errno == errno.ESTALE
        time.sleep(1.1)
        writer.append("newer than the old one, and longer\n")
        assert path.read_text() == "new\nnewer than the old one, and longer\n"
        try:
            assert os.pread(old.fileno(), 100, 0) == b"an old line that is long\n"
        except OSError as error:
            assert error.errno == errno.ESTALE


@pytest.mark.parametrize("way", ["truncated in place", "deleted and made anew"])
def test_tail_by_name_goes_on_with_a_log_that_was_started_over(log, tailing, way):
    path, blob = log
    writer = TrackedSave(blob)
    writer.append("first run, line 1\nfirst run, line 2\n")
    wait_until(path.exists, 3)
    tail = tailing(path, "-F", "-n", "+1")
    tail.wait_for("first run, line 2")
    if way == "deleted and made anew":
        blob.delete_blob()
    time.sleep(2)
    writer = TrackedSave(blob)
    writer.append("second run\n")
    tail.wait_for("second run", 20)
    writer.append("second run, more\n")
    tail.wait_for("second run, more", 20)


def test_tail_by_name_goes_on_with_a_file_that_another_mount_writes_anew(own_server, mounting, job, tailing):
    """Not an append blob: each commit is another file, which tail -F opens."""
    one, other = mounting(server=own_server), mounting(server=own_server)
    mine, theirs = one.job(job) / "log", other / f"jobs/{job}/JobOutput/log"
    mine.write_text("line 0\n")
    wait_until(theirs.exists, 3)
    tail = tailing(theirs, "-F", "-n", "+1")
    tail.wait_for("line 0")
    for number in (1, 2):
        with open(mine, "a") as file:
            file.write(f"line {number}\n")
        tail.wait_for(f"line {number}", 20)
