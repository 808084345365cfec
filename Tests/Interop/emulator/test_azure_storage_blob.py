"""The current azure-storage-blob, unchanged, against the emulator."""

import datetime
import hashlib
import io
import os
import urllib.error
import urllib.request
import uuid
import xml.etree.ElementTree

import pytest
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.core import MatchConditions
from azure.storage.blob import (
    AccessPolicy,
    AccountSasPermissions,
    BlobBlock,
    BlobClient,
    BlobLeaseClient,
    BlobPrefix,
    BlobSasPermissions,
    BlobServiceClient,
    ContainerClient,
    ContainerSasPermissions,
    ContentSettings,
    LinearRetry,
    ResourceTypes,
    StandardBlobTier,
    UserDelegationKey,
    generate_account_sas,
    generate_blob_sas,
    generate_container_sas,
)

from conftest import ACCOUNT, KEY, Emulator

MIB = 1 << 20


def later(hours=1):
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)


@pytest.fixture
def service(emulator):
    # No retries: a test that provokes an error wants to see it.
    return BlobServiceClient.from_connection_string(
        emulator.connection_string,
        retry_total=0,
        max_block_size=MIB,
        max_single_put_size=2 * MIB,
        max_single_get_size=MIB,
        max_chunk_get_size=MIB,
    )


@pytest.fixture
def container(service, container_name):
    client = service.create_container(container_name)
    yield client
    client.delete_container()


# Containers


def test_containers_are_created_listed_and_deleted(service):
    names = sorted(f"list-{uuid.uuid4().hex}" for _ in range(5))
    prefix = os.path.commonprefix(names)
    for name in names:
        service.create_container(name, metadata={"kind": "test"})
    pages = service.list_containers(name_starts_with=prefix, include_metadata=True, results_per_page=2).by_page()
    found = [item for page in pages for item in page]
    mine = [item for item in found if item.name in names]
    assert [item.name for item in mine] == names
    assert all(item.metadata == {"kind": "test"} for item in mine)
    with pytest.raises(ResourceExistsError) as caught:
        service.create_container(names[0])
    assert caught.value.error_code == "ContainerAlreadyExists"
    for name in names:
        service.delete_container(name)
    with pytest.raises(ResourceNotFoundError) as caught:
        service.get_container_client(names[0]).get_container_properties()
    assert caught.value.error_code == "ContainerNotFound"


def test_container_metadata_and_access_policies(container):
    container.set_container_metadata({"One": "1", "two": "zwei"})
    properties = container.get_container_properties()
    assert properties.metadata == {"One": "1", "two": "zwei"}
    assert properties.public_access is None
    policy = AccessPolicy(permission=ContainerSasPermissions(read=True), expiry=later())
    container.set_container_access_policy({"readers": policy}, public_access="blob")
    stored = container.get_container_access_policy()
    assert stored["public_access"] == "blob"
    assert [item.id for item in stored["signed_identifiers"]] == ["readers"]
    assert stored["signed_identifiers"][0].access_policy.permission == "r"


def test_invalid_container_names_are_refused(service):
    for name, code in (("ab", "OutOfRangeInput"), ("with--dashes", "InvalidResourceName")):
        with pytest.raises(HttpResponseError) as caught:
            service.create_container(name)
        assert caught.value.status_code == 400
        assert caught.value.error_code == code


def test_service_properties_and_account_information(service):
    assert service.get_service_properties()["hour_metrics"].enabled is False
    assert service.get_account_information()["sku_name"] == "Standard_LRS"


# Upload and download


@pytest.mark.parametrize("size", [0, 1, 1000, MIB, 2 * MIB, 2 * MIB + 1, 9 * MIB + 12345])
def test_what_is_uploaded_is_downloaded(container, size):
    data = os.urandom(size)
    blob = container.get_blob_client(f"upload/{size}")
    blob.upload_blob(data, max_concurrency=4)
    assert blob.get_blob_properties().size == size
    assert blob.download_blob(max_concurrency=4).readall() == data


def test_a_single_put_has_its_md5_and_a_staged_one_none(container):
    small, large = container.get_blob_client("small"), container.get_blob_client("large")
    small.upload_blob(b"hello")
    assert small.get_blob_properties().content_settings.content_md5 == hashlib.md5(b"hello").digest()
    large.upload_blob(os.urandom(3 * MIB))
    assert large.get_blob_properties().content_settings.content_md5 is None


