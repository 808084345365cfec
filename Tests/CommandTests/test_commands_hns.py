"""The commands without a mount on an account with a hierarchical namespace, where directories are there by themselves."""

import itertools
import json

import pytest
from azure.storage.filedatalake import DataLakeServiceClient

from program import KEY, emulator, outputfs

numbers = itertools.count()


@pytest.fixture(scope="module")
def server():
    with emulator("--hns") as running:
        yield running


@pytest.fixture
def lake(server):
    with DataLakeServiceClient(server.blob_endpoint, credential=KEY) as client:
        yield client


@pytest.fixture
def job(service, lake):
    """A job with a file in a folder, a folder that is empty, and one that holds only such."""
    name = f"lake-{next(numbers)}"
    container = service.create_container(f"job-{name}")
    container.upload_blob("one/$TaskOutput/a/b.csv", b"1,2\n")
    files = lake.get_file_system_client(f"job-{name}")
    files.create_directory("one/$TaskOutput/empty")
    files.create_directory("one/$TaskOutput/nested/inner")
    return name


def blobs(service, job):
    return sorted(blob.name for blob in service.get_container_client(f"job-{job}").list_blobs())


def test_ls_shows_directories_that_are_empty(run, job):
    assert run("ls", f"jobs/{job}/tasks/one/TaskOutput").out.split() == ["a/", "empty/", "nested/"]
    ended = run("ls", f"jobs/{job}/tasks/one/TaskOutput/empty")
    assert (ended.status, ended.out) == (0, ""), ended.err
    assert run("ls", f"jobs/{job}/tasks/one/TaskOutput/nested").out.split() == ["inner/"]
    assert run("ls", f"jobs/{job}/tasks/one/TaskOutput/none").status == 66


def test_ls_of_a_file_is_the_file_and_nothing_is_below_it(run, job):
    (line,) = json.loads(run("ls", "--json", f"jobs/{job}/tasks/one/TaskOutput/a/b.csv").out)
    assert line["size"] == 4
    ended = run("ls", f"jobs/{job}/tasks/one/TaskOutput/a/b.csv/c")
    assert ended.status == 66 and "is not there" in ended.err


def test_directories_are_no_files_to_find_or_cat(run, job):
    assert run("find", f"jobs/{job}").out == f"/jobs/{job}/tasks/one/TaskOutput/a/b.csv\n"
    assert run("cat", f"jobs/{job}/**/*").out == "1,2\n"
    assert run("verify", "--json", f"jobs/{job}").status == 0
    assert json.loads(run("jobs", "show", "--json", job).out)["total"]["files"] == 1


def test_get_brings_directories_along(run, job, tmp_path):
    ended = run("get", f"jobs/{job}/tasks/one/TaskOutput", tmp_path / "out")
    assert ended.status == 0, ended.err
    found = {str(p.relative_to(tmp_path / "out")): p.is_dir() for p in (tmp_path / "out").rglob("*")}
    assert found == {"a": True, "a/b.csv": False, "empty": True, "nested": True, "nested/inner": True}


def test_put_goes_into_a_directory_that_is_there_and_makes_others(run, service, job, tmp_path):
    (tmp_path / "in" / "deep" / "er").mkdir(parents=True)
    (tmp_path / "in" / "void").mkdir()
    (tmp_path / "in" / "deep" / "er" / "file").write_bytes(b"x")
    ended = run("put", tmp_path / "in", f"jobs/{job}/tasks/one/TaskOutput/empty")
    assert ended.status == 0, ended.err
    one = tmp_path / "one.txt"
    one.write_bytes(b"1")
    assert run("put", one, f"jobs/{job}/tasks/one/TaskOutput/empty").status == 0
    listed = run("find", f"jobs/{job}/tasks/one/TaskOutput/empty").out.split()
    assert [path.split("/empty/")[1] for path in listed] == ["deep/er/file", "one.txt"]
    assert run("ls", f"jobs/{job}/tasks/one/TaskOutput/empty").out.split() == ["deep/", "one.txt", "void/"]
    # Again: what is there is a directory, and stays one.
    assert run("put", "--overwrite", "always", tmp_path / "in", f"jobs/{job}/tasks/one/TaskOutput/empty").status == 0


def test_put_of_a_file_onto_a_directory_or_below_a_file_fails_and_changes_nothing(run, service, job, tmp_path):
    one = tmp_path / "b.csv"
    one.write_bytes(b"mine")
    before = blobs(service, job)
    ended = run("put", one, f"jobs/{job}/tasks/one/TaskOutput/a/b.csv/below/")
    assert ended.status != 0, ended.out
    assert blobs(service, job) == before


def test_sync_both_ways(run, job, tmp_path):
    ended = run("sync", "--download", tmp_path, f"jobs/{job}/tasks/one/TaskOutput")
    assert ended.status == 0, ended.err
    assert (tmp_path / "a" / "b.csv").read_bytes() == b"1,2\n"
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "file").write_bytes(b"n")
    ended = run("sync", "--upload", tmp_path, f"jobs/{job}/tasks/one/TaskOutput")
    assert ended.status == 0, ended.err
    assert run("cat", f"jobs/{job}/tasks/one/TaskOutput/new/file").out == "n"


