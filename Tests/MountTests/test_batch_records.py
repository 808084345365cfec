"""With credentials for the Batch service: true job ids in listings, and records of jobs and tasks as files (§1.11)."""

import base64
import errno
import hashlib
import json
import os
import re
import subprocess
import time

import pytest

from batch_service import BatchService
from identities import Identities
from mounts import KEY, binary, clean_environment, fails_with, run, wait_until

JOB = "My_Terrific--Job"
WRONG_KEY = base64.b64encode(b"a key of another account").decode()


def container_name(job) -> str:
    """The container of an id that is not fit for a name (the algorithm has tests of its own)."""
    kept = re.sub("[:_-]+", "-", job.lower()).strip("-")[:15].strip("-")
    return f"job-{kept}-{hashlib.sha1(job.lower().encode()).hexdigest()}"


@pytest.fixture
def batch():
    service = BatchService()
    yield service
    service.stop()


@pytest.fixture
def identities():
    running = Identities(KEY)
    yield running
    running.stop()


@pytest.fixture
def filled(own_server, batch):
    """A job whose id its container's name does not tell, with a task that failed, and one that Batch does not know."""
    batch.add_job(JOB, state="completed")
    batch.add_task(JOB, "Task-1", state="completed", exit_code=3)
    batch.add_task(JOB, "task-2")
    own_server.service.create_container(container_name(JOB))
    for blob in ["Task-1/$TaskOutput/a", "task-2/$TaskOutput/b", "unknown/$TaskOutput/c", "$JobOutput/d"]:
        own_server.blob(container_name(JOB), blob).upload_blob(b"x")
    return own_server


@pytest.fixture
def knowing(mounting, filled, batch):
    """Makes mounts with credentials for Batch."""

    def make(*options, credentials=None):
        given = batch.environment if credentials is None else credentials
        storage = {"AZURE_STORAGE_CONNECTION_STRING": filled.connection_string}
        return mounting(*options, server=filled, credentials={**storage, **given})

    return make


def test_jobs_are_listed_by_their_true_ids(knowing):
    mount = knowing()
    assert os.listdir(mount / "jobs") == [JOB]
    assert sorted(os.listdir(mount / "jobs" / JOB / "tasks")) == ["Task-1", "task-2", "unknown"]
    assert (mount / "jobs" / JOB / "tasks/Task-1/TaskOutput/a").read_bytes() == b"x"


def test_a_jobs_record_tells_state_and_times_and_no_secrets(knowing):
    mount = knowing()
    assert ".job.json" in os.listdir(mount / "jobs" / JOB)
    text = (mount / "jobs" / JOB / ".job.json").read_text()
    record = json.loads(text)
    assert (record["id"], record["state"]) == (JOB, "completed")
    assert record["executionInfo"] == {"poolId": "pool", "startTime": "2026-11-21T10:00:00Z"}
    assert "secret" not in text and text.endswith("}\n")


def test_a_tasks_record_tells_exit_code_times_and_failure_and_no_secrets(knowing):
    mount = knowing()
    place = mount / "jobs" / JOB / "tasks/Task-1"
    assert sorted(os.listdir(place))[0] == ".task.json"
    text = (place / ".task.json").read_text()
    record = json.loads(text)
    assert record["executionInfo"]["exitCode"] == 3
    assert record["executionInfo"]["failureInfo"]["code"] == "FailureExitCode"
    assert record["nodeInfo"] == {"nodeId": "tvm-1", "poolId": "pool"}
    assert "hunter2" not in text and "sig=" not in text
    status = (place / ".task.json").stat()
    assert (status.st_size, status.st_mode & 0o777) == (len(text), 0o444)
    assert time.strftime("%FT%T", time.gmtime(status.st_mtime)) == "2026-11-21T10:02:00"


def test_a_task_that_batch_does_not_know_has_no_record(knowing):
    mount = knowing()
    place = mount / "jobs" / JOB / "tasks/unknown"
    assert ".task.json" not in os.listdir(place)
    with fails_with(errno.ENOENT):
        (place / ".task.json").read_text()


