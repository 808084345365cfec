"""Mounts of an account with a hierarchical namespace: real directories, and renames in one step (§1.5, §3.7)."""

import ctypes
import datetime
import errno
import os
import stat
import subprocess
import threading
import time

import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas
from azure.storage.filedatalake import DataLakeServiceClient

from mounts import ACCOUNT, KEY, Background, Mount, Server, binary, clean_environment, fails_with, wait_until

# What people's programs do, here as well: these run with the fixtures of this file.
from test_tools import (  # noqa: F401
    test_a_second_rsync_transfers_nothing,
    test_cp_keeps_names_bytes_modes_times_and_links,
    test_git_commits_collects_and_clones,
    test_mv_between_kinds_and_into_directories,
    test_tar_goes_in_and_out,
    tree,
)

RENAME_NOREPLACE = 1


@pytest.fixture(scope="module")
def server():
    running = Server(hns=True)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def shared_mount(server, tmp_path_factory):
    mount = Mount(tmp_path_factory.mktemp("hns") / "mnt", server)
    yield mount
    mount.end()


@pytest.fixture
def lake(server, job, outputs):
    """The job's container, as Microsoft's client of the Data Lake endpoint sees it."""
    service = DataLakeServiceClient(server.endpoint, credential={"account_name": ACCOUNT, "account_key": KEY})
    return service.get_file_system_client(f"job-{job}")


def names(lake):
    """Below the job's outputs."""
    paths = [path.name for path in lake.get_paths()]
    return [path.removeprefix("$JobOutput/") for path in paths if path != "$JobOutput"]


def rename_noreplace(source, target):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(-100, os.fsencode(source), -100, os.fsencode(target), RENAME_NOREPLACE) != 0:
        raise OSError(ctypes.get_errno(), "renameat2")


# Directories


def test_directories_are_the_stores_own(outputs, lake):
    (outputs / "a/b").mkdir(parents=True)
    (outputs / "a/b/f").write_text("x")
    assert names(lake) == ["a", "a/b", "a/b/f"]
    (outputs / "a/b/f").unlink()
    assert names(lake) == ["a", "a/b"]
    assert os.listdir(outputs / "a") == ["b"] and os.listdir(outputs / "a/b") == []
    (outputs / "a/b").rmdir()
    assert names(lake) == ["a"]


def test_directories_of_others_are_directories_and_no_files(outputs, lake):
    directory = lake.create_directory("$JobOutput/theirs/empty")
    entry = {entry.name: entry for entry in os.scandir(outputs / "theirs")}["empty"]
    assert entry.is_dir() and os.listdir(entry.path) == []
    modified = directory.get_directory_properties().last_modified
    assert os.stat(entry.path).st_mtime == modified.timestamp()


def test_mkdir_and_rmdir_cost_one_request_each(outputs, server):
    os.listdir(outputs)
    server.reset_counters()
    (outputs / "d").mkdir()
    (outputs / "d").rmdir()
    requests = server.requests()
    assert requests.pop("Path Create") == 1 and requests.pop("Path Delete") == 1
    # What the kernel wanted to know of the names before.
    assert set(requests) <= {"Get Blob Properties", "List Blobs"}


def test_rmdir_leaves_what_somebody_put_there_a_moment_ago(outputs, lake):
    (outputs / "d").mkdir()
    lake.create_file("$JobOutput/d/theirs")
    with fails_with(errno.ENOTEMPTY):
        (outputs / "d").rmdir()
    assert names(lake) == ["d", "d/theirs"]


def test_a_directory_goes_when_only_unlinked_files_are_in_it(outputs, lake):
    (outputs / "d").mkdir()
    (outputs / "d/f").write_text("still read")
    with open(outputs / "d/f") as reader:
        assert reader.read(5) == "still"
        (outputs / "d/f").unlink()
        (outputs / "d").rmdir()
        assert reader.read() == " read"
    assert names(lake) == []


def test_modes_of_directories_are_seen_by_other_mounts(outputs, mounting, job):
    (outputs / "d").mkdir()
    os.chmod(outputs / "d", 0o700)
    (outputs / "plain").mkdir()
    other = mounting()
    listed = {entry.name: entry.stat().st_mode for entry in os.scandir(other.job(job))}
    assert stat.S_IMODE(listed["d"]) == 0o700 and stat.S_IMODE(listed["plain"]) == 0o755


