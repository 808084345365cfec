"""luisy 1.4.7 on the other side, unchanged: its runs in a mount, its uploads and downloads beside ours."""

import contextlib
import itertools
import json
import os
import pathlib
import subprocess
import sys
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE.parents[1] / "CommandTests"), str(HERE)]

from program import clean_environment, emulator, is_mounted, outputfs  # noqa: E402

from tls import tls_in_front_of  # noqa: E402

PYTHON = os.environ.get("OUTPUTFS_LUISY_PYTHON")
pytestmark = [
    pytest.mark.skipif(not PYTHON, reason="scripts/test --interop installs luisy"),
    # A run of luisy is 2 to 3 s of imports, and several times that on a machine that builds something meanwhile.
    pytest.mark.timeout(400),
]
numbers = itertools.count()

ODD = "a_+_b%20[ü]#1?&="
SUM = f"/demo/final/Sum_name={ODD}.json"
OUTPUTS = {
    "/demo/raw/Table.csv", f"/demo/raw/Named_name={ODD}.pkl", "/demo/interim/Store.hdf",
    "/demo/interim/Feather.feather", "/demo/interim/Sheet.xlsx", SUM,
}
ONE = "/demo/final/One_part=1.csv"


@pytest.fixture(scope="module")
def server():
    with emulator() as running:
        yield running


@pytest.fixture
def container(server):
    from azure.storage.blob import BlobServiceClient

    service = BlobServiceClient.from_connection_string(server.connection_string)
    return service.create_container(f"pipelines-{next(numbers)}")


@pytest.fixture
def folder(tmp_path):
    """Makes working directories."""

    def make():
        path = tmp_path / f"machine-{next(numbers)}"
        path.mkdir()
        return path

    return make


@pytest.fixture
def run(server, container):
    """Our commands."""

    def run(*arguments, **environment):
        return outputfs(
            *arguments, AZURE_STORAGE_CONNECTION_STRING=server.connection_string,
            LUISY_AZURE_CONTAINER_NAME=container.container_name, **environment, timeout=60,
        )

    return run


@pytest.fixture
def luisy(server, container):
    """Runs a task; with flags for the cloud, in the test's container."""

    def luisy(task, directory, *flags, status=0, code=HERE / "pipelines", over_tls=None):
        cloud = {
            "LUISY_AZURE_STORAGE_KEY": server.key,
            "LUISY_AZURE_ACCOUNT_NAME": server.account,
            "LUISY_AZURE_CONTAINER_NAME": container.container_name,
            "OUTPUTFS_TEST_CONNECTION_STRING": server.connection_string,
        }
        if over_tls:
            # What luisy puts behind the name of the account becomes a fragment.
            cloud["LUISY_AZURE_ACCOUNT_NAME"] = f"127.0.0.1:{over_tls[0]}/{server.account}#"
            cloud["REQUESTS_CA_BUNDLE"] = str(over_tls[1])
            del cloud["OUTPUTFS_TEST_CONNECTION_STRING"]
        environment = clean_environment(
            WORKING_DIR=str(directory), LUISY_REQUIREMENTS_PATH=str(HERE / "pipelines/requirements.txt"),
            PYTHONPATH=f"{code}:{HERE / 'plain_http'}", PYTHONDONTWRITEBYTECODE="1",
            **(cloud if "--download" in flags or "--upload" in flags else {}),
        )
        ended = subprocess.run(
            [PYTHON, "-m", "luisy", "--module", "demo.tasks", *task.split(), "--no-ask", "--local-scheduler", *flags],
            env=environment, capture_output=True, text=True, timeout=200, cwd=code,
        )
        assert ended.returncode == status, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    return luisy


@pytest.fixture
def other_code(tmp_path):
    """The same pipeline after somebody changed it."""
    module = tmp_path / "changed" / "demo"
    module.mkdir(parents=True)
    (module / "__init__.py").touch()
    text = (HERE / "pipelines/demo/tasks.py").read_text()
    (module / "tasks.py").write_text(text.replace("CODE = 1", "CODE = 2"))
    return module.parent


@pytest.fixture
def projects(server, container, tmp_path):
    """A mount's view of the container."""
    place = tmp_path / "mnt"
    place.mkdir()
    ended = outputfs(
        "mount", place, "--journal-dir", tmp_path / "spool", "--luisy-container", container.container_name,
        AZURE_STORAGE_CONNECTION_STRING=server.connection_string,
    )
    assert ended.status == 0, ended.err
    try:
        yield place / "projects"
    finally:
        ended = outputfs("unmount", place)
        if is_mounted(place):
            subprocess.run(["umount", "-l", place], check=False)
        assert ended.status == 0, ended.err


