"""What the transfer commands say when something is not as it should be, and that nothing is overwritten or half there."""

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import unicodedata

import pytest

from program import wait_until
from transfers import faulty_emulator

MIB = 1 << 20
numbers = itertools.count()


@pytest.fixture(scope="module")
def server():
    with faulty_emulator() as running:
        yield running


@pytest.fixture
def container(server):
    return server.service.create_container(f"bad-{next(numbers)}")


@pytest.fixture
def local(tmp_path):
    folder = tmp_path / "local"
    folder.mkdir()
    for name in "abcd":
        (folder / name).write_text(name * 10)
    return folder


def blobs(container):
    return sorted(container.list_blob_names())


def ended(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


# Local files that do not stay as they are


@pytest.mark.parametrize("command", [["put"], ["sync", "--upload"], ["put", "--artifact"]])
def test_a_folder_that_vanishes_is_named_and_what_was_sent_is_whole(server, container, where, local, command):
    with server.holding("Put Blob"):
        process = server.start(*command, "--jobs", "1", local, where)
        wait_until(lambda: server.held() >= 1, 20, "that the first file is sent")
        shutil.rmtree(local)
    status, _, error = ended(process)
    assert status != 0 and "local/" in error and "No such file" in error, error
    assert "confirmed" not in error
    for blob in container.list_blobs(include=["metadata"]):
        assert blob.size == 10 and (blob.metadata or {}).get("upload_status") is None


@pytest.mark.parametrize("command", [["put"], ["put", "--artifact"]])
def test_a_file_that_changes_while_it_is_sent_is_no_version_it_never_had(server, container, where, tmp_path, command):
    large = tmp_path / "large"
    large.write_bytes(os.urandom(20 * MIB))
    with server.holding("Put Block"):
        process = server.start(*command, large, f"{where}" if "--artifact" in command else f"{where}/large")
        wait_until(lambda: server.held() >= 3, 20, "that its blocks are sent")
        with open(large, "r+b") as file:
            file.write(b"changed")
    status, _, error = ended(process)
    assert status != 0 and "was changed while it was read" in error and str(large) in error
    assert blobs(container) == []


def test_a_file_that_changes_after_it_was_hashed_is_not_stored_under_that_hash(server, container, local):
    # What is there is looked at between the hash and the first byte.
    with server.holding("List Blobs"):
        process = server.start("put", "--artifact", local, f"containers/{container.container_name}")
        wait_until(lambda: server.held() >= 1, 20, "that the place of the hash is looked at")
        (local / "c").write_text("other ccc!")
    status, _, error = ended(process)
    assert status != 0 and "local/c was changed after it was hashed" in error, error
    assert not any((blob.metadata or {}).get("upload_status") for blob in container.list_blobs(include=["metadata"]))


# Names


def test_names_that_leave_the_folder_do_not_leave_it(run, container, where, tmp_path):
    names = ["a/../../../escaped", "..", "x//y", "/rooted", "dots/./z", "a\\b", "very/" + "long" * 80, "tab\t"]
    for name in names:
        with contextlib.suppress(Exception):
            container.upload_blob(name, b"here")
    stored = blobs(container)
    ended = run("get", "--json", where, tmp_path / "deep" / "er" / "x")
    done = json.loads(ended.out)
    assert done["files"] + done["failed"] == len(stored)
    assert os.listdir(tmp_path) == ["deep"] and os.listdir(tmp_path / "deep") == ["er"]
    assert os.listdir(tmp_path / "deep" / "er") == ["x"]
    brought = [path for path in (tmp_path / "deep").rglob("*") if path.is_file()]
    assert len(brought) == done["files"]


def test_a_name_that_cannot_be_stored_is_named_before_anything_is_sent(run, container, where, local):
    (local / ("x" * 250)).mkdir()
    deep = local
    for _ in range(5):
        deep = deep / ("x" * 250)
        deep.mkdir(exist_ok=True)
    (deep / "file").write_bytes(b"too deep")
    result = run("put", local, where)
    assert result.status == 64 and "cannot be there" in result.err
    assert blobs(container) == []


def test_a_name_that_is_not_utf_8_is_named(run, container, where, local):
    with open(os.fsencode(local) + b"/\xff", "wb"):
        pass
    result = run("put", local, where)
    assert result.status != 0 and "a name that is not UTF-8" in result.err
    assert blobs(container) == []


@pytest.mark.parametrize("rule", ["foo\\", "build\\ "])
def test_an_ignore_file_with_a_bad_pattern_is_named(run, container, where, local, rule):
    (local / ".amlignore").write_text(f"*.log\n{rule}\n")
    for command in [["put", "--artifact", local, where], ["hash", local]]:
        result = run(*command)
        assert result.status != 0 and ".amlignore" in result.err and rule.strip() in result.err, result.err
    assert blobs(container) == []


# Two of one name


def test_two_local_files_of_one_target_are_named_and_nothing_is_sent(run, container, where, local, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a").write_text("other")
    for sources in [[local / "a", tmp_path / "other" / "a"], [local, tmp_path / "other"]]:
        result = run("put", *sources, f"{where}/x/")
        assert result.status != 0 and "would both become" in result.err and "folders of their own" in result.err
    assert blobs(container) == []


def test_globs_of_one_name_are_told_apart_by_keep_or_strip(run, container, where, tmp_path):
    for folder in ["one", "two"]:
        container.upload_blob(f"{folder}/sum.txt", folder.encode())
    sources = [f"{where}/one/*.txt", f"{where}/two/*.txt"]
    result = run("get", *sources, tmp_path / "x")
    assert result.status == 1 and "x/sum.txt is the target of two sources; --keep or --strip" in result.err
    assert (tmp_path / "x" / "sum.txt").read_bytes() == b"one"
    assert run("get", "--strip", where, *sources, tmp_path / "y").status == 0
    assert (tmp_path / "y" / "two" / "sum.txt").read_bytes() == b"two"


# Files where folders are needed, and the other way round


def test_a_file_in_the_place_of_the_destination_is_named_once(run, container, where, local, tmp_path):
    container.upload_blob("x/a", b"a")
    container.upload_blob("x/b", b"b")
    (tmp_path / "file").write_text("mine")
    for sources in [[f"{where}/x"], [f"{where}/x/*"]]:
        result = run("get", *sources, tmp_path / "file")
        assert result.status == 73 and result.err.count("is a file here, and a folder is needed") == 1, result
    assert (tmp_path / "file").read_text() == "mine"


def test_a_file_of_the_store_in_the_place_of_a_directory_is_named(run, container, where, local):
    container.upload_blob("file", b"theirs")
    result = run("put", local, f"{where}/file")
    assert result.status == 64 and "/file cannot be there: a file has that name" in result.err, result.err
    (local / "file").mkdir()
    (local / "file" / "x").write_text("x")
    result = run("put", local, where)
    assert result.status == 1 and "file is a file there, and a folder here" in result.err
    assert blobs(container) == ["a", "b", "c", "d", "file"]


def test_a_directory_of_the_store_in_the_place_of_a_file_is_named(run, container, where, local):
    container.upload_blob("a/x", b"theirs")
    result = run("put", local, where)
    assert result.status == 1 and "a is a directory there, and a file here" in result.err
    assert blobs(container) == ["a/x", "b", "c", "d"]


# Targets that take nothing


@contextlib.contextmanager
def small_disk(folder, *options):
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(["size=1m", *options]), "none", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_is_said_once_and_leaves_no_half_file(run, container, where, tmp_path):
    for number in range(40):
        container.upload_blob(f"{number:02}", os.urandom(100_000))
    with small_disk(tmp_path / "disk") as disk:
        result = run("get", "--jobs", "1", where, disk)
        assert result.status == 73 and result.err.count("No space left on device") == 1, result.err
        assert "what is complete stays" in result.err
        there = os.listdir(disk)
        assert 5 <= len(there) <= 10 and all(os.path.getsize(disk / name) == 100_000 for name in there)


def test_a_target_that_cannot_be_written_is_said_once(run, container, where, tmp_path):
    for number in range(10):
        container.upload_blob(f"{number}", b"x")
    with small_disk(tmp_path / "disk", "ro") as disk:
        result = run("get", where, disk)
        assert result.status == 73 and result.err.count("Read-only file system") == 1, result.err


# Ctrl-C


@pytest.mark.parametrize("command", ["get", "put", "sync", "artifact"])
def test_ctrl_c_leaves_no_half_file(server, container, where, local, tmp_path, command):
    container.upload_blob("there", b"from there" * 1000)
    operation = "Get Blob" if command == "get" else "Put Blob"
    arguments = {
        "get": ["get", where, tmp_path / "back"],
        "put": ["put", "--jobs", "1", local, where],
        "sync": ["sync", "--upload", "--jobs", "1", local, where],
        "artifact": ["put", "--artifact", "--jobs", "1", local, where],
    }[command]
    with server.holding(operation, skip=0 if command == "get" else 2):
        process = server.start(*arguments)
        wait_until(lambda: server.held() >= 1, 20, "that it is under way")
        process.send_signal(signal.SIGINT)
        status, _, error = ended(process)
    assert status == 130 and "interrupted" in error
    if command == "get":
        assert not (tmp_path / "back").exists() or os.listdir(tmp_path / "back") == []
    for blob in container.list_blobs(include=["metadata"]):
        assert blob.size in (10, 10_000) and (blob.metadata or {}).get("upload_status") is None


# Nothing


def snapshot(folder):
    return {path: (path.is_dir() or path.read_bytes(), path.lstat().st_mtime_ns) for path in folder.rglob("*")}


def test_a_dry_run_touches_nothing(run, server, container, where, local, tmp_path):
    container.upload_blob("there", b"there")
    before = (snapshot(tmp_path), blobs(container))
    for command in [
        ["get", where, tmp_path / "new"], ["put", local, where], ["put", local, "jobs/never-made/JobOutput"],
        ["put", "--artifact", local, where], ["sync", "--upload", local, where], ["sync", "--both", local, where],
    ]:
        for form in [[], ["--json"]]:
            result = run(*command, "--dry-run", *form)
            assert result.status == 0, (command, result)
            assert not form or json.loads(result.out)["planned"], command
    assert (snapshot(tmp_path), blobs(container)) == before
    assert "job-never-made" not in [found.name for found in server.service.list_containers()]


def test_where_nothing_is_found_the_exit_status_says_so(run, container, where, tmp_path):
    container.upload_blob("there", b"there")
    for command in [
        ["get", f"{where}/gone", tmp_path / "x"], ["get", f"{where}/g*", tmp_path / "x"], ["cat", f"{where}/g*"],
        ["ls", f"{where}/g*"], ["find", f"{where}/g*"], ["find", "--name", "*.csv", where],
        ["get", "--checkpoints", where, tmp_path / "x"], ["put", tmp_path / "gone", where],
        ["get", "jobs/no-such-job", tmp_path / "x"], ["get", "runs/no_such_run", tmp_path / "x"], ["hash", tmp_path / "gone"],
    ]:
        result = run(*command)
        assert result.status != 0 and result.err, command
    assert not (tmp_path / "x").exists()


def test_an_empty_folder_is_a_folder_in_the_store(run, container, where, tmp_path):
    (tmp_path / "empty").mkdir()
    assert run("put", tmp_path / "empty", f"{where}/made").status == 0
    assert blobs(container) == ["made"]
    assert run("get", f"{where}/made", tmp_path / "back").status == 0
    assert os.listdir(tmp_path / "back") == []


def test_folders_that_are_twins_but_for_their_bytes_are_two(run, container, where, tmp_path):
    twins = [unicodedata.normalize(form, "\u00e9") for form in ["NFC", "NFD"]]
    for twin in twins:
        container.upload_blob(f"{twin}/file", twin)
    ended = run("get", where, tmp_path / "here")
    assert ended.status == 0, ended.err
    assert [(tmp_path / "here" / twin / "file").read_text() for twin in twins] == twins
    # A link from one to the other does not lead back to itself.
    (tmp_path / "here" / twins[0] / "other").symlink_to(tmp_path / "here" / twins[1])
    assert run("hash", "--files", tmp_path / "here").status == 0


@pytest.mark.parametrize("command", [["get", "", "here"], ["ls", ""], ["find", ""], ["cat", ""], ["verify", ""], ["jobs", "show", ""]])
def test_an_empty_path_does_not_mean_the_whole_account(run, container, tmp_path, command):
    """Of a variable that is not set."""
    ended = run(*command)
    assert ended.status == 64 and "''" in ended.err


def test_a_pattern_that_nothing_fits_ends_as_a_path_that_is_not_there(run, container, where, tmp_path):
    container.upload_blob("a", b"a")
    assert run("get", f"{where}/nothing", tmp_path).status == 66
    ended = run("get", f"{where}/nothing*", tmp_path)
    assert ended.status == 66 and f"nothing fits {where}/nothing*" in ended.err
    assert ended.out == "nothing fetched\n"
