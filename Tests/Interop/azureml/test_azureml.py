"""azure-ai-ml on the other side: its hashes, its uploads and downloads, ours found by it and its by us."""

import json
import os
import pathlib
import random
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parents[1] / "CommandTests"))

from program import binary, clean_environment, emulator, outputfs  # noqa: E402

PYTHON = os.environ.get("OUTPUTFS_AZUREML_PYTHON")
pytestmark = pytest.mark.skipif(not PYTHON, reason="scripts/test installs azure-ai-ml")


class Library:
    """One process in the library's environment."""

    def __init__(self):
        self.process = subprocess.Popen(
            [PYTHON, HERE / "library.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )

    def __call__(self, call, **arguments):
        self.begin(call, **arguments)
        return self.end()

    def begin(self, call, **arguments):
        self.process.stdin.write(json.dumps({"call": call, "with": arguments}) + "\n")
        self.process.stdin.flush()

    def end(self):
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["value"]


@pytest.fixture(scope="module")
def library():
    library = Library()
    yield library
    library.process.stdin.close()
    assert library.process.wait(20) == 0


@pytest.fixture(scope="module")
def server():
    with emulator() as running:
        yield running


@pytest.fixture
def store(server, request):
    """A container of its own: how the library names it."""
    from azure.storage.blob import BlobServiceClient

    name = f"store-{abs(hash(request.node.name))}"
    BlobServiceClient.from_connection_string(server.connection_string).create_container(name)
    return {"account_url": server.blob_endpoint, "key": server.key, "container": name}


@pytest.fixture
def run(server):
    return lambda *arguments: outputfs(*arguments, AZURE_STORAGE_CONNECTION_STRING=server.connection_string)


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "large").write_bytes(os.urandom(70 << 20))
    (folder / "a é.txt").write_bytes(b"one")
    (folder / ".amlignore").write_bytes(b"*.log\n")
    (folder / "not.log").write_bytes(b"never")
    return folder


def ours(run, path):
    ended = run("hash", "--json", "--files", path)
    assert ended.status == 0, ended.err
    (answer,) = json.loads(ended.out)
    del answer["path"]
    return {**answer, "files": sorted(answer["files"])}


NAMES = ["a", "A", "b.txt", "é", "e\u0301", "logs", "x.log", "_z", "\u0130", "ΑΣ", "ασ", "build", ".hidden", "a-1", "ß", "[q]", "sp ace", "😀"]
PATTERNS = [
    "logs", "logs/", "*.log", "!x.log", "/build", "build/", "a/**", "**/b.txt", "**/", "a/*", "[a-b]*", "!a/b.txt",
    "# c", "  *.txt", "a/**/x.log", "?", "[!a]", "\\[q\\]", "**", "!**/a", "/*/a", "é", "[^a]", "a**", "x/**/**/y",
]


def grow(folder, rnd, depth=0):
    """Fills a folder: files, folders, links to files; never two names that are one in lower case, whose order in the
    library is that of the file system."""
    for name in rnd.sample(NAMES, rnd.randint(0, 6)):
        if any(name.lower() == there.lower() for there in os.listdir(folder)):
            continue
        path = folder / name
        kind = rnd.random()
        if kind < 0.55 or depth > 3:
            path.write_text(rnd.choice(["", "x", "hello" * rnd.randint(1, 5)]))
        elif kind < 0.9:
            path.mkdir()
            grow(path, rnd, depth + 1)
        else:
            files = [file for file in folder.rglob("*") if file.is_file()]
            if files:
                path.symlink_to(rnd.choice(files))


def test_hashes_and_what_is_uploaded_agree_for_random_folders(library, run, tmp_path):
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    print(f"SEED={seed}")
    rnd = random.Random(seed)
    for number in range(60):
        folder = tmp_path / f"{number}" / "tree"
        folder.mkdir(parents=True)
        grow(folder, rnd)
        if rnd.random() < 0.7:
            rules = folder / rnd.choice([".amlignore", ".gitignore"])
            rules.write_text("\n".join(rnd.sample(PATTERNS, rnd.randint(1, 4))))
        assert ours(run, folder) == library("hashes", path=str(folder)), f"SEED={seed}, number {number}"


def test_a_folder_behind_a_link_agrees(library, run, source, tmp_path):
    (source / ".amlignore").write_text("/deep/er\n*.log\n")
    (tmp_path / "alias").symlink_to(source)
    assert ours(run, tmp_path / "alias") == library("hashes", path=str(tmp_path / "alias"))


def test_a_single_file_agrees(library, run, source):
    assert ours(run, source / "a é.txt") == library("hashes", path=str(source / "a é.txt"))


@pytest.mark.parametrize("what", [".", "deep/er/large"])
def test_the_library_finds_what_we_put_and_sends_nothing(library, run, source, store, what):
    path = source / what
    ended = run("put", "--artifact", "--name", "ours", "--version", "7", path, f"containers/{store['container']}")
    assert ended.status == 0, ended.err
    found = library("upload", **store, path=str(path), name="theirs", version="1")
    assert (found["name"], found["version"]) == ("ours", "7")


@pytest.mark.parametrize("what", [".", "deep/er/large"])
def test_we_find_what_the_library_put_and_send_nothing(library, run, source, store, what):
    path = source / what
    theirs = library("upload", **store, path=str(path), name="theirs", version="1")
    ended = run("put", "--artifact", "--json", "--name", "ours", path, f"containers/{store['container']}")
    assert ended.status == 0, ended.err
    answer = json.loads(ended.out)
    assert (answer["uploaded"], answer["name"], answer["version"]) == (0, "theirs", "1")
    assert answer["path"] == f"{store['container']}/{theirs['remote path']}"


def test_get_brings_what_the_library_put(library, run, source, store, tmp_path):
    theirs = library("upload", **store, path=str(source), name="theirs", version="1")
    ended = run("get", "--validate", f"containers/{store['container']}/{theirs['remote path']}", tmp_path / "back")
    assert ended.status == 0, ended.err
    (source / "not.log").unlink()
    assert subprocess.run(["diff", "-r", source, tmp_path / "back"]).returncode == 0


def test_the_library_brings_what_we_put(library, run, source, store, tmp_path):
    ended = run("put", "--artifact", "--json", source, f"containers/{store['container']}")
    prefix = json.loads(ended.out)["path"].removeprefix(store["container"] + "/") + "/"
    library("download", **store, prefix=prefix, destination=str(tmp_path / "back"))
    (source / "not.log").unlink()
    assert subprocess.run(["diff", "-r", source, tmp_path / "back"]).returncode == 0
    shutil.rmtree(tmp_path / "back")


@pytest.fixture(scope="module")
def workspace(server):
    """The container of a workspace's default datastore."""
    from azure.storage.blob import BlobServiceClient

    name = "azureml-blobstore-0f3c9d2e"
    BlobServiceClient.from_connection_string(server.connection_string).create_container(name)
    return {"account_url": server.blob_endpoint, "key": server.key, "container": name}


def test_what_the_library_uploads_is_shown_by_its_asset_and_in_its_datastore(library, run, source, workspace, tmp_path):
    """SEMANTICS.md §1.12: a folder whose first file in the library's order is the one that confirms, and a single file."""
    theirs = library("upload", **workspace, path=str(source), name="folder", version="3")
    library("upload", **workspace, path=str(source / "a é.txt"), name="file", version="1")
    listed = run("ls", "uploads")
    assert listed.status == 0, listed.err
    assert sorted(line.rstrip("/") for line in listed.out.split()) == ["file@1", "folder@3"]
    ended = run("get", "--validate", "uploads/folder@3/source", tmp_path / "back")
    assert ended.status == 0, ended.err
    (source / "not.log").unlink()
    assert subprocess.run(["diff", "-r", source, tmp_path / "back"]).returncode == 0
    assert run("cat", "uploads/file@1/a é.txt").out == "one"
    assert run("cat", f"datastores/workspaceblobstore/{theirs['remote path']}/a é.txt").out == "one"


def test_a_confirmation_that_is_not_on_the_first_blob_is_found(library, run, workspace, tmp_path):
    """The library sorts by local path, the store by the blobs' names: a link makes these differ."""
    outside = tmp_path / "zz"
    outside.mkdir()
    (outside / "first").write_text("by a link")
    folder = tmp_path / "linked"
    folder.mkdir()
    (folder / "a").symlink_to(outside)
    for number in range(20):
        (folder / f"f{number}").write_text("x")
    library("upload", **workspace, path=str(folder), name="linked", version="1")
    assert run("cat", "uploads/linked@1/linked/a/first").out == "by a link"

def fill(folder):
    """Names, links and folders of every kind that both sides know; and what both leave out."""
    for name in ["plain.txt", "é composed", "e\u0301 decomposed", "日本語/深い.txt", "sp ace/#%+&.txt", ".hidden", "a-1", "a/b"]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (folder / ".amlignore").write_text("*.log\nbuild/\n")
    (folder / "not.log").write_text("never")
    (folder / "build").mkdir()
    (folder / "build" / "x").write_text("never")
    (folder / "no files").mkdir()
    (folder / "link").symlink_to("plain.txt")
    (folder / "linked").symlink_to("a")


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def varied(tmp_path):
    folder = tmp_path / "varied"
    folder.mkdir()
    fill(folder)
    return folder


def uploaded(folder):
    """What is expected of an upload: links followed, what is ignored left out."""
    found = contents(folder)
    found.update({f"linked/{path.name}": path.read_bytes() for path in (folder / "a").iterdir()})
    return {name: data for name, data in found.items() if not name.endswith(".log") and not name.startswith("build/")}


def test_a_varied_folder_goes_over_from_us_to_the_library(library, run, varied, store, tmp_path):
    assert ours(run, varied) == library("hashes", path=str(varied))
    ended = run("put", "--artifact", "--json", varied, f"containers/{store['container']}")
    assert ended.status == 0, ended.err
    answer = json.loads(ended.out)
    prefix = answer["path"].removeprefix(store["container"] + "/") + "/"
    library("download", **store, prefix=prefix, destination=str(tmp_path / "back"))
    assert contents(tmp_path / "back") == uploaded(varied)
    assert library("upload", **store, path=str(varied), name="theirs", version="9")["version"] == answer["version"]


def test_a_varied_folder_goes_over_from_the_library_to_us(library, run, varied, store, tmp_path):
    theirs = library("upload", **store, path=str(varied), name="theirs", version="9")
    ended = run("put", "--artifact", "--json", varied, f"containers/{store['container']}")
    assert (json.loads(ended.out)["uploaded"], json.loads(ended.out)["version"]) == (0, "9")
    ended = run("get", "--validate", f"containers/{store['container']}/{theirs['remote path']}", tmp_path / "back")
    assert ended.status == 0, ended.err
    assert contents(tmp_path / "back") == uploaded(varied)


@pytest.fixture
def own_server():
    """An account with one workspace and nothing else."""
    with emulator() as running:
        yield running


def test_what_we_put_is_a_jobs_output_to_the_library(library, varied, own_server, tmp_path):
    """jobs.download: the default artifacts, one output by its name, and an output at the older place."""
    from azure.storage.blob import BlobServiceClient

    service = BlobServiceClient.from_connection_string(own_server.connection_string)
    containers = {"workspaceartifactstore": "azureml", "workspaceblobstore": "azureml-blobstore-5f"}
    for name in containers.values():
        service.create_container(name)
    (varied / "link").unlink()
    (varied / "linked").unlink()
    for place in ["azureml/ExperimentRun/dcid.keen_sky/outputs", "azureml-blobstore-5f/azureml/keen_sky/model",
                  "azureml-blobstore-5f/dataset/keen_sky/old"]:
        ended = outputfs(
            "put", varied, f"containers/{place}", AZURE_STORAGE_CONNECTION_STRING=own_server.connection_string
        )
        assert ended.status == 0, ended.err
    at = {"account_url": own_server.blob_endpoint, "key": own_server.key, "containers": containers, "name": "keen_sky"}
    back = tmp_path / "back"
    library("download_job", **at, destination=str(back))
    for output in ["model", "old"]:
        library("download_job", **at, destination=str(back), output_name=output)
    for folder in ["artifacts/outputs", "named-outputs/model", "named-outputs/old"]:
        assert contents(back / folder) == contents(varied), folder
        # Folders without files are folders to the library, too.
        assert (back / folder / "no files").is_dir()


def test_simultaneous_uploads_of_one_content_end_well(library, run, varied, store, server):
    """Three of ours and one of the library's at the same time. Its own fails where another one was faster (409), which is its
    way; then there is one artifact, whole and confirmed, and its next try finds it."""
    command = [binary(), "put", "--artifact", "--json", str(varied), f"containers/{store['container']}"]
    environment = clean_environment(AZURE_STORAGE_CONNECTION_STRING=server.connection_string)
    running = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    library.begin("upload", **store, path=str(varied), name="varied", version="1", show_progress=True)
    answers = [json.loads(process.communicate(timeout=60)[0]) for process in running]
    assert [process.returncode for process in running] == [0] * 3
    assert len({answer["path"] for answer in answers}) == 1 and not any(answer.get("collision") for answer in answers)
    try:
        library.end()
    except AssertionError as error:
        assert "BlobAlreadyExists" in str(error) or "already exists" in str(error), error
    assert library("upload", **store, path=str(varied), name="other", version="2")["name"] == "varied"
    ended = run("put", "--artifact", "--json", varied, f"containers/{store['container']}")
    assert json.loads(ended.out)["uploaded"] == 0
