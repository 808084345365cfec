"""Logs that grow in append blobs while they are written: SEMANTICS.md §3.13."""

import errno
import os
import subprocess
import threading
import time

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobType

from mounts import Mount, fails_with, wait_until

QUICK = ["--log-interval", "500ms", "--attr-ttl", "200ms"]
SLOW = ["--log-interval", "10m"]
DEADLINES = ["--commit-deadline", "1s", "--retry-deadline", "1s"]


@pytest.fixture
def logs(own_server, mounting, job):
    """Makes mounts of one account; each gives the path of the same log."""

    def make(*options, name="stdout.txt"):
        mount = mounting(*options, server=own_server)
        mount.job(job)
        folder = mount / f"jobs/{job}/tasks/task/TaskLog"
        folder.mkdir(parents=True, exist_ok=True)
        return mount, folder / name

    make.blob = own_server.blob(f"job-{job}", "task/$TaskLog/stdout.txt")
    make.text = lambda: make.blob.download_blob().readall().decode()
    return make


def exists(blob):
    try:
        return blob.get_blob_properties()
    except ResourceNotFoundError:
        return None


def test_a_log_is_in_the_store_within_the_interval_and_tail_sees_it_on_another_mount(logs):
    """§3.13"""
    _, path = logs(*QUICK)
    _, seen = logs(*QUICK)
    with open(path, "w", buffering=1) as log:
        log.write("one\n")
        wait_until(lambda: exists(logs.blob) and logs.text() == "one\n", 10, "the first line")
        assert logs.blob.get_blob_properties().blob_type == BlobType.APPENDBLOB
        tail = subprocess.Popen(["tail", "-f", "-s", "0.1", "-n", "+1", seen], stdout=subprocess.PIPE, text=True)
        try:
            for line in ("two\n", "three\n"):
                log.write(line)
            assert [tail.stdout.readline() for _ in range(3)] == ["one\n", "two\n", "three\n"]
        finally:
            tail.kill()
            tail.wait()
            tail.stdout.close()


def test_an_idle_log_sends_nothing_and_fsync_sends_at_once(logs, own_server):
    """§3.13"""
    _, path = logs(*SLOW)
    with open(path, "wb", buffering=0) as log:
        log.write(b"one\n")
        assert exists(logs.blob) is None
        os.fsync(log.fileno())
        assert logs.text() == "one\n"
        log.write(b"two\n")
        os.fsync(log.fileno())
        own_server.reset_counters()
        os.fsync(log.fileno())
        time.sleep(0.3)
        assert sum(own_server.requests().values()) == 0
    assert logs.text() == "one\ntwo\n"
    assert logs.blob.get_blob_properties().append_blob_committed_block_count == 2


def test_appending_moves_the_new_bytes_only(logs, own_server):
    """§3.13: also outside of the tracked kinds, and behind what the .NET library wrote."""
    mount, path = logs(*SLOW)
    big = b"x" * (8 << 20)
    for blob in (logs.blob, own_server.blob(logs.blob.container_name, "task/$TaskOutput/out.txt")):
        blob.create_append_blob()
        blob.append_block(big[: 4 << 20])
        blob.append_block(big[4 << 20 :])
    other = path.parent.parent / "TaskOutput" / "out.txt"
    own_server.reset_counters()
    for place in (path, other):
        with open(place, "ab") as file:
            file.write(b"more\n")
    counters = own_server.counters()
    assert sum(counter["bytesReceived"] for counter in counters.values()) < 64 << 10
    assert "Get Blob" not in counters
    assert logs.blob.get_blob_properties().size == len(big) + 5
    assert other.read_bytes() == big + b"more\n"


