"""A disk that really is full: SEMANTICS.md §3.2 and §4.8. The writer is told, and nothing that was accepted is hurt."""

import errno
import os
import subprocess

import pytest

from mounts import fails_with, wait_until

PIECE = os.urandom(1 << 20)


@pytest.fixture
def small_disk(tmp_path):
    """A journal's file system of 24 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", place], capture_output=True)
    if made.returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def fill(file):
    """Writes until the disk is full; how much got there."""
    written = 0
    with fails_with(errno.ENOSPC):
        while written < 100 << 20:
            written += file.write(PIECE)
    return written


def test_a_full_disk_is_enospc_and_hurts_nothing_else(server, mounting, small_disk, job):
    mount = mounting("--journal-dir", small_disk)
    outputs = mount.job(job)
    with open(outputs / "accepted", "wb", buffering=0) as accepted:
        accepted.write(PIECE * 3)
        greedy = open(outputs / "greedy", "wb", buffering=0)
        written = fill(greedy)
        assert written > 10 << 20
        # Others are told the same, and what they have stays.
        with open(outputs / "other", "wb", buffering=0) as other, fails_with(errno.ENOSPC):
            for _ in range(3):
                other.write(PIECE)
    assert server.bytes(f"job-{job}", "$JobOutput/accepted") == PIECE * 3
    # As on a disk: what was taken is the file.
    greedy.close()
    stored = server.bytes(f"job-{job}", "$JobOutput/greedy")
    assert len(stored) >= written and stored[:written] == (PIECE * 100)[:written]
    assert (outputs / "greedy").read_bytes() == stored
    # Its room is free again.
    wait_until(lambda: os.statvfs(small_disk).f_bfree * 4096 > 20 << 20, 5, "that there is room again")
    (outputs / "next").write_bytes(PIECE * 15)
    assert server.bytes(f"job-{job}", "$JobOutput/next") == PIECE * 15
    assert mount.unmount() == 0


def test_a_file_larger_than_the_disk_can_be_made_in_parts(server, mounting, small_disk, job):
    """What was closed needs no room any more: appending goes on."""
    outputs = mounting("--journal-dir", small_disk).job(job)
    for number in range(4):
        (outputs / f"part{number}").write_bytes(PIECE * 12)
    for number in range(4):
        assert server.bytes(f"job-{job}", f"$JobOutput/part{number}") == PIECE * 12


def test_without_room_for_its_edit_a_file_stays_what_it_was(server, mounting, small_disk, job):
    outputs = mounting("--journal-dir", small_disk).job(job)
    (outputs / "f").write_bytes(PIECE * 10)
    with open(outputs / "hog", "wb", buffering=0) as hog:
        fill(hog)
        with open(outputs / "f", "r+b", buffering=0) as file, fails_with(errno.ENOSPC):
            file.write(b"changed")
        assert (outputs / "f").read_bytes() == PIECE * 10
    assert server.bytes(f"job-{job}", "$JobOutput/f") == PIECE * 10
    with open(outputs / "f", "r+b", buffering=0) as file:
        file.write(b"changed")
    assert server.bytes(f"job-{job}", "$JobOutput/f") == b"changed" + (PIECE * 10)[7:]


def test_saving_over_a_file_without_room_keeps_the_old_one(server, mounting, small_disk, job):
    outputs = mounting("--journal-dir", small_disk).job(job)
    (outputs / "f").write_bytes(b"old")
    with open(outputs / "hog", "wb", buffering=0) as hog:
        fill(hog)
        with fails_with(errno.ENOSPC):
            # As editors save.
            (outputs / "f.tmp").write_bytes(PIECE * 2)
            os.rename(outputs / "f.tmp", outputs / "f")
    assert server.bytes(f"job-{job}", "$JobOutput/f") == b"old"
    assert (outputs / "f").read_bytes() == b"old"


def test_without_room_to_note_it_no_name_is_promised_away(server, mounting, small_disk, job):
    """§3.7, §3.8"""
    outputs = mounting("--journal-dir", small_disk).job(job)
    (outputs / "d").mkdir()
    for name in ["d/a", "read", "plain"]:
        (outputs / name).write_bytes(b"content")
    with open(outputs / "hog", "wb", buffering=0) as hog, open(outputs / "read", "rb", buffering=0) as reader:
        fill(hog)
        with fails_with(errno.ENOSPC):
            os.unlink(outputs / "read")
        with fails_with(errno.ENOSPC):
            os.rename(outputs / "d", outputs / "e")
        assert sorted(os.listdir(outputs)) == ["d", "hog", "plain", "read"]
        assert reader.read() == b"content"
        # What needs no note goes.
        os.unlink(outputs / "plain")
        os.ftruncate(hog.fileno(), 0)
        os.unlink(outputs / "read")
        os.rename(outputs / "d", outputs / "e")
        assert sorted(os.listdir(outputs)) == ["e", "hog"]
