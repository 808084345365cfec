"""get, put, ls, find, cat and hash: the tree without a mount, with azure-storage-blob on the other side."""

import hashlib
import itertools
import json
import os
import pathlib
import signal
import socket
import subprocess

import pytest

from program import binary, clean_environment, wait_until

MIB = 1 << 20
numbers = itertools.count()


@pytest.fixture
def job(service):
    """The name of a job of its own, with two tasks, a folder beside a blob of its name, and a folder that is empty."""
    name = f"moved-{next(numbers)}"
    container = service.create_container(f"job-{name}")
    for task in ["one", "two"]:
        container.upload_blob(f"{task}/$TaskLog/stdout.txt", f"out of {task}\n")
        container.upload_blob(f"{task}/$TaskOutput/a", b"beside")
        container.upload_blob(f"{task}/$TaskOutput/a-1", b"")
        container.upload_blob(f"{task}/$TaskOutput/a/b.csv", b"1,2\n")
    container.upload_blob("$JobOutput/sum.txt", b"3")
    container.upload_blob("$JobOutput/nothing", b"", metadata={"hdi_isfolder": "true"})
    return name


def tree(path):
    path = pathlib.Path(path)
    return {str(p.relative_to(path)): p.read_bytes() if p.is_file() else None for p in sorted(path.rglob("*"))}


# Looking


def test_ls_shows_what_a_mount_shows(run, job):
    assert {"containers/", "jobs/"} <= set(run("ls").out.split())
    assert f"{job}/" in run("ls", "jobs").out.split()
    assert run("ls", f"jobs/{job}").out.split() == ["JobOutput/", "JobPreview/", "tasks/"]
    assert run("ls", f"jobs/{job}/tasks/one/TaskOutput").out.split() == ["%=a%file", "a/", "a-1"]
    (line,) = json.loads(run("ls", "--json", f"jobs/{job}/JobOutput/sum.txt").out)
    assert (line["size"], line["container"], line["blob"]) == (1, f"job-{job}", "$JobOutput/sum.txt")


def test_find_lists_each_file_once_by_its_path(run, job):
    found = run("find", f"jobs/{job}").out.splitlines()
    tasks = [f"/jobs/{job}/tasks/{task}/{rest}" for task in ["one", "two"]
             for rest in ["TaskLog/stdout.txt", "TaskOutput/%=a%file", "TaskOutput/a-1", "TaskOutput/a/b.csv"]]
    assert sorted(found) == sorted([f"/jobs/{job}/JobOutput/sum.txt", *tasks])
    assert run("find", "--name", "*.csv", f"jobs/{job}/tasks/two").out == f"/jobs/{job}/tasks/two/TaskOutput/a/b.csv\n"
    assert run("find", f"jobs/{job}/**/stdout.txt").out.count("\n") == 2


def test_cat_writes_files_in_the_order_of_their_names(run, job):
    assert run("cat", f"jobs/{job}/tasks/*/TaskLog/stdout.txt").out == "out of one\nout of two\n"


def test_cat_of_a_large_file_is_its_bytes(run, service, server):
    data = os.urandom(37 * MIB + 5)
    name = f"large-{next(numbers)}"
    service.create_container(name).upload_blob("data", data)
    ended = subprocess.run(
        [binary(), "cat", f"containers/{name}/data"], capture_output=True, timeout=30,
        env=clean_environment(AZURE_STORAGE_CONNECTION_STRING=server.connection_string),
    )
    assert ended.returncode == 0 and ended.stdout == data


def test_cat_says_when_its_output_takes_nothing_more(server, job):
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [binary(), "cat", f"jobs/{job}/JobOutput/sum.txt"], stdout=full, stderr=subprocess.PIPE, timeout=30,
            env=clean_environment(AZURE_STORAGE_CONNECTION_STRING=server.connection_string),
        )
    assert ended.returncode == 1 and b"No space left" in ended.stderr


@pytest.mark.parametrize("command", ["ls", "find", "cat"])
def test_what_is_not_there_is_named(run, job, command):
    ended = run(command, f"jobs/{job}/tasks/three")
    assert ended.status == 66 and f"/jobs/{job}/tasks/three is not there" in ended.err
    ended = run(command, f"jobs/{job}/tasks/t?ree/*")
    assert ended.status == 66 and f"nothing fits jobs/{job}/tasks/t?ree/*" in ended.err