def test_shells_that_append_interleave_whole_lines(logs):
    """§3.13"""
    _, path = logs(*QUICK)
    script = 'for i in $(seq 40); do echo "$0 $i $(printf %0100d 7)" >> "$1"; done'
    shells = [subprocess.Popen(["sh", "-c", script, str(number), str(path)]) for number in range(4)]
    assert [shell.wait(120) for shell in shells] == [0] * 4
    lines = logs.text().splitlines()
    assert len(lines) == 160
    for number in range(4):
        own = [line.split()[1] for line in lines if line.startswith(f"{number} ")]
        assert own == [str(i) for i in range(1, 41)]
    assert path.read_text() == logs.text()


def test_mounts_and_another_client_interleave_whole_appends(logs):
    """§3.13"""
    mounts = [logs(*QUICK) for _ in range(2)]
    logs.blob.create_append_blob()

    def writes(path, name):
        with open(path, "ab", buffering=0) as log:
            for number in range(30):
                log.write(f"{name} {number}\n".encode())
                if number % 3 == 0:
                    os.fsync(log.fileno())

    threads = [threading.Thread(target=writes, args=(path, f"m{i}")) for i, (_, path) in enumerate(mounts)]
    for thread in threads:
        thread.start()
    for number in range(30):
        logs.blob.append_block(f"sdk {number}\n".encode())
    for thread in threads:
        thread.join(60)
    lines = logs.text().splitlines()
    for name in ("m0", "m1", "sdk"):
        assert [line for line in lines if line.startswith(name + " ")] == [f"{name} {n}" for n in range(30)]
    assert len(lines) == 90
    for _, path in mounts:
        assert path.read_text() == logs.text()


def test_what_others_append_shows_where_the_log_is_open_for_writing(logs):
    """§3.13"""
    _, path = logs(*QUICK)
    with open(path, "ab", buffering=0) as log:
        log.write(b"ours\n")
        os.fsync(log.fileno())
        logs.blob.append_block(b"theirs\n")
        wait_until(lambda: path.read_bytes() == b"ours\ntheirs\n", 10, "their line")
        assert path.stat().st_size == 12
        log.write(b"ours again\n")
    assert logs.text() == "ours\ntheirs\nours again\n"


def test_a_task_that_runs_again_starts_its_log_over(logs):
    """§3.13: it never doubles."""
    _, first = logs(*QUICK)
    _, second = logs(*QUICK)
    first.write_text("the first run, which wrote a lot\n")
    with open(second, "w") as log:
        log.write("the second run\n")
    assert logs.text() == "the second run\n"
    with open(first, "w") as log:
        log.write("the third\n")
    assert logs.text() == "the third\n"
    assert logs.blob.get_blob_properties().blob_type == BlobType.APPENDBLOB


def test_bytes_that_were_sent_and_are_written_over_make_it_a_block_blob(logs):
    """§3.4, §3.13"""
    _, path = logs(*SLOW)
    with open(path, "wb", buffering=0) as log:
        log.write(b"0 % of it\n")
        os.fsync(log.fileno())
        log.seek(0)
        log.write(b"9")
        assert path.read_bytes() == b"9 % of it\n"
        assert logs.text() == "0 % of it\n"
    assert logs.text() == "9 % of it\n"
    assert logs.blob.get_blob_properties().blob_type == BlobType.BLOCKBLOB
    with open(path, "ab") as log:
        log.write(b"more\n")
    assert logs.text() == "9 % of it\nmore\n"


def test_a_log_that_is_renamed_while_it_is_written_goes_on_under_its_new_name(logs, own_server):
    """§3.7: as log rotation does; the copy is a block blob."""
    _, path = logs(*QUICK)
    renamed = path.with_name("stdout.1.txt")
    with open(path, "ab", buffering=0) as log:
        log.write(b"one\n")
        os.fsync(log.fileno())
        os.rename(path, renamed)
        log.write(b"two\n")
        path.write_bytes(b"the next\n")
    assert renamed.read_bytes() == b"one\ntwo\n"
    blob = own_server.blob(logs.blob.container_name, "task/$TaskLog/stdout.1.txt")
    assert blob.download_blob().readall() == b"one\ntwo\n"
    assert logs.text() == "the next\n"