# Renames


def test_a_directory_of_1000_files_is_renamed_by_one_request(outputs, server, job, lake):
    outputs.mkdir(exist_ok=True)
    server.control(
        "POST",
        "populate",
        {"account": ACCOUNT, "container": f"job-{job}", "prefix": "$JobOutput/old/", "count": 1000, "size": 10},
    )
    assert len(os.listdir(outputs / "old")) == 1000
    server.reset_counters()
    os.rename(outputs / "old", outputs / "new")
    requests = server.requests()
    assert requests["Path Rename"] == 1
    assert not {"Copy Blob From URL", "Put Blob", "Delete Blob"} & set(requests), requests
    assert len(os.listdir(outputs / "new")) == 1000 and not (outputs / "old").exists()
    assert len((outputs / "new/0000999").read_bytes()) == 10


def test_a_file_is_renamed_by_one_request(outputs, server, lake):
    (outputs / "a.txt").write_text("bytes")
    (outputs / "b.txt").write_text("replaced")
    server.reset_counters()
    os.rename(outputs / "a.txt", outputs / "b.txt")
    requests = server.requests()
    assert requests.pop("Path Rename") == 1 and set(requests) <= {"Get Blob Properties", "List Blobs"}, requests
    assert names(lake) == ["b.txt"] and (outputs / "b.txt").read_text() == "bytes"


def test_what_is_renamed_over(outputs, lake):
    for name in ("full/x", "other/y", "empty/", "file"):
        (outputs / name).parent.mkdir(exist_ok=True)
        if name.endswith("/"):
            (outputs / name).mkdir()
        else:
            (outputs / name).write_text(name)
    with fails_with(errno.ENOTEMPTY):
        os.rename(outputs / "full", outputs / "other")
    with fails_with(errno.EISDIR):
        os.rename(outputs / "file", outputs / "empty")
    with fails_with(errno.ENOTDIR):
        os.rename(outputs / "full", outputs / "file")
    with fails_with(errno.EINVAL):
        os.rename(outputs / "full", outputs / "full/inside")
    assert names(lake) == ["empty", "file", "full", "full/x", "other", "other/y"]
    os.rename(outputs / "full", outputs / "empty")
    assert names(lake) == ["empty", "empty/x", "file", "other", "other/y"]


def test_a_rename_that_must_not_replace_does_not(outputs, lake):
    (outputs / "mine").write_text("mine")
    (outputs / "d").mkdir()
    assert not (outputs / "theirs").exists() and not (outputs / "e").exists()
    lake.get_file_client("$JobOutput/theirs").upload_data(b"theirs", overwrite=True)
    lake.create_directory("$JobOutput/e")
    with fails_with(errno.EEXIST):
        rename_noreplace(outputs / "mine", outputs / "theirs")
    with fails_with(errno.EEXIST):
        rename_noreplace(outputs / "d", outputs / "e")
    assert lake.get_file_client("$JobOutput/theirs").download_file().readall() == b"theirs"
    rename_noreplace(outputs / "mine", outputs / "new")
    assert names(lake) == ["d", "e", "new", "theirs"]


def test_a_rename_into_a_kind_that_was_never_made_makes_it(shared_mount, job, outputs):
    outputs.mkdir(exist_ok=True)
    (outputs / "f").write_text("x")
    os.rename(outputs / "f", shared_mount / f"jobs/{job}/JobPreview/f")
    assert (shared_mount / f"jobs/{job}/JobPreview/f").read_text() == "x"


def test_a_directory_moves_to_another_job(shared_mount, job, outputs, lake):
    target = shared_mount.job(job + "b")
    (outputs / "d").mkdir()
    (outputs / "d/f").write_text("far")
    os.rename(outputs / "d", target / "d")
    assert (target / "d/f").read_text() == "far" and names(lake) == []


