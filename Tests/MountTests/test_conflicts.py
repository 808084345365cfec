"""Two writers of one name on different machines, and what `--exclusive open` and `--on-conflict fail` make of it: §3.5, §3.6."""

import errno
import os
import subprocess
import time

import pytest

from mounts import binary, fails_with, run


@pytest.fixture
def pair(server, mounting, job):
    """Two mounts with these options: the directory of a job on each."""

    def make(*options):
        one, two = mounting(*options), mounting(*options)
        one.job(job)
        return one, two, one / f"jobs/{job}/JobOutput", two / f"jobs/{job}/JobOutput"

    return make


def test_of_two_that_take_a_lock_file_one_gets_it_at_open(pair):
    _, _, mine, theirs = pair("--exclusive", "open")
    lock = os.open(mine / "lock", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    with fails_with(errno.EEXIST):
        os.open(theirs / "lock", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    os.write(lock, b"mine")
    os.close(lock)
    assert (theirs / "lock").read_bytes() == b"mine"
    os.unlink(mine / "lock")
    # That it is gone may be known a little later.
    time.sleep(1.1)
    os.close(os.open(theirs / "lock", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    assert (theirs / "lock").read_bytes() == b""


def test_a_lock_file_is_taken_by_one_of_many(pair):
    _, _, mine, theirs = pair("--exclusive", "open")
    # Each adds one to a number that both read and write, holding the lock.
    (mine / "n").write_text("0")
    script = (
        "for i in 1 2 3 4 5; do until (set -C; : > lock) 2> /dev/null; do sleep 0.02; done;"
        " n=$(cat n); echo $((n + 1)) > n; rm lock; done"
    )
    workers = [subprocess.Popen(["bash", "-c", script], cwd=place) for place in (mine, theirs)]
    assert [worker.wait(60) for worker in workers] == [0, 0]
    assert (mine / "n").read_text() == "10\n"


@pytest.mark.parametrize("size", [10, 9 << 20])
@pytest.mark.parametrize("mode", ["wb", "r+b", "ab"])
def test_a_file_that_somebody_replaced_is_not_replaced_again(server, pair, job, mode, size, tmp_path):
    mount, _, mine, theirs = pair("--on-conflict", "fail")
    (mine / "f").write_bytes(b"old" * 100)
    file = open(mine / "f", mode, buffering=0)
    file.write(b"m" * size)
    (theirs / "f").write_bytes(b"theirs")
    with fails_with(errno.ESTALE):
        os.fsync(file.fileno())
    with fails_with(errno.ESTALE):
        file.close()
    assert server.bytes(f"job-{job}", "$JobOutput/f") == b"theirs"
    assert (mine / "f").read_bytes() == b"theirs"
    # The bytes are kept for somebody to decide, and stand in nobody's way.
    (kept,) = mount.status()["tree"]["keptFiles"]
    assert kept["path"].endswith("$JobOutput/f")
    (mine / "f").write_bytes(b"again")
    assert server.bytes(f"job-{job}", "$JobOutput/f") == b"again"
    mount.unmount()
    listed = subprocess.run(
        [binary(), "recover", "--list", "--journal-dir", mount.journal], env=mount.environment, capture_output=True
    )
    assert b"$JobOutput/f" in listed.stdout


def test_a_file_that_somebody_made_meanwhile_is_not_replaced(server, pair, job):
    _, _, mine, theirs = pair("--on-conflict", "fail")
    file = open(mine / "new", "wb", buffering=0)
    (theirs / "new").write_bytes(b"theirs")
    with fails_with(errno.ESTALE):
        file.write(b"mine")
        file.close()
    assert server.bytes(f"job-{job}", "$JobOutput/new") == b"theirs"


def test_whoever_comes_after_a_change_is_in_no_conflict(server, pair, job):
    """What changed before the open, though the kernel remembers otherwise, or in its metadata only, is none."""
    _, _, mine, theirs = pair("--on-conflict", "fail", "--attr-ttl", "30s")
    (mine / "f").write_bytes(b"one")
    assert not (mine / "g").exists()
    (theirs / "f").write_bytes(b"two")
    (theirs / "g").write_bytes(b"two")
    for name in ("f", "g"):
        (mine / name).write_bytes(b"three")
        with open(mine / name, "r+b") as file:
            file.seek(0, 2)
            os.chmod(theirs / name, 0o600)
            file.write(b", four")
        assert server.bytes(f"job-{job}", f"$JobOutput/{name}") == b"three, four"
    run("for i in 1 2 3; do echo $i >> f; sed -i s/three/3/ g; done", mine)


def test_a_commit_without_an_answer_is_no_conflict(server, mounting, job):
    mount = mounting("--on-conflict", "fail", "--commit-deadline", "1s", "--retry-deadline", "1s")
    outputs = mount.job(job)
    (outputs / "f").write_bytes(b"old")
    file = open(outputs / "f", "r+b", buffering=0)
    file.write(b"new")
    server.faults(
        {"operation": "Put Blob", "effect": "reset", "when": "afterApplying"},
        {"operation": "Get Blob Properties", "effect": "status", "status": 500, "code": "InternalError"},
    )
    with fails_with(errno.EIO):
        os.fsync(file.fileno())
    server.faults()
    os.fsync(file.fileno())
    file.close()
    assert server.bytes(f"job-{job}", "$JobOutput/f") == b"new"
    assert mount.status()["tree"]["keptFiles"] == []


def test_without_the_option_the_later_close_wins(server, pair, job):
    _, _, mine, theirs = pair()
    first = open(mine / "f", "wb", buffering=0)
    second = open(theirs / "f", "wb", buffering=0)
    first.write(b"first")
    second.write(b"second")
    second.close()
    first.close()
    assert server.bytes(f"job-{job}", "$JobOutput/f") == b"first"