@pytest.mark.parametrize("command", ["ls", "find", "cat"])
def test_what_is_there_is_shown_though_another_is_not(run, job, command):
    ended = run(command, f"jobs/{job}/JobOutput/none", f"jobs/{job}/JobOutput/sum.txt")
    assert ended.status == 66 and f"/jobs/{job}/JobOutput/none is not there" in ended.err
    assert ended.out.strip().endswith("3" if command == "cat" else "JobOutput/sum.txt")


# Fetching


def test_get_brings_what_is_below_a_folder_and_nothing_else(run, job, tmp_path):
    ended = run("get", f"jobs/{job}/tasks/one", tmp_path / "one")
    assert ended.status == 0, ended.err
    assert tree(tmp_path / "one") == {
        "TaskLog": None, "TaskLog/stdout.txt": b"out of one\n", "TaskOutput": None, "TaskOutput/%=a%file": b"beside",
        "TaskOutput/a": None, "TaskOutput/a-1": b"", "TaskOutput/a/b.csv": b"1,2\n",
    }


def test_a_folder_that_is_empty_is_brought(run, job, tmp_path):
    assert run("get", f"jobs/{job}/JobOutput", tmp_path).status == 0
    assert tree(tmp_path) == {"sum.txt": b"3", "nothing": None}


def test_wildcards_bring_what_they_stand_for(run, job, tmp_path):
    assert run("get", f"jobs/{job}/tasks/*/TaskLog", tmp_path).status == 0
    assert set(tree(tmp_path)) == {"one", "one/TaskLog", "one/TaskLog/stdout.txt", "two", "two/TaskLog", "two/TaskLog/stdout.txt"}


def test_keep_keeps_the_whole_path(run, job, tmp_path):
    assert run("get", "--keep", f"jobs/{job}/JobOutput/sum.txt", tmp_path).status == 0
    assert (tmp_path / "jobs" / job / "JobOutput" / "sum.txt").read_bytes() == b"3"


def test_a_single_file_can_be_given_a_name(run, job, tmp_path):
    assert run("get", f"jobs/{job}/JobOutput/sum.txt", tmp_path / "total").status == 0
    assert run("get", f"jobs/{job}/JobOutput/sum.txt", f"{tmp_path}/into/").status == 0
    assert tree(tmp_path) == {"total": b"3", "into": None, "into/sum.txt": b"3"}


def test_a_second_get_fetches_only_what_changed(run, service, job, tmp_path):
    assert run("get", f"jobs/{job}", tmp_path).status == 0
    service.get_blob_client(f"job-{job}", "$JobOutput/sum.txt").upload_blob(b"4", overwrite=True)
    again = json.loads(run("get", "--json", f"jobs/{job}", tmp_path).out)
    assert (again["files"], again["kept"], again["failed"]) == (1, 8, 0)
    assert (tmp_path / "JobOutput" / "sum.txt").read_bytes() == b"4"


def test_overwrite_never_leaves_what_is_there(run, job, tmp_path):
    (tmp_path / "sum.txt").write_bytes(b"mine")
    assert run("get", "--overwrite", "never", f"jobs/{job}/JobOutput", tmp_path).status == 0
    assert (tmp_path / "sum.txt").read_bytes() == b"mine"
    assert run("get", "--overwrite", "always", f"jobs/{job}/JobOutput", tmp_path).status == 0
    assert (tmp_path / "sum.txt").read_bytes() == b"3"


def test_two_sources_of_one_target_are_named_and_the_first_one_stays(run, job, tmp_path):
    ended = run("get", f"jobs/{job}/tasks/one/TaskLog", f"jobs/{job}/tasks/two/TaskLog", tmp_path)
    assert ended.status == 1 and "is the target of two sources" in ended.err
    assert (tmp_path / "stdout.txt").read_text() == "out of one\n"


