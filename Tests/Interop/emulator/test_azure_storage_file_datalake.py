"""Holds the emulator's accounts with a hierarchical namespace against Microsoft's own clients.

Path style has one host for both endpoints, and these clients send both kinds of request to it.
"""

import datetime
import socket

import pytest
from azure.core import MatchConditions
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import (
    BlobPrefix,
    BlobServiceClient,
    BlobType,
    ContentSettings,
)
from azure.storage.filedatalake import DataLakeServiceClient, ResourceTypes, generate_account_sas

from conftest import ACCOUNT, KEY, Emulator


def data_lake(emulator, credential=KEY):
    return DataLakeServiceClient(emulator.endpoint, credential=credential, retry_total=0)


@pytest.fixture
def filesystem(hns_emulator, container_name):
    client = data_lake(hns_emulator).create_file_system(container_name)
    yield client
    client.delete_file_system()


@pytest.fixture
def container(hns_emulator, filesystem):
    service = BlobServiceClient(hns_emulator.endpoint, credential=KEY, retry_total=0)
    return service.get_container_client(filesystem.file_system_name)


def put(filesystem, path, data=b"x"):
    client = filesystem.get_file_client(path)
    client.upload_data(data, overwrite=True)
    return client


def paths(filesystem, *arguments, **options):
    return [path.name for path in filesystem.get_paths(*arguments, **options)]


# Directories


def test_a_directory_is_something_by_itself(filesystem, container):
    directory = filesystem.create_directory("a/b", metadata={"colour": "blue"})
    properties = directory.get_directory_properties()
    assert properties.metadata == {"colour": "blue", "hdi_isfolder": "true"}
    assert paths(filesystem) == ["a", "a/b"]
    assert all(path.is_directory for path in filesystem.get_paths())
    blob = container.get_blob_client("a/b").get_blob_properties()
    assert blob.size == 0 and blob.metadata["hdi_isfolder"] == "true"


def test_putting_a_blob_makes_the_directories_above_it(filesystem, container):
    container.upload_blob("x/y/z.txt", b"hello")
    assert paths(filesystem) == ["x", "x/y", "x/y/z.txt"]
    container.delete_blob("x/y/z.txt")
    assert paths(filesystem) == ["x", "x/y"]


def test_an_exclusive_create_fails_where_something_is(filesystem):
    filesystem.create_directory("d")
    with pytest.raises(ResourceExistsError) as failure:
        filesystem.get_directory_client("d").create_directory(match_condition=MatchConditions.IfMissing)
    assert failure.value.error_code == "PathAlreadyExists"
    with pytest.raises(ResourceExistsError):
        filesystem.create_file("d")


def test_a_file_cannot_have_anything_below_it(filesystem, container):
    put(filesystem, "f")
    with pytest.raises(ResourceExistsError) as failure:
        container.upload_blob("f/below", b"")
    assert failure.value.error_code == "PathConflict"
    with pytest.raises(HttpResponseError):
        list(container.list_blobs(name_starts_with="f/"))


def test_directories_are_prefixes_with_properties_in_a_listing_by_level(filesystem, container):
    for name in ("d", "d-1", "d.2", "empty"):
        filesystem.create_directory(name)
    put(filesystem, "d/file")
    put(filesystem, "d-file")
    # This client puts a page's prefixes first.
    items = list(container.walk_blobs(delimiter="/"))
    assert [item.name for item in items] == ["d-1/", "d.2/", "d/", "empty/", "d-file"]
    assert [isinstance(item, BlobPrefix) for item in items] == [True, True, True, True, False]
    # In pages of every size, each once, and in the order of the names.
    pages = container.walk_blobs(delimiter="/", results_per_page=1).by_page()
    assert [item.name for page in pages for item in page] == ["d-1/", "d-file", "d.2/", "d/", "empty/"]
    for size in (2, 3, 4):
        pages = container.walk_blobs(delimiter="/", results_per_page=size).by_page()
        assert sorted(item.name for page in pages for item in page) == sorted(item.name for item in items)


def test_a_flat_listing_shows_directories_as_empty_blobs_with_a_mark(filesystem, container):
    put(filesystem, "d/file", b"12")
    listed = [(blob.name, blob.size, blob.metadata or {}) for blob in container.list_blobs(include="metadata")]
    assert listed == [("d", 0, {"hdi_isfolder": "true"}), ("d/file", 2, {})]
    assert [blob.name for blob in container.list_blobs(name_starts_with="d/")] == ["d/file"]


