"""What a killed mount asked for last may be carried out late, and replaces nothing that came since: §5.2.

The server holds the last request of a mount that is killed then, and carries it out after the next mount has written the
same name.
"""

import contextlib
import os
import subprocess

import pytest

from mounts import Background, wait_until

FILE = "$JobOutput/f"


def kill(mount):
    mount.process.kill()
    mount.process.wait()
    subprocess.run(["fusermount3", "-uz", mount.place], check=False, capture_output=True)


class Late:
    """A mount whose last request is held; it is killed, and the next one is there."""

    def __init__(self, server, mounting, job, operation, blob, action, same_machine):
        mount = mounting()
        outputs = mount.job(job)
        (outputs / "f").write_bytes(b"first")
        (outputs / "g").write_bytes(b"source")
        self.server = server
        server.faults({"operation": operation, "blob": blob, "effect": "hold", "times": 1})
        self.done = server.requests().get(operation, 0)
        self.operation = operation
        self.caller = Background(lambda: action(outputs))
        wait_until(lambda: server.held() == 1, 20, f"that {operation} is held")
        kill(mount)
        if same_machine:
            self.mount = mounting(place=mount.place)
            wait_until(lambda: not self.mount.status()["tree"]["pendingFiles"], 20, "that the journal is empty")
        else:
            self.mount = mounting()
        self.outputs = self.mount / f"jobs/{job}/JobOutput"

    def arrive(self):
        """The held request is carried out."""
        before = self.server.requests().get(self.operation, 0)
        self.server.faults()
        wait_until(lambda: self.server.requests().get(self.operation, 0) > before, 20, f"that {self.operation} is done")


def quietly(action):
    """By somebody whose mount is killed meanwhile."""

    def call(outputs):
        with contextlib.suppress(OSError):
            action(outputs)

    return call


def writes(content):
    return quietly(lambda outputs: (outputs / "f").write_bytes(content))


ACTIONS = {
    "a new file": ("Put Blob", "$JobOutput/new", quietly(lambda outputs: (outputs / "new").write_bytes(b"late")), "new"),
    "a file replaced": ("Put Blob", FILE, writes(b"late"), "f"),
    "a large file": ("Put Block List", FILE, writes(os.urandom(9 << 20)), "f"),
    "a rename over it": ("Copy Blob From URL", FILE, quietly(lambda outputs: os.rename(outputs / "g", outputs / "f")), "f"),
    "its removal": ("Delete Blob", FILE, quietly(lambda outputs: os.unlink(outputs / "f")), "f"),
}


@pytest.mark.parametrize("same_machine", [True, False], ids=["with its journal", "elsewhere"])
@pytest.mark.parametrize("what", ACTIONS)
def test_a_late_request_of_a_killed_mount_replaces_nothing_newer(own_server, mounting, job, what, same_machine):
    operation, blob, action, name = ACTIONS[what]
    late = Late(own_server, lambda **more: mounting(server=own_server, **more), job, operation, blob, action, same_machine)
    (late.outputs / name).write_bytes(b"newer")
    late.arrive()
    assert own_server.bytes(f"job-{job}", f"$JobOutput/{name}") == b"newer"
    assert (late.outputs / name).read_bytes() == b"newer"


def test_a_log_that_was_to_start_over_is_not_removed_late(own_server, mounting, job):
    """The killed mount was about to take the old log away."""
    mount = mounting(server=own_server)
    mount.job(job)
    (mount / f"jobs/{job}/tasks/t").mkdir()
    log = mount / f"jobs/{job}/tasks/t/TaskLog"
    (log / "out.txt").write_bytes(b"old lines\n")
    own_server.faults({"operation": "Delete Blob", "blob": "t/$TaskLog/out.txt", "effect": "hold", "times": 1})
    Background(lambda: quietly(lambda logs: (logs / "out.txt").write_bytes(b"late\n"))(log))
    wait_until(lambda: own_server.held() == 1, 20, "that the deletion is held")
    kill(mount)
    other = mounting(server=own_server) / f"jobs/{job}/tasks/t/TaskLog/out.txt"
    other.write_bytes(b"newer\n")
    before = own_server.requests().get("Delete Blob", 0)
    own_server.faults()
    wait_until(lambda: own_server.requests()["Delete Blob"] > before, 20, "that the deletion is done")
    assert own_server.bytes(f"job-{job}", "t/$TaskLog/out.txt") == b"newer\n"


def test_naming_the_version_costs_no_request(own_server, mounting, job):
    """New files, files that are replaced again and again, renamed over and removed."""
    outputs = mounting("--attr-ttl", "60s", server=own_server).job(job)
    (outputs / "f").write_bytes(b"0")
    os.listdir(outputs)
    own_server.reset_counters()
    for number in range(1, 5):
        (outputs / "f").write_bytes(b"%d" % number)
        (outputs / f"new{number}").write_bytes(b"new")
    assert own_server.requests() == {"Put Blob": 8}
    os.chmod(outputs / "f", 0o600)
    own_server.reset_counters()
    (outputs / "f").write_bytes(b"5")
    assert own_server.requests() == {"Put Blob": 1}
    own_server.reset_counters()
    os.unlink(outputs / "new1")
    assert own_server.requests() == {"Delete Blob": 1}


def test_the_later_close_wins_whatever_was_put_there_meanwhile(own_server, mounting, job):
    """§3.5"""
    outputs = mounting(server=own_server).job(job)
    for size in (10, 9 << 20):
        file = open(outputs / "f", "wb", buffering=0)
        content = os.urandom(size)
        file.write(content)
        own_server.blob(f"job-{job}", FILE).upload_blob(b"theirs", overwrite=True)
        file.close()
        assert own_server.bytes(f"job-{job}", FILE) == content
        file = open(outputs / "f", "wb", buffering=0)
        file.write(content[::-1])
        own_server.blob(f"job-{job}", FILE).delete_blob()
        file.close()
        assert own_server.bytes(f"job-{job}", FILE) == content[::-1]