@pytest.mark.parametrize("size", [1000, 5 * MIB + 1])
def test_content_is_validated_both_ways(container, size):
    data = os.urandom(size)
    blob = container.get_blob_client("validated")
    blob.upload_blob(data, validate_content=True, max_concurrency=2)
    assert blob.download_blob(validate_content=True, max_concurrency=2).readall() == data


def test_a_corrupted_body_is_noticed(emulator, container):
    blob = container.get_blob_client("corrupted")
    blob.upload_blob(os.urandom(1000))
    emulator.faults({"operation": "Get Blob", "effect": "corrupt", "byte": 500})
    with pytest.raises(Exception, match="MD5 mismatch"):
        blob.download_blob(validate_content=True).readall()


def test_streams_of_unknown_length_are_staged(container):
    data = os.urandom(5 * MIB + 7)

    class Unseekable(io.RawIOBase):
        def __init__(self):
            self.inner = io.BytesIO(data)

        def readable(self):
            return True

        def read(self, size=-1):
            return self.inner.read(size)

    container.get_blob_client("stream").upload_blob(Unseekable())
    assert container.get_blob_client("stream").download_blob().readall() == data


@pytest.mark.parametrize("offset,length", [(0, 1), (0, 100), (MIB - 1, 2), (3 * MIB - 5, 5), (3 * MIB - 5, 500), (17, None)])
def test_ranges(container, offset, length):
    data = os.urandom(3 * MIB)
    blob = container.get_blob_client("ranges")
    blob.upload_blob(data, overwrite=True)
    expected = data[offset:] if length is None else data[offset : offset + length]
    assert blob.download_blob(offset=offset, length=length).readall() == expected


def test_a_range_beyond_the_end_is_416(container):
    blob = container.get_blob_client("short")
    blob.upload_blob(b"12345")
    with pytest.raises(HttpResponseError) as caught:
        blob.download_blob(offset=5, length=1).readall()
    assert caught.value.status_code == 416
    assert caught.value.error_code == "InvalidRange"


def test_names_of_all_kinds(container):
    names = [
        "plain", "with space", "日本 #a+b.txt", "a%20b", "q?x=1&y=2", "\u00e9", "e\u0301", "semi;colon", "a//b", "trailing/",
        "quote'\"", "emoji-🙂", "x" * 1024, "~tilde!*()",
    ]
    for name in names:
        container.upload_blob(name, name.encode())
    assert sorted(blob.name for blob in container.list_blobs()) == sorted(names, key=lambda n: n)
    for name in names:
        assert container.download_blob(name).readall() == name.encode()


def test_names_as_the_service_changes_them(container):
    container.upload_blob("dots./inside..", b"1")
    container.upload_blob("back\\slash", b"2")
    assert [blob.name for blob in container.list_blobs()] == ["back/slash", "dots/inside"]


def test_names_that_xml_cannot_carry_are_listed_encoded(container):
    container.upload_blob("odd￿name", b"1")
    assert [blob.name for blob in container.list_blobs()] == ["odd￿name"]
    for name in ("bell\x07", "\x7f"):
        with pytest.raises(HttpResponseError) as caught:
            container.upload_blob(name, b"")
        assert caught.value.status_code == 400


# Blocks


def test_blocks_are_staged_listed_and_committed(container):
    blob = container.get_blob_client("blocks")
    ids = [f"{index:04}" for index in range(4)]
    for block in ids:
        blob.stage_block(block, block.encode() * 10)
    committed, uncommitted = blob.get_block_list("all")
    assert committed == []
    assert [(block.id, block.size) for block in uncommitted] == [(block, 40) for block in ids]
    with pytest.raises(ResourceNotFoundError):
        blob.get_blob_properties()
    assert [item.name for item in container.list_blobs()] == []
    assert [item.name for item in container.list_blobs(include=["uncommittedblobs"])] == ["blocks"]

    blob.commit_block_list([BlobBlock(ids[2]), BlobBlock(ids[0]), BlobBlock(ids[2])])
    assert blob.download_blob().readall() == b"0002" * 10 + b"0000" * 10 + b"0002" * 10
    committed, uncommitted = blob.get_block_list("all")
    assert [block.id for block in committed] == [ids[2], ids[0], ids[2]]
    assert uncommitted == []

    # The same again: the blocks are found among the committed ones now. One that was dropped is not.
    blob.commit_block_list([BlobBlock(ids[0])])
    with pytest.raises(HttpResponseError) as caught:
        blob.commit_block_list([BlobBlock(ids[1])])
    assert caught.value.error_code == "InvalidBlockList"