def test_records_change_with_the_task_and_whoever_has_one_open_reads_it_to_the_end(knowing, batch):
    mount = knowing()
    path = mount / "jobs" / JOB / "tasks/task-2/.task.json"
    with open(path) as old:
        assert json.loads(old.read())["state"] == "running"
        batch.add_task(JOB, "task-2", state="completed", exit_code=0)

        def state():
            return json.loads(path.read_text())["state"]

        wait_until(lambda: state() == "completed", 20, "that the record follows")
        old.seek(0)
        assert json.loads(old.read())["state"] == "running"


def test_records_cannot_be_changed_by_anybody(knowing):
    mount = knowing()
    place = mount / "jobs" / JOB
    record = place / "tasks/Task-1/.task.json"
    for change in [
        lambda: open(record, "w"),
        lambda: open(record, "a"),
        lambda: os.truncate(record, 0),
        lambda: os.unlink(record),
        lambda: os.chmod(record, 0o666),
        lambda: os.rename(record, record.parent / "TaskOutput/x"),
        lambda: os.setxattr(record, "user.a", b"b"),
    ]:
        with fails_with(errno.EPERM):
            change()
    with fails_with(errno.EPERM):
        os.mkdir(place / "tasks/unknown/.task.json")
    assert json.loads(record.read_text())["id"] == "Task-1"
    assert json.loads(run(f"cp {record} copy && cat copy", place / "JobOutput"))["id"] == "Task-1"
    assert mount.status()["tree"]["pendingFiles"] == []


def test_programs_that_walk_the_tree_find_records_and_outputs(knowing):
    mount = knowing()
    found = run("find . -type f | sort", mount / "jobs" / JOB).split()
    assert found == [
        "./.job.json", "./JobOutput/d", "./tasks/Task-1/.task.json", "./tasks/Task-1/TaskOutput/a",
        "./tasks/task-2/.task.json", "./tasks/task-2/TaskOutput/b", "./tasks/unknown/TaskOutput/c",
    ]
    assert "records" not in mount.log() and "warning" not in mount.log()


def test_blobs_below_a_directory_of_a_records_name_stay_reachable(knowing, filled):
    filled.blob(container_name(JOB), "$.job.json/x").upload_blob(b"mine")
    mount = knowing()
    assert (mount / "jobs" / JOB / ".job.json/x").read_bytes() == b"mine"
    assert os.listdir(mount / "jobs" / JOB).count(".job.json") == 1


def test_without_credentials_there_are_no_records_and_nobody_is_asked(knowing, batch):
    mount = knowing(credentials={"AZ_BATCH_ACCOUNT_URL": batch.url})
    assert os.listdir(mount / "jobs") == [container_name(JOB).removeprefix("job-")]
    assert sorted(os.listdir(mount / "jobs" / JOB)) == ["JobOutput", "JobPreview", "tasks"]
    with fails_with(errno.ENOENT):
        (mount / "jobs" / JOB / ".job.json").read_text()
    assert batch.requests == []


def test_a_token_is_read_anew_from_its_file(knowing, batch, tmp_path):
    batch.token = "first"
    (tmp_path / "token").write_text("first\n")
    mount = knowing("--batch-token-file", tmp_path / "token", credentials={"AZ_BATCH_ACCOUNT_URL": batch.url})
    place = mount / "jobs" / JOB / "tasks"
    assert json.loads((place / "Task-1/.task.json").read_text())["id"] == "Task-1"
    batch.token = "second"
    (tmp_path / "token").write_text("second\n")
    assert json.loads((place / "task-2/.task.json").read_text())["id"] == "task-2"


def test_who_opens_the_store_by_a_key_may_ask_batch_by_an_identity(knowing, batch, identities):
    identities.resource = "https://batch.core.windows.net/"
    batch.token = lambda: identities.tokens[-1] if identities.tokens else None
    imds = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": identities.url}
    mount = knowing("--batch-account-url", batch.url, credentials=imds)
    # Batch must not keep a mount away, nor its identity: it is asked with the first question.
    assert identities.asked == []
    place = mount / "jobs" / JOB / "tasks"
    assert json.loads((place / "Task-1/.task.json").read_text())["id"] == "Task-1"
    assert json.loads((place / "task-2/.task.json").read_text())["id"] == "task-2"
    assert len(identities.tokens) == 1


