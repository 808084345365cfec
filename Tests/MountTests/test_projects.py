"""The view of luisy's projects (§1.14), and what its runs do to a working directory in it; the library itself: Tests/Interop/luisy."""

import errno
import fcntl
import itertools
import json
import os
import subprocess
import threading
import time
import zipfile

import pytest

from mounts import wait_until

numbers = itertools.count()


@pytest.fixture
def container(server):
    return server.service.create_container(f"pipelines-{next(numbers)}")


@pytest.fixture
def mount(mounting, container):
    return mounting("--luisy-container", container.container_name)


@pytest.fixture
def projects(mount):
    return mount / "projects"


def names(container):
    return sorted(blob.name for blob in container.list_blobs())


def content(container, name):
    return container.download_blob(name).readall()


# The view


def test_projects_are_what_is_in_the_container_and_nothing_is_hidden(mount, container):
    for name in ["demo/raw/t.csv", "demo/.luisy.hash", "All.pkl", "a b/x=1.json", "both", "both/below"]:
        container.upload_blob(name, name.encode())
    assert sorted(os.listdir(mount / "projects")) == sorted(os.listdir(mount / f"containers/{container.container_name}"))
    for path in ["demo/raw/t.csv", "demo/.luisy.hash", "All.pkl", "a b/x=1.json", "%=both%file", "both/below"]:
        here, there = mount / "projects" / path, mount / f"containers/{container.container_name}" / path
        assert here.stat().st_ino == there.stat().st_ino and here.read_bytes() == there.read_bytes()


def test_unsaved_bytes_are_seen_through_both_views(mount, container):
    with open(mount / "projects/new.pkl", "wb", buffering=0) as file:
        file.write(b"not yet stored")
        assert (mount / f"containers/{container.container_name}/new.pkl").read_bytes() == b"not yet stored"
    assert content(container, "new.pkl") == b"not yet stored"


def test_without_a_container_there_are_no_projects(mounting):
    projects = mounting() / "projects"
    assert os.listdir(projects) == []
    with pytest.raises(OSError) as refused:
        (projects / "demo").mkdir()
    assert refused.value.errno == errno.EPERM


def test_a_container_that_is_not_there_is_not_made_up(mounting):
    projects = mounting("--luisy-container", f"nowhere-{next(numbers)}") / "projects"
    assert not (projects / "demo").exists()
    with pytest.raises(OSError) as refused:
        (projects / "demo.pkl").write_bytes(b"x")
    assert refused.value.errno == errno.ENOENT


# What a run does


def test_a_manifest_that_is_rewritten_is_never_seen_empty(server, projects, container):
    """luisy rewrites it for each entry, by truncating and writing; an empty one would abort the run of anybody else (§3.3)."""
    (projects / "demo").mkdir()
    path = projects / "demo/.luisy.hash"
    entries = {f"/demo/raw/{number:04}.pkl": "0" * 32 for number in range(3000)}
    path.write_text(json.dumps(entries))
    is_over, broken = threading.Event(), []

    def watch():
        while not is_over.is_set():
            text = content(container, "demo/.luisy.hash")
            try:
                json.loads(text)
            except ValueError:
                broken.append(text[:20])

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        server.reset_counters()
        for number in range(30):
            entries[f"/demo/raw/{number:04}.pkl"] = f"{number:032}"
            with open(path, "w+") as file:
                json.dump(entries, file)
        puts = server.requests().get("Put Blob", 0)
    finally:
        is_over.set()
        watcher.join()
    assert broken == []
    assert puts == 30 and server.requests().get("Put Block List", 0) == 0
    assert json.loads(content(container, "demo/.luisy.hash")) == entries


def test_between_truncating_and_writing_others_see_the_old_manifest(server, projects, container):
    (projects / "demo").mkdir()
    path = projects / "demo/.luisy.hash"
    path.write_text('{"/a": "old"}')
    server.reset_counters()
    with open(path, "w+") as file:
        time.sleep(3)
        assert content(container, "demo/.luisy.hash") == b'{"/a": "old"}'
        file.write('{"/a": "new"}')
    assert content(container, "demo/.luisy.hash") == b'{"/a": "new"}'
    assert server.requests()["Put Blob"] == 1