def test_block_ids_have_one_length(container):
    blob = container.get_blob_client("lengths")
    blob.stage_block("aaaa", b"1")
    with pytest.raises(HttpResponseError) as caught:
        blob.stage_block("aaaaaaaa", b"2")
    assert caught.value.error_code == "InvalidBlobOrBlock"


def test_blocks_come_from_urls_too(container, service):
    source = container.get_blob_client("source")
    source.upload_blob(b"0123456789")
    token = generate_blob_sas(
        ACCOUNT, container.container_name, "source", account_key=KEY, permission="r", expiry=later()
    )
    target = container.get_blob_client("target")
    target.stage_block_from_url("aaaa", f"{source.url}?{token}", source_offset=2, source_length=5)
    target.commit_block_list([BlobBlock("aaaa")])
    assert target.download_blob().readall() == b"23456"
    target.upload_blob_from_url(f"{source.url}?{token}", overwrite=True)
    assert target.download_blob().readall() == b"0123456789"
    with pytest.raises(HttpResponseError):
        target.stage_block_from_url("bbbb", source.url)


def test_fifty_thousand_blocks_and_not_one_more(container):
    blob = container.get_blob_client("many")
    blob.stage_block("aaaa", b"x")
    blob.commit_block_list([BlobBlock("aaaa")] * 50_000)
    assert blob.get_blob_properties().size == 50_000
    with pytest.raises(HttpResponseError) as caught:
        blob.commit_block_list([BlobBlock("aaaa")] * 50_001)
    assert caught.value.error_code == "BlockListTooLong"


# Listing


def test_flat_and_hierarchical_listing(container):
    names = ["a", "a-b", "a/1", "a/2/x", "a/2/y", "b/", "b/c", "d"]
    for name in reversed(names):
        container.upload_blob(name, b"")
    assert [blob.name for blob in container.list_blobs()] == names
    assert [blob.name for blob in container.list_blobs(results_per_page=1)] == names
    assert [blob.name for blob in container.list_blobs(name_starts_with="a/")] == ["a/1", "a/2/x", "a/2/y"]
    for size in (1, 2, 5000):
        top = list(container.walk_blobs(results_per_page=size))
        # The client puts the prefixes of a page before its blobs.
        assert sorted(item.name for item in top) == ["a", "a-b", "a/", "b/", "d"]
        assert {item.name for item in top if isinstance(item, BlobPrefix)} == {"a/", "b/"}
    assert sorted(item.name for item in container.walk_blobs("a/")) == ["a/1", "a/2/"]


def test_listing_goes_on_over_empty_pages(emulator, container):
    for index in range(5):
        container.upload_blob(f"blob{index}", b"")
    emulator.faults(
        {"operation": "List Blobs", "effect": "shortPages", "entries": 0, "times": 2},
        {"operation": "List Blobs", "effect": "shortPages", "entries": 2, "skip": 2},
    )
    assert [blob.name for blob in container.list_blobs()] == [f"blob{index}" for index in range(5)]
    assert emulator.control("GET", "counters")["List Blobs"]["requests"] == 5


def test_listing_brings_what_was_asked_for(container):
    blob = container.get_blob_client("all")
    blob.upload_blob(
        b"12345",
        metadata={"hdi_isfolder": "true"},
        tags={"k": "v"},
        content_settings=ContentSettings(content_type="text/plain", cache_control="no-cache"),
    )
    blob.create_snapshot()
    plain = list(container.list_blobs())
    assert len(plain) == 1 and not plain[0].metadata
    items = list(container.list_blobs(include=["metadata", "snapshots", "tags", "copy"]))
    assert [item.snapshot is None for item in items] == [False, True]
    last = items[-1]
    assert last.metadata == {"hdi_isfolder": "true"}
    assert last.tags == {"k": "v"}
    assert last.size == 5
    assert last.content_settings.content_type == "text/plain"
    assert last.content_settings.cache_control == "no-cache"
    assert '"' + last.etag.strip('"') + '"' == blob.get_blob_properties().etag