@pytest.mark.timeout(120)
def test_fifty_thousand_tasks_are_listed_page_by_page_and_once(knowing, batch, filled):
    for number in range(50_000):
        batch.add_task(JOB, f"t{number:05}", state="completed", exit_code=0)
    for number in range(0, 50_000, 1000):
        filled.blob(container_name(JOB), f"t{number:05}/$TaskOutput/a").upload_blob(b"x")
    mount = knowing()
    place = mount / "jobs" / JOB / "tasks"
    names = [name for name in os.listdir(place) if name.startswith("t0") or name.startswith("t4")]
    assert len(names) == 20
    for name in names:
        assert json.loads((place / name / ".task.json").read_text())["id"] == name
    pages = [path for path in batch.requests if "skiptoken" in path]
    singles = [path for path in batch.requests if "/tasks/t" in path]
    assert len(pages) == 50, "50,002 tasks are 51 pages of 1,000"
    assert len(singles) <= 8


class TestTrouble:
    def test_a_service_that_fails_costs_blobs_nothing_and_one_line(self, knowing, batch):
        batch.failing = 500
        mount = knowing()
        assert os.listdir(mount / "jobs") == [container_name(JOB).removeprefix("job-")]
        assert (mount / "jobs" / JOB / "JobOutput/d").read_bytes() == b"x"
        assert ".job.json" not in os.listdir(mount / "jobs" / JOB)
        wait_until(lambda: mount.log().count("without what Batch knows") == 1, 10, "a line in the log")
        asked = len(batch.requests)
        for _ in range(20):
            os.listdir(mount / "jobs" / JOB)
        assert len(batch.requests) == asked, "a service that just failed is spared"

    def test_a_service_that_hangs_holds_up_no_blob(self, knowing, batch):
        batch.gate.clear()
        mount = knowing()
        start = time.monotonic()
        assert os.listdir(mount / "jobs") == [container_name(JOB).removeprefix("job-")]
        assert (mount / "jobs" / JOB / "JobOutput/d").read_bytes() == b"x"
        assert os.listdir(mount / "jobs" / JOB / "tasks/Task-1").count("TaskOutput") == 1
        # Two listings of two seconds each: the request itself would have 60.
        assert time.monotonic() - start < 15
        batch.gate.set()
        wait_until(lambda: os.listdir(mount / "jobs") == [JOB], 20, "the true id")

    def test_doctor_says_what_batch_says(self, batch, filled):
        def batch_finding(**more):
            environment = clean_environment(
                AZURE_STORAGE_CONNECTION_STRING=filled.connection_string, **{**batch.environment, **more}
            )
            ended = subprocess.run(
                [binary(), "doctor", "--json"], env=environment, capture_output=True, text=True, timeout=60
            )
            return next(f for f in json.loads(ended.stdout)["findings"] if f["check"] == "batch")

        assert batch_finding()["level"] == "ok"
        refused = batch_finding(AZURE_BATCH_ACCESS_KEY=WRONG_KEY)
        assert refused["level"] == "warning" and "AuthenticationFailed" in refused["finding"]
        assert any("another than the storage account's" in remedy for remedy in refused["remedies"])
        batch.failing = 500
        assert "does not answer" in batch_finding()["finding"]

    def test_throttling_is_waited_for(self, knowing, batch):
        batch.throttled = 2
        mount = knowing()
        assert json.loads((mount / "jobs" / JOB / ".job.json").read_text())["id"] == JOB

    def test_a_wrong_key_is_told_and_harms_nothing(self, knowing, batch):
        mount = knowing(credentials={**batch.environment, "AZURE_BATCH_ACCESS_KEY": WRONG_KEY})
        assert os.listdir(mount / "jobs") == [container_name(JOB).removeprefix("job-")]
        wait_until(lambda: "AuthenticationFailed" in mount.log(), 10, "a line in the log")
        assert WRONG_KEY not in mount.log()