def test_other_delimiters_are_refused(filesystem, container):
    with pytest.raises(HttpResponseError) as failure:
        list(container.walk_blobs(delimiter="-"))
    assert failure.value.error_code == "InvalidQueryParameterValue"


def test_listings_of_paths(filesystem, hns_emulator):
    for path in ("a/1", "a/b/2", "a-", "c"):
        put(filesystem, path)
    assert paths(filesystem) == ["a", "a-", "a/1", "a/b", "a/b/2", "c"]
    assert paths(filesystem, recursive=False) == ["a", "a-", "c"]
    assert paths(filesystem, "a", recursive=False) == ["a/1", "a/b"]
    assert paths(filesystem, max_results=2) == ["a", "a-", "a/1", "a/b", "a/b/2", "c"]
    with pytest.raises(ResourceNotFoundError) as failure:
        paths(filesystem, "nothing")
    assert failure.value.error_code == "PathNotFound"


# Deleting


def test_only_a_recursive_delete_takes_what_is_in_a_directory(filesystem, container):
    put(filesystem, "d/e/f")
    with pytest.raises(ResourceExistsError) as failure:
        container.delete_blob("d")
    assert failure.value.error_code == "DirectoryIsNotEmpty"
    with pytest.raises(ResourceExistsError) as failure:
        filesystem.get_directory_client("d")._client.path.delete(recursive=False)
    assert failure.value.response.headers["x-ms-error-code"] == "DirectoryNotEmpty"
    filesystem.delete_directory("d")
    assert paths(filesystem) == []


def test_an_empty_directory_goes_by_either_endpoint(filesystem, container):
    filesystem.create_directory("d")
    container.delete_blob("d")
    filesystem.create_directory("e").delete_directory()
    assert paths(filesystem) == []


def test_a_delete_may_take_several_requests(filesystem, hns_emulator):
    for number in range(10):
        put(filesystem, f"d/{number}")
    hns_emulator.faults({"operation": "Path Delete", "effect": "shortPages", "entries": 4})
    response = filesystem.get_directory_client("d")._client.path.delete(recursive=True, cls=lambda *parts: parts[2])
    token = response["x-ms-continuation"]
    assert token and len(paths(filesystem)) == 11
    while token:
        token = filesystem.get_directory_client("d")._client.path.delete(
            recursive=True, continuation=token, cls=lambda *parts: parts[2]
        )["x-ms-continuation"]
    assert paths(filesystem) == []


# Renaming


def test_a_directory_moves_with_all_below_it_in_one_step(filesystem, hns_emulator):
    for number in range(20):
        put(filesystem, f"old/sub/{number}", b"%d" % number)
    hns_emulator.control("DELETE", "counters")
    filesystem.get_directory_client("old").rename_directory(f"{filesystem.file_system_name}/new")
    assert hns_emulator.control("GET", "counters")["Path Rename"]["requests"] == 1
    assert paths(filesystem)[:2] == ["new", "new/sub"] and len(paths(filesystem)) == 22
    assert filesystem.get_file_client("new/sub/7").download_file().readall() == b"7"
    with pytest.raises(ResourceNotFoundError):
        filesystem.get_directory_client("old").get_directory_properties()


def test_a_file_keeps_its_version_when_it_moves(filesystem):
    client = put(filesystem, "a", b"bytes")
    before = client.get_file_properties()
    after = client.rename_file(f"{filesystem.file_system_name}/b").get_file_properties()
    assert (after.etag, after.size, after.last_modified) == (before.etag, before.size, before.last_modified)


def test_a_rename_replaces_a_file_unless_it_must_not(filesystem):
    put(filesystem, "a", b"new")
    put(filesystem, "b", b"old")
    target = f"{filesystem.file_system_name}/b"
    with pytest.raises(ResourceExistsError) as failure:
        filesystem.get_file_client("a").rename_file(target, match_condition=MatchConditions.IfMissing)
    assert failure.value.error_code == "PathAlreadyExists"
    assert filesystem.get_file_client("b").download_file().readall() == b"old"
    filesystem.get_file_client("a").rename_file(target)
    assert filesystem.get_file_client("b").download_file().readall() == b"new"