# Metadata, properties, tags, tiers


def test_metadata_and_properties(container):
    blob = container.get_blob_client("properties")
    blob.upload_blob(b"x", metadata={"Mixed_Case": "1", "a_b": "2", "a1": "3"})
    before = blob.get_blob_properties()
    assert before.metadata == {"Mixed_Case": "1", "a_b": "2", "a1": "3"}
    blob.set_blob_metadata({"hdi_isfolder": "true", "hdi": "x", "aa": "1", "a_a": "2", "a0": "3"})
    blob.set_http_headers(ContentSettings(content_type="text/html", content_language="de"))
    after = blob.get_blob_properties()
    assert after.metadata == {"hdi_isfolder": "true", "hdi": "x", "aa": "1", "a_a": "2", "a0": "3"}
    assert after.content_settings.content_type == "text/html"
    assert after.content_settings.content_language == "de"
    assert after.content_settings.content_md5 is None
    assert after.etag != before.etag
    assert after.creation_time == before.creation_time


def test_metadata_rules(container):
    blob = container.get_blob_client("rules")
    blob.upload_blob(b"x")
    for metadata, code in (({"with-dash": "1"}, "InvalidMetadata"), ({"big": "x" * 8200}, "MetadataTooLarge")):
        with pytest.raises(HttpResponseError) as caught:
            blob.set_blob_metadata(metadata)
        assert caught.value.error_code == code


def test_tags_and_their_conditions(container):
    blob = container.get_blob_client("tags")
    blob.upload_blob(b"x", tags={"state": "running", "n": "1"})
    assert blob.get_blob_tags() == {"state": "running", "n": "1"}
    blob.set_blob_tags({"state": "done"})
    assert blob.get_blob_properties().tag_count == 1
    blob.set_blob_metadata({"a": "1"}, if_tags_match_condition="\"state\" = 'done'")
    with pytest.raises(ResourceModifiedError):
        blob.set_blob_metadata({"a": "1"}, if_tags_match_condition="\"state\" = 'running'")


def test_an_archived_blob_cannot_be_read(container):
    blob = container.get_blob_client("tier")
    blob.upload_blob(b"cold", standard_blob_tier=StandardBlobTier.COOL)
    assert blob.get_blob_properties().blob_tier == "Cool"
    blob.set_standard_blob_tier(StandardBlobTier.ARCHIVE)
    with pytest.raises(HttpResponseError) as caught:
        blob.download_blob()
    assert caught.value.error_code == "BlobArchived"
    assert blob.get_blob_properties().size == 4
    blob.set_standard_blob_tier(StandardBlobTier.HOT)
    assert blob.download_blob().readall() == b"cold"


# Conditions


def test_conditions(container):
    blob = container.get_blob_client("conditions")
    first = blob.upload_blob(b"1")["etag"]
    with pytest.raises(ResourceExistsError) as caught:
        blob.upload_blob(b"2")
    assert caught.value.error_code == "BlobAlreadyExists"
    second = blob.upload_blob(b"2", etag=first, match_condition=MatchConditions.IfNotModified, overwrite=True)["etag"]
    assert second != first
    with pytest.raises(ResourceModifiedError):
        blob.upload_blob(b"3", etag=first, match_condition=MatchConditions.IfNotModified, overwrite=True)
    with pytest.raises(ResourceModifiedError):
        blob.download_blob(etag=first, match_condition=MatchConditions.IfNotModified)
    with pytest.raises(HttpResponseError) as caught:
        blob.download_blob(etag=second, match_condition=MatchConditions.IfModified)
    assert caught.value.status_code == 304
    with pytest.raises(ResourceModifiedError):
        blob.delete_blob(etag=first, match_condition=MatchConditions.IfNotModified)
    past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
    with pytest.raises(ResourceModifiedError):
        blob.delete_blob(if_unmodified_since=past)
    blob.delete_blob(if_modified_since=past)
    with pytest.raises(ResourceModifiedError):
        blob.set_blob_metadata({}, etag=first, match_condition=MatchConditions.IfNotModified)


