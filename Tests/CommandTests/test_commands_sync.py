"""sync with one request at a time, Ctrl-C in the middle, and local files that are strange, unreadable, or changing."""

import itertools
import json
import os
import pathlib
import signal
import socket
import subprocess
import unicodedata

import pytest

from program import binary, clean_environment, wait_until
from transfers import faulty_emulator

MIB = 1 << 20
numbers = itertools.count()
COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "é") for form in ["NFC", "NFD"])


@pytest.fixture(scope="module")
def server():
    with faulty_emulator() as running:
        yield running
        running.faults()


@pytest.fixture
def container(server):
    return server.service.create_container(f"synced-{next(numbers)}")


@pytest.fixture
def local(tmp_path):
    folder = tmp_path / "local"
    (folder / "deep").mkdir(parents=True)
    (folder / "a").write_text("a")
    (folder / "deep" / "b").write_text("bb")
    return folder


def names(container):
    return sorted(blob.name for blob in container.list_blobs())


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("way", ["--upload", "--download", "--both"])
def test_one_request_at_a_time_is_enough(run, container, where, local, way):
    data = os.urandom(21 * MIB)
    if way == "--download":
        container.upload_blob("large", data)
        for number in range(20):
            container.upload_blob(f"many/{number}", b"x")
    else:
        (local / "large").write_bytes(data)
        (local / "many").mkdir()
        for number in range(20):
            (local / "many" / str(number)).write_bytes(b"x")
    ended = run("sync", way, "--jobs", "1", local, where)
    assert ended.status == 0, ended.err
    assert (local / "large").read_bytes() == data == container.download_blob("large").readall()
    assert run("sync", "--both", "--json", "--jobs", "1", local, where).status == 0


def test_names_that_are_twins_but_for_their_bytes_are_two(run, container, where, local):
    """One memory for both would take what happened to one for what happened to the other."""
    for name, text in [(COMPOSED, "composed"), (DECOMPOSED, "decomposed")]:
        (local / name).write_text(text)
    assert run("sync", "--both", local, where).status == 0
    (local / COMPOSED).write_text("composed, changed here")
    container.upload_blob(DECOMPOSED, b"decomposed, changed there", overwrite=True)
    ended = run("sync", "--both", local, where)
    assert ended.status == 0, ended.err
    assert container.download_blob(COMPOSED).readall() == b"composed, changed here"
    assert (local / DECOMPOSED).read_text() == "decomposed, changed there"


def test_what_an_earlier_release_remembered_counts(run, container, where, local):
    assert run("sync", "--both", local, where).status == 0
    memory = local / ".outputfs-sync"
    now = json.loads(memory.read_text())
    old = {**now, "version": 1, "files": {line["name"]: line["file"] for line in now["files"]}}
    memory.write_text(json.dumps(old))
    (local / "a").write_text("changed here")
    ended = run("sync", "--both", local, where)
    assert ended.status == 0, ended.err
    assert container.download_blob("a").readall() == b"changed here"


def test_ctrl_c_leaves_whole_files_and_remembers_those_that_went(server, run, container, where, local):
    for number in range(10):
        (local / f"large-{number}").write_bytes(os.urandom(9 * MIB))
    with server.holding("Put Block List"):
        process = server.start("sync", "--upload", local, where)
        wait_until(lambda: server.held() > 0 and "a" in names(container), what="a commit that is held")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "interrupted" in err
    assert all(container.get_blob_client(name).get_blob_properties().size in (1, 2, 9 * MIB) for name in names(container))
    assert {line["name"] for line in json.loads((local / ".outputfs-sync").read_text())["files"]} >= {"a", "deep/b"}
    assert run("sync", "--upload", local, where).status == 0
    assert len(names(container)) == 12


def test_ctrl_c_leaves_no_half_file_here(server, run, container, where, tmp_path):
    (tmp_path / "here").mkdir()
    container.upload_blob("large", os.urandom(40 * MIB))
    container.upload_blob("small", b"small")
    with server.holding("Get Blob"):
        process = server.start("sync", "--download", tmp_path / "here", where)
        wait_until(lambda: server.held() > 1, what="reads that are held")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert not (tmp_path / "here" / "large").exists()
    assert run("sync", "--download", tmp_path / "here", where).status == 0
    assert files(tmp_path / "here") == [".outputfs-sync", "large", "small"]


def test_what_cannot_be_sent_is_named_and_the_others_go(run, container, where, local):
    os.mkfifo(local / "pipe")
    (local / "nowhere").symlink_to("/nowhere/at/all")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(local / "sock"))
        ended = run("sync", "--upload", local, where)
    assert ended.status == 1
    for name in ["pipe", "nowhere", "sock"]:
        assert f"{local}/{name}: is " in ended.err
    assert names(container) == ["a", "deep/b"]


