"""What a mount does when its server, its callers or itself go away: SEMANTICS.md §3.3, §4.2, §4.3, §5."""

import errno
import os
import signal
import subprocess
import time

import pytest

from mounts import Background, Server, binary, fails_with, is_mounted, wait_until

NEVER = 20_000
STALLED = [
    {"operation": operation, "effect": "stall", "part": "head", "bytes": 0, "milliseconds": NEVER}
    for operation in (
        "Put Blob", "Put Block", "Put Block List", "Get Blob", "List Blobs", "Copy Blob", "Copy Blob From URL",
        "Put Blob From URL", "Delete Blob",
    )
]


@pytest.fixture
def own_server(tmp_path):
    """An emulator that keeps its blobs, to be killed and started again."""
    running = Server(data=tmp_path / "data")
    yield running
    running.stop()


def write(path, content):
    with open(path, "wb", buffering=0) as file:
        for start in range(0, len(content), 1 << 20):
            file.write(content[start : start + (1 << 20)])


def test_close_waits_for_a_server_that_comes_back(own_server, mounting):
    outputs = mounting("--commit-deadline", "60s", server=own_server).job("waits")
    content = os.urandom(40 << 20)
    with open(outputs / "f", "wb", buffering=0) as file:
        file.write(content[: 20 << 20])
        own_server.kill()
        file.write(content[20 << 20 :])
        closing = Background(file.close)
        time.sleep(1)
        assert closing.is_running()
        own_server.start()
        closing.join(30)
    assert own_server.bytes("job-waits", "$JobOutput/f") == content


def test_close_fails_when_its_deadline_has_passed_and_the_bytes_stay_readable(own_server, mounting):
    mount = mounting("--commit-deadline", "2s", "--retry-deadline", "2s", server=own_server)
    outputs = mount.job("late")
    content = os.urandom(1 << 20)
    file = open(outputs / "f", "wb", buffering=0)
    file.write(content)
    own_server.kill()
    with fails_with(errno.EIO):
        file.close()
    assert (outputs / "f").read_bytes() == content
    assert [pending["path"] for pending in mount.status()["tree"]["pendingFiles"]] == ["job-late/$JobOutput/f"]
    own_server.start()
    # Tried again behind the scenes, as long as the mount lives.
    wait_until(lambda: not mount.status()["tree"]["pendingFiles"], 30)
    assert own_server.bytes("job-late", "$JobOutput/f") == content


def test_sigterm_names_what_could_not_be_sent(own_server, mounting):
    mount = mounting("--commit-deadline", "1s", "--drain-timeout", "2s", server=own_server)
    file = open(mount.job("unsent") / "f", "wb", buffering=0)
    file.write(b"x")
    own_server.kill()
    with fails_with(errno.EIO):
        file.close()
    assert mount.unmount() == 74
    assert not is_mounted(mount.place)
    last_words = mount.log().split("not in the store:")[1]
    assert "job-unsent/$JobOutput/f" in last_words
    assert "connect" in last_words


def test_sigterm_sends_what_is_open(server, mounting, job):
    mount = mounting()
    program = "import sys; f = open(sys.argv[1], 'w'); f.write('x' * 100000); f.flush(); print(flush=True); input()"
    writer = subprocess.Popen(
        ["python3", "-c", program, mount.job(job) / "f"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        writer.stdout.readline()
        mount.signal(signal.SIGTERM)
        wait_until(lambda: server.blob(f"job-{job}", "$JobOutput/f").exists(), 10)
        assert server.bytes(f"job-{job}", "$JobOutput/f") == b"x" * 100000
    finally:
        writer.kill()
        writer.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("command", ["cat blob", "cp /bin/sh new", "ls dir", "mv blob other", "rm blob", "mkdir made"])
def test_a_signal_ends_who_waits_for_a_stalled_server(server, mounting, job, number, command):
    outputs = mounting().job(job)
    server.blob(f"job-{job}", "$JobOutput/blob").upload_blob(bytes(1 << 20))
    server.blob(f"job-{job}", "$JobOutput/dir/f").upload_blob(b"")
    (outputs / "dir").stat()
    time.sleep(1.1)
    server.faults(*STALLED)
    process = subprocess.Popen(command.split(), cwd=outputs, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(number)
        assert process.wait(5) != 0
    finally:
        process.kill()


def test_a_mount_whose_process_was_killed_is_replaced_by_the_next(server, mounting, job):
    mount = mounting()
    (mount.job(job) / "f").write_text("kept")
    mount.kill()
    with fails_with(errno.ENOTCONN):
        os.listdir(mount.place)

    def outputfs(*arguments):
        ended = subprocess.run(
            [binary(), *arguments], env=mount.environment, capture_output=True, text=True, timeout=30
        )
        assert ended.returncode == 0, ended.stderr

    outputfs("mount", "--journal-dir", mount.journal, mount.place)
    try:
        assert (mount / f"jobs/{job}/JobOutput/f").read_text() == "kept"
    finally:
        outputfs("unmount", mount.place)