def test_readers_and_writers_go_on_through_renames(outputs, mounting, job, server):
    content = os.urandom(3 << 20)
    (outputs / "old").mkdir()
    (outputs / "old/f").write_bytes(content)
    # Without a byte of it in memory.
    folder = mounting().job(job)
    with open(folder / "old/f", "rb", buffering=0) as reader, open(folder / "old/w", "wb", buffering=0) as writer:
        writer.write(b"before ")
        # While the store has renamed and the mount does not know it yet.
        server.faults({"operation": "Path Rename", "effect": "stall", "part": "head", "bytes": 0, "milliseconds": 400})
        renaming = Background(lambda: os.rename(folder / "old", folder / "new"))
        time.sleep(0.2)
        assert reader.read(1 << 20) == content[: 1 << 20]
        renaming.join()
        server.faults()
        writer.write(b"after")
        os.rename(folder / "new/f", folder / "g")
        rest = b"".join(iter(lambda: reader.read(1 << 20), b""))
        assert rest == content[1 << 20 :]
    assert (folder / "new/w").read_bytes() == b"before after" and os.listdir(folder / "new") == ["w"]


def test_readers_never_miss_a_file_that_is_renamed_again_and_again(outputs, mounting, job):
    mounted = mounting()
    folder = mounted.job(job)
    (folder / "d0").mkdir()
    content = os.urandom(1 << 20)
    (folder / "d0/f").write_bytes(content)
    reader = open(folder / "d0/f", "rb", buffering=0)
    ended = threading.Event()

    def rename():
        for number in range(30):
            os.rename(folder / f"d{number}", folder / f"d{number + 1}")
        ended.set()

    renaming = Background(rename)
    try:
        while not ended.is_set() and renaming.is_running():
            os.posix_fadvise(reader.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            got = os.pread(reader.fileno(), 1 << 20, 0)
            assert len(got) == len(content), mounted.log()
            assert got == content
    finally:
        renaming.join()
        reader.close()
    assert (folder / "d30/f").read_bytes() == content


# When something goes wrong


@pytest.mark.parametrize("when", ["afterApplying", "beforeApplying"])
def test_an_answer_that_was_lost_changes_nothing(outputs, server, lake, when):
    (outputs / "f").write_text("x")
    (outputs / "d").mkdir()
    (outputs / "d/g").write_text("y")

    def lose(operation):
        server.faults({"operation": operation, "effect": "reset", "when": when, "times": 1})

    lose("Path Rename")
    os.rename(outputs / "f", outputs / "f2")
    lose("Path Rename")
    os.rename(outputs / "d", outputs / "d2")
    lose("Path Rename")
    rename_noreplace(outputs / "f2", outputs / "f3")
    lose("Path Create")
    (outputs / "made").mkdir()
    lose("Path Delete")
    (outputs / "made").rmdir()
    server.faults()
    assert names(lake) == ["d2", "d2/g", "f3"]
    assert (outputs / "d2/g").read_text() == "y" and (outputs / "f3").read_text() == "x"


def test_a_rename_of_many_may_take_the_store_several_requests(outputs, server, lake):
    (outputs / "old").mkdir()
    for number in range(10):
        (outputs / f"old/{number}").write_text(str(number))
    server.faults({"operation": "Path Rename", "effect": "shortPages", "entries": 3})
    os.rename(outputs / "old", outputs / "new")
    assert names(lake) == ["new"] + [f"new/{number}" for number in range(10)]
    assert server.requests()["Path Rename"] >= 4


@pytest.mark.parametrize("moment", [0.0, 0.05, 0.2])
def test_a_mount_that_is_killed_in_a_rename_leaves_one_of_two_names(mounting, server, job, moment):
    mount = mounting()
    folder = mount.job(job)
    (folder / "old").mkdir(parents=True)
    for number in range(20):
        (folder / f"old/{number}").write_text(str(number))
    server.faults({"operation": "Path Rename", "effect": "delay", "milliseconds": 100})
    renaming = Background(lambda: pytest.raises(OSError, os.rename, folder / "old", folder / "new"))
    time.sleep(moment)
    mount.signal(9)
    mount.process.wait()
    mount.end()
    del renaming
    # What was on its way is carried out by now, or never will be.
    time.sleep(0.5)
    server.faults()
    again = mounting()
    (name,) = os.listdir(again.job(job))
    assert name in ("old", "new")
    assert sorted(os.listdir(again.job(job) / name), key=int) == [str(number) for number in range(20)]


def test_a_directory_that_moved_when_the_worker_was_killed_stays_open(mounting, server, job, outputs):
    mount = mounting()
    folder = mount.job(job)
    (folder / "old/sub").mkdir(parents=True)
    content = os.urandom(3 << 20)
    (folder / "old/sub/f").write_bytes(content)
    directory = os.open(folder / "old/sub", os.O_RDONLY | os.O_DIRECTORY)
    with open(folder / "old/sub/f", "rb", buffering=0) as file:
        # The store does it, and nobody hears of it.
        server.faults(
            {"operation": "Path Rename", "effect": "stall", "part": "head", "bytes": 0, "milliseconds": 5_000, "times": 1}
        )
        renaming = Background(lambda: os.rename(folder / "old", folder / "new"))
        time.sleep(0.7)
        assert renaming.is_running()
        server.faults()
        mount.kill_worker()
        renaming.join()
        assert os.listdir(directory) == ["f"] and os.stat("f", dir_fd=directory).st_size == len(content)
        assert file.read() == content
    assert os.listdir(folder) == ["new"] and os.listdir(folder / "new/sub") == ["f"]
    os.close(directory)


# Rights


def container_url(server, container, permissions):
    token = generate_container_sas(
        ACCOUNT,
        container,
        KEY,
        permission=ContainerSasPermissions.from_string(permissions),
        expiry=datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1),
    )
    return {"JOB_CONTAINER_URL": f"{server.endpoint}/{container}?{token}"}