def test_a_rename_names_the_version_of_its_source(filesystem):
    client = put(filesystem, "a", b"1")
    etag = client.get_file_properties().etag
    client.upload_data(b"2", overwrite=True)
    with pytest.raises(HttpResponseError) as failure:
        client.rename_file(
            f"{filesystem.file_system_name}/b",
            source_etag=etag,
            source_match_condition=MatchConditions.IfNotModified,
        )
    assert failure.value.error_code == "SourceConditionNotMet"


@pytest.mark.parametrize(
    "source, target, code",
    [
        ("nothing", "x", "SourcePathNotFound"),
        ("file", "nowhere/x", "RenameDestinationParentPathNotFound"),
        ("full", "full/inside", "InvalidRenameSourcePath"),
        ("file", "empty", "InvalidSourceOrDestinationResourceType"),
        ("empty", "file", "InvalidSourceOrDestinationResourceType"),
        ("empty", "full", "DirectoryNotEmpty"),
        ("file", "other/x", "PathConflict"),
    ],
)
def test_renames_that_are_refused_change_nothing(filesystem, source, target, code):
    put(filesystem, "file")
    put(filesystem, "other")
    put(filesystem, "full/x")
    filesystem.create_directory("empty")
    before = paths(filesystem)
    with pytest.raises(HttpResponseError) as failure:
        filesystem.get_directory_client(source).rename_directory(f"{filesystem.file_system_name}/{target}")
    assert failure.value.error_code == code
    assert paths(filesystem) == before


def test_a_directory_takes_the_place_of_an_empty_one(filesystem):
    put(filesystem, "full/x")
    filesystem.create_directory("empty")
    filesystem.get_directory_client("full").rename_directory(f"{filesystem.file_system_name}/empty")
    assert paths(filesystem) == ["empty", "empty/x"]


def test_a_path_moves_to_another_filesystem(filesystem, hns_emulator, container_name):
    other = data_lake(hns_emulator).create_file_system(container_name + "b")
    put(filesystem, "d/x", b"far")
    filesystem.get_directory_client("d").rename_directory(f"{other.file_system_name}/e")
    assert paths(filesystem) == [] and paths(other) == ["e", "e/x"]
    assert other.get_file_client("e/x").download_file().readall() == b"far"


def test_a_token_needs_the_right_to_move_at_both_ends(filesystem, hns_emulator):
    put(filesystem, "a")

    def client(permissions):
        token = generate_account_sas(
            ACCOUNT,
            KEY,
            resource_types=ResourceTypes(file_system=True, object=True),
            permission=permissions,
            expiry=datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1),
        )
        return data_lake(hns_emulator, token).get_file_client(filesystem.file_system_name, "a")

    target = f"{filesystem.file_system_name}/b"
    with pytest.raises(HttpResponseError) as failure:
        client("rwdl").rename_file(target)
    assert failure.value.status_code == 403
    client("rwdlm").rename_file(target)
    assert paths(filesystem) == ["b"]


# Files


def test_bytes_are_appended_and_then_flushed(filesystem):
    client = filesystem.create_file("log")
    client.append_data(b"hello ", offset=0)
    client.append_data(b"world", offset=6)
    assert client.get_file_properties().size == 0
    client.flush_data(11)
    assert client.download_file().readall() == b"hello world"
    client.append_data(b"!", offset=11, flush=True)
    assert client.download_file().readall() == b"hello world!"
    with pytest.raises(HttpResponseError) as failure:
        client.flush_data(100)
    assert failure.value.error_code == "InvalidFlushPosition"


def test_metadata_and_headers_of_files_and_directories(filesystem):
    client = put(filesystem, "f")
    client.set_metadata({"a": "1"})
    client.set_http_headers(ContentSettings(content_type="text/csv"))
    properties = client.get_file_properties()
    assert properties.metadata == {"a": "1"} and properties.content_settings.content_type == "text/csv"
    directory = filesystem.create_directory("d")
    directory.set_metadata({"b": "2"})
    assert directory.get_directory_properties().metadata == {"b": "2", "hdi_isfolder": "true"}
    assert [path.is_directory for path in filesystem.get_paths()] == [True, False]


