"""Blobs in a special state, and what a program on a mount meets: SEMANTICS.md §2.7 to §2.10, §5.4."""

import base64
import datetime
import errno
import gzip
import hashlib
import os
import subprocess
import time

import pytest
from azure.storage.blob import (
    BlobClient,
    CustomerProvidedEncryptionKey,
    ContentSettings,
    ImmutabilityPolicy,
    RetentionPolicy,
    StandardBlobTier,
)

from mounts import fails_with, run, wait_until


@pytest.fixture
def blob_named(server, outputs, job):
    """The blob that a file of this test's outputs is."""
    return lambda name: server.blob(f"job-{job}", f"$JobOutput/{name}")


@pytest.fixture
def logged(shared_mount):
    """The lines that the mount's log got since the test began."""
    start = len(shared_mount.log())
    return lambda: shared_mount.log()[start:].splitlines()


def customer_key():
    key = os.urandom(32)
    return CustomerProvidedEncryptionKey(
        base64.b64encode(key).decode(), base64.b64encode(hashlib.sha256(key).digest()).decode()
    )


def the_line(lines, *words):
    """The one line of the log with all these words."""
    found = [line for line in lines if all(word in line for word in words)]
    assert len(found) == 1, "\n".join(lines)
    return found[0]


# §2.7 The archive tier


def test_an_archived_blob_is_eremote_to_open_and_the_log_says_what_to_do(outputs, blob_named, logged):
    blob_named("f").upload_blob(b"cold", standard_blob_tier=StandardBlobTier.ARCHIVE)
    wait_until(lambda: (outputs / "f").exists(), 3)
    assert (outputs / "f").stat().st_size == 4
    with fails_with(errno.EREMOTE):
        open(outputs / "f")
    assert "set its tier to Hot" in the_line(logged(), "open", "$JobOutput/f", "archive tier")
    blob_named("f").set_standard_blob_tier(StandardBlobTier.HOT)
    assert (outputs / "f").read_text() == "cold"


def test_a_blob_on_its_way_out_of_the_archive_is_eremote_until_it_is_there(server, outputs, blob_named, logged):
    blob_named("f").upload_blob(b"cold", standard_blob_tier=StandardBlobTier.ARCHIVE)
    server.faults({"operation": "Set Blob Tier", "effect": "pendingRehydration", "milliseconds": 1500})
    blob_named("f").set_standard_blob_tier(StandardBlobTier.COOL)
    wait_until(lambda: (outputs / "f").exists(), 3)
    with fails_with(errno.EREMOTE):
        open(outputs / "f")
    assert "wait" in the_line(logged(), "open", "rehydrate-pending-to-cool")
    time.sleep(1.6)
    assert (outputs / "f").read_text() == "cold"


def test_what_is_archived_while_it_is_open_is_eremote_where_it_is_not_cached(outputs, blob_named):
    content = os.urandom(24 << 20)
    blob_named("f").upload_blob(content)
    wait_until(lambda: (outputs / "f").exists(), 3)
    with open(outputs / "f", "rb", buffering=0) as file:
        assert file.read(4096) == content[:4096]
        blob_named("f").set_standard_blob_tier(StandardBlobTier.ARCHIVE)
        with fails_with(errno.EREMOTE):
            os.pread(file.fileno(), 4096, 20 << 20)
        assert os.pread(file.fileno(), 4096, 0) == content[:4096]


def test_an_archived_blob_is_not_replaced_and_can_be_removed(outputs, blob_named, logged):
    blob_named("f").upload_blob(b"cold", standard_blob_tier=StandardBlobTier.ARCHIVE)
    wait_until(lambda: (outputs / "f").exists(), 3)
    descriptor = os.open(outputs / "f", os.O_WRONLY | os.O_TRUNC)
    os.write(descriptor, b"new")
    with fails_with(errno.EREMOTE):
        os.close(descriptor)
    assert any("set its tier to Hot" in line for line in logged())
    with fails_with(errno.EREMOTE):
        os.rename(outputs / "f", outputs / "g")
    assert blob_named("f").get_blob_properties().size == 4
    (outputs / "f").unlink()
    assert not blob_named("f").exists()


