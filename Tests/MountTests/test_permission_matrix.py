"""A dozen telling tokens through a mount, against the table that people read: docs/PERMISSIONS.md, §1.9. All 64 are tried at
the tree (`PermissionMatrixTests`)."""

import datetime
import errno
import os
import re

import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from mounts import ACCOUNT, KEY, REPOSITORY

TOKENS = ["", "l", "r", "rl", "c", "w", "cw", "rc", "rw", "rd", "racwl", "rcdl", "racwdl"]


def needed():
    """By what a program does: the letters of which one each is needed."""
    table = {}
    for line in (REPOSITORY / "docs/PERMISSIONS.md").read_text().splitlines():
        if row := re.fullmatch(r"\| (.+) \| ((?:`\w`(?: or |, )?)+) \|", line):
            table[row[1]] = [set(re.findall(r"`(\w)`", clause)) for clause in row[2].split(",")]
    assert len(table) > 20
    return table


def write(path, flags, content):
    descriptor = os.open(path, flags, 0o644)
    try:
        os.write(descriptor, content)
    finally:
        os.close(descriptor)


ACTIONS = {
    "read a file": lambda at: (at / "read").read_bytes(),
    "write a new file": lambda at: write(at / "new", os.O_WRONLY | os.O_CREAT, b"new"),
    "write a new file in blocks": lambda at: write(at / "large", os.O_WRONLY | os.O_CREAT, bytes(9 << 20)),
    "replace a file": lambda at: write(at / "replaced", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, b"new"),
    "append to a file": lambda at: write(at / "appended", os.O_WRONLY | os.O_CREAT | os.O_APPEND, b"new"),
    "change a file in place": lambda at: write(at / "edited", os.O_RDWR, b"X"),
    "chmod, chown, touch": lambda at: os.chmod(at / "chmod", 0o600),
    "remove a file": lambda at: os.unlink(at / "removed"),
    "rename a file": lambda at: os.rename(at / "moved", at / "moved to"),
    "make a directory": lambda at: os.mkdir(at / "made"),
    "make a symbolic link": lambda at: os.symlink("read", at / "link"),
}
BEFORE = ["read", "replaced", "appended", "edited", "chmod", "removed", "moved"]
CHANGES = {
    "write a new file": {"new": b"new"},
    "write a new file in blocks": {"large": bytes(9 << 20)},
    "replace a file": {"replaced": b"new"},
    "append to a file": {"appended": b"oldnew"},
    "change a file in place": {"edited": b"Xld"},
    "remove a file": {"removed": None},
    "rename a file": {"moved": None, "moved to": b"old"},
    "make a directory": {"made": b""},
    "make a symbolic link": {"link": b"read"},
}


@pytest.mark.parametrize("rights", TOKENS)
def test_a_mount_does_what_its_token_permits_and_leaves_the_rest(rights, server, mounting, job):
    container = server.service.create_container(f"job-{job}")
    for name in BEFORE:
        container.upload_blob(f"$JobOutput/{name}", b"old")
    token = generate_container_sas(
        ACCOUNT,
        f"job-{job}",
        account_key=KEY,
        # The library makes no token without any right; that to set tags is none that a mount uses.
        permission=ContainerSasPermissions.from_string(rights or "t"),
        expiry=datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1),
    )
    outputs = mounting(credentials={"JOB_CONTAINER_URL": f"{server.endpoint}/job-{job}?{token}"}).job(job)
    expected = {name: b"old" for name in BEFORE}
    table = needed()
    for action, act in ACTIONS.items():
        if all(clause & set(rights) for clause in table[action]):
            act(outputs)
            for name, content in CHANGES.get(action, {}).items():
                expected.pop(name, None)
                if content is not None:
                    expected[name] = content
        else:
            allowed = {errno.EACCES} if "r" in rights else {errno.EACCES, errno.ENOENT, errno.EEXIST}
            with pytest.raises(OSError) as refused:
                act(outputs)
            assert refused.value.errno in allowed, (action, refused.value)
        stored = {blob.name.removeprefix("$JobOutput/"): blob.size for blob in container.list_blobs()}
        assert stored == {name: len(content) for name, content in expected.items()}, action
    for name, content in expected.items():
        assert server.bytes(f"job-{job}", f"$JobOutput/{name}") == content
    if "l" in rights:
        # And what could not be sent, which this mount still has (§4.2).
        assert set(expected) <= set(os.listdir(outputs))
