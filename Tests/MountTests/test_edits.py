"""Small changes of large blobs that azure-storage-blob made, and copies: SEMANTICS.md §3.11, §3.12."""

import os

import pytest
from azure.storage.blob import BlobClient

from mounts import run, wait_until

MIB = 1 << 20


def upload(server, job, name, content, block=None):
    """By the SDK: in blocks of so many bytes, with ids as long as it makes them; without, in one piece."""
    blob = BlobClient.from_connection_string(
        server.connection_string,
        f"job-{job}",
        f"$JobOutput/{name}",
        max_block_size=block or 4 * MIB,
        max_single_put_size=block or 64 * MIB,
    )
    blob.upload_blob(content, overwrite=True)
    return blob


@pytest.fixture
def place(own_server, mounting, job):
    return mounting(server=own_server).job(job)


@pytest.mark.parametrize("block", [None, MIB, 3 * MIB + 17])
def test_edits_send_what_was_changed_and_the_sdk_reads_the_whole(own_server, place, job, block):
    content = bytearray(os.urandom(20 * MIB + 5))
    blob = upload(own_server, job, "f", bytes(content), block)
    wait_until(lambda: (place / "f").exists(), 3)
    own_server.reset_counters()
    with open(place / "f", "ab") as file:
        file.write(b"x" * 1024)
    content += b"x" * 1024
    assert blob.download_blob().readall() == bytes(content)
    assert own_server.requests().get("Put Block") == 1
    with open(place / "f", "r+b") as file:
        file.seek(7 * MIB + 1)
        file.write(b"y" * 100)
        os.fsync(file.fileno())
        file.truncate(18 * MIB + 3)
    content[7 * MIB + 1 : 7 * MIB + 101] = b"y" * 100
    del content[18 * MIB + 3 :]
    assert blob.download_blob().readall() == bytes(content)
    assert blob.get_blob_properties().content_settings.content_md5 is None
    assert (place / "f").read_bytes() == bytes(content)


def test_a_sparse_file_sends_one_block_of_zeros(own_server, place, job):
    own_server.reset_counters()
    run("truncate -s 200M f && printf end >> f", place)
    assert own_server.requests()["Put Block"] <= 6
    blob = own_server.blob(f"job-{job}", "$JobOutput/f")
    assert blob.get_blob_properties().size == 200 * MIB + 3
    assert blob.download_blob(200 * MIB - 5, 8).readall() == b"\0" * 5 + b"end"


def test_cp_is_a_copy_within_the_store(own_server, place, job):
    content = os.urandom(20 * MIB + 5)
    upload(own_server, job, "f", content)
    wait_until(lambda: (place / "f").exists(), 3)
    own_server.reset_counters()
    source, copy = os.open(place / "f", os.O_RDONLY), os.open(place / "g.txt", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    offset = 0
    while count := os.copy_file_range(source, copy, 64 * MIB, offset, offset):
        offset += count
    os.close(copy)
    os.close(source)
    requests = own_server.requests()
    assert requests.get("Put Block From URL") == 1 and requests.get("Put Block List") == 1, requests
    # The source's open brings its first 64 KiB along.
    assert requests.get("Get Blob", 0) <= 1 and "Put Block" not in requests, requests
    sent = sum(counts["bytesSent"] for counts in own_server.counters().values())
    assert sent < 200_000, sent
    blob = own_server.blob(f"job-{job}", "$JobOutput/g.txt")
    assert blob.download_blob().readall() == content
    assert blob.get_blob_properties().content_settings.content_type == "text/plain"
    run("cp g.txt h && cmp f h && cp --sparse=never --reflink=never f i && cmp f i", place)