def names(container):
    return {blob.name for blob in container.list_blobs()}


def manifest(container):
    return json.loads(container.download_blob("demo/.luisy.hash").readall())


def local_manifest(directory):
    return json.loads((directory / "demo/.luisy.hash").read_text())


def files(directory):
    return {f"/{path.relative_to(directory)}" for path in directory.rglob("*") if path.is_file()}


def blob_name(key):
    return key.removeprefix("/")


def wait_for_the_next_second():
    """Last-Modified is in whole seconds."""
    time.sleep(1.1)


# Over TLS, and nothing of it replaced


def test_luisy_uploads_and_downloads_over_tls(luisy, container, folder, server, tmp_path):
    with tls_in_front_of(int(server.endpoint.rpartition(":")[2]), tmp_path) as over_tls:
        mine, fresh = folder(), folder()
        luisy("Sum", mine, "--download", "--upload", over_tls=over_tls)
        assert names(container) == {blob_name(key) for key in OUTPUTS} | {"demo/.luisy.hash"}
        assert manifest(container) == local_manifest(mine)
        luisy("Sum", fresh, "--download", over_tls=over_tls)
        assert files(fresh) == {SUM, "/demo/.luisy.hash"}


# A mount as the working directory


def test_a_run_in_a_mount_leaves_what_an_upload_leaves(luisy, run, container, projects, folder, server):
    luisy("Sum", projects)
    mounted, at_mount = names(container), manifest(container)
    assert mounted == {blob_name(key) for key in OUTPUTS} | {"demo/.luisy.hash"}
    bytes_of = {key: container.download_blob(blob_name(key)).readall() for key in OUTPUTS if key.endswith((".csv", ".json"))}

    for name in mounted:
        container.delete_blob(name)
    luisy("Sum", folder(), "--download", "--upload")
    assert names(container) == mounted
    assert manifest(container) == at_mount
    assert {key: container.download_blob(blob_name(key)).readall() for key in bytes_of} == bytes_of


def test_what_a_run_in_a_mount_left_is_downloaded_by_others(luisy, container, projects, folder):
    luisy("Sum", projects)
    directory = folder()
    said = luisy("Sum", directory, "--download")
    assert files(directory) == {SUM, "/demo/.luisy.hash"}
    assert "1 complete ones were encountered" in said, said


def test_a_run_in_a_mount_finds_what_others_uploaded(luisy, container, projects, folder, other_code):
    luisy("All", folder(), "--download", "--upload")
    before = {blob.name: blob.etag for blob in container.list_blobs()}
    luisy("All", projects)
    after = {blob.name: blob.etag for blob in container.list_blobs()}
    assert {name for name in before if before[name] != after[name]} <= {"demo/.luisy.hash"}
    luisy("One --part 1", projects, code=other_code)
    assert container.download_blob(blob_name(ONE)).readall() == b"part,code\n1,2\n"


# Our commands


def test_pull_brings_what_luisy_uploaded_and_its_run_has_nothing_to_do(luisy, run, container, folder):
    luisy("Sum", folder(), "--download", "--upload")
    directory = folder()
    ended = run("luisy", "pull", "demo", WORKING_DIR=str(directory))
    assert ended.status == 0, ended.err
    assert files(directory) == OUTPUTS | {"/demo/.luisy.hash"}
    assert local_manifest(directory) == manifest(container)
    assert "1 complete ones were encountered" in luisy("Sum", directory)


def test_luisy_downloads_what_push_sent(luisy, run, container, folder):
    mine = folder()
    luisy("Sum", mine)
    ended = run("luisy", "push", "demo", WORKING_DIR=str(mine))
    assert ended.status == 0, ended.err
    assert manifest(container) == local_manifest(mine)
    directory = folder()
    assert "1 complete ones were encountered" in luisy("Sum", directory, "--download")
    assert (directory / blob_name(SUM)).read_bytes() == (mine / blob_name(SUM)).read_bytes()