def test_a_folder_in_the_way_of_a_file_is_named(run, job, tmp_path):
    (tmp_path / "sum.txt").mkdir()
    ended = run("get", f"jobs/{job}/JobOutput", tmp_path)
    assert ended.status == 1 and "sum.txt is a directory here, and a file in the store" in ended.err


def test_a_pattern_that_nothing_fits_is_a_failure(run, job, tmp_path):
    ended = run("get", f"jobs/{job}/tasks/*/Task?", tmp_path)
    assert ended.status == 66 and f"nothing fits jobs/{job}/tasks/*/Task?" in ended.err


def test_a_dry_run_writes_nothing(run, job, tmp_path):
    ended = run("get", "--dry-run", f"jobs/{job}/tasks/one", tmp_path / "new")
    assert ended.status == 0 and "4 files with" in ended.out and not (tmp_path / "new").exists()


def test_validate_finds_bytes_that_are_not_what_the_writer_wrote(run, service, tmp_path):
    from azure.storage.blob import ContentSettings

    name = f"wrong-{next(numbers)}"
    container = service.create_container(name)
    container.upload_blob("right", b"x" * 100)
    container.get_blob_client("wrong").upload_blob(b"y" * 100)
    container.get_blob_client("wrong").set_http_headers(ContentSettings(content_md5=bytearray(16)))
    ended = run("get", "--validate", f"containers/{name}", tmp_path)
    assert ended.status == 1 and "its bytes are not what was written" in ended.err
    assert list(tree(tmp_path)) == ["right"]


def test_an_interrupted_get_goes_on_where_it_stopped(run, server, service, tmp_path):
    data = os.urandom(256 * MIB)
    name = f"resumed-{next(numbers)}"
    service.create_container(name).upload_blob("data", data, max_concurrency=4)
    # One request at a time, so that the signal comes in the middle.
    process = subprocess.Popen(
        [binary(), "get", "--jobs", "1", f"containers/{name}/data", tmp_path / "data"],
        env=clean_environment(AZURE_STORAGE_CONNECTION_STRING=server.connection_string),
    )
    part = tmp_path / ".data.outputfs-part"
    wait_until(lambda: part.exists() and part.stat().st_size > 20 * MIB, what="the first bytes")
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    assert not (tmp_path / "data").exists()
    prefix = int(os.getxattr(part, "user.outputfs.part").split(b"\n")[0])
    assert prefix > 0
    # What it does not fetch again cannot come from the store: so it is seen.
    with open(part, "r+b") as file:
        file.write(b"kept")
    ended = run("get", f"containers/{name}/data", tmp_path / "data")
    assert ended.status == 0, ended.err
    assert (tmp_path / "data").read_bytes() == b"kept" + data[4:]
    assert not part.exists()


def test_a_blob_that_was_replaced_is_not_resumed(run, service, tmp_path):
    name = f"replaced-{next(numbers)}"
    service.create_container(name).upload_blob("data", b"new" * MIB)
    part = tmp_path / ".data.outputfs-part"
    part.write_bytes(b"old" * MIB)
    os.setxattr(part, "user.outputfs.part", b"1000\n\"0x1\" 3145728")
    assert run("get", f"containers/{name}/data", tmp_path / "data").status == 0
    assert (tmp_path / "data").read_bytes() == b"new" * MIB


# Uploading


@pytest.fixture
def local(tmp_path):
    folder = tmp_path / "local"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "deep" / "er" / "big.bin").write_bytes(os.urandom(20 * MIB + 3))
    (folder / "table.csv").write_bytes(b"1,2\n")
    (folder / "zz%# ü.txt").write_bytes(b"a name to encode")
    return folder


def test_what_put_sends_get_brings_back(run, local, tmp_path):
    (local / "dot.").write_bytes(b"a name that storage would change")
    job = f"Put_{next(numbers)}"
    ended = run("put", local, f"jobs/{job}/tasks/t/TaskOutput")
    assert ended.status == 0, ended.err
    assert f"{job}/" in run("ls", "jobs").out.split()
    assert run("get", f"jobs/{job}/tasks/t/TaskOutput", tmp_path / "back").status == 0
    assert tree(tmp_path / "back") == tree(local)


