"""Two mounts of one account: SEMANTICS.md §2.1, §2.3, §3.5, §3.6, and files that other clients remove."""

import errno
import os
import time

import pytest

from mounts import fails_with, wait_until


@pytest.fixture
def pair(mounting, job):
    """One job's outputs as two mounts show them."""
    one, other = mounting(), mounting()
    return one.job(job), other / f"jobs/{job}/JobOutput"


def test_an_open_sees_what_the_other_mount_closed(pair):
    one, other = pair
    for round in range(10):
        for writer, reader in ((one, other), (other, one)):
            (writer / "f").write_text(f"{writer} {round}")
            assert (reader / "f").read_text() == f"{writer} {round}"
            with open(writer / "f", "a") as file:
                file.write("+")
            assert (reader / "f").read_text() == f"{writer} {round}+"


def test_a_replaced_version_is_never_mixed_with_the_new_one(pair):
    one, other = pair
    old, new = os.urandom(24 << 20), os.urandom(24 << 20)
    (one / "f").write_bytes(old)
    with open(other / "f", "rb", buffering=0) as file:
        assert file.read(1000) == old[:1000]
        (one / "f").write_bytes(new)
        for offset in range(0, len(old), 1 << 20):
            try:
                piece = os.pread(file.fileno(), 4096, offset)
            except OSError as error:
                assert error.errno == errno.ESTALE
            else:
                assert piece == old[offset : offset + 4096]
        with fails_with(errno.ESTALE):
            os.pread(file.fileno(), 4096, 20 << 20)
        assert (other / "f").read_bytes() == new


def test_a_change_of_metadata_does_not_disturb_a_reader(pair):
    one, other = pair
    content = os.urandom(24 << 20)
    (one / "f").write_bytes(content)
    with open(other / "f", "rb", buffering=0) as file:
        assert file.read(10) == content[:10]
        os.chmod(one / "f", 0o600)
        os.utime(one / "f", (1, 2))
        assert os.pread(file.fileno(), 1 << 20, 20 << 20) == content[20 << 20 : 21 << 20]


def test_names_and_sizes_follow_within_the_attribute_lifetime(pair):
    one, other = pair
    assert os.listdir(other) == []
    (one / "f").write_text("1")
    wait_until(lambda: os.listdir(other) == ["f"], 3)
    (one / "f").write_text("1234")
    wait_until(lambda: (other / "f").stat().st_size == 4, 3)
    (one / "f").unlink()
    wait_until(lambda: not (other / "f").exists(), 3)


def test_what_was_removed_elsewhere_is_enoent_and_can_be_made_anew(pair):
    one, other = pair
    (one / "f").write_text("old")
    assert (other / "f").stat().st_size == 3
    (one / "f").unlink()
    with fails_with(errno.ENOENT):
        open(other / "f")
    (other / "f").write_text("new")
    wait_until(lambda: (one / "f").exists(), 3)
    assert (one / "f").read_text() == "new"


def test_the_later_close_wins_as_a_whole(pair):
    one, other = pair
    with open(one / "f", "wb") as first, open(other / "f", "wb") as second:
        first.write(b"a" * 9_000_000)
        second.write(b"b" * 7_000_000)
        first.close()
        second.close()
    time.sleep(1.1)
    assert (one / "f").read_bytes() == (other / "f").read_bytes() == b"b" * 7_000_000


def test_o_excl_that_was_lost_is_told_at_close_and_leaves_the_name_to_the_winner(pair):
    one, other = pair
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
    winner, loser = os.open(one / "lock", flags), os.open(other / "lock", flags)
    os.write(winner, b"winner")
    os.write(loser, b"loser")
    twin = os.dup(loser)
    os.close(winner)
    for descriptor in (loser, twin):
        with fails_with(errno.EEXIST):
            os.close(descriptor)
    wait_until(lambda: (other / "lock").read_bytes() == b"winner", 3)
    (one / "lock").unlink()
    wait_until(lambda: not (other / "lock").exists(), 3)
    # Nothing of the loser comes back by itself, and the lock is free.
    time.sleep(6)
    assert not (one / "lock").exists()
    os.close(os.open(other / "lock", flags))
