"""Faults of the server, made on purpose: SEMANTICS.md §2.6, §3.3, §5.1 and §5.2."""

import errno
import os

import pytest

from mounts import fails_with

CONTENT = os.urandom(20 << 20)
REFUSED = {"effect": "status", "status": 503, "code": "ServerBusy", "retryAfter": 1}
FAILED = {"effect": "status", "status": 500, "code": "InternalError", "applied": True}
LOST = {"effect": "reset", "when": "afterApplying"}
RESET = {"effect": "reset", "when": "beforeApplying"}


@pytest.mark.parametrize("effect", [REFUSED, FAILED, LOST, RESET], ids=["refused", "failed", "lost", "reset"])
@pytest.mark.parametrize(
    "operation, size, skip", [("Put Blob", 9, 0), ("Put Block", 20 << 20, 1), ("Put Block List", 20 << 20, 0)]
)
def test_a_fault_while_writing_is_overcome(server, outputs, job, operation, size, skip, effect):
    server.faults({"operation": operation, "skip": skip, "times": 1, **effect})
    (outputs / "f").write_bytes(CONTENT[:size])
    assert server.bytes(f"job-{job}", "$JobOutput/f") == CONTENT[:size]
    assert (outputs / "f").read_bytes() == CONTENT[:size]


CHANGES = {
    "unlink": ("Delete Blob", lambda outputs: os.unlink(outputs / "f"), []),
    "rename, its copy": ("Copy Blob From URL", lambda outputs: os.rename(outputs / "f", outputs / "g"), ["g"]),
    "rename, its delete": ("Delete Blob", lambda outputs: os.rename(outputs / "f", outputs / "g"), ["g"]),
    "mkdir": ("Put Blob", lambda outputs: os.mkdir(outputs / "g"), ["f", "g"]),
    "symlink": ("Put Blob", lambda outputs: os.symlink("f", outputs / "g"), ["f", "g"]),
    "chmod": ("Set Blob Metadata", lambda outputs: os.chmod(outputs / "f", 0o600), ["f"]),
    "O_EXCL": ("Put Blob", lambda outputs: open(outputs / "g", "x").write("x"), ["f", "g"]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_whose_answer_was_lost_is_done_once(server, outputs, name):
    operation, change, left = CHANGES[name]
    (outputs / "x").write_text("x")
    # The first rename in a container asks whether deleting is permitted.
    os.rename(outputs / "x", outputs / "f")
    server.faults({"operation": operation, "times": 1, **LOST})
    change(outputs)
    assert sorted(os.listdir(outputs)) == left


READING = {
    "cut": {"times": 3, "effect": "cut", "bytes": 100_000},
    "reset": {"times": 3, "effect": "reset", "when": "afterBodyBytes", "bytes": 100_000},
    "corrupt": {"times": 2, "effect": "corrupt", "byte": 1000},
    "refused": {"times": 2, **REFUSED},
}


@pytest.mark.parametrize("name", READING)
def test_a_fault_while_reading_is_overcome(server, outputs, mounting, job, name):
    (outputs / "f").write_bytes(CONTENT)
    other = mounting() / f"jobs/{job}/JobOutput/f"
    server.faults({"operation": "Get Blob", **READING[name]})
    assert other.read_bytes() == CONTENT


def test_bytes_that_never_match_their_checksum_are_not_handed_out(server, outputs, mounting, job):
    (outputs / "f").write_bytes(CONTENT)
    other = mounting() / f"jobs/{job}/JobOutput/f"
    server.faults({"operation": "Get Blob", "effect": "corrupt", "byte": 1000})
    with fails_with(errno.EIO):
        other.read_bytes()
    server.faults()
    assert other.read_bytes() == CONTENT


def test_a_refused_commit_fails_close_and_leaves_the_old_version(server, mounting, job):
    outputs = mounting().job(job)
    (outputs / "f").write_text("old")
    server.faults({"operation": "Put Blob", "effect": "status", "status": 403, "code": "AuthorizationFailure"})
    file = open(outputs / "f", "w")
    file.write("new")
    with fails_with(errno.EACCES):
        file.close()
    assert server.bytes(f"job-{job}", "$JobOutput/f") == b"old"
    os.unlink(outputs / "f")