def test_put_stores_type_and_md5_of_every_file(run, service, local):
    name = f"put-{next(numbers)}"
    service.create_container(name)
    assert run("put", local, f"containers/{name}").status == 0
    for blob, kind in [("deep/er/big.bin", "application/octet-stream"), ("table.csv", "text/csv")]:
        settings = service.get_blob_client(name, blob).get_blob_properties().content_settings
        assert settings.content_type == kind
        assert bytes(settings.content_md5) == hashlib.md5((local / blob).read_bytes()).digest()


def test_a_second_put_sends_only_what_changed(run, local):
    where = f"jobs/again-{next(numbers)}/JobOutput"
    assert run("put", local, where).status == 0
    (local / "table.csv").write_bytes(b"3,4\n")
    again = json.loads(run("put", "--json", local, where).out)
    assert (again["files"], again["kept"], again["failed"]) == (1, 2, 0)


def test_a_single_file_goes_into_a_folder_or_gets_a_name(run, local):
    where = f"jobs/single-{next(numbers)}/JobOutput"
    for destination in [f"{where}/", where, f"{where}/other.csv", f"{where}/sub/"]:
        ended = run("put", local / "table.csv", destination)
        assert ended.status == 0, ended.err
    found = run("find", where).out.split()
    assert found == [f"/{where}/{name}" for name in ["other.csv", "sub/table.csv", "table.csv"]]


def test_where_no_file_can_be_nothing_is_sent(run, job, local):
    for destination in [f"jobs/{job}", "jobs", "/", f"jobs/{job}/tasks/one"]:
        ended = run("put", local, destination)
        assert ended.status == 64 and "cannot be there" in ended.err, (destination, ended)


def test_a_folder_that_is_not_there_is_named(run, tmp_path):
    ended = run("put", tmp_path / "gone", "jobs/any/JobOutput")
    assert ended.status == 66 and "gone cannot be found" in ended.err


def test_a_mount_and_the_commands_agree_on_what_files_are(run, mounted, tmp_path):
    def facts(folder):
        status = os.stat(folder / "script")
        return (status.st_mode & 0o777, status.st_mtime_ns, os.readlink(folder / "deep" / "link"),
                os.listdir(folder / "empty"), (folder / "deep" / "link").read_text())

    number = next(numbers)
    shown = mounted / "jobs" / f"facts-{number}" / "JobOutput"
    shown.parent.mkdir()
    (shown / "deep").mkdir()
    (shown / "empty").mkdir()
    (shown / "script").write_text("echo")
    os.chmod(shown / "script", 0o700)
    os.utime(shown / "script", ns=(0, 1_500_000_000_987_654_321))
    (shown / "deep" / "link").symlink_to("../script")
    assert run("get", f"jobs/facts-{number}/JobOutput", tmp_path / "back").status == 0
    assert facts(tmp_path / "back") == facts(shown)
    assert run("put", tmp_path / "back", f"jobs/put-{number}/JobOutput").status == 0
    assert facts(mounted / "jobs" / f"put-{number}" / "JobOutput") == facts(shown)


def test_without_md5_only_files_of_several_blocks_have_none(run, service, local):
    container = f"no-md5-{next(numbers)}"
    (local / "long").write_bytes(os.urandom(20 * MIB + 1))
    assert run("put", "--no-md5", local, f"containers/{container}/").status == 0
    blobs = service.get_container_client(container)
    for name, size in [("long", 20 * MIB + 1), ("table.csv", 4)]:
        blob = blobs.get_blob_client(name).download_blob()
        assert blob.readall() == (local / name).read_bytes() and blob.size == size
        assert (blob.properties.content_settings.content_md5 is None) == (name == "long")
    # Nothing says that it is the same, so it goes up again, and gets its MD5.
    assert run("put", local, f"containers/{container}/").status == 0
    properties = blobs.get_blob_client("long").get_blob_properties()
    assert properties.content_settings.content_md5 == hashlib.md5((local / "long").read_bytes()).digest()


def test_an_artifact_always_has_its_md5(run, local):
    ended = run("put", "--artifact", "--no-md5", local, "containers/none")
    assert ended.status == 64 and "--no-md5 does not go with --artifact" in ended.err


