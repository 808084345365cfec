"""What an open for reading asks the store, and what comes with the answer: SEMANTICS.md §2.3, §2.5, §2.6, §5.1."""

import errno
import os

import pytest
from azure.storage.blob import StandardBlobTier

from mounts import fails_with

PIECE = 64 << 10
SMALL = os.urandom(100_000)
LARGE = os.urandom(9 << 20)


@pytest.fixture
def listed(own_server, mounting, job):
    """Puts a blob in place, and gives its path on a mount to which it is new; its directory was listed just now.

    The server's counters are at 0, and nobody else moves them. What was listed holds for a minute: only opens ask.
    """
    container = own_server.service.create_container(f"job-{job}")

    def path(content=SMALL, *options):
        container.upload_blob("$JobOutput/f", content)
        mount = mounting("--attr-ttl", "60s", *options, server=own_server)
        path = mount / f"jobs/{job}/JobOutput/f"
        assert os.listdir(path.parent) == ["f"]
        assert path.stat().st_size == len(content)
        own_server.reset_counters()
        return path

    path.blob = container.get_blob_client("$JobOutput/f")
    path.container = container
    return path


def asked(server):
    return {name: count for name, count in server.requests().items() if count}


def sent(server):
    return server.counters().get("Get Blob", {}).get("bytesSent", 0)


def test_a_small_file_costs_one_get(own_server, listed):
    assert listed().read_bytes() == SMALL
    assert asked(own_server) == {"Get Blob": 1}


def test_the_first_byte_of_a_large_file_costs_one_get_of_a_piece(own_server, listed):
    descriptor = os.open(listed(LARGE), os.O_RDONLY)
    assert os.pread(descriptor, 1, 0) == LARGE[:1]
    os.close(descriptor)
    assert asked(own_server) == {"Get Blob": 1}
    assert PIECE <= sent(own_server) < PIECE + 2_000


def test_what_is_here_is_asked_for_its_version_only(own_server, listed):
    path = listed()
    assert path.read_bytes() == SMALL
    own_server.reset_counters()
    assert path.read_bytes() == SMALL
    assert asked(own_server) == {"Get Blob Properties": 1}


def test_what_the_disk_holds_is_not_fetched_by_an_open(own_server, listed, mounting, tmp_path, job):
    options = ("--cache-dir", tmp_path / "cache")
    assert listed(SMALL, *options).read_bytes() == SMALL
    # What was read has got to the disk when the mount has ended.
    first = mounting("--attr-ttl", "60s", *options, server=own_server)
    again = first / f"jobs/{job}/JobOutput/f"
    for _ in range(100):
        own_server.reset_counters()
        assert again.read_bytes() == SMALL
        if asked(own_server).get("Get Blob", 0) == 0:
            return
        first.end()
        first = mounting("--attr-ttl", "60s", *options, server=own_server)
        again = first / f"jobs/{job}/JobOutput/f"
    pytest.fail("it is fetched again and again")


def test_stat_and_writers_fetch_nothing(own_server, listed):
    path = listed()
    os.stat(path)
    os.close(os.open(path, os.O_WRONLY | os.O_APPEND))
    assert asked(own_server) == {"Get Blob Properties": 1}
    assert sent(own_server) == 0


@pytest.mark.parametrize("content", [b"newer", b"", LARGE], ids=["shorter", "empty", "longer"])
def test_a_file_that_was_replaced_shows_its_new_bytes(listed, content):
    path = listed()
    listed.blob.upload_blob(content, overwrite=True)
    assert path.read_bytes() == content


def test_an_empty_file_is_asked_for_its_version_only(own_server, listed):
    assert listed(b"").read_bytes() == b""
    assert asked(own_server) == {"Get Blob Properties": 1}


def test_a_file_that_is_gone_is_enoent(listed):
    path = listed()
    listed.blob.delete_blob()
    with fails_with(errno.ENOENT):
        open(path)


def test_a_file_that_was_archived_since_is_eremote(listed):
    path = listed()
    listed.blob.set_standard_blob_tier(StandardBlobTier.ARCHIVE)
    with fails_with(errno.EREMOTE):
        open(path)


def test_an_answer_that_is_forbidden_is_eacces(own_server, listed):
    path = listed()
    own_server.faults({"operation": "Get Blob", "effect": "status", "status": 403, "code": "AuthorizationFailure"})
    with fails_with(errno.EACCES):
        open(path)


FAULTS = {
    "cut once": {"times": 1, "effect": "cut", "bytes": 10_000},
    "cut too often": {"times": 3, "effect": "cut", "bytes": 10_000},
    "reset": {"times": 2, "effect": "reset", "when": "afterBodyBytes", "bytes": 10_000},
    "corrupt": {"times": 2, "effect": "corrupt", "byte": 1000},
    "busy": {"times": 2, "effect": "status", "status": 503, "code": "ServerBusy"},
    "stalled": {"times": 1, "effect": "stall", "part": "body", "bytes": 10_000, "milliseconds": 60_000},
}


@pytest.mark.parametrize("verify", ["on", "off"])
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_first_answer_is_overcome(own_server, listed, name, verify):
    if verify == "off" and name == "corrupt":
        pytest.skip("nobody looks")
    path = listed(SMALL, "--verify", verify)
    own_server.faults({"operation": "Get Blob", **FAULTS[name]})
    assert path.read_bytes() == SMALL


def test_bytes_that_stay_corrupt_fail_the_read_not_the_open(own_server, listed):
    path = listed()
    own_server.faults({"operation": "Get Blob", "effect": "corrupt", "byte": 1000})
    descriptor = os.open(path, os.O_RDONLY)
    with fails_with(errno.EIO):
        os.read(descriptor, 100_000)
    os.close(descriptor)


def test_the_tier_is_told_although_a_get_does_not(listed):
    path = listed()
    listed.blob.set_standard_blob_tier(StandardBlobTier.COOL)
    with open(path):
        assert os.getxattr(path, "user.blob.content_type") == b"application/octet-stream"
        assert os.getxattr(path, "user.blob.access_tier") == b"Cool"
