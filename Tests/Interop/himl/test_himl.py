"""hi-ml on the other side: what it uploads we bring, and what we put it finds, in its own layout."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
from azure.storage.blob import BlobServiceClient

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parents[1] / "CommandTests"))

from program import clean_environment, emulator, outputfs  # noqa: E402

PYTHON = os.environ.get("OUTPUTFS_HIML_PYTHON")
pytestmark = pytest.mark.skipif(not PYTHON, reason="scripts/test --interop installs hi-ml")
RUN = "runs_1700000000_0a1b2c3d"


@pytest.fixture(scope="module")
def server():
    with emulator() as running:
        service = BlobServiceClient.from_connection_string(running.connection_string)
        for name in ["azureml", "outputs"]:
            service.create_container(name)
        yield running


class Library:
    """One process in hi-ml's environment: without a rank, since with one it downloads nothing."""

    def __init__(self, server):
        self.at = {"endpoint": server.blob_endpoint, "key": server.key, "container": "outputs"}
        ranks = {"LOCAL_RANK", "GLOBAL_RANK"}
        environment = {name: value for name, value in clean_environment().items() if name not in ranks}
        self.process = subprocess.Popen(
            [PYTHON, HERE / "library.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )

    def __call__(self, call, **arguments):
        self.process.stdin.write(json.dumps({"call": call, "at": self.at, "with": arguments}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["value"]


@pytest.fixture(scope="module")
def library(server):
    library = Library(server)
    yield library
    library.process.stdin.close()
    assert library.process.wait(20) == 0


@pytest.fixture
def run(server):
    return lambda *arguments: outputfs(*arguments, AZURE_STORAGE_CONNECTION_STRING=server.connection_string)


@pytest.fixture
def local(tmp_path):
    folder = tmp_path / "local"
    for name in ["checkpoints/last.ckpt", "checkpoints/é 日本.ckpt", "checkpoints2/other", "model/weights"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(os.urandom(1000))
    (folder / "checkpoints" / "large.ckpt").write_bytes(os.urandom(40 << 20))
    return folder


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_we_bring_what_hi_ml_put_into_a_datastore(library, run, local, tmp_path):
    library("upload", folder=str(local), remote="from/himl")
    ended = run("get", "--validate", "containers/outputs/from/himl", tmp_path / "back")
    assert ended.status == 0, ended.err
    assert contents(tmp_path / "back") == contents(local)


def test_hi_ml_brings_what_we_put_into_a_datastore(library, run, local, tmp_path):
    assert run("put", local, "containers/outputs/from/us").status == 0
    library("download", prefix="from/us/", folder=str(tmp_path / "back"))
    assert contents(tmp_path / "back" / "from" / "us") == contents(local)


def test_the_files_of_a_run_land_where_hi_ml_puts_them(library, run, local, tmp_path):
    source = f"containers/azureml/ExperimentRun/dcid.{RUN}"
    assert run("put", local, f"{source}/outputs").status == 0
    library("download_run", run=RUN, folder=str(tmp_path / "theirs"))
    assert run("get", "--strip", source, source, tmp_path / "ours").status == 0
    assert contents(tmp_path / "ours") == contents(tmp_path / "theirs")


def test_checkpoints_are_the_same_but_for_what_only_begins_like_them(library, run, local, tmp_path):
    source = f"containers/azureml/ExperimentRun/dcid.{RUN}"
    assert run("put", local, f"{source}/outputs").status == 0
    library("download_checkpoints", run=RUN, path="outputs/checkpoints", folder=str(tmp_path / "theirs"))
    ended = run("get", "--checkpoints", "--strip", source, source, tmp_path / "ours")
    assert ended.status == 0, ended.err
    theirs = contents(tmp_path / "theirs")
    # Its prefix is one of letters, and not of folders.
    assert theirs.pop("outputs/checkpoints2/other")
    assert contents(tmp_path / "ours") == theirs