def test_rm_takes_a_directory_with_all_that_is_in_it(run, service, server, job):
    ended = outputfs("rm", "-r", "--account", server.account, "--endpoint", server.blob_endpoint,
                     f"jobs/{job}/tasks/one/TaskOutput", AZURE_STORAGE_KEY=server.key)
    assert ended.status == 0, ended.err
    assert blobs(service, job) == ["one"]


def test_a_run_goes_with_its_directories(run, service, lake):
    container = service.create_container("azureml")
    for name in ["quiet_cow_1", "quiet_cow_2"]:
        container.upload_blob(f"ExperimentRun/dcid.{name}/outputs/deep/model.pt", b"m")
        container.upload_blob(f"ComputeRecord/dcid.{name}", b"a file: nothing can be listed below it")
    lake.get_file_system_client("azureml").create_directory("ExperimentRun/dcid.quiet_cow_1/logs/empty")
    report = json.loads(run("jobs", "rm", "--json", "--older-than", "0s", "--kind", "azureml").out)
    assert [job["places"] for job in report["jobs"]] == [
        [f"azureml/ExperimentRun/dcid.{name}/", f"azureml/ComputeRecord/dcid.{name}"] for name in ["quiet_cow_1", "quiet_cow_2"]
    ]
    found = [json.loads(line)["path"] for line in run("jobs", "list", "--json", "--kind", "azureml").out.splitlines()]
    assert sorted(found) == ["runs/quiet_cow_1", "runs/quiet_cow_2"]
    ended = run("jobs", "rm", "--yes", "quiet_cow_1")
    assert ended.status == 0, ended.err
    left = sorted(blob.name for blob in container.list_blobs())
    assert left[:2] == ["ComputeRecord", "ComputeRecord/dcid.quiet_cow_2"] and not any("cow_1" in name for name in left)


def test_jobs_go_with_their_containers(run, service, job):
    assert run("jobs", "rm", "--yes", job).status == 0
    assert not service.get_container_client(f"job-{job}").exists()


# Uploads, which the library's client for this kind of account confirms on their directories


@pytest.fixture
def blobstore(service):
    container = service.create_container(f"azureml-blobstore-{next(numbers)}")
    yield container
    container.delete_container()


def confirm(lake, container, upload, name):
    directory = lake.get_directory_client(container.container_name, f"LocalUpload/{upload}")
    directory.set_metadata({"upload_status": "completed", "name": name, "version": "1"})


@pytest.mark.parametrize("count", [2, 40])
def test_uploads_that_are_confirmed_on_their_directories_are_shown(run, blobstore, lake, tmp_path, count):
    """Few and many: those are asked about one by one, these listed together."""
    for number in range(count):
        blobstore.upload_blob(f"LocalUpload/a{number}/data/f", str(number))
        if number % 2 == 0:
            confirm(lake, blobstore, f"a{number}", f"asset{number}")
    names = sorted(f"asset{number}@1" for number in range(0, count, 2))
    assert run("ls", "uploads").out.split() == [f"{name}/" for name in names]
    assert sorted(run("find", "uploads").out.split()) == sorted(f"/uploads/{name}/data/f" for name in names)
    assert run("cat", "uploads/asset0@1/data/f").out == "0"
    ended = run("get", "uploads/asset0@1", tmp_path / "out")
    assert ended.status == 0 and (tmp_path / "out/data/f").read_bytes() == b"0", ended.err
    assert run("verify", "uploads/asset0@1").status == 0


def test_an_artifact_is_confirmed_for_both_clients_of_the_library_and_found_by_either(run, blobstore, lake, tmp_path):
    local = tmp_path / "local"
    (local / "deep").mkdir(parents=True)
    (local / "deep/a.csv").write_bytes(b"1,2\n")
    (local / "b.csv").write_bytes(b"3\n")
    name = blobstore.container_name

    def put(*options):
        ended = run("put", "--artifact", "--json", *options, local, f"containers/{name}")
        assert ended.status == 0, ended.err
        return json.loads(ended.out)

    first = put("--name", "iris", "--version", "3")
    assert first["uploaded"] == 2
    upload = first["path"].removeprefix(f"{name}/").removesuffix("/local")
    confirmation = {"upload_status": "completed", "name": "iris", "version": "3"}
    directory = lake.get_directory_client(name, upload)
    assert confirmation.items() <= directory.get_directory_properties().metadata.items()
    confirmed = [b.name for b in blobstore.list_blobs(include=["metadata"]) if confirmation.items() <= b.metadata.items()]
    assert sorted(confirmed) == [upload, f"{upload}/local/b.csv"]
    assert run("ls", "uploads").out.split() == ["iris@3/"]
    again = put("--name", "other")
    assert (again["uploaded"], again["kept"], again["name"]) == (0, 2, "iris")
    # As the client leaves it: the directory only says so.
    blobstore.get_blob_client(f"{upload}/local/b.csv").set_blob_metadata({})
    again = put("--name", "other")
    assert (again["uploaded"], again["kept"], again["name"]) == (0, 2, "iris")
    ended = run("verify", f"containers/{name}")
    assert ended.status == 0, ended.out + ended.err