def test_owner_group_and_permissions_are_kept(filesystem):
    client = put(filesystem, "f")
    assert client.get_access_control()["permissions"] == "rw-r-----"
    client.set_access_control(owner="me", group="us", permissions="rwxr-x--x")
    access = client.get_access_control()
    assert (access["owner"], access["group"], access["permissions"]) == ("me", "us", "rwxr-x--x")
    assert access["acl"] == "user::rwx,group::r-x,other::--x"
    client.set_access_control(acl="user::rwx,user:you:r--,group::r--,other::---")
    assert client.get_access_control()["permissions"] == "rwxr-----+"
    assert filesystem.create_directory("d", permissions="0777", umask="0022").get_access_control()[
        "permissions"
    ] == "rwxr-xr-x"


def test_leases_hold_off_others(filesystem):
    client = put(filesystem, "f")
    lease = client.acquire_lease(15)
    with pytest.raises(HttpResponseError):
        client.rename_file(f"{filesystem.file_system_name}/g")
    client.rename_file(f"{filesystem.file_system_name}/g", source_lease=lease)
    assert paths(filesystem) == ["g"]


# What such an account does not do


def test_operations_on_blobs_are_refused_on_directories(filesystem, container):
    filesystem.create_directory("d")
    blob = container.get_blob_client("d")
    with pytest.raises(HttpResponseError) as failure:
        blob.stage_block("AAAA", b"x")
    assert failure.value.error_code == "OperationNotSupportedOnDirectory"
    with pytest.raises(HttpResponseError):
        blob.upload_blob(b"x", overwrite=True)


def test_there_are_no_page_blobs(filesystem, container):
    with pytest.raises(HttpResponseError) as failure:
        container.upload_blob("p", bytes(512), blob_type=BlobType.PAGEBLOB)
    assert failure.value.error_code == "FeatureNotYetSupportedForHierarchicalNamespaceAccounts"


def test_append_blobs_grow(filesystem, container):
    blob = container.get_blob_client("log")
    blob.create_append_blob()
    blob.append_block(b"one")
    blob.append_block(b"two")
    assert filesystem.get_file_client("log").download_file().readall() == b"onetwo"


# Telling the kinds of account apart


def test_the_account_says_what_it_is(hns_emulator, emulator, filesystem, container_name):
    def service(running):
        return BlobServiceClient(running.endpoint, credential=KEY)

    assert service(hns_emulator).get_account_information()["is_hns_enabled"] is True
    assert service(emulator).get_account_information()["is_hns_enabled"] is False
    flat = service(emulator).create_container(container_name)
    with pytest.raises(HttpResponseError) as failure:
        list(flat.list_blobs(include="permissions"))
    assert failure.value.error_code == "InvalidQueryParameterValue"
    with pytest.raises(HttpResponseError) as failure:
        data_lake(emulator).get_directory_client(container_name, "d").create_directory()
    assert failure.value.error_code == "HierarchicalNamespaceNotEnabled"
    flat.delete_container()


def test_hosts_tell_the_endpoints_apart(hns_emulator, filesystem, monkeypatch):
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: resolve("127.0.0.1" if host.endswith(".localhost") else host, *rest, **more),
    )
    service = DataLakeServiceClient(
        f"http://{ACCOUNT}.dfs.localhost:{hns_emulator.port}",
        credential=AzureNamedKeyCredential(ACCOUNT, KEY),
        retry_total=0,
    )
    client = service.get_file_client(filesystem.file_system_name, "a/b")
    client.upload_data(b"by host", overwrite=True)
    assert client.download_file().readall() == b"by host"
    client.delete_file()
    assert paths(filesystem) == ["a"]


# On disk


def test_directories_and_renames_survive_a_kill(tmp_path):
    emulator = Emulator(tmp_path / "data", hns=True)
    try:
        filesystem = data_lake(emulator).create_file_system("kept")
        put(filesystem, "old/sub/x", b"bytes")
        filesystem.create_directory("empty").set_access_control(permissions="rwx------")
        filesystem.get_directory_client("old").rename_directory("kept/new")
        emulator.kill()
        emulator.start()
        assert paths(filesystem) == ["empty", "new", "new/sub", "new/sub/x"]
        assert filesystem.get_file_client("new/sub/x").download_file().readall() == b"bytes"
        assert filesystem.get_directory_client("empty").get_access_control()["permissions"] == "rwx------"
        # Read back from a journal that was written anew.
        other = data_lake(emulator).create_file_system("other")
        filesystem.get_directory_client("new").rename_directory("other/far")
        emulator.kill()
        emulator.start()
        assert paths(filesystem) == ["empty"] and paths(other) == ["far", "far/sub", "far/sub/x"]
    finally:
        emulator.kill()
