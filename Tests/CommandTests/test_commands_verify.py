"""verify: what is stored against its checksums, the name of an upload, and local files."""

import gzip
import hashlib
import itertools
import json
import os

import pytest
from azure.storage.blob import BlobBlock, BlobType, ContentSettings

MIB = 1 << 20
numbers = itertools.count()


@pytest.fixture
def container(service):
    return service.create_container(f"verified-{next(numbers)}")


def report(ended):
    return json.loads(ended.out)


def settings(data):
    return ContentSettings(content_md5=bytearray(hashlib.md5(data).digest()))


def test_files_with_the_md5_that_was_stored_are_verified(run, container):
    data = os.urandom(9 * MIB + 3)
    container.upload_blob("a/large", data, content_settings=settings(data))
    container.upload_blob("a/small", b"small", content_settings=settings(b"small"))
    container.upload_blob("a/nothing", b"", content_settings=settings(b""))
    ended = run("verify", "--json", f"containers/{container.container_name}/a")
    found = report(ended)
    assert ended.status == 0, ended.err
    assert (found["verified"], found["unverifiable"], found["wrong"], found["bytes"]) == (3, 0, 0, len(data) + 5)
    assert "3 files verified" in run("verify", f"containers/{container.container_name}").out


def test_bytes_that_are_others_than_the_stored_md5_are_named(run, container):
    container.upload_blob("good", b"good", content_settings=settings(b"good"))
    container.upload_blob("bad", b"bad")
    container.get_blob_client("bad").set_http_headers(settings(b"something else"))
    ended = run("verify", f"containers/{container.container_name}")
    assert ended.status == 1
    assert f"/containers/{container.container_name}/bad: has the MD5" in ended.err and "/good" not in ended.err
    assert "1 file verified" in ended.out and "1 wrong" in ended.out


def test_that_nothing_could_be_verified_is_no_success(run, container, tmp_path):
    blob = container.get_blob_client("staged")
    blob.stage_block("MDAwMQ==", b"in blocks")
    blob.commit_block_list([BlobBlock("MDAwMQ==")])
    container.upload_blob("log", b"line\n", blob_type=BlobType.APPENDBLOB)
    ended = run("verify", "--json", f"containers/{container.container_name}")
    found = report(ended)
    assert ended.status == 65 and found["unverifiable"] == 2 and found["verified"] == 0
    assert "none of the files has a stored checksum" in ended.err and "--against" in ended.err
    assert sorted(path.rsplit("/")[-1] for path in [entry["path"] for entry in found["unverified"]]) == ["log", "staged"]
    assert "2 unverifiable (no checksum stored)" in run("verify", f"containers/{container.container_name}").out
    (tmp_path / "staged").write_bytes(b"in blocks")
    (tmp_path / "log").write_bytes(b"line\n")
    assert run("verify", f"containers/{container.container_name}", "--against", tmp_path).status == 0
    # One that could be is enough: the others are counted.
    container.upload_blob("known", b"known", content_settings=settings(b"known"))
    ended = run("verify", f"containers/{container.container_name}")
    assert ended.status == 0 and "1 file verified" in ended.out and "2 unverifiable" in ended.out


def test_where_no_file_is_nothing_was_verified(run, container):
    ended = run("verify", f"containers/{container.container_name}")
    assert ended.status == 65 and "there is no file" in ended.err


def test_what_is_not_there_ends_with_66(run, container):
    assert run("verify", f"containers/{container.container_name}/none").status == 66
    container.upload_blob("a.txt", b"")
    ended = run("verify", f"containers/{container.container_name}/*.csv")
    assert ended.status == 66 and "nothing fits" in ended.err


# Local files


def test_local_files_have_to_be_the_same(run, container, tmp_path):
    for name in ["same", "other", "longer", "d/missing"]:
        container.upload_blob(f"out/{name}", name.encode())
    (tmp_path / "same").write_bytes(b"same")
    (tmp_path / "other").write_bytes(b"OTHER")
    (tmp_path / "longer").write_bytes(b"longer than that")
    (tmp_path / "extra").write_bytes(b"")
    path = f"containers/{container.container_name}/out"
    ended = run("verify", "--json", path, "--against", tmp_path)
    found = report(ended)
    assert ended.status == 1 and found["verified"] == 1
    reasons = {problem["path"].rsplit("/")[-1]: problem["reason"] for problem in found["problems"]}
    assert set(reasons) == {"other", "longer", "missing", "extra"}
    assert "has other bytes" in reasons["other"] and "bytes, and the blob" in reasons["longer"]
    assert "is not there" in reasons["missing"] and reasons["extra"] == "is only here"


def test_a_fetched_job_is_what_the_store_has(run, container, tmp_path):
    for number in range(5):
        container.upload_blob(f"out/{number}/file", os.urandom(1000))
    path = f"containers/{container.container_name}/out"
    assert run("get", path, tmp_path / "here").status == 0
    assert report(run("verify", "--json", path, "--against", tmp_path / "here"))["verified"] == 5
    one = run("verify", f"{path}/3/file", "--against", tmp_path / "here" / "3" / "file")
    assert one.status == 0, one.err
    assert run("verify", f"{path}/3/file", "--against", tmp_path / "here" / "2" / "file").status == 1
    assert run("verify", path, "--against", tmp_path / "nowhere").status == 66