def test_a_token_without_the_right_to_move_renames_nothing(mounting, server, job, outputs, lake):
    (outputs / "d").mkdir()
    (outputs / "d/f").write_text("x")
    mount = mounting(credentials=container_url(server, f"job-{job}", "racwdl"))
    folder = mount / f"jobs/{job}/JobOutput"
    for name in ("d/f", "d"):
        with fails_with(errno.EACCES):
            os.rename(folder / name, folder / "moved")
    assert names(lake) == ["d", "d/f"]
    mount = mounting(credentials=container_url(server, f"job-{job}", "racwdlm"))
    folder = mount / f"jobs/{job}/JobOutput"
    os.rename(folder / "d", folder / "moved")
    assert names(lake) == ["moved", "moved/f"]


# Telling what the account is


def test_one_request_tells_what_the_account_is(mounting, server):
    server.reset_counters()
    mounting()
    assert server.requests()["Get Account Information"] == 1
    server.reset_counters()
    mounting("--hns", "on")
    assert "Get Account Information" not in server.requests()


def test_without_the_right_to_that_a_listing_tells(mounting, server, job, outputs, lake):
    outputs.mkdir(exist_ok=True)
    refusal = {"effect": "status", "status": 403, "code": "AuthorizationPermissionMismatch"}
    server.faults({"operation": "Get Account Information", **refusal})
    (mounting().job(job) / "d").mkdir()
    # A real directory is what only an account with them is asked to make.
    assert lake.get_directory_client("$JobOutput/d").get_directory_properties()["metadata"]["hdi_isfolder"] == "true"
    assert server.requests()["Path Create"] >= 1


def test_a_flat_account_is_asked_nothing_more(own_server, mounting):
    mount = mounting(server=own_server)
    folder = mount.job("flat")
    (folder / "d").mkdir()
    (folder / "d/f").write_text("x")
    os.rename(folder / "d", folder / "e")
    (folder / "e/f").unlink()
    (folder / "e").rmdir()
    requests = own_server.requests()
    assert requests.pop("Get Account Information") == 1
    assert not [operation for operation in requests if operation.startswith(("Path", "Filesystem"))]


@pytest.mark.parametrize("way", ["mount", "account"])
def test_rm_takes_directories_behind_what_is_in_them(shared_mount, server, job, outputs, lake, tmp_path, way):
    for name in ("d/f", "d/sub/deep/g", "d/sub/h", "keep"):
        (outputs / name).parent.mkdir(parents=True, exist_ok=True)
        (outputs / name).write_bytes(b"x")
    (outputs / "d/empty").mkdir()
    key_file = tmp_path / "key"
    key_file.write_text(KEY)
    account = ["--account", ACCOUNT, "--endpoint", server.endpoint, "--key-file", str(key_file)]
    for name in ("d", "keep"):
        path = f"/jobs/{job}/JobOutput/{name}"
        where = [str(outputs / name)] if way == "mount" else [*account, path]
        ended = subprocess.run([binary(), "rm", "-r", *where], env=clean_environment(), capture_output=True, text=True)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    assert names(lake) == []
    wait_until(lambda: os.listdir(outputs) == [], 10, "that the names are gone")
