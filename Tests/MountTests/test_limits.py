"""What is durable when, what one bad path does to others, and what there is not: SEMANTICS.md §4.1, §4.4, §5.5, part 6."""

import errno
import fcntl
import os
import signal
import subprocess
import time

import pytest

from mounts import Background, fails_with, is_mounted, wait_until


def test_what_was_closed_or_fsynced_outlives_a_killed_mount_and_what_was_only_written_does_not(server, mounting, job):
    """§4.1"""
    mount = mounting()
    outputs = mount.job(job)
    (outputs / "closed").write_bytes(b"c" * 10_000_000)
    fsynced, written = (os.open(outputs / name, os.O_WRONLY | os.O_CREAT) for name in ("fsynced", "written"))
    os.write(fsynced, b"f" * 1000)
    os.fsync(fsynced)
    os.write(fsynced, b"more")
    os.write(written, b"w" * 1000)
    mount.kill()
    for descriptor in (fsynced, written):
        with fails_with(errno.ENOTCONN):
            os.close(descriptor)
    assert server.bytes(f"job-{job}", "$JobOutput/closed") == b"c" * 10_000_000
    assert server.bytes(f"job-{job}", "$JobOutput/fsynced") == b"f" * 1000
    assert not server.blob(f"job-{job}", "$JobOutput/written").exists()


def test_umount_does_not_wait_for_uploads_and_the_process_drains_after_it(server, mounting, job):
    """§4.4"""
    mount = mounting()
    outputs = mount.job(job)
    server.faults({"operation": "Put Blob", "effect": "delay", "milliseconds": 1500})
    descriptor = os.open(outputs / "f", os.O_WRONLY | os.O_CREAT)
    os.close(descriptor)  # Created and never written to: placed behind the last close.
    subprocess.run(["umount", "-l", mount.place], check=True, timeout=10)
    assert not is_mounted(mount.place)
    assert mount.process.wait(20) == 0
    assert server.blob(f"job-{job}", "$JobOutput/f").exists()


def test_a_slow_path_does_not_hold_up_the_others_and_unmounting_works(server, mounting, job):
    """§5.5"""
    mount = mounting()
    outputs = mount.job(job)
    for name in ("slow", "bad", "good"):
        server.blob(f"job-{job}", f"$JobOutput/{name}").upload_blob(b"x" * 3_000_000)
    wait_until(lambda: len(os.listdir(outputs)) == 3, 3)
    server.faults(
        {"blob": "$JobOutput/slow", "operation": "Get Blob", "effect": "delay", "milliseconds": 20_000},
        {"blob": "$JobOutput/bad", "effect": "status", "status": 400, "code": "InvalidInput"},
    )
    readers = [Background((outputs / "slow").read_bytes) for _ in range(12)]
    for _ in range(3):
        assert (outputs / "good").read_bytes() == b"x" * 3_000_000
        with fails_with(errno.EINVAL):
            open(outputs / "bad")
        (outputs / "new").write_text("new")
        time.sleep(0.1)
    assert all(reader.is_running() for reader in readers)
    # Somebody uses it, and waits in it.
    mount.signal(signal.SIGTERM)
    wait_until(lambda: not is_mounted(mount.place), 20)


def test_locks_hold_within_one_mount(mounting, job):
    """§6.2: and not between two."""
    one, other = mounting(), mounting()
    mine, theirs = one.job(job) / "f", other / f"jobs/{job}/JobOutput/f"
    mine.write_text("x")
    wait_until(theirs.exists, 3)
    with open(mine, "r+") as first, open(mine, "r+") as second, open(theirs, "r+") as elsewhere:
        fcntl.flock(first, fcntl.LOCK_EX)
        with fails_with(errno.EWOULDBLOCK):
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(elsewhere, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_access_times_are_not_kept(mounting, job):
    """§6.2: the time of the last change is shown."""
    path = mounting().job(job) / "f"
    path.write_text("x")
    os.utime(path, (1_000, 2_000))
    assert (path.stat().st_atime, path.stat().st_mtime) == (2_000, 2_000)


def test_statfs_reports_a_large_constant_capacity(outputs):
    """§6.3"""
    before = os.statvfs(outputs)
    (outputs / "f").write_bytes(b"x" * 1_000_000)
    after = os.statvfs(outputs)
    assert before == after
    assert after.f_bavail * after.f_frsize >= 1 << 40


@pytest.mark.parametrize("size,error", [(2**63 - 1, errno.EFBIG), (50_000 * 4000 * 2**20 + 1, errno.EFBIG)])
def test_a_file_has_at_most_190_tebibytes(outputs, size, error):
    """§6.1"""
    with open(outputs / "f", "wb", buffering=0) as file, fails_with(error):
        os.truncate(file.fileno(), size)