# Uploads of Azure ML


@pytest.fixture
def artifact(run, container, tmp_path):
    """What put --artifact makes of a folder, and where it lies."""
    folder = tmp_path / "data"
    (folder / "sub" / "deep").mkdir(parents=True)
    (folder / ".amlignore").write_text("*.tmp\nskipped\n")
    (folder / "skipped").mkdir()
    for name in ["b.txt", "A.txt", "sub/c.txt", "sub/deep/d.txt", "sub/empty", "skipped/e.txt", "x.tmp", "Ä.txt"]:
        (folder / name).write_bytes(b"" if name == "sub/empty" else name.encode() * 1000)
    path = f"containers/{container.container_name}"
    ended = run("put", "--artifact", "--name", "data", "--version", "1", folder, path)
    assert ended.status == 0, ended.err
    (first, *_) = [blob.name for blob in container.list_blobs() if blob.name.startswith("LocalUpload/")]
    return f"{path}/{'/'.join(first.split('/')[:3])}"


def test_an_upload_hashes_to_its_name(run, artifact):
    ended = run("verify", "--json", artifact)
    assert ended.status == 0, ended.out
    assert report(ended)["verified"] == 7
    # Above it, and as a part of it.
    assert run("verify", artifact.split("/LocalUpload")[0]).status == 0
    assert run("verify", f"{artifact}/sub").status == 0


def test_a_single_file_hashes_to_its_name(run, container, tmp_path):
    (tmp_path / "model.bin").write_bytes(os.urandom(5 * MIB))
    path = f"containers/{container.container_name}"
    assert run("put", "--artifact", "--name", "m", "--version", "1", tmp_path / "model.bin", path).status == 0
    ended = run("verify", "--json", f"{path}/LocalUpload")
    assert ended.status == 0 and report(ended)["verified"] == 1, ended.out


@pytest.fixture
def plain(run, container, tmp_path):
    """The same without an ignore file."""
    folder = tmp_path / "plain"
    (folder / "sub").mkdir(parents=True)
    for name in ["b.txt", "sub/c.txt"]:
        (folder / name).write_bytes(name.encode())
    path = f"containers/{container.container_name}"
    assert run("put", "--artifact", "--name", "plain", "--version", "1", folder, path).status == 0
    (first, *_) = [blob.name for blob in container.list_blobs() if "/plain/" in blob.name]
    return f"{path}/{'/'.join(first.split('/')[:3])}"


def test_an_upload_with_another_file_is_named(run, container, plain):
    name = f"{plain.split('/', 2)[2]}/b.txt"
    container.upload_blob(name, b"another", overwrite=True, metadata={"upload_status": "completed"})
    ended = run("verify", plain)
    assert ended.status == 1 and f"/{plain}: hashes to" in ended.err


def test_an_upload_that_lost_a_file_is_named(run, container, plain):
    container.delete_blob(f"{plain.split('/', 2)[2]}/sub/c.txt")
    ended = run("verify", plain)
    assert ended.status == 1 and "hashes to" in ended.err


def test_an_upload_with_ignored_folders_may_hash_to_something_else(run, container, artifact):
    """A folder of which everything is ignored is hashed by its name, and leaves nothing in the store."""
    container.delete_blob(f"{artifact.split('/', 2)[2]}/sub/deep/d.txt")
    ended = run("verify", "--json", artifact)
    (finding,) = report(ended)["unverified"]
    assert ended.status == 0 and finding["path"] == f"/{artifact}" and "ignored folders" in finding["reason"]


def test_an_upload_that_was_never_confirmed_is_named(run, container, artifact):
    for blob in container.list_blobs(include=["metadata"]):
        if blob.metadata.get("upload_status"):
            container.get_blob_client(blob.name).set_blob_metadata({})
    ended = run("verify", artifact)
    assert ended.status == 1 and "is not confirmed" in ended.err and "hashes to" not in ended.err


# Results of foreach loops


def test_a_result_that_is_no_r_object_is_named(run, container):
    container.upload_blob("results/1-result.rds", gzip.compress(b"X\n..."))
    container.upload_blob("results/2-result.rds", b"<?xml version='1.0'?><Error/>")
    container.upload_blob("results/3-result.rds", b"")
    container.upload_blob("logs/1.txt", b"done")
    ended = run("verify", "--json", f"containers/{container.container_name}")
    reasons = {problem["path"].rsplit("/")[-1]: problem["reason"] for problem in report(ended)["problems"]}
    assert ended.status == 1
    assert reasons == {
        "2-result.rds": "does not begin as an R object does", "3-result.rds": "is an empty file, and no R object",
    }


def test_an_upload_that_is_seen_twice_hashes_to_its_name(run, container, plain):
    """Paths overlap, and views show the same blobs: each is hashed once."""
    where = f"containers/{container.container_name}"
    ended = run("verify", "--json", where, f"{where}/LocalUpload")
    assert ended.status == 0, ended.err
    assert report(ended)["wrong"] == 0