# §2.8 Encryption


def test_a_blob_with_a_customers_key_is_listed_and_eacces_to_open(outputs, blob_named, logged):
    blob = blob_named("f")
    blob.scheme = "https"  # The client sends no key without; the emulator has no TLS.
    key = customer_key()
    blob.upload_blob(b"secret", cpk=key)
    (outputs / "other").write_text("other")
    wait_until(lambda: sorted(os.listdir(outputs)) == ["f", "other"], 3)
    assert (outputs / "f").stat().st_size == 6
    time.sleep(1.1)
    # By its name alone, too.
    assert (outputs / "f").stat().st_size == 6
    with fails_with(errno.EACCES):
        open(outputs / "f")
    assert "use a client that sends it" in the_line(logged(), "open", "BlobUsesCustomerSpecifiedEncryption")
    with fails_with(errno.EACCES):
        os.rename(outputs / "f", outputs / "g")
    with fails_with(errno.EACCES):
        os.chmod(outputs / "f", 0o600)
    assert blob.download_blob(cpk=key).readall() == b"secret"
    # The mount has not learned anything wrong about the others.
    assert (outputs / "other").read_text() == "other"
    run("echo x >> other; cp other f", outputs)
    assert blob_named("f").download_blob().readall() == b"otherx\n"
    blob.upload_blob(b"secret", cpk=key, overwrite=True)
    run("rm f", outputs)
    assert os.listdir(outputs) == ["other"]


def test_a_blob_in_an_encryption_scope_is_read_like_any_other(outputs, blob_named):
    blob_named("f").upload_blob(b"scoped", encryption_scope="team")
    wait_until(lambda: (outputs / "f").exists(), 3)
    assert (outputs / "f").read_text() == "scoped"


# Leases, policies, holds: §5.4


# Tools that look at what close says; a shell's own echo does not.
WRITE, APPEND = "echo new | dd of=f status=none", "echo new | dd of=f oflag=append conv=notrunc status=none"


@pytest.mark.parametrize("change", [WRITE, APPEND, "chmod 600 f", "mv f g", "rm f", "touch -d @1 f"])
def test_a_leased_blob_is_read_and_busy_to_every_change(outputs, blob_named, logged, change):
    blob_named("f").upload_blob(b"leased")
    lease = blob_named("f").acquire_lease(-1)
    wait_until(lambda: (outputs / "f").exists(), 3)
    try:
        assert (outputs / "f").read_text() == "leased"
        ended = subprocess.run(["bash", "-c", change], cwd=outputs, capture_output=True, text=True)
        assert ended.returncode != 0 and "busy" in ended.stderr, ended
        assert any("LeaseIdMissing" in line and "break the lease" in line for line in logged())
        assert blob_named("f").download_blob().readall() == b"leased"
    finally:
        lease.release()


@pytest.mark.parametrize("change", [WRITE, APPEND, "chmod 600 f", "rm f", "mv g f"])
@pytest.mark.parametrize("guard", ["policy", "hold"])
def test_an_immutable_blob_is_read_and_eperm_to_every_change(outputs, blob_named, logged, guard, change):
    blob = blob_named("f")
    blob.upload_blob(b"guarded")
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    if guard == "policy":
        blob.set_immutability_policy(ImmutabilityPolicy(expiry_time=until, policy_mode="Unlocked"))
    else:
        blob.set_legal_hold(True)
    (outputs / "g").write_text("new")
    wait_until(lambda: (outputs / "f").exists(), 3)
    assert (outputs / "f").read_text() == "guarded"
    ended = subprocess.run(["bash", "-c", change], cwd=outputs, capture_output=True, text=True)
    assert ended.returncode != 0 and "not permitted" in ended.stderr, ended
    assert any("BlobImmutable" in line and "legal hold is lifted" in line for line in logged())
    assert blob.download_blob().readall() == b"guarded"
    assert (outputs / "g").read_text() == "new"


