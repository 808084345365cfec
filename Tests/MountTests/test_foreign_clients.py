"""Blobs that azure-storage-blob writes while they are mounted: SEMANTICS.md §2.3, §2.4, §3.4."""

import os
import subprocess
import time

import pytest
from azure.storage.blob import BlobType, ContentSettings

from mounts import run, wait_until


def test_uploads_overwrites_and_deletes_are_seen_at_once_by_open(server, outputs, job):
    blob = server.blob(f"job-{job}", "$JobOutput/f")
    for content in (b"one", b"another", b"1"):
        blob.upload_blob(content, overwrite=True)
        # A name that was not there may be believed absent for a second.
        wait_until(lambda: (outputs / "f").exists(), 3)
        assert (outputs / "f").read_bytes() == content
    blob.delete_blob()
    with pytest.raises(FileNotFoundError):
        open(outputs / "f")


def test_tail_follows_an_append_blob(server, shared_mount, job):
    shared_mount.job(job)
    blob = server.blob(f"job-{job}", "task/$TaskLog/stdout.txt")
    blob.create_append_blob()
    blob.append_block(b"begin\n")
    log = shared_mount / f"jobs/{job}/tasks/task/TaskLog/stdout.txt"
    tail = subprocess.Popen(["tail", "-f", "-s", "0.1", log], stdout=subprocess.PIPE, text=True)
    try:
        assert tail.stdout.readline() == "begin\n"
        for number in range(5):
            blob.append_block(f"line {number}\n".encode())
            assert tail.stdout.readline() == f"line {number}\n"
    finally:
        tail.kill()
        tail.wait()
        tail.stdout.close()


@pytest.mark.parametrize("change", ["> f; echo new > f", "echo new >> f"])
def test_an_append_blob_is_appended_to_and_otherwise_becomes_a_block_blob(server, outputs, job, change):
    blob = server.blob(f"job-{job}", "$JobOutput/f")
    blob.create_append_blob()
    blob.append_block(b"old\n")
    run(change, outputs)
    assert blob.download_blob().readall() == (b"old\nnew\n" if ">>" in change else b"new\n")
    kept = BlobType.APPENDBLOB if ">>" in change else BlobType.BLOCKBLOB
    assert blob.get_blob_properties().blob_type == kept


def test_a_leased_blob_is_busy_and_stays_what_it_is(server, outputs, job):
    blob = server.blob(f"job-{job}", "$JobOutput/f")
    blob.upload_blob(b"leased")
    lease = blob.acquire_lease(60)
    try:
        for change in ("rm f", "mv f g"):
            assert "busy" in subprocess.run(["bash", "-c", change], cwd=outputs, capture_output=True, text=True).stderr
        assert sorted(os.listdir(outputs)) == ["f"]
        assert (outputs / "f").read_bytes() == b"leased"
    finally:
        lease.release()
    run("mv f g", outputs)
    assert server.bytes(f"job-{job}", "$JobOutput/g") == b"leased"


def test_headers_and_metadata_of_others_survive_an_edit(server, outputs, job):
    blob = server.blob(f"job-{job}", "$JobOutput/f")
    settings = ContentSettings(content_type="text/x-odd", cache_control="no-cache", content_language="de")
    blob.upload_blob(b"a", content_settings=settings, metadata={"owner": "somebody"})
    wait_until(lambda: (outputs / "f").exists(), 3)
    with open(outputs / "f", "a") as file:
        file.write("b")
    properties = blob.get_blob_properties()
    assert blob.download_blob().readall() == b"ab"
    assert properties.content_settings.content_type == "text/x-odd"
    assert properties.content_settings.cache_control == "no-cache"
    assert properties.metadata["owner"] == "somebody"
