"""Bytes that a mount left on the local disk: SEMANTICS.md §2.5, §2.11."""

import errno
import os

import pytest

from mounts import fails_with, wait_until

SIZE = 20 << 20


@pytest.fixture
def caching(mounting, tmp_path):
    """Makes mounts that share a cache on disk."""
    return lambda: mounting("--cache-dir", tmp_path / "cache")


@pytest.fixture
def blob(server, job):
    """A blob of the job: its path below a mount, and its bytes."""
    content = os.urandom(SIZE)
    server.service.create_container(f"job-{job}")
    server.blob(f"job-{job}", "$JobOutput/f").upload_blob(content)
    return f"jobs/{job}/JobOutput/f", content


def reads(mount) -> int:
    """READ requests that the kernel sent so far."""
    return mount.status()["kernelRequests"].get("read", 0)


def drop_pages():
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("1")


def is_read_by_the_kernel(mount, path, content) -> bool:
    drop_pages()
    before = reads(mount)
    assert (mount / path).read_bytes() == content
    return reads(mount) == before


def warm(mount, server, path, content):
    """Reads until no byte comes from the store any more."""

    def is_warm():
        server.reset_counters()
        drop_pages()
        assert (mount / path).read_bytes() == content
        return server.requests().get("Get Blob", 0) == 0

    wait_until(is_warm, 30, "that all is on the disk")


def test_after_a_new_mount_no_byte_comes_from_the_store(server, caching, blob):
    path, content = blob
    first = caching()
    warm(first, server, path, content)
    wait_until(lambda: is_read_by_the_kernel(first, path, content), 30, "passthrough")
    assert first.unmount() == 0
    server.reset_counters()
    second = caching()
    drop_pages()
    assert (second / path).read_bytes() == content
    wait_until(lambda: is_read_by_the_kernel(second, path, content), 30, "passthrough")
    assert server.requests().get("Get Blob", 0) == 0


def test_what_is_open_outlives_a_mount_that_is_killed_and_the_next_one_has_all(server, caching, blob):
    path, content = blob
    mount = caching()
    warm(mount, server, path, content)
    wait_until(lambda: is_read_by_the_kernel(mount, path, content), 30, "passthrough")
    descriptor = os.open(mount / path, os.O_RDONLY)
    assert os.pread(descriptor, 4096, 0) == content[:4096]
    mount.kill()
    drop_pages()
    # The kernel needs nobody for these.
    for offset in range(0, SIZE, 1 << 20):
        assert os.pread(descriptor, 1 << 20, offset) == content[offset : offset + (1 << 20)]
    # For anything else it does.
    with fails_with(errno.ENOTCONN):
        os.close(descriptor)
    with fails_with(errno.ENOTCONN):
        os.stat(mount / path)
    mount.end()
    server.reset_counters()
    again = caching()
    assert (again / path).read_bytes() == content
    assert server.requests().get("Get Blob", 0) == 0