def test_a_log_that_is_removed_while_it_is_written_stays_away(logs):
    """§3.8"""
    _, path = logs(*QUICK)
    with open(path, "ab", buffering=0) as log:
        log.write(b"one\n")
        os.fsync(log.fileno())
        os.unlink(path)
        log.write(b"two\n")
        time.sleep(1)
    # The last close is told to the mount behind the program's back.
    wait_until(lambda: exists(logs.blob) is None, 10, "that the blob goes")
    path.write_bytes(b"anew\n")
    assert logs.text() == "anew\n"


def with_open_log(server, tmp_path, job):
    """A mount that sends nothing by itself, and a log that is open on it: the mount, the blob, the file."""
    mount = Mount(tmp_path / "mnt", server, *SLOW)
    mount.job(job)
    folder = mount / f"jobs/{job}/tasks/task/TaskLog"
    folder.mkdir(parents=True, exist_ok=True)
    blob = server.blob(f"job-{job}", "task/$TaskLog/log.txt")
    log = open(folder / "log.txt", "ab", buffering=0)
    return mount, blob, log


def kill(mount, log):
    """kill -9, with the log open."""
    mount.kill()
    subprocess.run(["fusermount3", "-uz", mount.place], check=False, capture_output=True)
    with pytest.raises(OSError):
        log.close()


def test_killed_between_two_flushes_the_next_mount_sends_the_rest_once(own_server, tmp_path, job):
    """§3.13, §4.6"""
    mount, blob, log = with_open_log(own_server, tmp_path, job)
    log.write(b"one\n")
    os.fsync(log.fileno())
    log.write(b"two\n")
    blob.append_block(b"theirs\n")
    kill(mount, log)
    assert blob.download_blob().readall() == b"one\ntheirs\n"
    after = Mount(tmp_path / "mnt", own_server, *SLOW, "--journal-dir", mount.journal)
    try:
        wait_until(lambda: blob.download_blob().readall() == b"one\ntheirs\ntwo\n", 20, "the last line")
        wait_until(lambda: not after.status()["tree"]["pendingFiles"], 20, "that nothing is left")
        with open(after / f"jobs/{job}/tasks/task/TaskLog/log.txt", "ab") as again:
            again.write(b"three\n")
        assert blob.download_blob().readall() == b"one\ntheirs\ntwo\nthree\n"
    finally:
        after.end()


def test_the_log_of_a_run_that_was_killed_does_not_get_into_the_next_run_s(own_server, tmp_path, job):
    """§3.13, §4.6: its bytes are kept."""
    mount, blob, log = with_open_log(own_server, tmp_path, job)
    log.write(b"the first run\n")
    os.fsync(log.fileno())
    log.write(b"its last words\n")
    kill(mount, log)
    time.sleep(1.1)
    blob.delete_blob()
    blob.create_append_blob()
    blob.append_block(b"the second run, elsewhere\n")
    after = Mount(tmp_path / "mnt", own_server, *SLOW, "--journal-dir", mount.journal)
    try:
        wait_until(lambda: after.status()["tree"]["keptFiles"], 20, "that it is kept")
        assert blob.download_blob().readall() == b"the second run, elsewhere\n"
    finally:
        after.end()