# Append blobs


def test_append_blobs(container):
    blob = container.get_blob_client("log")
    blob.create_append_blob()
    assert blob.append_block(b"one")["blob_append_offset"] == "0"
    assert blob.append_block(b"two", appendpos_condition=3)["blob_append_offset"] == "3"
    for arguments, code in (
        ({"appendpos_condition": 3}, "AppendPositionConditionNotMet"),
        ({"maxsize_condition": 7}, "MaxBlobSizeConditionNotMet"),
    ):
        with pytest.raises(HttpResponseError) as caught:
            blob.append_block(b"xx", **arguments)
        assert caught.value.error_code == code
    blob.upload_blob(b"three", blob_type="AppendBlob")
    assert blob.download_blob().readall() == b"onetwothree"
    assert blob.get_blob_properties().append_blob_committed_block_count == 3
    with pytest.raises(HttpResponseError) as caught:
        container.get_blob_client("log").stage_block("aaaa", b"x")
    assert caught.value.error_code == "InvalidBlobType"
    blob.seal_append_blob()
    with pytest.raises(HttpResponseError) as caught:
        blob.append_block(b"x")
    assert caught.value.error_code == "BlobIsSealed"


# Copies, snapshots, deletion


def test_copies(container):
    source = container.get_blob_client("source")
    source.upload_blob(os.urandom(3 * MIB), metadata={"a": "1"}, content_settings=ContentSettings("text/plain"))
    target = container.get_blob_client("target")
    answer = target.start_copy_from_url(source.url)
    assert answer["copy_status"] == "success"
    properties = target.get_blob_properties()
    assert properties.metadata == {"a": "1"}
    assert properties.content_settings.content_type == "text/plain"
    assert properties.copy.status == "success"
    assert target.download_blob().readall() == source.download_blob().readall()
    assert len(target.get_block_list("committed")[0]) == 3

    token = generate_blob_sas(
        ACCOUNT, container.container_name, "source", account_key=KEY, permission="r", expiry=later()
    )
    synchronous = container.get_blob_client("synchronous")
    synchronous.start_copy_from_url(f"{source.url}?{token}", metadata={"b": "2"}, requires_sync=True)
    assert synchronous.get_blob_properties().metadata == {"b": "2"}
    with pytest.raises(HttpResponseError) as caught:
        target.start_copy_from_url(container.get_blob_client("missing").url)
    assert caught.value.error_code == "CannotVerifyCopySource"
    with pytest.raises(HttpResponseError) as caught:
        target.start_copy_from_url(
            source.url, source_etag='"0x1"', source_match_condition=MatchConditions.IfNotModified
        )
    assert caught.value.error_code == "SourceConditionNotMet"


def test_a_pending_copy_can_be_aborted(emulator, container):
    container.get_blob_client("source").upload_blob(b"data")
    target = container.get_blob_client("target")
    emulator.faults({"operation": "Copy Blob", "effect": "pendingCopy", "milliseconds": 600000})
    answer = target.start_copy_from_url(container.get_blob_client("source").url)
    assert answer["copy_status"] == "pending"
    assert target.get_blob_properties().copy.status == "pending"
    with pytest.raises(HttpResponseError) as caught:
        target.set_blob_metadata({"a": "1"})
    assert caught.value.error_code == "PendingCopyOperation"
    target.abort_copy(answer["copy_id"])
    assert target.get_blob_properties().copy.status == "aborted"
    assert target.get_blob_properties().size == 0


def test_snapshots(container):
    blob = container.get_blob_client("snap")
    blob.upload_blob(b"old")
    snapshot = blob.create_snapshot()["snapshot"]
    blob.upload_blob(b"new", overwrite=True)
    old = container.get_blob_client("snap", snapshot=snapshot)
    assert old.download_blob().readall() == b"old"
    assert blob.download_blob().readall() == b"new"
    with pytest.raises(HttpResponseError) as caught:
        blob.delete_blob()
    assert caught.value.error_code == "SnapshotsPresent"
    blob.delete_blob(delete_snapshots="include")
    with pytest.raises(ResourceNotFoundError):
        old.get_blob_properties()


