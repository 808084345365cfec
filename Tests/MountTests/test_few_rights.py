"""A container's URL with a token of few rights: SEMANTICS.md §1.9. What is not permitted changes nothing."""

import datetime
import errno
import os
import time

import pytest
from azure.storage.blob import ContainerSasPermissions, ImmutabilityPolicy, generate_container_sas

from mounts import ACCOUNT, KEY, fails_with, run

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


def test_a_token_that_only_creates_makes_new_files_and_replaces_none(mount_with):
    outputs = mount_with("c")
    (outputs / "new").write_text("new")
    with fails_with(errno.EACCES), open(outputs / "a", "wb", buffering=0) as file:
        file.write(b"replaced")
    assert mount_with.stored() == FILES | {"$JobOutput/new": b"new"}


def test_a_commit_without_an_answer_by_a_token_that_may_not_look_is_done(server, mount_with):
    """§5.2: nobody can tell whose it is, so it is made once more."""
    outputs = mount_with("cw")
    server.faults({"operation": "Put Blob", "effect": "reset", "when": "afterApplying", "times": 1})
    (outputs / "new").write_text("new")
    assert mount_with.stored() == FILES | {"$JobOutput/new": b"new"}


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


def commits(server):
    requests = server.requests()
    return requests.get("Put Blob", 0) + requests.get("Put Block List", 0)


def test_what_a_token_that_only_writes_wrote_stays_there_for_this_mount(server, mount_with):
    outputs = mount_with("w")
    (outputs / "new").write_text("new")
    os.utime(outputs / "new", ns=(1, 1_234_567_890_000_000_000))
    # Longer than names are remembered: the store will not tell.
    time.sleep(1.2)
    assert (outputs / "new").stat().st_size == 3
    assert (outputs / "new").stat().st_mtime_ns == 1_234_567_890_000_000_000
    run("test -s new; ls -l new; echo again > new; cp -p /etc/hostname kept", outputs)
    hostname = open("/etc/hostname", "rb").read()
    assert mount_with.stored() == FILES | {"$JobOutput/new": b"again\n", "$JobOutput/kept": hostname}


def test_a_token_that_only_creates_puts_small_files_once_and_replaces_nothing(server, mount_with):
    outputs = mount_with("c")
    (outputs / "new").write_text("new")
    assert mount_with.stored() == FILES | {"$JobOutput/new": b"new"}
    for name in ("a", "new"):
        with fails_with(errno.EACCES), open(outputs / name, "wb", buffering=0) as file:
            file.write(b"replaced")
    # Blocks need the right to write, too.
    with fails_with(errno.EACCES), open(outputs / "large", "wb", buffering=0) as file:
        file.write(b"x" * (9 << 20))
    assert mount_with.stored() == FILES | {"$JobOutput/new": b"new"}


WRITERS = {
    "shell": "echo x > f",
    "group": "{ echo x; } > f",
    "cp": "cp /etc/passwd f",
    "cp -p": "cp -p /etc/passwd f",
    "dd": "dd if=/dev/zero of=f bs=1000 count=30 status=none conv=fsync",
    "large": "head -c 20000000 /dev/zero > f",
    "tar": "tar -C /etc -cf - passwd | tar -xf -",
    "tee": "echo x | tee f > /dev/null",
    "python": "python3 -c \"open('f', 'w').write('x' * 100000)\"",
    "install": "install -m 640 /etc/passwd f",
    "gzip": "gzip -c /etc/passwd > f",
    "rsync": "rsync --inplace /etc/passwd f",
    "exclusive": "set -C; echo x > f",
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_file_is_put_once_and_never_empty(own_server, mounting, job, writer):
    """As a container with a policy against changes needs it: what is there first is there for good (§3.3)."""
    outputs = mounting(server=own_server).job(job)
    time.sleep(0.1)
    own_server.reset_counters()
    # Whoever puts an empty blob first, puts two.
    run(WRITERS[writer], outputs)
    (name,) = os.listdir(outputs)
    assert own_server.bytes(f"job-{job}", f"$JobOutput/{name}") == (outputs / name).read_bytes()
    time.sleep(0.3)
    assert commits(own_server) == 1, own_server.requests()


@pytest.mark.parametrize("guard", ["policy", "hold"])
def test_guarded_blobs_are_kept_whatever_programs_try(server, mounting, job, guard):
    """§3.7, §5.4: EPERM, and afterwards the store and another mount have what was there."""
    outputs, elsewhere = mounting("--attr-ttl", "100ms").job(job), mounting().place / f"jobs/{job}/JobOutput"
    (outputs / "f").write_text("kept")
    (outputs / "d").mkdir()
    (outputs / "d" / "g").write_text("kept, too")
    for name in ("f", "d/g"):
        blob = server.blob(f"job-{job}", f"$JobOutput/{name}")
        if guard == "hold":
            blob.set_legal_hold(True)
        else:
            until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
            blob.set_immutability_policy(ImmutabilityPolicy(expiry_time=until, policy_mode="Locked"))
    (outputs / "new").write_text("new")
    for forbidden in (
        lambda: os.unlink(outputs / "f"),
        lambda: os.rename(outputs / "f", outputs / "moved"),
        lambda: os.rename(outputs / "new", outputs / "f"),
        lambda: os.chmod(outputs / "f", 0o600),
        lambda: write_through(outputs / "f", os.O_WRONLY | os.O_TRUNC),
        lambda: write_through(outputs / "d/g", os.O_RDWR),
        lambda: os.truncate(outputs / "d/g", 1),
    ):
        with fails_with(errno.EPERM):
            forbidden()
    names = {blob.name for blob in server.service.get_container_client(f"job-{job}").list_blobs()}
    assert names == {"$JobOutput/f", "$JobOutput/new", "$JobOutput/d", "$JobOutput/d/g"}
    assert (elsewhere / "f").read_text() == "kept" and (elsewhere / "d/g").read_text() == "kept, too"
    assert (elsewhere / "new").read_text() == "new"
    # A directory is complete under its new name, and what could not be removed is under both.
    with fails_with(errno.EPERM):
        os.rename(outputs / "d", outputs / "e")
    time.sleep(1.2)
    assert (elsewhere / "d/g").read_text() == (elsewhere / "e/g").read_text() == "kept, too"


def write_through(path, flags):
    descriptor = os.open(path, flags)
    os.write(descriptor, b"changed")
    os.close(descriptor)
