"""A log with as many appends as an append blob takes, and more: §3.13. With `scripts/test --soak`, since it takes a minute."""

import os
import subprocess

import pytest

from mounts import wait_until

# Of the service; a few more than it takes.
APPENDS = 50_000 + 300


@pytest.mark.skipif("OUTPUTFS_SOAK_SECONDS" not in os.environ, reason="scripts/test --soak runs it")
@pytest.mark.timeout(600)
def test_a_log_goes_on_after_as_many_appends_as_it_may_have(own_server, mounting, job, tmp_path):
    mount = mounting("--log-interval", "10m", server=own_server)
    reader = mounting("--attr-ttl", "200ms", server=own_server)
    mount.job(job)
    path = f"jobs/{job}/tasks/t/TaskLog/out.txt"
    (mount / path).parent.parent.mkdir()
    lines = [b"line %d\n" % number for number in range(APPENDS)]
    seen = tmp_path / "seen"
    with open(mount / path, "ab", buffering=0) as log, open(seen, "wb") as output:
        log.write(lines[0])
        os.fsync(log.fileno())
        tail = subprocess.Popen(["tail", "-c", "+1", "--follow=name", reader / path], stdout=output, stderr=subprocess.DEVNULL)
        try:
            for line in lines[1:]:
                log.write(line)
                os.fsync(log.fileno())
            wait_until(lambda: seen.read_bytes().endswith(lines[-1]), 30, "that tail shows the last line")
        finally:
            tail.kill()
            tail.wait()
    expected = b"".join(lines)
    assert own_server.bytes(f"job-{job}", "t/$TaskLog/out.txt") == expected == (mount / path).read_bytes()
    properties = own_server.blob(f"job-{job}", "t/$TaskLog/out.txt").get_blob_properties()
    assert properties.append_blob_committed_block_count < 1000
    assert own_server.requests()["Append Block"] >= APPENDS
    # Where tail met the shorter log of that moment it began again: nothing is missing.
    assert set(expected.splitlines()) <= set(seen.read_bytes().splitlines())