def test_batches(container):
    names = [f"batch/{index} 日本" for index in range(20)]
    for name in names:
        container.upload_blob(name, b"")
    container.set_standard_blob_tier_blobs("Cool", *names[:5])
    assert container.get_blob_client(names[0]).get_blob_properties().blob_tier == "Cool"
    answers = list(container.delete_blobs(*names[:10], "missing", raise_on_any_failure=False))
    assert [answer.status_code for answer in answers] == [202] * 10 + [404]
    assert [blob.name for blob in container.list_blobs()] == sorted(names[10:])


# Leases


def test_leases(container):
    blob = container.get_blob_client("leased")
    blob.upload_blob(b"1")
    lease = blob.acquire_lease(lease_duration=15)
    assert blob.get_blob_properties().lease.state == "leased"
    with pytest.raises(HttpResponseError) as caught:
        blob.upload_blob(b"2", overwrite=True)
    assert caught.value.error_code == "LeaseIdMissing"
    blob.upload_blob(b"2", overwrite=True, lease=lease)
    with pytest.raises(HttpResponseError) as caught:
        blob.acquire_lease()
    assert caught.value.error_code == "LeaseAlreadyPresent"
    lease.renew()
    changed = str(uuid.uuid4())
    lease.change(changed)
    assert lease.id == changed
    with pytest.raises(HttpResponseError) as caught:
        BlobLeaseClient(blob, str(uuid.uuid4())).release()
    assert caught.value.error_code == "LeaseIdMismatchWithLeaseOperation"
    lease.release()
    blob.upload_blob(b"3", overwrite=True)
    lease = blob.acquire_lease(lease_duration=-1)
    assert lease.break_lease(lease_break_period=0) == 0
    assert blob.get_blob_properties().lease.state == "broken"
    blob.upload_blob(b"4", overwrite=True)


def test_a_leased_container_is_not_deleted(service, container_name):
    container = service.create_container(container_name)
    lease = container.acquire_lease()
    with pytest.raises(HttpResponseError) as caught:
        container.delete_container()
    assert caught.value.error_code == "LeaseIdMissing"
    container.delete_container(lease=lease)


# Shared access signatures


@pytest.fixture
def secret(container):
    container.upload_blob("dir/sub/secret +#日本.txt", b"content")
    return container.get_blob_client("dir/sub/secret +#日本.txt")


def with_token(client, token):
    return BlobClient.from_blob_url(client.url, credential=token, retry_total=0)


def test_account_tokens(emulator, container, secret):
    token = generate_account_sas(
        ACCOUNT, KEY, ResourceTypes(service=True, container=True, object=True),
        AccountSasPermissions(read=True, list=True), later(),
    )
    service = BlobServiceClient(emulator.endpoint, credential=token, retry_total=0)
    assert container.container_name in [item.name for item in service.list_containers()]
    assert with_token(secret, token).download_blob().readall() == b"content"
    with pytest.raises(HttpResponseError) as caught:
        with_token(secret, token).delete_blob()
    assert caught.value.error_code == "AuthorizationPermissionMismatch"
    objects = generate_account_sas(
        ACCOUNT, KEY, ResourceTypes(object=True), AccountSasPermissions(list=True), later()
    )
    with pytest.raises(HttpResponseError) as caught:
        list(BlobServiceClient(emulator.endpoint, credential=objects, retry_total=0).list_containers())
    assert caught.value.error_code == "AuthorizationResourceTypeMismatch"


def test_container_tokens(emulator, container, secret):
    token = generate_container_sas(
        ACCOUNT, container.container_name, account_key=KEY,
        permission=ContainerSasPermissions(read=True, list=True, create=True), expiry=later(),
    )
    client = ContainerClient.from_container_url(container.url, credential=token, retry_total=0)
    assert [blob.name for blob in client.list_blobs()] == [secret.blob_name]
    client.upload_blob("made", b"1")
    with pytest.raises(HttpResponseError) as caught:
        client.upload_blob("made", b"2", overwrite=True)
    assert caught.value.error_code == "UnauthorizedBlobOverwrite"
    with pytest.raises(HttpResponseError):
        client.get_container_properties()


