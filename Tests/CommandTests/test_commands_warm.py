"""warm: what it reads, what it says of what it cannot, and how it ends."""

import itertools
import json
import os
import re
import signal
import subprocess

import pytest

from program import binary, clean_environment, emulator, outputfs

MIB = 1 << 20
numbers = itertools.count()


@pytest.fixture
def job(mounted):
    """A job with three files, one of them in parts for several readers, and nothing in memory."""
    # The emulator lives as long as all tests: a job for each.
    output = mounted / "jobs" / f"warmed-{next(numbers)}" / "JobOutput"
    os.makedirs(output / "deep" / "er", exist_ok=True)
    (output / "large").write_bytes(os.urandom(MIB) * 70)
    (output / "deep" / "er" / "small").write_bytes(b"x" * 1000)
    (output / "empty").write_bytes(b"")
    os.symlink("large", output / "link")
    return output


def requests(mount_point, name):
    mount = json.loads(outputfs("status", mount_point, "--json").out)["mounts"][0]
    return mount["store"]["requests"].get(name, 0)


def test_a_directory_is_read_through_once_whatever_leads_to_it(job, mounted):
    # Both views, the directory and a file in it: one file is read once.
    ended = outputfs("warm", "--json", job.parent, mounted / "containers" / f"job-{job.parent.name}", job / "large")
    assert ended.status == 0, ended.err
    summary = json.loads(ended.out)
    assert summary["files"] == 3
    assert summary["bytes"] == 70 * MIB + 1000
    assert (summary["failed"], summary["failures"], summary["isInterrupted"]) == (0, [], False)
    (mount,) = summary["mounts"]
    assert mount["mountPoint"] == str(mounted)
    assert mount["files"] == 3 and mount["bytes"] == summary["bytes"]
    assert mount["exceedsCache"] is False


def test_what_was_warmed_is_read_without_a_request(job, mounted):
    assert outputfs("warm", job, "--jobs", "1").status == 0
    before = requests(mounted, "Get Blob")
    assert len((job / "large").read_bytes()) == 70 * MIB
    assert requests(mounted, "Get Blob") == before
    again = outputfs("warm", job)
    assert again.status == 0
    assert requests(mounted, "Get Blob") == before
    assert "all of it was here already" in again.out


def test_a_mount_without_a_disk_cache_says_that_only_memory_is_warmed(job, mounted):
    ended = outputfs("warm", job)
    assert ended.status == 0
    budget = json.loads(outputfs("status", mounted, "--json").out)["mounts"][0]["cache"]["budget"]
    assert f"{mounted} has no --cache-dir: only its memory ({budget >> 20} MiB)" in ended.err
    assert re.match(r"3 files with 70 MiB in ", ended.out)


def test_more_than_memory_holds_is_said(server, place, tmp_path):
    ended = outputfs(
        "mount", place, "--memory", "32M", "--journal-dir", tmp_path / "spool",
        AZURE_STORAGE_CONNECTION_STRING=server.connection_string,
    )
    assert ended.status == 0, ended.err
    try:
        output = place / "jobs" / "toomuch" / "JobOutput"
        os.makedirs(output, exist_ok=True)
        (output / "large").write_bytes(bytes(40 * MIB))
        ended = outputfs("warm", "--json", output)
        assert ended.status == 0
        assert "more to read than its memory holds (" in ended.err
        assert json.loads(ended.out)["mounts"][0]["exceedsCache"] is True
    finally:
        assert outputfs("unmount", place).status == 0


