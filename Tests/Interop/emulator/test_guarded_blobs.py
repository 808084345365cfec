"""Blobs in a special state, as the current azure-storage-blob makes and meets them: encrypted with a customer's key or
in a scope, deleted and kept, under a policy or legal hold, on their way out of the archive."""

import base64
import datetime
import hashlib
import os
import time

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import (
    BlobServiceClient,
    CustomerProvidedEncryptionKey,
    ImmutabilityPolicy,
    RetentionPolicy,
    StandardBlobTier,
)

from conftest import Emulator


@pytest.fixture
def service(emulator):
    service = BlobServiceClient.from_connection_string(emulator.connection_string, retry_total=0)
    yield service
    service.set_service_properties(delete_retention_policy=RetentionPolicy(enabled=False))


@pytest.fixture
def container(service, container_name):
    return service.create_container(container_name)


def customer_key():
    key = os.urandom(32)
    return CustomerProvidedEncryptionKey(
        base64.b64encode(key).decode(), base64.b64encode(hashlib.sha256(key).digest()).decode()
    )


def over_tls(client):
    """The client refuses to send a key without TLS, which the emulator does not have."""
    client.scheme = "https"
    return client


def refused(code, call, *arguments, **options):
    with pytest.raises(HttpResponseError) as raised:
        call(*arguments, **options)
    assert raised.value.status_code in (409, 412)
    assert raised.value.response.headers["x-ms-error-code"] == code


def test_a_blob_with_a_customers_key_is_read_with_that_key_only(container):
    key, blob = customer_key(), over_tls(container.get_blob_client("f"))
    blob.upload_blob(b"secret", metadata={"a": "b"}, cpk=key)
    assert blob.download_blob(cpk=key).readall() == b"secret"
    properties = blob.get_blob_properties(cpk=key)
    assert properties.metadata == {"a": "b"}
    assert properties.encryption_key_sha256 == key.key_hash
    for call in (blob.download_blob, blob.get_blob_properties, blob.create_snapshot):
        refused("BlobUsesCustomerSpecifiedEncryption", call)
        refused("BlobCustomerSpecifiedEncryptionMismatch", call, cpk=customer_key())
    refused("BlobUsesCustomerSpecifiedEncryption", blob.set_blob_metadata, {"c": "d"})
    blob.set_blob_metadata({"c": "d"}, cpk=key)
    (listed,) = container.list_blobs(include=["metadata"])
    assert (listed.name, listed.size, listed.encrypted_metadata) == ("f", 6, "true")


def test_a_blob_without_a_customers_key_takes_none(container):
    blob = over_tls(container.get_blob_client("f"))
    blob.upload_blob(b"plain")
    refused("BlobDoesNotUseCustomerSpecifiedEncryption", blob.download_blob, cpk=customer_key())


def test_appending_needs_the_key_and_deleting_does_not(container):
    key, blob = customer_key(), over_tls(container.get_blob_client("log"))
    blob.create_append_blob(cpk=key)
    blob.append_block(b"1", cpk=key)
    refused("BlobUsesCustomerSpecifiedEncryption", blob.append_block, b"2")
    assert blob.download_blob(cpk=key).readall() == b"1"
    blob.delete_blob()


def test_staged_blocks_and_copies_with_a_customers_key(container):
    key, blob = customer_key(), over_tls(container.get_blob_client("f"))
    blob.stage_block("AAAA", b"one", cpk=key)
    blob.commit_block_list(["AAAA"], cpk=key)
    assert blob.download_blob(cpk=key).readall() == b"one"
    with pytest.raises(HttpResponseError) as raised:
        container.get_blob_client("copy").start_copy_from_url(blob.url)
    assert raised.value.error_code == "CannotVerifyCopySource"
    assert raised.value.status_code == 409


def test_a_scope_is_told_and_not_asked_for(container):
    blob = container.get_blob_client("f")
    blob.upload_blob(b"scoped", encryption_scope="team-a")
    assert blob.download_blob().readall() == b"scoped"
    assert blob.get_blob_properties().encryption_scope == "team-a"
    assert [item.encryption_scope for item in container.list_blobs()] == ["team-a"]


def test_deleted_blobs_are_kept_where_the_account_says_so(service, container):
    service.set_service_properties(delete_retention_policy=RetentionPolicy(enabled=True, days=5))
    assert service.get_service_properties()["delete_retention_policy"].days == 5
    blob = container.get_blob_client("f")
    blob.upload_blob(b"one")
    blob.create_snapshot()
    blob.delete_blob(delete_snapshots="include")
    with pytest.raises(ResourceNotFoundError):
        blob.download_blob()
    assert list(container.list_blobs()) == []
    listed = list(container.list_blobs(include=["deleted", "snapshots"]))
    assert [(item.name, item.deleted, item.remaining_retention_days) for item in listed] == [("f", True, 5)] * 2
    blob.undelete_blob()
    assert blob.download_blob().readall() == b"one"
    assert [item.deleted for item in container.list_blobs(include=["deleted", "snapshots"])] == [None, None]
    # On a blob that is there it does nothing.
    blob.undelete_blob()


def test_what_is_overwritten_comes_back_as_a_snapshot(service, container):
    service.set_service_properties(delete_retention_policy=RetentionPolicy(enabled=True, days=1))
    blob = container.get_blob_client("f")
    blob.upload_blob(b"one")
    blob.upload_blob(b"two", overwrite=True)
    blob.delete_blob()
    blob.upload_blob(b"three")
    assert len(list(container.list_blobs(include=["snapshots"]))) == 1
    blob.undelete_blob()
    items = list(container.list_blobs(include=["snapshots"]))
    old = [container.get_blob_client("f", snapshot=item.snapshot) for item in items if item.snapshot]
    assert [snapshot.download_blob().readall() for snapshot in old] == [b"one", b"two"]
    assert blob.download_blob().readall() == b"three"


