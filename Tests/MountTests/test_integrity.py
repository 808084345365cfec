"""Bytes that change on their way: SEMANTICS.md §2.6, with servers that have CRC-64, MD5 or no checksum of ranges."""

import errno
import os

import pytest

from mounts import fails_with

CONTENT = os.urandom(9 << 20)


@pytest.fixture
def stored(server, outputs, mounting, job):
    """Makes a mount with these options and gives the file there; nothing of it is cached."""
    (outputs / "f").write_bytes(CONTENT)
    mounts = []

    def path(*options):
        mounts.append(mounting(*options))
        return mounts[-1] / f"jobs/{job}/JobOutput/f"

    path.log = lambda: mounts[-1].log()
    return path


CORRUPT = {"operation": "Get Blob", "effect": "corrupt", "byte": 1000}


@pytest.mark.parametrize("missing", [None, "crc64"])
def test_a_corrupt_answer_is_fetched_again(server, stored, missing):
    """By CRC-64, and by MD5 where the server has no other."""
    lacks = [{"operation": "Get Blob", "effect": "withoutRangeChecksum", "checksum": missing}] if missing else []
    server.reset_counters()
    assert stored().read_bytes() == CONTENT
    undisturbed = server.requests()["Get Blob"]
    server.faults(*lacks, {**CORRUPT, "skip": 2, "times": 2})
    server.reset_counters()
    assert stored().read_bytes() == CONTENT
    assert server.requests()["Get Blob"] >= undisturbed + 2
    assert ("MD5" in stored.log()) == (missing == "crc64")


@pytest.mark.parametrize("missing", [None, "crc64"])
def test_bytes_that_stay_corrupt_are_eio_and_never_handed_out(server, stored, missing):
    lacks = [{"operation": "Get Blob", "effect": "withoutRangeChecksum", "checksum": missing}] if missing else []
    server.faults(*lacks, CORRUPT)
    with fails_with(errno.EIO):
        stored().read_bytes()


def test_a_checksum_of_other_bytes_is_no_proof(server, stored):
    server.faults({"operation": "Get Blob", "effect": "wrongChecksum", "times": 2})
    assert stored().read_bytes() == CONTENT


def test_where_no_checksum_is_offered_bytes_come_as_they_are_and_the_log_says_so_once(server, stored):
    server.faults({"operation": "Get Blob", "effect": "withoutRangeChecksum", "checksum": "any"})
    path = stored()
    assert path.read_bytes() == CONTENT
    assert stored.log().count("computes no checksums") == 1


def test_verify_off_asks_for_no_checksum_and_takes_what_comes(server, stored):
    path = stored("--verify", "off")
    server.faults({**CORRUPT, "times": 1})
    seen = path.read_bytes()
    assert len(seen) == len(CONTENT) and seen != CONTENT