def test_several_mounts_are_warmed_at_once(job, mounted, server, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    ended = outputfs(
        "mount", other, "--journal-dir", tmp_path / "spool", AZURE_STORAGE_CONNECTION_STRING=server.connection_string
    )
    assert ended.status == 0, ended.err
    try:
        ended = outputfs("warm", "--json", job, other / "jobs" / job.parent.name)
        assert ended.status == 0, ended.err
        summary = json.loads(ended.out)
        assert [mount["mountPoint"] for mount in summary["mounts"]] == [str(mounted), str(other)]
        assert [mount["files"] for mount in summary["mounts"]] == [3, 3]
    finally:
        assert outputfs("unmount", other).status == 0


def test_what_cannot_be_read_is_named_and_the_rest_goes_on(job):
    missing = job / "missing"
    ended = outputfs("warm", "--json", missing, job)
    assert ended.status == 1
    assert f"{missing}: No such file or directory" in ended.err
    summary = json.loads(ended.out)
    assert summary["files"] == 3
    assert summary["failed"] == 1
    assert summary["failures"] == [{"path": str(missing), "reason": "No such file or directory"}]


def test_a_store_that_goes_away_fails_the_files_and_not_the_command(place, tmp_path):
    with emulator() as server:
        ended = outputfs(
            "mount", place, "--journal-dir", tmp_path / "spool", "--retry-deadline", "1s", "--attr-ttl", "1h",
            AZURE_STORAGE_CONNECTION_STRING=server.connection_string,
        )
        assert ended.status == 0, ended.err
        output = place / "jobs" / "away" / "JobOutput"
        os.makedirs(output, exist_ok=True)
        for name in ["a", "b"]:
            (output / name).write_bytes(b"x" * 1000)
        assert sorted(os.listdir(output)) == ["a", "b"]
        server.process.kill()
        server.process.wait()
        ended = outputfs("warm", output / "a", output / "b")
        assert ended.status == 1, ended
        assert str(output / "a") in ended.err and str(output / "b") in ended.err
        assert "2 could not be read" in ended.out
        assert outputfs("unmount", place, "--lazy", "--timeout", "1s").status == 0


def test_a_path_outside_of_every_mount_is_refused_before_anything_is_read(job, tmp_path):
    ended = outputfs("warm", job, tmp_path)
    assert ended.status == 64
    assert f"{tmp_path} is not below a mount of outputfs" in ended.err and "outputfs status" in ended.err
    assert ended.out == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_with_what_was_done(number, place, tmp_path):
    with emulator() as server:
        ended = outputfs(
            "mount", place, "--journal-dir", tmp_path / "spool",
            AZURE_STORAGE_CONNECTION_STRING=server.connection_string,
        )
        assert ended.status == 0, ended.err
        output = place / "jobs" / "stalled" / "JobOutput"
        os.makedirs(output, exist_ok=True)
        (output / "a").write_bytes(b"x" * 1000)
        # The store answers nothing from here on.
        server.process.send_signal(signal.SIGSTOP)
        try:
            process = subprocess.Popen(
                [binary(), "warm", "--json", output / "a"],
                env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            try:
                # It says so right before it begins to read.
                assert "no --cache-dir" in process.stderr.readline()
                process.send_signal(number)
                out, _ = process.communicate(timeout=20)
            finally:
                process.kill()
                process.wait()
            assert process.returncode == 130
            summary = json.loads(out)
            assert summary["isInterrupted"] is True
            assert summary["files"] == 0
        finally:
            server.process.send_signal(signal.SIGCONT)
        assert outputfs("unmount", place).status == 0


def test_progress_is_one_line_on_a_terminal_and_nothing_elsewhere(job):
    ended = outputfs("warm", job)
    assert "\r" not in ended.err
    ended = subprocess.run(
        ["script", "-qec", f"{binary()} warm {job}", "/dev/null"],
        env=clean_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
    )
    assert ended.returncode == 0
    assert re.search(r"3 files with 70 MiB", ended.stdout)


@pytest.mark.parametrize("jobs", ["0", "65", "many"])
def test_a_number_of_readers_that_cannot_be_is_refused(jobs, tmp_path):
    ended = outputfs("warm", tmp_path, "--jobs", jobs)
    assert ended.status == 64
    assert "--jobs" in ended.err