def test_nothing_is_kept_by_default_or_when_its_time_is_over(emulator, service, container):
    blob = container.get_blob_client("f")
    blob.upload_blob(b"one")
    blob.delete_blob()
    with pytest.raises(ResourceNotFoundError):
        blob.undelete_blob()


def test_a_policy_guards_what_it_is_set_on(container):
    blob = container.get_blob_client("f")
    blob.upload_blob(b"guarded")
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    blob.set_immutability_policy(ImmutabilityPolicy(expiry_time=until, policy_mode="Unlocked"))
    assert blob.get_blob_properties().immutability_policy.policy_mode == "unlocked"
    for call, arguments in (
        (blob.delete_blob, ()),
        (blob.upload_blob, (b"new",)),
        (blob.set_blob_metadata, ({"a": "b"},)),
    ):
        options = {"overwrite": True} if call == blob.upload_blob else {}
        refused("BlobImmutableDueToPolicy", call, *arguments, **options)
    assert blob.download_blob().readall() == b"guarded"
    blob.delete_immutability_policy()
    blob.delete_blob()


def test_a_locked_policy_only_grows(container):
    blob = container.get_blob_client("f")
    blob.upload_blob(b"guarded")
    now = datetime.datetime.now(datetime.timezone.utc)
    later = lambda minutes: now + datetime.timedelta(minutes=minutes)
    blob.set_immutability_policy(ImmutabilityPolicy(expiry_time=later(10), policy_mode="Locked"))
    refused("BlobImmutableDueToPolicy", blob.delete_immutability_policy)
    shorter = ImmutabilityPolicy(expiry_time=later(5), policy_mode="Locked")
    refused("BlobImmutableDueToPolicy", blob.set_immutability_policy, shorter)
    blob.set_immutability_policy(ImmutabilityPolicy(expiry_time=later(20), policy_mode="Locked"))


def test_a_legal_hold_guards_until_it_is_lifted(container):
    blob = container.get_blob_client("f")
    blob.upload_blob(b"evidence")
    blob.set_legal_hold(True)
    assert blob.get_blob_properties().has_legal_hold
    refused("BlobImmutableDueToLegalHold", blob.delete_blob)
    refused("BlobImmutableDueToLegalHold", blob.upload_blob, b"new", overwrite=True)
    blob.set_legal_hold(False)
    blob.delete_blob()


def test_a_rehydration_can_take_its_time(emulator, container):
    blob = container.get_blob_client("f")
    blob.upload_blob(b"cold")
    blob.set_standard_blob_tier(StandardBlobTier.ARCHIVE)
    emulator.faults({"operation": "Set Blob Tier", "effect": "pendingRehydration", "milliseconds": 300})
    blob.set_standard_blob_tier(StandardBlobTier.HOT)
    properties = blob.get_blob_properties()
    assert (properties.blob_tier, properties.archive_status) == ("Archive", "rehydrate-pending-to-hot")
    refused("BlobBeingRehydrated", blob.download_blob)
    refused("BlobBeingRehydrated", blob.set_standard_blob_tier, StandardBlobTier.COOL)
    etag = properties.etag
    time.sleep(0.4)
    assert blob.download_blob().readall() == b"cold"
    properties = blob.get_blob_properties()
    assert (properties.blob_tier, properties.archive_status, properties.etag) == ("Hot", None, etag)


def test_leases_are_asked_for_by_every_write_and_by_delete(container):
    blob = container.get_blob_client("f")
    blob.upload_blob(b"mine")
    lease = blob.acquire_lease(-1)
    for call, arguments in ((blob.delete_blob, ()), (blob.set_blob_metadata, ({},)), (blob.stage_block, ("AAAA", b"x"))):
        refused("LeaseIdMissing", call, *arguments)
    with pytest.raises((HttpResponseError, ResourceExistsError)) as raised:
        blob.upload_blob(b"new", overwrite=True)
    assert raised.value.error_code == "LeaseIdMissing"
    assert blob.download_blob().readall() == b"mine"
    blob.upload_blob(b"new", overwrite=True, lease=lease)
    lease.release()


def test_all_of_it_is_there_after_a_kill(tmp_path, container_name):
    emulator = Emulator(tmp_path)
    try:
        service = BlobServiceClient.from_connection_string(emulator.connection_string, retry_total=0)
        service.set_service_properties(delete_retention_policy=RetentionPolicy(enabled=True, days=7))
        container, key = service.create_container(container_name), customer_key()
        over_tls(container.get_blob_client("keyed")).upload_blob(b"keyed", cpk=key)
        container.get_blob_client("held").upload_blob(b"held")
        container.get_blob_client("held").set_legal_hold(True)
        container.get_blob_client("gone").upload_blob(b"gone")
        container.get_blob_client("gone").delete_blob()
        for _ in range(2):
            emulator.kill()
            emulator.start()
            assert over_tls(container.get_blob_client("keyed")).download_blob(cpk=key).readall() == b"keyed"
            refused("BlobUsesCustomerSpecifiedEncryption", container.get_blob_client("keyed").download_blob)
            refused("BlobImmutableDueToLegalHold", container.get_blob_client("held").delete_blob)
            assert service.get_service_properties()["delete_retention_policy"].days == 7
        container.get_blob_client("gone").undelete_blob()
        assert container.get_blob_client("gone").download_blob().readall() == b"gone"
    finally:
        emulator.stop()
