"""`outputfs rm`: many deletes in few requests, on a mount and without one (SEMANTICS.md §3.14)."""

import datetime
import json
import os
import pty
import subprocess
import time

import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from mounts import ACCOUNT, KEY, Mount, binary, clean_environment, wait_until


@pytest.fixture
def mount(own_server, tmp_path):
    made = Mount(tmp_path / "mnt", own_server)
    yield made
    made.end()


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "key"
    path.write_text(KEY)
    return path


def rm(*arguments, status=0, environment=None):
    command = [binary(), "rm", "--json", *map(str, arguments)]
    ended = subprocess.run(
        command, env=environment or clean_environment(), capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == status, ended.stdout + ended.stderr
    return json.loads(ended.stdout) if ended.stdout else ended.stderr


def by_account(server, key_file, *arguments, status=0):
    return rm("--account", ACCOUNT, "--endpoint", server.endpoint, "--key-file", key_file, *arguments, status=status)


def names(server, container="job-r"):
    return sorted(blob.name for blob in server.service.get_container_client(container).list_blobs())


def populate(server, count, prefix="$JobOutput/many/", container="job-r"):
    server.control(
        "POST",
        "populate",
        {"account": ACCOUNT, "container": container, "prefix": prefix, "count": count, "size": 10},
    )


def test_a_directory_goes_in_few_requests_and_the_mount_knows(own_server, mount):
    outputs = mount.job("r")
    (outputs / "d" / "deep").mkdir(parents=True)
    (outputs / "d" / "deep" / "f").write_bytes(b"12345")
    (outputs / "keep").write_bytes(b"")
    populate(own_server, 12_000, "$JobOutput/d/many/")
    time.sleep(1.1)  # What the mount made is empty no longer.
    assert len(os.listdir(outputs / "d")) == 2
    own_server.reset_counters()
    summary = rm("-r", outputs / "d", environment=mount.environment)
    requests = own_server.requests()
    assert summary["count"] == 12_003 and summary["size"] == 120_005 and summary["failures"] == []
    assert requests["Blob Batch"] <= 60 and requests.get("Delete Blob", 0) <= 2
    assert names(own_server) == ["$JobOutput/keep"]
    wait_until(lambda: os.listdir(outputs) == ["keep"], 5, "that the kernel asks again")
    wait_until(lambda: not (outputs / "d").exists(), 5, "that the kernel has forgotten the name")


def test_what_is_open_or_unsent_is_unlinked_as_by_unlink(own_server, mount):
    outputs = mount.job("r")
    (outputs / "d").mkdir()
    (outputs / "d/read").write_bytes(b"read on")
    own_server.blob("job-r", "$JobOutput/d/other").upload_blob(b"other" * 100)
    time.sleep(1.1)
    with open(outputs / "d/read", "rb", buffering=0) as reader, open(outputs / "d/unsent", "wb", buffering=0) as writer:
        other = open(outputs / "d/other", "rb", buffering=0)
        writer.write(b"never sent")
        summary = rm("-r", outputs / "d", environment=mount.environment)
        assert summary["failures"] == []
        assert "$JobOutput/d" not in names(own_server)
        assert reader.read() == b"read on" and other.read() == b"other" * 100
        for name in ["read", "unsent", "other"]:
            wait_until((lambda path: lambda: not path.exists())(outputs / "d" / name), 5, "that the kernel asks again")
        other.close()
    wait_until(lambda: names(own_server) == [], 10, "that the last handle is gone")
    wait_until(lambda: os.listdir(outputs) == [], 5, "that the kernel asks again")


def test_nothing_goes_with_a_dry_run_and_it_names_what_would(own_server, key_file, mount):
    outputs = mount.job("r")
    (outputs / "d").mkdir()
    (outputs / "d/f").write_bytes(b"123")
    wanted = ["job-r/$JobOutput/d/f", "job-r/$JobOutput/d"]
    for summary in (
        rm("-r", "--dry-run", outputs / "d", environment=mount.environment),
        by_account(own_server, key_file, "-r", "--dry-run", "/jobs/r/JobOutput/d"),
    ):
        assert summary["isDryRun"] and [blob["path"] for blob in summary["blobs"]] == wanted
    assert names(own_server) == ["$JobOutput/d", "$JobOutput/d/f"]


def test_a_path_of_the_tree_goes_without_a_mount(own_server, key_file):
    own_server.service.create_container("job-r")
    for name in ["$JobOutput/a", "t1/$TaskLog/out", "t1/$TaskOutput/x/y", "t2/$TaskOutput/x"]:
        own_server.blob("job-r", name).upload_blob(name.encode())
    assert by_account(own_server, key_file, "jobs/r/JobOutput/a")["count"] == 1
    assert by_account(own_server, key_file, "-r", "/jobs/r/tasks/t1/TaskOutput")["count"] == 1
    assert names(own_server) == ["t1/$TaskLog/out", "t2/$TaskOutput/x"]
    own_server.blob("job-r", "$JobOutput/stays").upload_blob(b"")
    assert by_account(own_server, key_file, "-r", "/jobs/r/tasks")["count"] == 2
    assert names(own_server) == ["$JobOutput/stays"]
    assert by_account(own_server, key_file, "-r", "/containers/job-r")["count"] == 1
    # The container stays.
    assert names(own_server) == []


def test_what_must_not_go_is_refused(own_server, key_file, mount):
    outputs = mount.job("r")
    (outputs / "d").mkdir()
    (outputs / "d/f").write_bytes(b"123")
    for path in ["/", "/jobs", "/containers", "/self"]:
        by_account(own_server, key_file, "-r", path, status=64)
    for path in [mount.place, mount / "jobs", mount / "self"]:
        rm("-r", path, environment=mount.environment, status=64)
    by_account(own_server, key_file, "/jobs/r", status=64)
    rm(outputs / "d", environment=mount.environment, status=64)
    by_account(own_server, key_file, "/jobs/r/JobOutput/nobody", status=66)
    by_account(own_server, key_file, "-r", "/jobs/r/tasks/nobody", status=66)
    by_account(own_server, key_file, "-r", "/jobs/nobody", status=66)
    rm("-r", "/tmp", environment=mount.environment, status=64)
    assert names(own_server) == ["$JobOutput/d", "$JobOutput/d/f"]


def test_on_a_terminal_the_files_of_a_whole_job_are_counted_first(own_server, key_file):
    own_server.service.create_container("job-r")
    populate(own_server, 30)
    ours, theirs = pty.openpty()
    command = [binary(), "rm", "-r", "--account", ACCOUNT, "--endpoint", own_server.endpoint, "--key-file", key_file]
    ended = subprocess.run([*command, "/jobs/r"], env=clean_environment(), stderr=theirs, timeout=30)
    os.close(theirs)
    text = os.read(ours, 65536).decode()
    os.close(ours)
    assert ended.returncode == 0 and "deleting the 30 files (300 B) of /jobs/r" in text
    assert text.index("deleting") < text.index("30 files (300 B) deleted")
    assert names(own_server) == []


def test_a_link_goes_and_not_what_it_leads_to(own_server, mount):
    outputs = mount.job("r")
    (outputs / "f").write_bytes(b"123")
    os.symlink("f", outputs / "link")
    assert rm(outputs / "link", environment=mount.environment)["count"] == 1
    assert names(own_server) == ["$JobOutput/f"]


def test_a_file_that_is_written_again_meanwhile_stays_and_is_named(own_server, key_file):
    own_server.service.create_container("job-r")
    populate(own_server, 300)
    blob = "$JobOutput/many/0000007"
    own_server.faults({"operation": "Blob Batch", "effect": "delay", "milliseconds": 3000})
    own_server.reset_counters()
    command = [binary(), "rm", "--json", "-r", "--account", ACCOUNT, "--endpoint", own_server.endpoint]
    command += ["--key-file", key_file, "/jobs/r/JobOutput"]
    process = subprocess.Popen(command, env=clean_environment(), stdout=subprocess.PIPE)
    # The listing is here, and the batch waits: requests count when they are answered.
    wait_until(lambda: own_server.requests().get("List Blobs"), what="the listing")
    own_server.blob("job-r", blob).upload_blob(b"newer", overwrite=True)
    summary = json.loads(process.communicate(timeout=30)[0])
    assert process.returncode == 1
    assert summary["count"] == 299 and [failure["path"] for failure in summary["failures"]] == ["job-r/" + blob]
    assert names(own_server) == [blob]


FAULTS = {
    "the batch fails": {"operation": "Blob Batch", "effect": "status", "status": 500, "code": "InternalError"},
    "its answer is lost": {"operation": "Blob Batch", "effect": "reset", "when": "afterApplying"},
    "its answer is cut": {"operation": "Blob Batch", "effect": "cut", "bytes": 5000},
    "some parts fail": {
        "operation": "Delete Blob",
        "effect": "status",
        "status": 503,
        "code": "ServerBusy",
        "skip": 100,
    },
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_fails_once_is_deleted_all_the_same(own_server, key_file, fault):
    own_server.service.create_container("job-r")
    populate(own_server, 600)
    own_server.faults({"times": 3, **FAULTS[fault]})
    summary = by_account(own_server, key_file, "-r", "/jobs/r/JobOutput/many")
    assert summary["count"] == 600 and summary["failures"] == []
    assert names(own_server) == []


@pytest.mark.parametrize("status, code", [(403, "AuthorizationFailure"), (400, "InvalidInput"), (404, "ResourceNotFound")])
def test_where_batches_are_refused_blobs_go_one_by_one(own_server, key_file, status, code):
    own_server.service.create_container("job-r")
    populate(own_server, 600)
    own_server.faults({"operation": "Blob Batch", "effect": "status", "status": status, "code": code})
    assert by_account(own_server, key_file, "-r", "/jobs/r/JobOutput/many")["count"] == 600
    assert names(own_server) == [] and own_server.requests()["Blob Batch"] <= 3


def test_a_token_for_one_container_deletes_there_alone(own_server, tmp_path):
    own_server.service.create_container("job-r")
    populate(own_server, 600)
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)

    def url_file(**rights):
        sas = generate_container_sas(
            ACCOUNT, "job-r", account_key=KEY, permission=ContainerSasPermissions(**rights), expiry=end
        )
        (tmp_path / "url").write_text(f"{own_server.endpoint}/job-r?{sas}")
        return tmp_path / "url"

    reading = url_file(read=True, list=True)
    summary = rm("-r", "--container-url-file", reading, "/jobs/r/JobOutput", status=1)
    assert summary["count"] == 0 and len(summary["failures"]) == 600
    assert len(names(own_server)) == 600
    deleting = url_file(read=True, list=True, delete=True)
    assert rm("-r", "--container-url-file", deleting, "/jobs/other/JobOutput", status=66)
    assert rm("-r", "--container-url-file", deleting, "/jobs/r/JobOutput")["count"] == 600
    assert names(own_server) == []
