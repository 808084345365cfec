"""Many names, many open files, large files: requests, memory and descriptors stay in bounds."""

import concurrent.futures
import os
import random
import time

from mounts import run, wait_until


def upload(server, job, names):
    container = server.service.get_container_client(f"job-{job}")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: container.upload_blob(name, b"x"), names))


def test_a_large_directory_is_listed_by_listings(server, shared_mount, outputs, job):
    upload(server, job, [f"$JobOutput/d/f{number:04}" for number in range(3000)])
    for command in ("ls -l d | grep -c f", "find d -type f | wc -l"):
        time.sleep(1.1)
        server.reset_counters()
        assert int(run(command, outputs)) == 3000
        requests = server.requests()
        assert sum(requests.values()) < 20, requests


def test_listing_200_000_entries_takes_the_memory_of_a_few_pages(own_server, mounting, job):
    mount = mounting(server=own_server)
    outputs = mount.job(job)
    names = {"account": "field", "container": f"job-{job}", "prefix": "$JobOutput/many/", "count": 200_000, "size": 1}
    own_server.control("POST", "populate", names)
    wait_until((outputs / "many").exists, 5)
    before = mount.peak_memory()
    with os.scandir(outputs / "many") as entries:
        assert sum(1 for _ in entries) == 200_000
    # 16 MiB of pages, the answers that are being read (3.6 MB of XML each), and what the allocator keeps of them. All
    # of the entries would be 25 MB in pages, and ten times that as the store's answers.
    assert mount.peak_memory() - before < 64 << 20


def test_a_thousand_files_are_open_at_once(server, mounting, job):
    mount = mounting()
    outputs = mount.job(job)
    files = [open(outputs / f"f{number}", "wb", buffering=0) for number in range(1000)]
    for file in files:
        file.write(b"x" * 10_000)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda file: file.close(), files))
    container = server.service.get_container_client(f"job-{job}")
    assert [blob.size for blob in container.list_blobs()] == [10_000] * 1000
    readers = [open(outputs / f"f{number}", "rb") for number in range(1000)]
    assert {reader.read(1) for reader in readers} == {b"x"}
    for reader in readers:
        reader.close()


def test_memory_stays_in_its_budget_for_files_of_any_size(mounting, job, tmp_path):
    mount = mounting("--memory", "64M")
    outputs = mount.job(job)
    piece = random.Random(1).randbytes(1 << 20)
    with open(outputs / "f", "wb", buffering=0) as file:
        for _ in range(300):
            file.write(piece)
    other = mounting("--memory", "64M")
    with open(other / f"jobs/{job}/JobOutput/f", "rb", buffering=0) as file:
        for _ in range(300):
            assert file.read(1 << 20) == piece
        for _ in range(200):
            offset = random.randrange(0, 300 << 20)
            expected = (piece + piece)[offset % (1 << 20) :][:100]
            assert os.pread(file.fileno(), 100, offset) == expected[: (300 << 20) - offset]
    for used in (mount.peak_memory(), other.peak_memory()):
        # The budget, and what a process of this kind needs besides.
        assert used < (64 << 20) + (128 << 20), used