def test_blob_tokens_and_their_headers(container, secret):
    token = generate_blob_sas(
        ACCOUNT, container.container_name, secret.blob_name, account_key=KEY, permission=BlobSasPermissions(read=True),
        expiry=later(), content_type="text/x-test", content_disposition='attachment; filename="x y"',
    )
    downloaded = with_token(secret, token).download_blob()
    assert downloaded.readall() == b"content"
    assert downloaded.properties.content_settings.content_type == "text/x-test"
    assert downloaded.properties.content_settings.content_disposition == 'attachment; filename="x y"'
    other = container.get_blob_client("other")
    other.upload_blob(b"x")
    with pytest.raises(HttpResponseError) as caught:
        with_token(other, token).download_blob()
    assert caught.value.error_code == "AuthenticationFailed"
    assert "Signature did not match" in str(caught.value)


def test_snapshot_tokens(container, secret):
    snapshot = secret.create_snapshot()["snapshot"]
    token = generate_blob_sas(
        ACCOUNT, container.container_name, secret.blob_name, snapshot=snapshot, account_key=KEY, permission="r",
        expiry=later(),
    )
    client = BlobClient.from_blob_url(secret.url, credential=token, snapshot=snapshot, retry_total=0)
    assert client.download_blob().readall() == b"content"


def test_tokens_through_stored_policies(container, secret):
    token = generate_container_sas(ACCOUNT, container.container_name, account_key=KEY, policy_id="readers")
    with pytest.raises(HttpResponseError) as caught:
        with_token(secret, token).download_blob()
    assert caught.value.error_code == "AuthorizationFailure"
    policy = AccessPolicy(permission=ContainerSasPermissions(read=True), expiry=later())
    container.set_container_access_policy({"readers": policy})
    assert with_token(secret, token).download_blob().readall() == b"content"


def test_user_delegation_tokens(emulator, container, secret):
    def delegation_key():
        """Asked for by hand: the client itself sends bearer tokens over HTTPS only."""
        start, expiry = (time.strftime("%Y-%m-%dT%H:%M:%SZ") for time in (later(-0.25), later()))
        request = urllib.request.Request(
            f"{emulator.endpoint}?restype=service&comp=userdelegationkey",
            data=f"<KeyInfo><Start>{start}</Start><Expiry>{expiry}</Expiry></KeyInfo>".encode(),
            headers={
                "Authorization": "Bearer a-bearer-token", "x-ms-version": "2025-07-05",
                "Content-Type": "application/xml",
            },
        )
        with urllib.request.urlopen(request) as answer:
            fields = xml.etree.ElementTree.fromstring(answer.read().decode("utf-8-sig"))
        key = UserDelegationKey()
        for name in ("oid", "tid", "start", "expiry", "service", "version"):
            setattr(key, "signed_" + name, fields.findtext("Signed" + name.capitalize()))
        key.value = fields.findtext("Value")
        return key

    with pytest.raises(urllib.error.HTTPError) as refused:
        delegation_key()
    assert refused.value.code == 401
    assert refused.value.headers["x-ms-error-code"] == "InvalidAuthenticationInfo"
    assert "authorization_uri=" in refused.value.headers["WWW-Authenticate"]
    emulator.control("PUT", "bearer-tokens", ["a-bearer-token"])
    try:
        key = delegation_key()
        for token in (
            generate_container_sas(
                ACCOUNT, container.container_name, user_delegation_key=key, permission="r", expiry=later()
            ),
            generate_blob_sas(
                ACCOUNT, container.container_name, secret.blob_name, user_delegation_key=key, permission="r",
                expiry=later(),
            ),
        ):
            assert with_token(secret, token).download_blob().readall() == b"content"
            with pytest.raises(HttpResponseError):
                with_token(secret, token[:-6] + "AAA%3D").download_blob()
    finally:
        emulator.control("PUT", "bearer-tokens", [])


