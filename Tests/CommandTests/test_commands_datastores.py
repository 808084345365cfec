"""Containers of other accounts, by [datastores.NAME]: one mount and each command reach them, and what is wrong with one
says nothing of the others (§5.7)."""

import base64
import errno
import json
import os
import pathlib
import subprocess

import pytest
from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas

from program import emulator, is_mounted, outputfs, wait_until

LAB_KEY = base64.b64encode(b"the key of quite another account").decode()


@pytest.fixture(scope="module")
def lab():
    """Another account, at another endpoint."""
    with emulator(account="lab", key=LAB_KEY) as running:
        yield running


@pytest.fixture
def models(lab):
    """A container of it."""
    name = "models-" + os.urandom(4).hex()
    client = BlobServiceClient(lab.blob_endpoint, credential=LAB_KEY).get_container_client(name)
    client.create_container()
    client.upload_blob("spring/a.txt", b"of the lab")
    client.upload_blob("other/b.txt", b"not in the folder")
    return client


@pytest.fixture
def home(tmp_path, monkeypatch):
    directory = tmp_path / "config/outputfs"
    directory.mkdir(parents=True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return directory


@pytest.fixture
def account(server):
    return {"AZURE_STORAGE_CONNECTION_STRING": server.connection_string}


@pytest.fixture
def table(home, lab, models, tmp_path):
    """Writes the configuration: datastores/lab is models/spring of the lab."""
    key = tmp_path / "lab.key"
    key.write_text(LAB_KEY)

    def write(endpoint=lab.blob_endpoint, container=models.container_name, prefix="spring", proof=f'key-file = "{key}"'):
        text = f'[datastores.lab]\nendpoint = "{endpoint}"\n{proof}\ncontainer = "{container}"\nprefix = "{prefix}"\n'
        (home / "config.toml").write_text(text)
        return home / "config.toml"

    write()
    return write


def mount(place, tmp_path, account, *arguments):
    ended = outputfs("mount", place, "--journal-dir", tmp_path / "spool", *arguments, **account)
    assert ended.status == 0, ended.err
    return place


def status(place):
    (found,) = json.loads(outputfs("status", place, "--json").out)["mounts"]
    return found


@pytest.fixture
def mounted(place, table, tmp_path, account):
    """In the background, with datastores/lab."""
    yield mount(place, tmp_path, account, "--retry-deadline", "1s", "--attr-ttl", "0s")
    if is_mounted(place):
        assert outputfs("unmount", place, "--lazy").status == 0


def findings(**account):
    report = json.loads(outputfs("doctor", "--json", timeout=60, **account).out)
    return {finding["check"]: finding for finding in report["findings"]}


# What is said of them


def test_doctor_asks_each_of_them(account, table):
    found = findings(**account)
    assert found["datastore lab"]["level"] == "ok" and "may list, read, write" in found["datastore lab"]["finding"]
    wrong = base64.b64encode(b"not the key of this account at all").decode()
    pathlib.Path(table().parent.parent.parent / "lab.key").write_text(wrong)
    found = findings(**account)
    assert found["datastore lab"]["level"] == "warning" and "refuses the credentials" in found["datastore lab"]["finding"]
    assert found["store"]["level"] == "ok"
    table(endpoint="http://127.0.0.1:1/lab")
    found = findings(**account)
    assert found["datastore lab"]["level"] == "warning" and "127.0.0.1:1" in found["datastore lab"]["finding"]


def test_config_shows_them_with_their_origins(account, table):
    file = table()
    ended = outputfs("config", "--json", **account)
    (lab,) = json.loads(ended.out)["datastores"]
    assert lab["name"] == "lab"
    assert {row["name"]: row["origin"] for row in lab["settings"]}["prefix"] == f"{file}:5"
    assert "DATASTORE lab" in outputfs("config", **account).out
    assert LAB_KEY not in ended.out


def test_a_mistake_ends_the_command_with_its_place(account, table, home, place):
    file = table()
    file.write_text(file.read_text() + 'contaner = "models"\n')
    for command in [("ls", "/"), ("mount", place)]:
        ended = outputfs(*command, **account)
        assert ended.status == 78 and f"{file}:6: there is no setting 'contaner'" in ended.err, ended
    # What looks at a mount reads no file.
    assert outputfs("status").status == 0


def test_status_tells_what_was_asked_of_them_and_no_secret(mounted, lab):
    (found,) = status(mounted)["datastores"]
    assert found["names"] == ["lab"] and found["container"].startswith(lab.blob_endpoint + "/models-")
    assert "Datastores of other accounts" in outputfs("status", mounted).out
    process = status(mounted)["workerProcessID"]
    arguments = pathlib.Path(f"/proc/{process}/cmdline").read_bytes()
    assert b"lab.endpoint=" in arguments and LAB_KEY.encode() not in arguments


# In the tree


def test_files_of_another_account(mounted, models, account):
    folder = mounted / "datastores/lab"
    assert os.listdir(folder) == ["a.txt"]
    assert (folder / "a.txt").read_bytes() == b"of the lab"
    (folder / "deep").mkdir()
    (folder / "deep/c.txt").write_bytes(b"written here")
    assert models.download_blob("spring/deep/c.txt").readall() == b"written here"
    os.rename(folder / "deep/c.txt", folder / "c.txt")
    os.remove(folder / "a.txt")
    assert sorted(blob.name for blob in models.list_blobs() if blob.size) == ["other/b.txt", "spring/c.txt"]
    # They are of another account: no other path leads there.
    assert models.container_name not in os.listdir(mounted / "containers")


def test_rename_between_accounts_is_as_between_file_systems(mounted, models, server):
    own = BlobServiceClient(server.blob_endpoint, credential=server.key)
    name = "own-" + os.urandom(4).hex()
    own.create_container(name)
    there, here = mounted / "datastores/lab/a.txt", mounted / "containers" / name / "a.txt"
    with pytest.raises(OSError) as refusal:
        os.rename(there, here)
    assert refusal.value.errno == errno.EXDEV
    assert there.exists() and not here.exists()
    subprocess.run(["mv", there, here], check=True, timeout=30)
    assert own.get_blob_client(name, "a.txt").download_blob().readall() == b"of the lab"
    assert not models.get_blob_client("spring/a.txt").exists()
    (mounted / "containers" / name / "folder").mkdir()
    (mounted / "containers" / name / "folder/d").write_bytes(b"d")
    with pytest.raises(OSError) as refusal:
        os.rename(mounted / "containers" / name / "folder", mounted / "datastores/lab/folder")
    assert refusal.value.errno == errno.EXDEV
    assert (mounted / "containers" / name / "folder/d").read_bytes() == b"d"


def test_an_account_with_directories_renames_in_one_step(place, tmp_path, table, account):
    """The mount's own has none; how the other keeps them is found out when somebody enters."""
    with emulator("--hns", account="lab", key=LAB_KEY) as lake:
        client = BlobServiceClient(lake.blob_endpoint, credential=LAB_KEY).get_container_client("models")
        client.create_container()
        for name in ["spring/old/a", "spring/old/b"]:
            client.upload_blob(name, b"x")
        table(endpoint=lake.blob_endpoint, container="models")
        mount(place, tmp_path, account)
        os.rename(place / "datastores/lab/old", place / "datastores/lab/new")
        os.mkdir(place / "datastores/lab/empty")
        assert sorted(os.listdir(place / "datastores/lab/new")) == ["a", "b"]
        requests = status(place)["datastores"][0]["store"]["requests"]
        assert requests["Path Rename"] == 1 and not any("Copy" in name for name in requests), requests
        assert outputfs("unmount", place).status == 0


def test_commands_reach_them_without_a_mount(table, account, tmp_path, models):
    assert outputfs("ls", "/datastores/lab", **account).out.split() == ["a.txt"]
    ended = outputfs("get", "/datastores/lab", tmp_path / "copy", **account)
    assert ended.status == 0, ended.err
    assert [file.read_bytes() for file in (tmp_path / "copy").rglob("a.txt")] == [b"of the lab"]
    (tmp_path / "new.txt").write_bytes(b"put there")
    assert outputfs("put", tmp_path / "new.txt", "/datastores/lab", **account).status == 0
    assert models.download_blob("spring/new.txt").readall() == b"put there"


def test_rm_without_a_mount_means_the_same_by_a_path_as_a_mount(table, server, models, tmp_path):
    """A configured datastore goes before the workspace's own of its name, whose files stay."""
    own = BlobServiceClient(server.blob_endpoint, credential=server.key)
    workspace = "azureml-blobstore-" + os.urandom(4).hex()
    own.create_container(workspace).upload_blob("old/f", b"of the workspace")
    models.upload_blob("spring/old/f", b"of the lab")
    file = table()
    file.write_text(file.read_text().replace("datastores.lab", "datastores.workspaceblobstore"))
    (tmp_path / "own.key").write_text(server.key)
    named = ["--endpoint", server.blob_endpoint, "--key-file", tmp_path / "own.key"]
    ended = outputfs("rm", "-r", *named, "/datastores/workspaceblobstore/old")
    assert ended.status == 0, ended
    assert not models.get_blob_client("spring/old/f").exists()
    assert own.get_blob_client(workspace, "old/f").exists()
    own.delete_container(workspace)


# When one is in trouble


def test_an_account_that_is_down_says_so_below_its_folder_only(place, tmp_path, table, account):
    table(endpoint="http://127.0.0.1:1/lab")
    mount(place, tmp_path, account, "--retry-deadline", "1s")
    try:
        with pytest.raises(OSError) as failure:
            os.listdir(place / "datastores/lab")
        assert failure.value.errno == errno.EIO
        os.listdir(place / "containers")
        assert any("http://127.0.0.1:1/lab" in error["message"] for error in status(place)["tree"]["errors"])
    finally:
        assert outputfs("unmount", place).status == 0


def test_a_sas_that_is_over_is_refused_below_its_folder_only(place, tmp_path, table, account, models, lab):
    over = generate_container_sas(
        "lab", models.container_name, account_key=LAB_KEY, permission=ContainerSasPermissions(read=True, list=True),
        expiry="2020-01-01T00:00:00Z",
    )
    (tmp_path / "sas").write_text(over)
    table(proof=f'sas-file = "{tmp_path}/sas"')
    mount(place, tmp_path, account, "--retry-deadline", "1s")
    try:
        with pytest.raises(OSError) as failure:
            os.listdir(place / "datastores/lab")
        assert failure.value.errno == errno.EACCES
        os.listdir(place / "containers")
    finally:
        assert outputfs("unmount", place).status == 0


def test_the_journal_knows_the_account_and_waits_for_it(place, tmp_path, table, account, lab, models):
    """Closed while the lab does not answer; then without the datastore, then under its name another account."""
    with emulator(account="lab", key=LAB_KEY) as away:
        client = BlobServiceClient(away.blob_endpoint, credential=LAB_KEY).get_container_client("models")
        client.create_container()
        port = away.endpoint.rsplit(":", 1)[1]
        file = table(endpoint=away.blob_endpoint, container="models", prefix="spring")
        mount(place, tmp_path, account, "--durability", "journal", "--drain-timeout", "2s")
        assert os.listdir(place / "datastores/lab") == []
    # It is down: closed here, and not there.
    (place / "datastores/lab/late.txt").write_bytes(b"for the lab")
    process = status(place)["workerProcessID"]
    outputfs("unmount", place, "--timeout", "1s", "--lazy")
    wait_until(lambda: not os.path.exists(f"/proc/{process}"), seconds=30, what="the end of the mount's process")

    text = file.read_text()
    file.write_text("")
    mount(place, tmp_path, account)
    (kept,) = status(place)["tree"]["keptFiles"]
    assert kept["path"] == f"http://127.0.0.1:{port}/lab/models/spring/late.txt"
    assert "is not in the configuration any more" in kept["reason"]
    assert outputfs("unmount", place).status == 0
    ended = outputfs("recover", "--journal-dir", tmp_path / "spool", **account)
    assert ended.status == 74 and "put its [datastores.NAME] back" in ended.err, ended

    table(endpoint=lab.blob_endpoint, container=models.container_name)
    mount(place, tmp_path, account)
    assert len(status(place)["tree"]["keptFiles"]) == 1
    assert outputfs("unmount", place).status == 0
    assert not models.get_blob_client("spring/late.txt").exists()

    with emulator("--listen", f"127.0.0.1:{port}", account="lab", key=LAB_KEY) as back:
        client = BlobServiceClient(back.blob_endpoint, credential=LAB_KEY).get_container_client("models")
        client.create_container()
        file.write_text(text)
        mount(place, tmp_path, account)
        assert outputfs("drain", place).status == 0
        assert client.download_blob("spring/late.txt").readall() == b"for the lab"
        assert outputfs("unmount", place).status == 0


def test_a_process_that_is_killed_is_followed_by_one_that_knows_them(mounted, models):
    with open(mounted / "datastores/lab/a.txt", "rb") as file:
        process = status(mounted)["workerProcessID"]
        os.kill(process, 9)
        wait_until(lambda: outputfs("status", mounted, "--json").status == 0 and status(mounted)["restarts"] == 1)
        assert file.read() == b"of the lab"
    (mounted / "datastores/lab/after.txt").write_bytes(b"after")
    assert models.download_blob("spring/after.txt").readall() == b"after"