FAULTS = {
    "failed": {"effect": "status", "status": 500, "code": "InternalError"},
    "failed after": {"effect": "status", "status": 500, "code": "OperationTimedOut", "applied": True},
    "reset": {"effect": "reset", "when": "beforeApplying"},
    "lost": {"effect": "reset", "when": "afterApplying"},
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("nth", range(4))
def test_the_nth_append_fails_and_no_line_is_lost_or_doubled(logs, own_server, fault, nth):
    """§3.13, §5.2"""
    _, path = logs(*SLOW)
    own_server.faults({"operation": "Append Block", "skip": nth, "times": 1, **FAULTS[fault]})
    with open(path, "ab", buffering=0) as log:
        for number in range(4):
            log.write(f"{number}\n".encode())
            os.fsync(log.fileno())
    assert logs.text() == "0\n1\n2\n3\n"


def test_what_fails_is_told_at_close_and_sent_later(logs, own_server):
    """§3.3, §4.2: the bytes are kept, and none is there twice."""
    mount, path = logs(*SLOW, *DEADLINES)
    log = open(path, "ab", buffering=0)
    log.write(b"one\n")
    os.fsync(log.fileno())
    log.write(b"two\n")
    # It lands, and nobody learns of it: not by looking either.
    failed = {"operation": "Get Blob Properties", **FAULTS["failed"]}
    own_server.faults({"operation": "Append Block", **FAULTS["failed after"]}, failed)
    with fails_with(errno.EIO):
        os.fsync(log.fileno())
    assert path.read_bytes() == b"one\ntwo\n"
    assert [file["path"] for file in mount.status()["tree"]["pendingFiles"]]
    own_server.faults()
    log.write(b"three\n")
    log.close()
    assert logs.text() == "one\ntwo\nthree\n"


def test_a_log_with_as_many_blocks_as_it_may_have_is_put_again_in_few(logs, own_server):
    """§3.13: also one that another program wrote."""
    _, path = logs(*SLOW)
    logs.blob.create_append_blob()
    for number in range(20):
        logs.blob.append_block(f"theirs {number}\n".encode())
    own_server.faults(
        {
            "operation": "Append Block", "times": 1,
            "effect": "status", "status": 409, "code": "BlockCountExceedsLimit",
        }
    )
    with open(path, "ab", buffering=0) as log:
        log.write(b"ours\n")
        os.fsync(log.fileno())
        log.write(b"ours again\n")
    expected = "".join(f"theirs {number}\n" for number in range(20)) + "ours\nours again\n"
    assert logs.text() == expected == path.read_text()
    properties = logs.blob.get_blob_properties()
    assert properties.blob_type == BlobType.APPENDBLOB
    assert properties.append_blob_committed_block_count == 3


def test_hundreds_of_open_logs_are_sent_by_one_timer(logs):
    """§3.13"""
    mount, path = logs(*QUICK)
    count = 300
    files = [open(path.parent / f"log{number}.txt", "ab", buffering=0) for number in range(count)]
    threads = len(os.listdir(f"/proc/{mount.worker}/task"))
    for number, file in enumerate(files):
        file.write(f"{number}\n".encode())
    wait_until(lambda: not mount.status()["tree"]["pendingFiles"], 60, "that all are sent")
    assert len(os.listdir(f"/proc/{mount.worker}/task")) <= threads + 12
    for file in files:
        file.close()
    assert (path.parent / "log299.txt").read_text() == "299\n"


def test_without_tracked_kinds_a_log_is_a_file_like_others(logs):
    """§3.13"""
    _, path = logs("--tracked-kinds", "", "--log-interval", "200ms")
    with open(path, "wb", buffering=0) as log:
        log.write(b"one\n")
        time.sleep(0.6)
        assert exists(logs.blob) is None
    assert logs.blob.get_blob_properties().blob_type == BlobType.BLOCKBLOB


def test_other_kinds_can_be_tracked(logs, own_server):
    """§3.13"""
    mount, path = logs(*QUICK, "--tracked-kinds", "TaskLog,TaskIntermediate")
    other = path.parent.parent / "TaskIntermediate" / "progress.txt"
    with open(other, "ab", buffering=0) as log:
        log.write(b"one\n")
        blob = own_server.blob(logs.blob.container_name, "task/$TaskIntermediate/progress.txt")
        wait_until(lambda: exists(blob) is not None, 10, "the blob")
    assert blob.get_blob_properties().blob_type == BlobType.APPENDBLOB
