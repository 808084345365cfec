"""luisy plan, pull, push, status, adopt, gc and repair, with azure-storage-blob on the other side; luisy itself: Tests/Interop/luisy."""

import concurrent.futures
import itertools
import json
import os
import signal
import subprocess
import time
import urllib.request

import pytest
from azure.storage.blob import BlobServiceClient

from program import ROOT, binary, clean_environment, emulator, outputfs, wait_until

numbers = itertools.count()
A, B = "a" * 32, "b" * 32


@pytest.fixture(scope="module")
def server():
    with emulator("--control") as running:
        yield running


@pytest.fixture
def control(server):
    def control(method, path, value=None):
        body = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(f"{server.endpoint}/-/{path}", data=body, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    yield control
    control("DELETE", "faults")


@pytest.fixture
def container(server):
    with BlobServiceClient.from_connection_string(server.connection_string) as service:
        yield service.create_container(f"pipelines-{next(numbers)}")


@pytest.fixture
def folder(tmp_path):
    """Makes working directories."""

    def make(manifest=None, **files):
        path = tmp_path / f"machine-{next(numbers)}"
        (path / "demo").mkdir(parents=True)
        for name, content in files.items():
            (path / "demo" / f"{name}.pkl").write_bytes(content)
        if manifest is not None:
            (path / "demo/.luisy.hash").write_text(json.dumps(manifest))
        return path

    return make


@pytest.fixture
def environment(server, container):
    return {
        "AZURE_STORAGE_CONNECTION_STRING": server.connection_string,
        "LUISY_AZURE_CONTAINER_NAME": container.container_name,
    }


@pytest.fixture
def run(environment):
    def run(*arguments, directory=None, timeout=60, **more):
        where = {"WORKING_DIR": str(directory)} if directory else {}
        return outputfs("luisy", *arguments, timeout=timeout, **{**environment, **where, **more})

    return run


def manifest(container, project="demo"):
    return json.loads(container.download_blob(f"{project}/.luisy.hash").readall())


def put_manifest(container, entries, project="demo"):
    container.upload_blob(f"{project}/.luisy.hash", json.dumps(entries), overwrite=True)


def files(directory):
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


# plan


@pytest.mark.parametrize("download", [False, True])
@pytest.mark.parametrize("upload", [False, True])
def test_plan_foretells_all_recorded_runs(run, container, folder, download, upload):
    rows = json.loads((ROOT / "Tests/OutputConventionsTests/Vectors/luisy_decision_vectors.json").read_text())["rows"]
    rows = [row for row in rows if (row["download"], row["upload"]) == (download, upload)]
    assert len(rows) == 72
    key = "/demo/raw/n={}.pkl".format
    directory = folder({key(n): row["local_hash"] for n, row in enumerate(rows) if row["local_hash"]})
    (directory / "demo/raw").mkdir()
    for n, row in enumerate(rows):
        if row["local_file"]:
            (directory / key(n)[1:]).write_bytes(b"LOCAL")
        if row["cloud_blob"]:
            container.upload_blob(key(n)[1:], b"CLOUD")
    put_manifest(container, {key(n): row["cloud_hash"] for n, row in enumerate(rows) if row["cloud_hash"]})
    arguments = ["--download"] * download + ["--upload"] * upload
    for n, row in enumerate(rows):
        arguments += ["--hash", f"{key(n)}=new"] + (["--external", key(n)] if row["kind"] == "external" else [])
    ended = run("plan", "--json", *arguments, "demo", directory=directory)
    assert ended.status == 0, ended.err
    lines = {line["key"]: line for line in json.loads(ended.out)}
    for n, row in enumerate(rows):
        line, after = lines[key(n)], row["after"]
        assert line["source"] == {"LOCAL": "keep", "CLOUD": "download", "RUN": "run", None: "missing"}[after["local"]], row
        assert line.get("localHashAfter") == after["local_hash"], row
        stored = after["local"] if line["uploads"] else "CLOUD" if row["cloud_blob"] else None
        assert stored == after["cloud"], row
        assert ("new" if line["uploads"] else row["cloud_hash"]) == after["cloud_hash"], row
        assert line["aborts"] == (after["outcome"] == "FileNotFoundError"), row


def test_plan_changes_nothing(run, container, folder):
    container.upload_blob("demo/a.pkl", b"store")
    put_manifest(container, {"/demo/a.pkl": A})
    directory = folder({"/demo/b.pkl": B}, b=b"mine")
    before = {blob.name: blob.etag for blob in container.list_blobs()}
    ended = run("plan", "--download", "--upload", "--hash", f"demo/b.pkl={A}", "demo", directory=directory)
    assert ended.status == 0, ended.err
    assert [line.split() for line in ended.out.splitlines()[1:]] == [
        ["delete,", "run,", "upload", "/demo/b.pkl"], ["download", "/demo/a.pkl"],
    ]
    assert {blob.name: blob.etag for blob in container.list_blobs()} == before
    assert files(directory) == {"demo/.luisy.hash", "demo/b.pkl"}


# push and pull


def test_what_is_pushed_is_pulled_elsewhere(run, container, folder):
    large = os.urandom(70 << 20)
    names = {"empty": b"", "large": large, "n=1, ü [x] #?%20": b"odd"}
    mine = folder({f"/demo/{name}.pkl": A for name in names}, **names)
    (mine / "demo/deep").mkdir()
    ended = run("push", "demo", directory=mine, timeout=100)
    assert ended.status == 0, ended.err
    assert {blob.name: blob.size for blob in container.list_blobs()} | {"demo/.luisy.hash": 0} == {
        "demo/.luisy.hash": 0, **{f"demo/{name}.pkl": len(content) for name, content in names.items()},
    }
    assert manifest(container) == json.loads((mine / "demo/.luisy.hash").read_text())
    yours = folder()
    ended = run("pull", "--json", "demo", directory=yours, timeout=100)
    assert ended.status == 0, ended.err
    assert json.loads(ended.out)["files"] == 3
    assert {name: (yours / f"demo/{name}.pkl").read_bytes() for name in names} == names
    assert json.loads((yours / "demo/.luisy.hash").read_text()) == manifest(container)
    assert json.loads(run("pull", "--json", "demo", directory=yours).out)["kept"] == 3


def test_pushes_at_once_lose_nothing(run, container, folder):
    machines = []
    for machine in range(4):
        names = [f"m{machine}-{n}" for n in range(8)]
        machines.append(folder({f"/demo/{name}.pkl": A for name in names}, **{name: b"x" for name in names}))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        ended = list(pool.map(lambda directory: run("push", "demo", directory=directory), machines))
    assert [one.status for one in ended] == [0] * 4, [one.err for one in ended]
    assert set(manifest(container)) == {f"/demo/m{machine}-{n}.pkl" for machine in range(4) for n in range(8)}


def test_a_push_that_is_killed_before_the_manifest_is_flagged_and_mended(run, environment, container, folder, control):
    container.upload_blob("demo/a.pkl", b"old")
    put_manifest(container, {"/demo/a.pkl": A})
    directory = folder({"/demo/a.pkl": B}, a=b"new")
    time.sleep(1.1)  # Last-Modified is in whole seconds.
    control("PUT", "faults", [{"operation": "Put Blob", "blob": "demo/.luisy.hash", "effect": "hold"}])
    process = subprocess.Popen(
        [binary(), "luisy", "push", "demo"], env=clean_environment(**environment, WORKING_DIR=str(directory)),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: control("GET", "held") == 1, 20, "that the manifest is on its way")
    process.kill()
    process.wait()
    ended = run("status", "--json", "demo")
    assert ended.status == 1
    assert [line["state"] for line in json.loads(ended.out)[0]["lines"]] == ["newer"]
    # What the server was sent it may still carry out; and the next push says it for certain.
    control("DELETE", "faults")
    assert run("push", "demo", directory=directory).status == 0
    assert manifest(container) == {"/demo/a.pkl": B} and run("status").status == 0


def test_ctrl_c_behind_the_bytes_still_saves_their_line(environment, container, folder, control):
    directory = folder({"/demo/a.pkl": A}, a=b"new")
    control("PUT", "faults", [{"operation": "Put Blob", "blob": "demo/.luisy.hash", "effect": "hold"}])
    process = subprocess.Popen(
        [binary(), "luisy", "push", "demo"], env=clean_environment(**environment, WORKING_DIR=str(directory)),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: control("GET", "held") == 1, 20, "that the manifest is on its way")
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    control("DELETE", "faults")
    assert process.wait(20) == 130
    assert manifest(container) == {"/demo/a.pkl": A}


def test_a_blob_that_cannot_be_fetched_leaves_no_file(run, container, folder, control):
    container.upload_blob("demo/a.pkl", b"a")
    container.upload_blob("demo/b.pkl", b"b")
    put_manifest(container, {"/demo/a.pkl": A, "/demo/b.pkl": B})
    control("PUT", "faults", [{"operation": "Get Blob", "blob": "demo/a.pkl", "effect": "status", "status": 404, "code": "BlobNotFound"}])
    directory = folder()
    ended = run("pull", "--json", "demo", directory=directory)
    assert ended.status == 1
    answer = json.loads(ended.out)
    assert (answer["files"], answer["failed"]) == (1, 1) and "demo/a.pkl" in answer["failures"][0]["source"]
    assert "demo/a.pkl" not in files(directory) and (directory / "demo/b.pkl").read_bytes() == b"b"
    assert json.loads((directory / "demo/.luisy.hash").read_text()) == {"/demo/b.pkl": B}


def test_sync_by_luisy_s_rules_is_the_same(environment, container, folder):
    def sync(*arguments):
        return outputfs("sync", "--luisy", *arguments, **environment)

    mine, yours = folder({"/demo/a.pkl": A}, a=b"mine", unknown=b"stays here"), folder()
    ended = sync("--upload", mine, "projects/demo")
    assert ended.status == 0, ended.err
    assert {blob.name for blob in container.list_blobs()} == {"demo/.luisy.hash", "demo/a.pkl"}
    ended = sync("--download", yours, f"containers/{container.container_name}/demo")
    assert ended.status == 0, ended.err
    assert files(yours) == {"demo/.luisy.hash", "demo/a.pkl"}
    assert sync("--both", mine, "projects/demo").status == 64
    ended = sync("--upload", mine, "jobs/demo")
    assert ended.status == 64 and "is no project" in ended.err


# status, adopt, gc


def test_status_shows_each_line_and_what_nobody_names(run, container):
    for name in ["demo/a.pkl", "demo/orphan.pkl", "demo/dir/part-0"]:
        container.upload_blob(name, b"1234")
    put_manifest(container, {"/demo/a.pkl": A, "/demo/dir": B, "/All.pkl": A, "/demo/null": None})
    put_manifest(container, {"/demo/a.pkl": B}, "other")
    ended = run("status", "demo")
    assert [line.split()[:4] for line in ended.out.splitlines()] == [
        ["demo:", "2", "same,", "1"], ["STATE", "HASH", "SIZE", "KEY"],
        ["same", "aaaaaaaa", "4", "B"], ["same", "bbbbbbbb", "4", "B"], ["dangling", "aaaaaaaa", "-", "/All.pkl"],
        ["null", "-", "-", "/demo/null"], ["orphan", "-", "4", "B"],
    ]
    assert "(bbbbbbbb in other)" in ended.out
    assert ended.status == 1, "another manifest has another hash"
    put_manifest(container, {"/demo/a.pkl": A}, "other")
    assert run("status", "demo").status == 0
    assert [report["project"] for report in json.loads(run("status", "--json").out)] == ["demo", "other"]


def test_six_thousand_lines_take_two_pages(run, container, server, control):
    control("POST", "populate", {
        "account": server.account, "container": container.container_name, "prefix": "demo/", "count": 6000, "size": 4,
    })
    names = [blob.name for blob in container.list_blobs(name_starts_with="demo/")]
    assert len(names) == 6000
    put_manifest(container, {f"/{name}": A for name in names})
    control("DELETE", "counters")
    ended = run("status", "--json", "demo")
    assert ended.status == 0, ended.err
    assert [line["state"] for line in json.loads(ended.out)[0]["lines"]] == ["same"] * 6000
    assert control("GET", "counters")["List Blobs"]["requests"] == 3


def test_gc_drops_after_it_was_told_to(run, container):
    container.upload_blob("demo/a.pkl", b"1234")
    container.upload_blob("demo/orphan.pkl", b"1234")
    before = {"/demo/null": None, "/demo/a.pkl": A, "/All.pkl": B}
    put_manifest(container, before)
    for arguments in [["gc", "demo"], ["gc", "--dry-run", "demo"]]:
        ended = run(*arguments)
        assert ended.status == 0 and "would go (--yes)" in ended.out, ended.err
        assert manifest(container) == before
    answer = json.loads(run("gc", "--yes", "--json", "demo").out)
    assert answer == {
        "isDryRun": False, "null": ["/demo/null"], "dangling": ["/All.pkl"],
        "orphans": [{"blob": "demo/orphan.pkl", "bytes": 4}],
    }
    assert manifest(container) == {"/demo/a.pkl": A}
    assert run("gc", "nowhere").status == 66


def test_adopt_names_what_is_there(run, container):
    container.upload_blob("demo/table/part-0", b"1234")
    assert run("adopt", "/demo/table", "no hash").status == 64
    assert run("adopt", "/demo/table-2", A).status == 66
    assert run("adopt", "--dry-run", "/demo/table", A).status == 0
    assert {blob.name for blob in container.list_blobs()} == {"demo/table/part-0"}
    ended = run("adopt", "demo/table", A)
    assert ended.status == 0 and "(1 blob)" in ended.out, ended.err
    assert manifest(container) == {"/demo/table": A}


def test_repair_fetches_what_is_empty(run, container, folder):
    container.upload_blob("demo/a.pkl", b"1234")
    put_manifest(container, {"/demo/a.pkl": A})
    directory = folder({"/demo/a.pkl": A}, a=b"")
    ended = run("repair", "--dry-run", "demo", directory=directory)
    assert ended.status == 0 and "1 file with 4 B would be fetched" in ended.out, ended.err
    assert run("repair", "demo", directory=directory).status == 0
    assert (directory / "demo/a.pkl").read_bytes() == b"1234"


# Bad input


@pytest.mark.parametrize("broken, why", [(b"", "empty"), (b"{", "no JSON"), (b"[1]", "no object"), (b"\xff", "not UTF-8")])
def test_a_broken_manifest_is_named_with_what_to_do(run, container, folder, broken, why):
    container.upload_blob("demo/.luisy.hash", broken)
    directory = folder({"/demo/a.pkl": A}, a=b"mine")
    for arguments in [["push"], ["pull"], ["plan"], ["repair"], ["gc", "--yes"], ["status"]]:
        ended = run(*arguments, "demo", directory=directory)
        assert ended.status == 1, arguments
        assert f"{container.container_name}/demo/.luisy.hash" in ended.err and why in ended.err and "  try: " in ended.err
    assert container.download_blob("demo/.luisy.hash").readall() == broken
    assert {blob.name for blob in container.list_blobs()} == {"demo/.luisy.hash"}
    assert (directory / "demo/a.pkl").read_bytes() == b"mine"


def test_a_broken_manifest_on_this_machine_is_named_too(run, container, folder):
    directory = folder(a=b"mine")
    (directory / "demo/.luisy.hash").write_text("{")
    ended = run("push", "demo", directory=directory)
    assert ended.status == 1 and f"{directory}/demo/.luisy.hash" in ended.err and "  try: mv " in ended.err


def test_what_is_missing_is_said(run, container, environment, folder, tmp_path):
    directory = folder()
    ended = run("pull", "demo", directory=directory)
    assert ended.status == 66 and "has no project 'demo'" in ended.err
    ended = run("status")
    assert ended.status == 66 and "has a manifest" in ended.err
    put_manifest(container, {})
    ended = run("pull", "demo", "/demo/none.pkl", directory=directory)
    assert ended.status == 66 and "nothing is known of /demo/none.pkl" in ended.err
    ended = run("pull", "demo")
    assert ended.status == 64 and "--working-dir" in ended.err
    ended = run("pull", "demo", directory=tmp_path / "nowhere")
    assert ended.status == 66 and "mkdir -p" in ended.err
    ended = run("pull", "..", directory=directory)
    assert ended.status == 64 and "is no project" in ended.err
    ended = run("pull", "demo", "/demo/../../x", directory=directory)
    assert ended.status == 64 and "leads out of" in ended.err
    ended = run("plan", "--hash", "/demo/a", "demo", directory=directory)
    assert ended.status == 64 and "names no hash" in ended.err
    ended = outputfs("luisy", "status", AZURE_STORAGE_CONNECTION_STRING=environment["AZURE_STORAGE_CONNECTION_STRING"])
    assert ended.status == 64 and "--luisy-container" in ended.err
    ended = run("status", "--luisy-container", "nowhere-at-all")
    assert ended.status == 66, ended.err


# The setting


def test_the_container_is_named_by_option_file_or_variable(server, container, tmp_path):
    container.upload_blob("demo/a.pkl", b"1234")
    put_manifest(container, {"/demo/a.pkl": A})
    account = {"AZURE_STORAGE_CONNECTION_STRING": server.connection_string}
    name = container.container_name
    file = tmp_path / "config.toml"
    file.write_text(f'luisy-container = "{name}"\n')
    for arguments, more in [
        (["--luisy-container", name], {}),
        (["--config", file], {}),
        ([], {"OUTPUTFS_LUISY_CONTAINER": name}),
        ([], {"LUISY_AZURE_CONTAINER_NAME": name}),
        ([], {"OUTPUTFS_LUISY_CONTAINER": name, "LUISY_AZURE_CONTAINER_NAME": "another"}),
    ]:
        assert outputfs("luisy", "status", *arguments, **account, **more).status == 0, (arguments, more)
        ended = outputfs("ls", *arguments, "projects/demo", **account, **more)
        assert ended.out.split() == [".luisy.hash", "a.pkl"], ended.err
    ended = outputfs("config", **account, LUISY_AZURE_CONTAINER_NAME=name)
    assert [line.split() for line in ended.out.splitlines() if "luisy" in line] == [
        ["luisy-container", name, "LUISY_AZURE_CONTAINER_NAME"]
    ]
    ended = outputfs("ls", "projects", **account, LUISY_AZURE_CONTAINER_NAME="No Name")
    assert ended.status == 64 and "is no name of a container" in ended.err
    assert outputfs("ls", "projects", **account).out == ""