# Artifacts


@pytest.fixture
def container(service):
    name = f"azureml-blobstore-{next(numbers)}"
    service.create_container(name)
    return name


def put_artifact(run, container, path, *options):
    ended = run("put", "--artifact", "--json", *options, path, f"containers/{container}")
    assert ended.status == 0, ended.err
    return json.loads(ended.out)


def test_an_artifact_is_confirmed_last_and_found_again(run, service, container, local):
    first = put_artifact(run, container, local, "--name", "mnist", "--version", "3")
    assert (first["uploaded"], first["kept"]) == (3, 0)
    folder = first["path"].removeprefix(f"{container}/")
    (confirmed,) = [b for b in service.get_container_client(container).list_blobs(include=["metadata"])
                    if (b.metadata or {}).get("upload_status") == "completed"]
    assert confirmed.name == f"{folder}/deep/er/big.bin"
    assert confirmed.metadata == {"upload_status": "completed", "name": "mnist", "version": "3"}
    again = put_artifact(run, container, local, "--name", "other")
    assert (again["uploaded"], again["kept"], again["name"], again["version"]) == (0, 3, "mnist", "3")


def test_a_blob_that_an_artifact_lost_is_put_back(run, service, container, local):
    first = put_artifact(run, container, local)
    lost = first["path"].removeprefix(f"{container}/") + "/table.csv"
    service.get_blob_client(container, lost).delete_blob()
    again = put_artifact(run, container, local)
    assert (again["uploaded"], again["kept"], again["path"]) == (1, 2, first["path"])
    assert service.get_blob_client(container, lost).download_blob().readall() == b"1,2\n"


def test_half_an_upload_is_finished(run, service, container, local):
    answer = json.loads(run("hash", "--json", "--files", local).out)[0]
    half = f"LocalUpload/{answer['objectHash']}/local/table.csv"
    service.get_blob_client(container, half).upload_blob(b"half")
    done = put_artifact(run, container, local)
    assert done["uploaded"] == 3
    assert service.get_blob_client(container, half).download_blob().readall() == b"1,2\n"


def test_other_content_of_the_same_hash_stays_and_this_goes_elsewhere(run, service, container, tmp_path):
    # The object hash has no separators: {a: "bc"} and {a: "", b: "c"} are one to it.
    one, other = tmp_path / "x" / "same", tmp_path / "y" / "same"
    for folder, files in [(one, {"a": b"bc"}), (other, {"a": b"", "b": b"c"})]:
        folder.mkdir(parents=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
    first = put_artifact(run, container, one)
    second = put_artifact(run, container, other)
    assert second["path"] != first["path"] and second["collision"] == "a is another file there"
    blobs = service.get_container_client(container)
    assert blobs.download_blob(first["path"].removeprefix(f"{container}/") + "/a").readall() == b"bc"
    assert blobs.download_blob(second["path"].removeprefix(f"{container}/") + "/b").readall() == b"c"


def test_uploaders_of_one_content_at_once_all_succeed(server, container, local):
    command = [binary(), "put", "--artifact", "--json", local, f"containers/{container}"]
    environment = clean_environment(AZURE_STORAGE_CONNECTION_STRING=server.connection_string)
    running = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    answers = [json.loads(process.communicate(timeout=60)[0]) for process in running]
    assert [process.returncode for process in running] == [0] * 4
    assert len({answer["path"] for answer in answers}) == 1


def test_a_name_that_storage_would_change_cannot_be_in_an_artifact(run, service, container, local):
    (local / "dot.").write_bytes(b"x")
    ended = run("put", "--artifact", local, f"containers/{container}")
    assert ended.status == 64 and "dot.: no segment of a blob's name ends in a dot" in ended.err
    assert not [b for b in service.get_container_client(container).list_blobs(include=["metadata"]) if (b.metadata or {}).get("upload_status")]


def test_an_artifact_of_nothing_is_refused(run, container, tmp_path):
    (tmp_path / "none").mkdir()
    ended = run("put", "--artifact", tmp_path / "none", f"containers/{container}")
    assert ended.status != 0 and "holds no file that is not ignored" in ended.err


# Synchronizing


@pytest.fixture
def both(run, service, tmp_path):
    """A folder and a container that are alike, and how to synchronize them."""
    name = f"sync-{next(numbers)}"
    container = service.create_container(name)
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "here.txt").write_bytes(b"from here")
    container.upload_blob("there.txt", b"from there")

    def sync(*options):
        ended = run("sync", "--json", *options, folder, f"containers/{name}")
        return ended.status, json.loads(ended.out) if ended.out else ended.err

    status, summary = sync("--both")
    assert (status, summary["files"], summary["failed"]) == (0, 2, 0), summary
    return folder, container, sync