def test_folders_that_a_run_makes_beforehand_leave_no_blobs_once_there_are_files(projects, container):
    for folder in ["raw", "interim/deep", "final"]:
        os.makedirs(projects / "demo" / folder, exist_ok=True)
    assert not [name for name in names(container) if name.endswith("/")]
    for name in ["raw/t.csv", "interim/deep/x.pkl", "final/y.json"]:
        (projects / "demo" / name).write_bytes(b"x")
    assert names(container) == ["demo/final/y.json", "demo/interim/deep/x.pkl", "demo/raw/t.csv"]


def test_locks_are_granted(projects):
    with open(projects / "x.hdf", "w+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with open(projects / "x.hdf", "rb") as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_hdf5_with_its_header_written_last(projects, container, tmp_path):
    h5py = pytest.importorskip("h5py")
    numpy = pytest.importorskip("numpy")
    data = numpy.random.default_rng(4).random((400, 500))
    with h5py.File(projects / "x.hdf", "w") as file:
        for number in range(5):
            file.create_dataset(f"data/{number}", data=data, chunks=True, compression="gzip")
    (tmp_path / "copy.hdf").write_bytes(content(container, "x.hdf"))
    with h5py.File(tmp_path / "copy.hdf", "r") as file:
        assert all((file[f"data/{number}"][...] == data).all() for number in range(5))


def test_a_workbook_whose_writer_seeks_back(projects, container, tmp_path):
    with zipfile.ZipFile(projects / "x.xlsx", "w", zipfile.ZIP_DEFLATED) as book:
        for number in range(20):
            # Sizes and checksum go into the header of each member behind its bytes.
            with book.open(f"xl/worksheets/sheet{number}.xml", "w") as sheet:
                sheet.write(os.urandom(40_000))
    (tmp_path / "copy.xlsx").write_bytes(content(container, "x.xlsx"))
    assert zipfile.ZipFile(tmp_path / "copy.xlsx").testzip() is None


def test_a_parquet_folder_as_spark_writes_it(projects, container):
    """Below _temporary first, then each part is renamed into place; the committer's folders go, and _SUCCESS comes."""
    table = projects / "demo/interim/table"
    attempt = table / "_temporary/0/_temporary/attempt_0"
    attempt.mkdir(parents=True)
    for number in range(6):
        (attempt / f"part-0000{number}.parquet").write_bytes(os.urandom(1000))
        (attempt / f".part-0000{number}.parquet.crc").write_bytes(b"crc")
    committed = table / "_temporary/0/task_0"
    attempt.rename(committed)
    for path in sorted(committed.iterdir()):
        path.rename(table / path.name)
    subprocess.run(["rm", "-r", table / "_temporary"], check=True)
    (table / "_SUCCESS").touch()
    parts = [f"part-0000{number}.parquet" for number in range(6)] + [f".part-0000{number}.parquet.crc" for number in range(6)]
    wanted = sorted(f"demo/interim/table/{name}" for name in [*parts, "_SUCCESS"])
    wait_until(lambda: names(container) == wanted, 10, "that only the parts are there")
    assert sorted(os.listdir(table)) == sorted([*parts, "_SUCCESS"])


def test_a_folder_as_an_output_with_names_within_names(projects, container):
    """luisy's own download loses 1.txt beside 11.txt."""
    folder = projects / "demo/raw/delivered"
    for name in ["1.txt", "11.txt", "sub/1.txt"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    assert names(container) == [f"demo/raw/delivered/{name}" for name in ["1.txt", "11.txt", "sub/1.txt"]]
    assert sorted(os.listdir(folder)) == ["1.txt", "11.txt", "sub"]


@pytest.mark.parametrize("name", ["n=1.pkl", "a b.csv", "100%.json", "#1?.pkl", "a+b&c.pkl", "[x].pkl", "ü-é.pkl", "e\u0301.pkl"])
def test_names_of_tasks_with_parameters(projects, container, name):
    (projects / name).write_bytes(b"x")
    assert names(container) == [name] and os.listdir(projects) == [name]