def test_tokens_out_of_their_time_or_place(container, secret):
    def token(**options):
        arguments = {"permission": "r", "expiry": later(), **options}
        return generate_blob_sas(ACCOUNT, container.container_name, secret.blob_name, account_key=KEY, **arguments)

    for options, code, text in (
        ({"expiry": later(-1)}, "AuthenticationFailed", "Signature not valid in the specified time frame"),
        ({"start": later(1), "expiry": later(2)}, "AuthenticationFailed", "Signature not valid"),
        ({"ip": "203.0.113.1"}, "AuthorizationSourceIPMismatch", ""),
        ({"protocol": "https"}, "AuthorizationProtocolMismatch", ""),
        ({"permission": "d"}, "AuthorizationPermissionMismatch", ""),
    ):
        with pytest.raises(HttpResponseError) as caught:
            with_token(secret, token(**options)).download_blob()
        assert caught.value.error_code == code
        assert text in str(caught.value)
    assert with_token(secret, token(ip="127.0.0.0-127.0.0.255")).download_blob().readall() == b"content"


def test_a_wrong_key_is_told_the_string_to_sign(emulator, secret):
    service = BlobServiceClient(emulator.endpoint, credential={"account_name": ACCOUNT, "account_key": "AAAA"}, retry_total=0)
    with pytest.raises(HttpResponseError) as caught:
        service.get_service_properties()
    assert caught.value.error_code == "AuthenticationFailed"
    assert "Server used following string to sign" in str(caught.value)


def test_public_containers_are_read_by_anybody(container, secret):
    anonymous = BlobClient.from_blob_url(secret.url, retry_total=0)
    with pytest.raises(HttpResponseError) as caught:
        anonymous.download_blob()
    assert caught.value.error_code == "NoAuthenticationInformation"
    container.set_container_access_policy({}, public_access="blob")
    assert anonymous.download_blob().readall() == b"content"
    listing = ContainerClient.from_container_url(container.url, retry_total=0)
    with pytest.raises(HttpResponseError):
        list(listing.list_blobs())
    container.set_container_access_policy({}, public_access="container")
    assert [blob.name for blob in listing.list_blobs()] == [secret.blob_name]


# Faults and durability


def test_the_client_rides_out_faults(emulator, container):
    data = os.urandom(4 * MIB)
    emulator.faults(
        {"operation": "Put Block", "effect": "status", "status": 503, "code": "ServerBusy", "times": 1},
        {"operation": "Put Block", "effect": "reset", "when": "afterApplying", "skip": 2, "times": 1},
        {"operation": "Put Block List", "effect": "status", "status": 500, "code": "OperationTimedOut",
         "applied": True, "times": 1},
        {"operation": "Get Blob", "effect": "cut", "bytes": 100000, "times": 1},
    )
    retrying = BlobServiceClient.from_connection_string(
        emulator.connection_string, max_block_size=MIB, max_single_put_size=MIB,
        retry_policy=LinearRetry(backoff=0, retry_total=5, random_jitter_range=0),
    ).get_blob_client(container.container_name, "faulty")
    retrying.upload_blob(data, overwrite=True)
    assert retrying.download_blob().readall() == data


def test_a_kill_loses_nothing_that_was_acknowledged(tmp_path, container_name):
    emulator = Emulator(data=tmp_path / "data")
    try:
        service = BlobServiceClient.from_connection_string(
            emulator.connection_string, max_block_size=MIB, max_single_put_size=MIB
        )
        container = service.create_container(container_name, metadata={"a": "1"})
        small, large = b"small", os.urandom(3 * MIB)
        container.upload_blob("small", small, metadata={"m": "1"}, tags={"t": "1"})
        container.upload_blob("large", large)
        container.get_blob_client("staged").stage_block("aaaa", b"staged" * 10000)
        log = container.get_blob_client("log")
        log.create_append_blob()
        log.append_block(b"one")
        log.append_block(b"two" * 20000)
        container.upload_blob("gone", b"x")
        container.delete_blob("gone")
        emulator.kill()
        emulator.start()
        assert service.get_container_client(container_name).get_container_properties().metadata == {"a": "1"}
        assert [blob.name for blob in container.list_blobs()] == ["large", "log", "small"]
        assert container.download_blob("small").readall() == small
        assert container.get_blob_client("small").get_blob_properties().metadata == {"m": "1"}
        assert container.get_blob_client("small").get_blob_tags() == {"t": "1"}
        assert container.download_blob("large").readall() == large
        assert log.download_blob().readall() == b"one" + b"two" * 20000
        container.get_blob_client("staged").commit_block_list([BlobBlock("aaaa")])
        assert container.download_blob("staged").readall() == b"staged" * 10000
    finally:
        emulator.stop()