def test_the_bytes_of_an_upload_that_was_cut_short_are_flagged(luisy, run, container, folder):
    luisy("One --part 1", folder(), "--download", "--upload")
    assert run("luisy", "status", "demo").status == 0
    wait_for_the_next_second()
    container.upload_blob(blob_name(ONE), b"of other code", overwrite=True)
    ended = run("luisy", "status", "--json", "demo")
    assert ended.status == 1
    (line,) = json.loads(ended.out)[0]["lines"]
    assert (line["key"], line["state"]) == (ONE, "newer")
    # Why that is worth a word: luisy takes them.
    theirs = folder()
    luisy("One --part 1", theirs, "--download")
    assert (theirs / blob_name(ONE)).read_bytes() == b"of other code"
    ours = folder()
    ended = run("luisy", "pull", "demo", WORKING_DIR=str(ours))
    assert ended.status == 1 and "newer than the manifest" in ended.err
    assert files(ours) == set()


def test_repair_fetches_what_luisy_left_empty(luisy, run, container, folder):
    directory = folder()
    luisy("One --part 1", directory, "--download", "--upload")
    (directory / blob_name(ONE)).write_bytes(b"")
    # Why it is needed: luisy takes the empty file for a good one.
    luisy("One --part 1", directory, "--download")
    assert (directory / blob_name(ONE)).read_bytes() == b""
    ended = run("luisy", "repair", "demo", WORKING_DIR=str(directory))
    assert ended.status == 0, ended.err
    assert (directory / blob_name(ONE)).read_bytes() == b"part,code\n1,1\n"


def test_a_directory_is_adopted_and_brought_whole(luisy, run, container, folder):
    for name in ["1.txt", "11.txt", "sub/2.txt"]:
        container.upload_blob(f"demo/raw/delivered/{name}", name.encode())
    key = "/demo/raw/delivered"
    # A run where the folder is says what the hash of its code is.
    directory = folder()
    (directory / blob_name(key)).mkdir(parents=True)
    luisy("Read", directory)
    ended = run("luisy", "adopt", key, local_manifest(directory)[key])
    assert ended.status == 0, ended.err
    ours = folder()
    ended = run("luisy", "pull", "demo", WORKING_DIR=str(ours))
    assert ended.status == 0, ended.err
    assert files(ours / blob_name(key)) == {"/1.txt", "/11.txt", "/sub/2.txt"}
    # luisy's own download loses the file whose name is a part of another's.
    theirs = folder()
    luisy("Read", theirs, "--download")
    assert files(theirs / blob_name(key)) == {"/11.txt", "/sub/2.txt"}


# The decision table, against the recorded rows

ROWS = [
    # file, hash here, blob, hash in the store, download, upload
    (False, None, True, "new", True, False),
    (True, "old", True, "new", True, False),
    (True, "old", True, "old", True, True),
    (True, None, True, "new", True, True),
    (False, None, False, "new", True, True),
]


hash_of_one = []


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_plan_says_what_luisy_does(luisy, run, container, folder, row):
    has_file, local, has_blob, store, download, upload = row
    if not hash_of_one:
        elsewhere = folder()
        luisy("One --part 1", elsewhere)
        hash_of_one.append(local_manifest(elsewhere)[ONE])
    (code_hash,) = hash_of_one
    hashes = {"new": code_hash, "old": "0" * 32}
    directory = folder()
    (directory / "demo/final").mkdir(parents=True)
    if has_file:
        (directory / blob_name(ONE)).write_bytes(b"LOCAL")
    if local:
        (directory / "demo/.luisy.hash").write_text(json.dumps({ONE: hashes[local]}))
    if has_blob:
        container.upload_blob(blob_name(ONE), b"CLOUD")
    if store:
        container.upload_blob("demo/.luisy.hash", json.dumps({ONE: hashes[store]}))
    flags = ["--download"] * download + ["--upload"] * upload
    ended = run("luisy", "plan", "--json", "--hash", f"{ONE}={code_hash}", *flags, "demo", WORKING_DIR=str(directory))
    assert ended.status == 0, ended.err
    (plan,) = json.loads(ended.out)
    luisy("One --part 1", directory, *flags)
    content = (directory / blob_name(ONE)).read_bytes()
    assert plan["source"] == {b"LOCAL": "keep", b"CLOUD": "download"}.get(content, "run")
    assert plan["localHashAfter"] == local_manifest(directory)[ONE]
    there = container.get_blob_client(blob_name(ONE))
    is_uploaded = there.exists() and there.download_blob().readall() == content and content != b"CLOUD"
    assert plan["uploads"] == is_uploaded
    if plan["uploads"]:
        assert manifest(container)[ONE] == code_hash