def test_what_either_side_lacks_goes_over(both):
    folder, container, sync = both
    assert (folder / "there.txt").read_bytes() == b"from there"
    assert container.download_blob("deep/here.txt").readall() == b"from here"
    assert sync("--both")[1]["files"] == 0
    assert sync("--upload")[1]["files"] == 0
    assert sync("--download")[1]["files"] == 0


def test_a_change_goes_to_the_side_that_did_not_change(both):
    folder, container, sync = both
    (folder / "there.txt").write_bytes(b"changed here")
    container.upload_blob("deep/here.txt", b"changed there", overwrite=True)
    status, summary = sync("--both")
    assert (status, summary["files"]) == (0, 2)
    assert container.download_blob("there.txt").readall() == b"changed here"
    assert (folder / "deep" / "here.txt").read_bytes() == b"changed there"


def test_what_changed_on_both_sides_is_named_and_neither_is_touched(both):
    folder, container, sync = both
    (folder / "there.txt").write_bytes(b"mine")
    container.upload_blob("there.txt", b"their", overwrite=True)
    for options in [["--both"], ["--both", "--dry-run"]]:
        status, summary = sync(*options)
        assert status == 1
        (failure,) = summary["failures"]
        assert failure["source"] == "there.txt" and "it was changed on both sides" in failure["reason"]
    assert (folder / "there.txt").read_bytes() == b"mine"
    assert container.download_blob("there.txt").readall() == b"their"


def test_one_way_only_that_side_is_written(both):
    folder, container, sync = both
    (folder / "there.txt").write_bytes(b"mine")
    container.upload_blob("deep/here.txt", b"theirs", overwrite=True)
    assert sync("--upload")[1]["files"] == 2
    assert container.download_blob("deep/here.txt").readall() == b"from here"
    assert container.download_blob("there.txt").readall() == b"mine"
    container.upload_blob("there.txt", b"theirs", overwrite=True)
    assert sync("--download")[1]["files"] == 1
    assert (folder / "there.txt").read_bytes() == b"theirs"


def test_nothing_is_deleted_on_either_side(both):
    folder, container, sync = both
    (folder / "there.txt").unlink()
    container.delete_blob("deep/here.txt")
    assert sync("--upload")[1]["files"] == 1
    assert container.download_blob("deep/here.txt").readall() == b"from here"
    assert not (folder / "there.txt").exists()
    assert sync("--download")[1]["files"] == 1
    assert (folder / "there.txt").read_bytes() == b"from there"


def test_new_files_of_one_name_that_differ_are_a_conflict(both):
    folder, container, sync = both
    container.upload_blob("new.txt", b"abc")
    (folder / "new.txt").write_bytes(b"xyz")
    status, summary = sync("--both")
    assert status == 1 and "it differs, and was never alike before" in summary["failures"][0]["reason"]


def test_a_memory_that_cannot_be_read_is_named(both):
    folder, _, sync = both
    (folder / ".outputfs-sync").write_bytes(b"{")
    status, error = sync("--both")
    assert status == 78 and ".outputfs-sync cannot be understood" in error


def test_who_waits_for_an_identity_can_be_interrupted():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment = clean_environment(
            AZURE_STORAGE_ACCOUNT="farm", AZURE_STORAGE_AUTH_TYPE="msi",
            AZURE_POD_IDENTITY_AUTHORITY_HOST=f"http://127.0.0.1:{silent.getsockname()[1]}",
        )
        process = subprocess.Popen([binary(), "ls"], env=environment)
        silent.accept()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