@pytest.mark.skipif(os.getuid() != 0, reason="asks another user, which root may")
def test_what_may_not_be_read_is_named_and_the_others_go(server, container, where, tmp_path):
    # pytest's own folder is for its user only.
    folder = pathlib.Path(f"/tmp/outputfs-sync-{os.getpid()}")
    (folder / "closed").mkdir(parents=True)
    try:
        for name in ["a", "secret", "closed/c"]:
            (folder / name).write_text(name)
        for path in [folder, folder / "a"]:
            os.chown(path, 65534, 65534)
        os.chmod(folder / "secret", 0o600)
        os.chmod(folder / "closed", 0o700)
        ended = subprocess.run(
            [binary(), "sync", "--upload", folder, where], capture_output=True, text=True, timeout=30, user=65534,
            env=clean_environment(AZURE_STORAGE_CONNECTION_STRING=server.connection_string, HOME="/nonexistent"),
        )
        assert ended.returncode == 1, ended.stderr
        assert "secret" in ended.stderr and "closed" in ended.stderr and "Permission denied" in ended.stderr
        assert names(container) == ["a"]
    finally:
        subprocess.run(["rm", "-r", folder], check=True)


def test_a_file_that_changes_while_it_is_sent_is_named_and_goes_with_the_next(server, run, container, where, local):
    (local / "log").write_bytes(os.urandom(9 * MIB))
    with server.holding("Put Block"):
        process = server.start("sync", "--both", local, where)
        wait_until(lambda: server.held() > 0, what="a block that is held")
        with open(local / "log", "ab") as log:
            log.write(b"and more")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1 and "changed" in err, err
    assert "log" not in names(container)
    assert run("sync", "--both", local, where).status == 0
    assert container.download_blob("log").readall() == (local / "log").read_bytes()


def test_a_file_that_changed_since_the_look_is_not_overwritten(server, run, container, where, local):
    assert run("sync", "--both", local, where).status == 0
    container.upload_blob("a", b"changed there", overwrite=True)
    with server.holding("Get Blob"):
        process = server.start("sync", "--both", local, where)
        wait_until(lambda: server.held() > 0, what="a read that is held")
        (local / "a").write_text("changed here, too")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1, err
    assert (local / "a").read_text() == "changed here, too"
    assert "conflict" in run("sync", "--both", local, where).err


# Files and folders of one name


def test_a_file_does_not_take_the_name_of_a_folder_there(run, container, where, local):
    container.upload_blob("a/inner", b"there")
    container.upload_blob("deep", b"a file there")
    ended = run("sync", "--upload", local, where)
    assert ended.status == 1
    assert "a folder has its name there" in ended.err and "is a file there: deep" in ended.err
    assert names(container) == ["a/inner", "deep"]


@pytest.mark.parametrize("way", ["--upload", "--download", "--both"])
def test_a_file_of_the_tree_is_no_directory(run, container, where, local, way):
    container.upload_blob("file", b"one")
    ended = run("sync", way, local, f"{where}/file")
    assert ended.status == 64 and "is a file, and no directory" in ended.err
    assert names(container) == ["file"]


def test_what_is_not_there_cannot_be_fetched(run, container, where, local, tmp_path):
    ended = run("sync", "--download", local, f"{where}/nothing")
    assert ended.status == 66 and f"/{where}/nothing is not there" in ended.err
    ended = run("sync", "--download", local, "containers/never-made")
    assert ended.status == 66 and "never-made is not there" in ended.err
    ended = run("sync", "--both", tmp_path / "nowhere", where)
    assert ended.status == 66 and "mkdir -p" in ended.err
    ended = run("sync", "--both", local / "a", where)
    assert ended.status == 64 and "is no folder" in ended.err
    assert run("sync", "--both", "", where).status == 64 and run("sync", "--both", local, "").status == 64


def test_a_dry_run_changes_nothing_on_either_side(run, container, where, local):
    container.upload_blob("there", b"there")
    before = files(local)
    ended = run("sync", "--both", "--dry-run", "--json", local, where)
    assert ended.status == 0, ended.err
    assert {(line["source"], line["bytes"]) for line in json.loads(ended.out)["planned"]} >= {("a", 1), ("deep/b", 2)}
    assert names(container) == ["there"] and files(local) == before


def test_bytes_that_were_there_already_were_not_moved(run, container, where, local):
    assert json.loads(run("sync", "--upload", "--json", local, where).out)["bytes"] == 3
    again = run("sync", "--upload", "--json", local, where)
    assert (json.loads(again.out)["bytes"], json.loads(again.out)["kept"]) == (0, 2)
    assert run("sync", "--upload", local, where).out == "nothing moved; 2 were there already\n"


def test_bytes_are_those_that_went_and_not_those_that_were_there(run, container, where, local):
    assert run("sync", "--both", local, where).status == 0
    (local / "a").write_bytes(b"a" * 1000)
    planned = json.loads(run("sync", "--both", "--dry-run", "--json", local, where).out)["planned"]
    assert [(line["source"], line["bytes"]) for line in planned] == [("a", 1000)]
    assert json.loads(run("sync", "--both", "--json", local, where).out)["bytes"] == 1000
    container.upload_blob("a", b"there", overwrite=True)
    assert json.loads(run("sync", "--both", "--json", local, where).out)["bytes"] == 5
