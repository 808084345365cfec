"""What a reader on one mount sees while others replace the file: SEMANTICS.md §2.1, §2.3, §2.5, §3.4, §3.5."""

import errno
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest

import versions
from mounts import fails_with, wait_until

SEED = int(os.environ.get("SEED") or random.randrange(1 << 30))
SECONDS = float(os.environ.get("OUTPUTFS_SOAK_SECONDS") or 3)


def start_reader(kind, path, committed, seconds):
    program = str(pathlib.Path(__file__).parent / "versions.py")
    return subprocess.Popen(
        [sys.executable, program, kind, str(path), str(committed), str(SEED), str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("kind", ["cached", "direct", "mapped", "looped"])
def test_nothing_is_ever_returned_that_mixes_two_versions(server, mounting, job, tmp_path, kind):
    """§2.1 §2.5 §3.4: by way of the page cache, O_DIRECT, mmap, and as a loop of open, read to the end, close."""
    print(f"SEED={SEED}")
    # Little memory: versions are evicted while they are read.
    one, other = mounting(), mounting("--memory", "32MiB")
    mine, theirs = one.job(job) / "f", other / f"jobs/{job}/JobOutput/f"
    blob = server.blob(f"job-{job}", "$JobOutput/f")
    committed = tmp_path / "committed"
    chance = random.Random(SEED)

    def put(version):
        content = versions.whole(version, SEED)
        way = chance.choice(["write", "rename", "sdk"])
        if way == "write":
            mine.write_bytes(content)
        elif way == "rename":
            mine.with_name("tmp").write_bytes(content)
            os.replace(mine.with_name("tmp"), mine)
        else:
            blob.upload_blob(content, overwrite=True)
        aside = committed.with_name("new")
        aside.write_text(str(version))
        os.replace(aside, committed)

    put(1)
    wait_until(theirs.exists, 3)
    readers = [start_reader(kind, theirs, committed, SECONDS) for _ in range(2)]
    version, end, reports = 1, time.monotonic() + SECONDS, []
    try:
        while readers:
            if time.monotonic() < end:
                version += 1
                put(version)
                time.sleep(chance.choice([0, 0.01, 0.1]))
            for reader in list(readers):
                status = reader.wait(60) if time.monotonic() >= end else reader.poll()
                if status is None:
                    continue
                readers.remove(reader)
                report = reader.stdout.read()
                # A mapping of a version that is gone may end its process, and nothing else may.
                if kind == "mapped" and status == -signal.SIGBUS:
                    if (rest := end - time.monotonic()) > 0:
                        readers.append(start_reader(kind, theirs, committed, rest))
                    continue
                assert status == 0, f"SEED={SEED} version {version}: {report}"
                reports.append(report)
    finally:
        for reader in readers:
            reader.kill()
            reader.wait()
    print(version, "versions:", *reports)
    assert version > 1


def test_what_one_mount_closed_or_fsynced_every_open_that_starts_later_sees(mounting, job):
    """§2.3: also where size and time are the same as before, and through names that were believed absent."""
    one, other = mounting(), mounting()
    mine, theirs = one.job(job) / "f", other / f"jobs/{job}/JobOutput/f"
    mine.write_bytes(b"0" * 100)
    wait_until(theirs.exists, 3)
    for round in range(1, 30):
        content = b"%d" % (round % 10) * 100
        with open(mine, "r+b", buffering=0) as file:
            file.write(content)
            os.fsync(file.fileno())
            assert theirs.read_bytes() == content
            file.write(b"+")
        assert theirs.read_bytes() == content + b"+"
        os.truncate(mine, 100)
        assert theirs.read_bytes() == content


def test_an_open_for_writing_starts_from_what_another_mount_closed(mounting, job):
    """§2.3: two mounts take turns to append, and nobody's line is lost."""
    one, other = mounting(), mounting()
    mine, theirs = one.job(job) / "f", other / f"jobs/{job}/JobOutput/f"
    expected = ""
    for round in range(20):
        for path in (mine, theirs):
            with open(path, "a") as file:
                file.write(f"{round}\n")
            expected += f"{round}\n"
    assert mine.read_text() == theirs.read_text() == expected


TTL = 2


@pytest.fixture
def slow_pair(mounting, job):
    """Two mounts with a lifetime of attributes that can be told from no lifetime."""
    one, other = mounting("--attr-ttl", TTL), mounting("--attr-ttl", TTL)
    return one.job(job), other / f"jobs/{job}/JobOutput"


def let_lifetime_pass():
    time.sleep(TTL + 0.2)


def test_stat_may_lag_by_the_attribute_lifetime_never_longer(slow_pair):
    """§2.3: also with the file open, by a handle that keeps its version."""
    one, other = slow_pair
    (one / "f").write_text("1")
    assert (other / "f").stat().st_size == 1
    with open(other / "f") as file:
        (one / "f").write_text("12345")
        let_lifetime_pass()
        assert (other / "f").stat().st_size == 5
        assert os.fstat(file.fileno()).st_size == 1
    (one / "f").write_text("123")
    let_lifetime_pass()
    assert (other / "f").stat().st_size == 3


def test_listings_may_lag_by_the_attribute_lifetime_never_longer(slow_pair):
    one, other = slow_pair
    (one / "a").write_text("1")
    os.listdir(other)
    (one / "a").unlink()
    (one / "b").mkdir()
    (one / "b/c").write_text("1")
    let_lifetime_pass()
    assert os.listdir(other) == ["b"]
    with os.scandir(other / "b") as entries:
        assert [entry.stat().st_size for entry in entries] == [1]
    (one / "b/c").write_text("12")
    let_lifetime_pass()
    with os.scandir(other / "b") as entries:
        assert [entry.stat().st_size for entry in entries] == [2]


def test_no_such_file_may_lag_by_the_attribute_lifetime_never_longer(slow_pair):
    one, other = slow_pair
    for path in ("f", "directory", "directory/f"):
        assert not (other / path).exists()
    (one / "f").write_text("1")
    (one / "directory").mkdir()
    (one / "directory/f").write_text("1")
    let_lifetime_pass()
    for path in ("f", "directory/f"):
        assert (other / path).read_text() == "1"
        (one / path).unlink()
    let_lifetime_pass()
    for path in ("f", "directory/f"):
        assert not (other / path).exists()


def test_a_version_that_is_gone_is_estale_where_it_is_not_cached_and_read_to_the_end_where_it_is(slow_pair):
    """§2.1"""
    one, other = slow_pair
    small, large = os.urandom(300_000), os.urandom(40 << 20)
    (one / "small").write_bytes(small)
    (one / "large").write_bytes(large)
    with open(other / "small", "rb", buffering=0) as cached, open(other / "large", "rb", buffering=0) as uncached:
        assert cached.read(len(small)) == small
        assert uncached.read(10) == large[:10]
        for name in ("small", "large"):
            (one / name).write_text("new")
        assert os.pread(cached.fileno(), len(small), 0) == small
        with fails_with(errno.ESTALE):
            os.pread(uncached.fileno(), 10, 39 << 20)
        # What to do: open it again.
        assert (other / "large").read_text() == "new"


def test_deleted_while_open_it_is_read_to_the_end_where_it_is_cached_else_estale(slow_pair):
    one, other = slow_pair
    small, large = os.urandom(300_000), os.urandom(40 << 20)
    (one / "small").write_bytes(small)
    (one / "large").write_bytes(large)
    with open(other / "small", "rb", buffering=0) as cached, open(other / "large", "rb", buffering=0) as uncached:
        assert cached.read(len(small)) == small
        assert uncached.read(10) == large[:10]
        (one / "small").unlink()
        (one / "large").unlink()
        assert os.pread(cached.fileno(), len(small), 0) == small
        with fails_with(errno.ESTALE):
            os.pread(uncached.fileno(), 10, 39 << 20)
        with fails_with(errno.ENOENT):
            open(other / "small")


def test_renamed_elsewhere_it_is_found_under_its_new_name_only(slow_pair):
    """§3.7 as another mount sees it: open tells at once, stat within the lifetime."""
    one, other = slow_pair
    (one / "a").write_text("a")
    assert (other / "a").read_text() == "a"
    os.rename(one / "a", one / "b")
    with fails_with(errno.ENOENT):
        open(other / "a")
    let_lifetime_pass()
    assert os.listdir(other) == ["b"]
    assert (other / "b").read_text() == "a"


def test_a_file_that_became_a_directory_elsewhere_is_one_and_a_file_again_after(slow_pair):
    one, other = slow_pair
    (one / "x").write_text("file")
    assert (other / "x").read_text() == "file"
    (one / "x").unlink()
    (one / "x").mkdir()
    (one / "x/f").write_text("inside")
    let_lifetime_pass()
    assert (other / "x").is_dir() and (other / "x/f").read_text() == "inside"
    (one / "x/f").unlink()
    (one / "x").rmdir()
    (one / "x").write_text("file again")
    let_lifetime_pass()
    assert (other / "x").is_file() and (other / "x").read_text() == "file again"


def test_the_type_of_a_blob_may_change_under_a_reader(server, mounting, job):
    """Append, block, page: each is another file, whatever its name."""
    mount = mounting()
    path = mount.job(job) / "f"
    blob = server.blob(f"job-{job}", "$JobOutput/f")
    blob.create_append_blob()
    blob.append_block(b"appended")
    wait_until(path.exists, 3)
    opened = []
    try:
        opened.append(open(path, "rb", buffering=0))
        assert opened[0].read(100) == b"appended"
        blob.delete_blob()
        blob.upload_blob(b"a block blob that is longer")
        opened.append(open(path, "rb", buffering=0))
        assert opened[1].read(100) == b"a block blob that is longer"
        assert os.pread(opened[0].fileno(), 100, 0) == b"appended"
        blob.delete_blob()
        blob.create_page_blob(512)
        opened.append(open(path, "rb", buffering=0))
        assert opened[2].read(1000) == b"\0" * 512
        blob.delete_blob()
        blob.create_append_blob()
        blob.append_block(b"appended again")
        assert path.read_bytes() == b"appended again"
        with open(path, "ab") as file:
            file.write(b"!")
        assert blob.download_blob().readall() == b"appended again!"
    finally:
        for file in opened:
            file.close()


@pytest.mark.parametrize("change", ["chmod", "touch", "chown"])
def test_a_change_of_metadata_elsewhere_keeps_caches_and_does_not_disturb_open_readers(
    own_server, mounting, job, change
):
    """§2.5: another ETag, the same bytes: none of them is fetched again, by old handles or new ones."""
    one, other = mounting(server=own_server), mounting(server=own_server)
    mine, theirs = one.job(job) / "f", other / f"jobs/{job}/JobOutput/f"
    content = os.urandom(3 << 20)
    mine.write_bytes(content)
    wait_until(theirs.exists, 3)
    with open(theirs, "rb", buffering=0) as file:
        assert file.read(len(content)) == content
        own_server.reset_counters()
        if change == "chmod":
            os.chmod(mine, 0o600)
        elif change == "touch":
            os.utime(mine, (1, 2))
        else:
            os.chown(mine, 1, 1)
        assert os.pread(file.fileno(), len(content), 0) == content
        assert theirs.read_bytes() == content
        time.sleep(1.1)
        assert theirs.read_bytes() == content
        assert os.pread(file.fileno(), len(content), 0) == content
        shown = theirs.stat()
        assert {"chmod": shown.st_mode & 0o777 == 0o600, "touch": shown.st_mtime == 2, "chown": shown.st_uid == 1}[change]
    assert own_server.requests().get("Get Blob", 0) == 0


def test_two_writers_the_later_close_wins_as_a_whole_never_a_mixture(mounting, job):
    """§3.5, at random: sizes, and who closes last."""
    print(f"SEED={SEED}")
    chance = random.Random(SEED)
    one, other = mounting(), mounting()
    mine, theirs = one.job(job) / "f", other / f"jobs/{job}/JobOutput/f"
    for version in range(2, 20, 2):
        contents = [versions.whole(version + index, SEED) for index in range(2)]
        files = [open(path, "wb") for path in (mine, theirs)]
        for file, content in zip(files, contents):
            file.write(content)
        order = chance.sample([0, 1], 2)
        for index in order:
            files[index].close()
        for path in (mine, theirs):
            assert path.read_bytes() == contents[order[1]], f"SEED={SEED} {version} {order}"