def test_the_attempt_to_change_an_immutable_blob_is_not_repeated_for_ever(own_server, mounting, job):
    outputs = mounting(server=own_server).job(job)
    blob = own_server.blob(f"job-{job}", "$JobOutput/f")
    blob.upload_blob(b"guarded")
    blob.set_legal_hold(True)
    run("echo new > f || true", outputs)
    # At close, and once more behind the last one.
    time.sleep(1)
    own_server.reset_counters()
    time.sleep(6)
    assert own_server.requests().get("Put Blob", 0) == 0
    assert blob.download_blob().readall() == b"guarded"


# §2.9 What is not shown


def test_deleted_blobs_that_are_kept_snapshots_and_uncommitted_blocks_are_not_shown(server, outputs, job, blob_named):
    server.service.set_service_properties(delete_retention_policy=RetentionPolicy(enabled=True, days=3))
    try:
        blob_named("deleted").upload_blob(b"x")
        blob_named("deleted").delete_blob()
        blob_named("snapped").upload_blob(b"old")
        blob_named("snapped").create_snapshot()
        blob_named("snapped").upload_blob(b"new", overwrite=True)
        blob_named("staged").stage_block("AAAA", b"x")
        wait_until(lambda: os.listdir(outputs) == ["snapped"], 3)
        for name in ("deleted", "staged"):
            with fails_with(errno.ENOENT):
                open(outputs / name)
        assert (outputs / "snapped").read_text() == "new"
        blob_named("deleted").undelete_blob()
        wait_until(lambda: sorted(os.listdir(outputs)) == ["deleted", "snapped"], 3)
        assert (outputs / "deleted").read_text() == "x"
        # unlink takes the snapshots along; where the account keeps them, they can be brought back.
        (outputs / "snapped").unlink()
        assert os.listdir(outputs) == ["deleted"]
        blob_named("snapped").undelete_blob()
        assert blob_named("snapped").download_blob().readall() == b"new"
    finally:
        server.service.set_service_properties(delete_retention_policy=RetentionPolicy(enabled=False))


def test_leftover_blocks_of_others_do_not_hinder_a_new_file(outputs, blob_named):
    blob_named("f").stage_block("AAAA", b"x")
    content = os.urandom(20 << 20)
    (outputs / "f").write_bytes(content)
    assert blob_named("f").download_blob().readall() == content


# §2.10 Bytes as stored


def test_a_page_blob_is_read_and_becomes_a_block_blob_when_it_is_written(outputs, blob_named):
    disk: BlobClient = blob_named("disk")
    disk.create_page_blob(4096)
    disk.upload_page(b"a" * 512, 512, 512)
    wait_until(lambda: (outputs / "disk").exists(), 3)
    expected = b"\0" * 512 + b"a" * 512 + b"\0" * 3072
    assert (outputs / "disk").read_bytes() == expected
    with open(outputs / "disk", "r+b") as file:
        file.write(b"b")
    assert disk.download_blob().readall() == b"b" + expected[1:]
    assert disk.get_blob_properties().blob_type == "BlockBlob"


def test_bytes_are_shown_as_they_are_stored_whatever_their_content_encoding(outputs, blob_named):
    packed = gzip.compress(os.urandom(100_000))
    blob_named("f.gz").upload_blob(packed, content_settings=ContentSettings(content_encoding="gzip"))
    wait_until(lambda: (outputs / "f.gz").exists(), 3)
    assert (outputs / "f.gz").stat().st_size == len(packed)
    assert (outputs / "f.gz").read_bytes() == packed


def test_an_empty_blob_is_an_empty_file_and_costs_no_get(server, outputs, blob_named):
    blob_named("empty").upload_blob(b"")
    wait_until(lambda: (outputs / "empty").exists(), 3)
    server.reset_counters()
    assert (outputs / "empty").read_bytes() == b""
    assert server.requests().get("Get Blob", 0) == 0
