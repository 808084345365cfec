"""A container's URL with a token of few rights: SEMANTICS.md §1.9. What is not permitted changes nothing."""

import datetime
import errno
import os
import time

import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from mounts import ACCOUNT, KEY, fails_with

FILES = {"$JobOutput/a": b"of somebody", "$JobOutput/d/b": b"else"}


@pytest.fixture
def mount_with(server, mounting, job):
    """Mounts the job, with two files in it, by a token of these rights; gives its JobOutput."""
    container = server.service.create_container(f"job-{job}")
    for name, content in FILES.items():
        container.upload_blob(name, content)

    def mount(rights):
        token = generate_container_sas(
            ACCOUNT,
            f"job-{job}",
            account_key=KEY,
            permission=ContainerSasPermissions.from_string(rights),
            expiry=datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1),
        )
        return mounting(credentials={"JOB_CONTAINER_URL": f"{server.endpoint}/job-{job}?{token}"}).job(job)

    mount.stored = lambda: {blob.name: server.bytes(f"job-{job}", blob.name) for blob in container.list_blobs()}
    return mount


def test_the_batch_library_s_token_writes_and_lists_but_cannot_move_or_remove(mount_with):
    outputs = mount_with("racwl")
    assert sorted(os.listdir(outputs)) == ["a", "d"]
    for forbidden in (
        lambda: os.unlink(outputs / "a"),
        lambda: os.rename(outputs / "a", outputs / "z"),
        lambda: os.rename(outputs / "d", outputs / "e"),
    ):
        with fails_with(errno.EACCES):
            forbidden()
    assert mount_with.stored() == FILES
    (outputs / "a").write_text("replaced")
    (outputs / "new").write_text("new")
    assert mount_with.stored() == FILES | {"$JobOutput/a": b"replaced", "$JobOutput/new": b"new"}


def test_a_token_that_only_writes_replaces_but_appends_to_nothing_unseen(mount_with):
    outputs = mount_with("cw")
    with fails_with(errno.EEXIST), open(outputs / "a", "ab", buffering=0) as file:
        file.write(b"more")
    assert mount_with.stored() == FILES
    (outputs / "a").write_text("replaced")
    with open(outputs / "new", "a") as file:
        file.write("new")
    assert mount_with.stored() == FILES | {"$JobOutput/a": b"replaced", "$JobOutput/new": b"new"}
    # Without the right to list, a directory shows what was written here.
    for _ in range(2):
        assert sorted(os.listdir(outputs)) == ["a", "new"]
        time.sleep(1.2)


def test_a_token_that_only_reads_refuses_every_change(mount_with):
    outputs = mount_with("r")
    assert (outputs / "a").read_bytes() == FILES["$JobOutput/a"]
    with fails_with(errno.EACCES), open(outputs / "new", "wb", buffering=0) as file:
        file.write(b"x")
    for forbidden in (lambda: os.unlink(outputs / "a"), lambda: os.mkdir(outputs / "x")):
        with fails_with(errno.EACCES):
            forbidden()
    assert mount_with.stored() == FILES


def test_a_token_that_expires_while_mounted_is_eacces(server, mount_with):
    outputs = mount_with("rwl")
    server.control("PUT", "clock", 7200)
    try:
        for refused in (lambda: open(outputs / "a").read(), lambda: os.listdir(outputs)):
            with fails_with(errno.EACCES):
                refused()
        with fails_with(errno.EACCES), open(outputs / "new", "wb", buffering=0) as file:
            file.write(b"x")
    finally:
        server.control("PUT", "clock", -7200)
    assert mount_with.stored() == FILES
