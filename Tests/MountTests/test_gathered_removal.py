"""`rm -r` of directories that are put together from several places: SEMANTICS.md §1.12, §1.13, §3.14."""

import json
import os
import subprocess

import pytest

from mounts import Mount, Server, binary

ARTIFACTS = "azureml"
BLOBSTORE = "azureml-blobstore-0f3c9d2e"
RUN = ["ExperimentRun/dcid.{}/conf", "ExperimentRun/dcid.{}/model/deep/weights", "ExperimentRun/dcid.{}/outputs/deep/f",
       "ExperimentRun/dcid.{}/user_logs/std.txt", "azureml/{}/single"]
OUTPUTS = ["azureml/{}/score/p.csv", "dataset/{}/old/p.csv"]
LOOP = ["{}-metadata.rds", "{}.rds", "worker.R", "merger.R", "1.rds", "results/1-result.rds", "results/odd", "logs/1.txt",
        "stdout/1-stdout.txt", "extra/e"]


class Scene:
    def __init__(self, server, mount):
        self.server, self.mount = server, mount
        for container in (ARTIFACTS, BLOBSTORE):
            server.service.create_container(container)

    def put(self, container, *names, **more):
        for name in names:
            self.server.blob(container, name).upload_blob(b"x", **more)

    def run(self, name):
        self.put(ARTIFACTS, *[blob.format(name) for blob in RUN])
        self.put(BLOBSTORE, *[blob.format(name) for blob in OUTPUTS])

    def loop(self, name):
        self.server.service.create_container(name)
        self.put(name, *[blob.format(name) for blob in LOOP])

    def names(self, container, word=""):
        """Of files and directories."""
        listed = self.server.service.get_container_client(container).list_blobs()
        return sorted(blob.name for blob in listed if word in blob.name)

    def rm(self, path, status=0):
        ended = subprocess.run(
            ["rm", "-r", self.mount / path], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
        )
        assert ended.returncode == status, ended.stderr
        return ended.stderr

    def remove(self, path, status=0):
        """`outputfs rm`"""
        command = [binary(), "rm", "-r", "--json", self.mount / path]
        ended = subprocess.run(command, env=self.mount.environment, capture_output=True, text=True, timeout=60)
        assert ended.returncode == status, ended.stdout + ended.stderr
        return json.loads(ended.stdout) if ended.stdout else ended.stderr


@pytest.fixture(scope="module", params=["flat", "hns"])
def scene(request, tmp_path_factory):
    server = Server(hns=request.param == "hns")
    # rm takes its time on a busy machine.
    mount = Mount(tmp_path_factory.mktemp("gathered") / "mnt", server, "--attr-ttl", "60s")
    yield Scene(server, mount)
    mount.end()
    server.stop()


def files(names):
    return [name for name in names if not any(other.startswith(f"{name}/") for other in names)]


def test_a_file_that_is_called_as_a_place_of_the_run_stays(scene):
    scene.put(ARTIFACTS, "ExperimentRun/dcid.lone/outputs/f")
    scene.put(BLOBSTORE, "azureml/lone")
    scene.rm("runs/lone")
    assert scene.names(ARTIFACTS, "lone") == [] and scene.names(BLOBSTORE, "lone") == ["azureml/lone"]
    scene.server.blob(BLOBSTORE, "azureml/lone").delete_blob()


def test_of_a_run_goes_what_is_in_its_folder(scene):
    scene.run("part")
    scene.rm("runs/part/artifacts")
    scene.rm("runs/part/outputs")
    assert files(scene.names(ARTIFACTS, "part")) == ["ExperimentRun/dcid.part/user_logs/std.txt", "azureml/part/single"]
    scene.rm("runs/part/named-outputs")
    assert files(scene.names(ARTIFACTS, "part")) == ["ExperimentRun/dcid.part/user_logs/std.txt"]
    assert not [name for name in scene.names(BLOBSTORE, "part") if "p.csv" in name]
    assert os.listdir(scene.mount / "runs/part/user_logs") == ["std.txt"]


def test_a_run_goes_with_all_its_places(scene):
    scene.run("whole")
    assert "whole" in os.listdir(scene.mount / "runs")
    scene.rm("runs/whole")
    assert scene.names(ARTIFACTS, "whole") == [] and scene.names(BLOBSTORE, "whole") == []
    assert "whole" not in os.listdir(scene.mount / "runs")


def test_of_a_loop_go_its_parts_and_all(scene):
    scene.loop("loop1")
    scene.rm("foreach/loop1/tasks/1")
    scene.rm("foreach/loop1/other")
    left = files(scene.names("loop1"))
    assert [name for name in left if name.endswith((".rds", ".R", ".txt"))] == [
        "loop1-metadata.rds", "loop1.rds", "merger.R", "worker.R"
    ]
    scene.loop("loop2")
    scene.rm("foreach/loop2")
    assert not [name for name in scene.names("loop2") if "." in name or name.endswith(("odd", "/e"))]


def test_a_confirmed_upload_stays_and_the_log_says_why(scene):
    confirmed = {"upload_status": "completed", "name": "iris", "version": "1"}
    scene.put(BLOBSTORE, "LocalUpload/aa/data/f", metadata=confirmed)
    assert "Operation not permitted" in scene.rm("uploads/iris@1", status=1)
    assert "Operation not permitted" in scene.rm("datastores/workspaceblobstore/LocalUpload", status=1)
    assert scene.names(BLOBSTORE, "LocalUpload/aa/data/f") != []
    assert "confirmed upload" in scene.mount.log()


def test_outputfs_rm_takes_artifacts_and_names_no_directory_that_stays(scene):
    scene.run("mass")
    answer = scene.remove("runs/mass/artifacts")
    assert answer["failures"] == []
    assert files(scene.names(ARTIFACTS, "mass")) == [
        "ExperimentRun/dcid.mass/outputs/deep/f", "ExperimentRun/dcid.mass/user_logs/std.txt", "azureml/mass/single"
    ]
    for path in ["runs/mass", "runs/mass/named-outputs"]:
        assert "jobs rm" in json.dumps(scene.remove(path, status=64))
