"""Azure ML's runs, datastores and uploads on a mount: SEMANTICS.md §1.12."""

import errno
import os
import subprocess
import time

import pytest
from azure.core.exceptions import ResourceExistsError

from mounts import binary, fails_with, wait_until

ARTIFACTS = "azureml"
BLOBSTORE = "azureml-blobstore-0f3c9d2e"
QUICK = ["--attr-ttl", "200ms"]


class Workspace:
    def __init__(self, server, mount):
        self.server = server
        self.mount = mount
        for container in (ARTIFACTS, BLOBSTORE):
            self.add_container(container)

    def add_container(self, name):
        try:
            self.server.service.create_container(name)
        except ResourceExistsError:
            pass

    def put(self, container, name, content=b"x", **more):
        blob = self.server.blob(container, name)
        blob.upload_blob(content, overwrite=True, **more)
        return blob

    def names(self, path):
        return sorted(os.listdir(self.mount / path))

    def xattr(self, path, name):
        return os.getxattr(self.mount / path, f"user.azureml.{name}").decode()


@pytest.fixture
def workspace(own_server, mounting):
    return Workspace(own_server, mounting(*QUICK, server=own_server))


def test_a_run_shows_what_it_left_in_each_place(workspace):
    """§1.12"""
    root = "ExperimentRun/dcid.calm_sea_1"
    workspace.put(ARTIFACTS, f"{root}/outputs/model.pkl", b"model")
    workspace.put(ARTIFACTS, f"{root}/system_logs/lifecycler/lifecycler.log", b"log")
    workspace.put(ARTIFACTS, f"{root}/model/MLmodel", b"flavors")
    workspace.put(BLOBSTORE, "azureml/calm_sea_1/score/part-0.csv", b"1,2")
    workspace.put(BLOBSTORE, "dataset/calm_sea_1/score/part-0.csv", b"old")
    workspace.put(BLOBSTORE, "azureml/6a9c/report", b"a single file")
    run = workspace.mount / "runs/calm_sea_1"
    assert workspace.names("runs") == ["6a9c", "calm_sea_1"]
    assert workspace.names("runs/calm_sea_1") == ["artifacts", "named-outputs", "outputs", "system_logs", "user_logs"]
    assert (run / "outputs/model.pkl").read_bytes() == b"model"
    assert (run / "artifacts/model/MLmodel").read_bytes() == b"flavors"
    assert (run / "named-outputs/score/part-0.csv").read_bytes() == b"1,2"
    older = f"%=score%@dataset@{BLOBSTORE}"
    assert workspace.names("runs/calm_sea_1/named-outputs") == [older, "score"]
    assert (run / "named-outputs" / older / "part-0.csv").read_bytes() == b"old"
    assert (workspace.mount / "runs/6a9c/named-outputs/report").read_bytes() == b"a single file"
    assert not (workspace.mount / "runs/none").exists()
    with fails_with(errno.EPERM):
        os.mkdir(workspace.mount / "runs/mine")
    (run / "outputs/note").write_text("mine")
    assert workspace.server.bytes(ARTIFACTS, f"{root}/outputs/note") == b"mine"


def test_tail_follows_the_log_of_a_running_job(workspace):
    """§1.12: the log grows by appends, as the service writes it."""
    blob = workspace.server.blob(ARTIFACTS, "ExperimentRun/dcid.live/user_logs/std_log.txt")
    blob.create_append_blob()
    blob.append_block(b"one\n")
    log = workspace.mount / "runs/live/user_logs/std_log.txt"
    tail = subprocess.Popen(["tail", "-f", "-s", "0.1", "-n", "+1", log], stdout=subprocess.PIPE, text=True)
    try:
        assert tail.stdout.readline() == "one\n"
        for line in ("two\n", "three\n"):
            blob.append_block(line.encode())
            assert tail.stdout.readline() == line
    finally:
        tail.kill()
        tail.wait()
        tail.stdout.close()


def test_tail_by_name_follows_a_log_that_is_written_anew_each_time(workspace):
    """§1.12: a block blob that is replaced by a longer one."""
    name = "ExperimentRun/dcid.live/user_logs/std_log.txt"
    workspace.put(ARTIFACTS, name, b"one\n")
    log = workspace.mount / "runs/live/user_logs/std_log.txt"
    assert log.read_bytes() == b"one\n"
    workspace.put(ARTIFACTS, name, b"one\ntwo\n")
    # An open sees it at once.
    assert log.read_bytes() == b"one\ntwo\n"
    tail = subprocess.Popen(
        ["tail", "-F", "-s", "0.1", "-n", "+1", log], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert [tail.stdout.readline() for _ in range(2)] == ["one\n", "two\n"]
        workspace.put(ARTIFACTS, name, b"one\ntwo\nthree\n")
        line = tail.stdout.readline()
        while line != "three\n":
            assert line, "tail ended"
            line = tail.stdout.readline()
    finally:
        tail.kill()
        tail.wait()
        tail.stdout.close()


def test_datastores_are_the_workspaces(workspace):
    """§1.12"""
    workspace.put(BLOBSTORE, "UI/2024-01-01_000000_UTC/data.csv", b"studio")
    workspace.put(ARTIFACTS, "ArtifactZip/ExperimentRun/dcid.r.zip", b"zip")
    stores = workspace.mount / "datastores"
    assert workspace.names("datastores") == ["workspaceartifactstore", "workspaceblobstore"]
    assert (stores / "workspaceblobstore/UI/2024-01-01_000000_UTC/data.csv").read_bytes() == b"studio"
    assert (stores / "workspaceartifactstore/ArtifactZip/ExperimentRun/dcid.r.zip").read_bytes() == b"zip"
    path = "datastores/workspaceblobstore/UI/2024-01-01_000000_UTC/data.csv"
    assert workspace.xattr(path, "uri") == "azureml://datastores/workspaceblobstore/paths/UI/2024-01-01_000000_UTC/data.csv"


CONFIRMED = {"upload_status": "completed", "name": "iris", "version": "3"}


def test_an_upload_is_shown_by_its_asset_and_stays_as_it_is(workspace):
    """§1.12"""
    id = "ab" * 32
    folder = f"LocalUpload/{id}/data"
    blob = workspace.put(BLOBSTORE, f"{folder}/a.csv", b"first")
    workspace.put(BLOBSTORE, f"{folder}/b.csv", b"second")
    assert workspace.names("uploads") == []
    assert workspace.xattr(f"datastores/workspaceblobstore/{folder}/b.csv", "upload_status") == "unconfirmed"
    blob.set_blob_metadata(CONFIRMED)
    wait_until(lambda: workspace.names("uploads") == ["iris@3"], 10, "that the upload is shown")
    upload = workspace.mount / "uploads/iris@3"
    assert (upload / "data/b.csv").read_bytes() == b"second"
    for path in ("uploads/iris@3", "uploads/iris@3/data/b.csv", f"datastores/workspaceblobstore/{folder}"):
        time.sleep(0.25)
        assert workspace.xattr(path, "upload_status") == "completed"
        assert workspace.xattr(path, "asset_name") == "iris"
        assert workspace.xattr(path, "asset_version") == "3"
        assert workspace.xattr(path, "object_hash") == id
    shown = subprocess.run(["getfattr", "-d", "-m", "user.azureml", upload / "data/b.csv"], capture_output=True, text=True)
    if shown.returncode == 0:
        assert 'user.azureml.asset_name="iris"' in shown.stdout
    for path in ("uploads/iris@3/data/b.csv", f"containers/{BLOBSTORE}/{folder}/b.csv"):
        with fails_with(errno.EPERM):
            (workspace.mount / path).write_bytes(b"changed")
    with fails_with(errno.EPERM):
        (upload / "data/b.csv").unlink()
    assert "belongs to a confirmed upload" in workspace.mount.log()
    assert workspace.server.bytes(BLOBSTORE, f"{folder}/b.csv") == b"second"
    (workspace.mount / f"containers/{BLOBSTORE}/{folder}/b.csv").unlink()
    wait_until(lambda: workspace.names("uploads/iris@3/data") == ["a.csv"], 10, "that the file is gone")


def test_a_confirmed_upload_that_nobody_needs_goes_with_rm(workspace):
    """§1.12"""
    workspace.put(BLOBSTORE, "LocalUpload/1/data/a.csv").set_blob_metadata(CONFIRMED)
    workspace.put(BLOBSTORE, "LocalUpload/1/data/b.csv")
    assert workspace.names("uploads") == ["iris@3"]
    folder = workspace.mount / f"containers/{BLOBSTORE}/LocalUpload/1"
    ended = subprocess.run(
        [binary(), "rm", "-r", folder], env=workspace.mount.environment, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    assert not list(workspace.server.service.get_container_client(BLOBSTORE).list_blobs())
    wait_until(lambda: workspace.names("uploads") == [], 10, "that the upload is gone")


def test_reading_a_confirmed_upload_again_asks_the_store_for_none_of_its_files(workspace):
    """§1.12"""
    for number in range(20):
        workspace.put(BLOBSTORE, f"LocalUpload/1/f{number:02}", os.urandom(1000))
    workspace.server.blob(BLOBSTORE, "LocalUpload/1/f00").set_blob_metadata(CONFIRMED)
    upload = workspace.mount / "uploads/iris@3"
    assert len(os.listdir(upload)) == 20
    for _ in range(2):
        for file in sorted(os.listdir(upload)):
            (upload / file).read_bytes()
        time.sleep(0.3)
    workspace.server.reset_counters()
    for number in range(20):
        (upload / f"f{number:02}").read_bytes()
    asked = workspace.server.requests()
    # Whether the upload still has its name is asked each time that the name is out of date.
    assert asked.get("Get Blob", 0) == 0 and asked.get("Get Blob Properties", 0) < 20, asked


def test_a_container_that_fails_is_an_error_and_not_a_shorter_list(own_server, mounting):
    """§1.12"""
    mount = mounting(*QUICK, "--retry-deadline", "1s", server=own_server)
    workspace = Workspace(own_server, mount)
    workspace.put(ARTIFACTS, "ExperimentRun/dcid.r/outputs/x")
    # The first of the listings succeeds.
    own_server.faults({"operation": "List Blobs", "skip": 1, "effect": "status", "status": 503, "code": "ServerBusy"})
    try:
        with fails_with(errno.EIO):
            os.listdir(mount / "runs")
    finally:
        own_server.faults()
    assert workspace.names("runs") == ["r"]
