"""`outputfs upload`: a command, and what becomes of its output files; read back by azure-storage-blob."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
from datetime import datetime, timedelta, timezone

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient, generate_container_sas

from program import binary, clean_environment, outputfs, wait_until


class Container:
    """A container of this test's own, and what a task would know of it."""

    def __init__(self, server, name):
        service = BlobServiceClient.from_connection_string(server.connection_string, retry_total=0)
        self.client = service.create_container(name) and service.get_container_client(name)
        self.url = f"{server.blob_endpoint}/{name}"
        # As the library's GetOutputStorageContainerUrl gives it: everything but delete.
        self.sas = generate_container_sas(
            server.account,
            name,
            server.key,
            permission="racwl",
            expiry=datetime.now(timezone.utc) + timedelta(days=7),
        )

    @property
    def signed_url(self) -> str:
        return f"{self.url}?{self.sas}"

    def names(self) -> list:
        return sorted(blob.name for blob in self.client.list_blobs())

    def bytes(self, name) -> bytes:
        return self.client.download_blob(name).readall()


@pytest.fixture
def container(server, request):
    name = "job-" + hashlib.sha1(request.node.name.encode()).hexdigest()[:20]
    made = Container(server, name)
    yield made
    with contextlib.suppress(ResourceNotFoundError):
        made.client.delete_container()


@pytest.fixture
def task(tmp_path, container):
    """A task's directory as Batch lays it out, with the outputs of a command."""
    directory = tmp_path / "task"
    out = directory / "wd" / "out" / "x"
    out.mkdir(parents=True)
    (directory / "stdout.txt").write_text("said\n")
    (directory / "stderr.txt").write_text("complained\n")
    (out.parent / "1.csv").write_text("one")
    (out / "2.csv").write_text("two")
    (out / ".3.csv").write_text("hidden")
    (out / "note.txt").write_text("note")
    return directory


def upload(container, task, *arguments, **environment):
    wd = {} if task is None else {"AZ_BATCH_TASK_WORKING_DIR": str(task / "wd")}
    return outputfs("upload", *arguments, JOB_CONTAINER_URL=container.signed_url, **wd, **environment)


@pytest.mark.parametrize(
    "pattern, path, expected",
    [
        ("out/**/*.csv", "p", {"p/1.csv": b"one", "p/x/2.csv": b"two"}),
        ("out/**/*.csv", None, {"1.csv": b"one", "x/2.csv": b"two"}),
        ("out/x/2.csv", "r/two.csv", {"r/two.csv": b"two"}),
        ("out/x/2.csv", None, {"2.csv": b"two"}),
        ("../std*.txt", "001/$TaskLog", {"001/$TaskLog/stdout.txt": b"said\n", "001/$TaskLog/stderr.txt": b"complained\n"}),
        ("$OUT/x/.3*", "h", {"h/.3.csv": b"hidden"}),
        ("std*.txt", "p", {}),
        ("no/such/**", "p", {}),
    ],
)
def test_what_matches_lands_where_batch_puts_it(container, task, pattern, path, expected):
    arguments = ["--pattern", pattern] + (["--path", path] if path else [])
    ended = upload(container, task, *arguments, "--", "true", OUT="out")
    assert (ended.status, ended.out, ended.err) == (0, "", "")
    assert {name: container.bytes(name) for name in container.names()} == expected


@pytest.mark.parametrize(
    "condition, status, is_uploaded",
    [
        ("success", 0, True), ("success", 3, False), ("failure", 0, False), ("failure", 3, True),
        ("completion", 0, True), ("completion", 3, True), (None, 3, True),
    ],
)
def test_the_condition_looks_at_the_exit_status_which_is_kept(container, task, condition, status, is_uploaded):
    arguments = ["--condition", condition] if condition else []
    ended = upload(container, task, "--pattern", "out/1.csv", *arguments, "--", "sh", "-c", f"exit {status}")
    assert ended.status == status
    assert (container.names() == ["1.csv"]) is is_uploaded


def test_the_way_to_the_store_is_that_of_the_options(container, task):
    arguments = ["--ca-file", task / "nothing.pem", "--pattern", "out/1.csv"]
    ended = upload(container, task, *arguments, "--", "touch", task / "ran")
    assert ended.status == 78 and "nothing.pem" in ended.err and not (task / "ran").exists()
    ended = upload(container, task, "--pattern", "out/1.csv", "--", "true", HTTP_PROXY="", http_proxy="nonsense://x")
    assert ended.status == 78 and "http_proxy" in ended.err


def test_the_command_has_its_arguments_and_streams(container, task):
    command = ["sh", "-c", 'cat; echo "$1" >&2; echo new > out/new.csv', "-", "--pattern"]
    ended = subprocess.run(
        [binary(), "upload", "--pattern", "out/new*", "--path", "p", "--", *command],
        env=clean_environment(JOB_CONTAINER_URL=container.signed_url),
        cwd=task / "wd",
        input="typed",
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "typed", "--pattern\n")
    assert container.bytes("p/new.csv") == b"new\n"


def test_a_task_directory_is_laid_out_as_batch_does_it(container, tmp_path):
    script = 'echo said; echo wrong >&2; pwd; echo "$AZ_BATCH_TASK_WORKING_DIR"; echo 1 > r.txt'
    arguments = ["--task-dir", tmp_path / "t", "--pattern", "../std*.txt", "--path", "logs"]
    ended = upload(container, None, *arguments, "--", "sh", "-c", script)
    assert (ended.status, ended.out, ended.err) == (0, "", "")
    wd = os.path.realpath(tmp_path / "t" / "wd")
    assert container.bytes("logs/stdout.txt").decode() == f"said\n{wd}\n{wd}\n"
    assert container.bytes("logs/stderr.txt") == b"wrong\n"
    assert (tmp_path / "t" / "wd" / "r.txt").exists()


@pytest.mark.parametrize("size", [0, 1, 5_000_000, 70_000_001])
def test_every_byte_arrives_with_type_and_checksum(container, task, size):
    bytes_ = os.urandom(min(size, 1 << 20)) * (size // (1 << 20) + 1)
    (task / "wd" / "big.json").write_bytes(bytes_[:size])
    ended = upload(container, task, "--pattern", "big.json", "--", "true")
    assert (ended.status, ended.err) == (0, "")
    properties = container.client.get_blob_client("big.json").get_blob_properties()
    assert properties.size == size
    assert properties.content_settings.content_type == "application/json"
    assert bytes(properties.content_settings.content_md5) == hashlib.md5(bytes_[:size]).digest()
    assert container.bytes("big.json") == bytes_[:size]


def test_output_files_in_batchs_own_shape(container, task, tmp_path):
    files = [
        {
            "filePattern": "../std*.txt",
            "destination": {"container": {"containerUrl": container.signed_url, "path": "logs"}},
            "uploadOptions": {"uploadCondition": "taskCompletion"},
        },
        {
            "filePattern": "out/1.csv",
            "destination": {
                "container": {
                    "containerUrl": container.signed_url,
                    "path": "one.csv",
                    "uploadHeaders": [{"name": "Content-Type", "value": "text/x-one"}],
                    "identityReference": {"resourceId": "/subscriptions/…"},
                }
            },
            "uploadOptions": {"uploadCondition": "taskSuccess"},
        },
        {
            "filePattern": "out/1.csv",
            "destination": {"container": {"containerUrl": container.signed_url}},
            "uploadOptions": {"uploadCondition": "taskFailure"},
        },
    ]
    (tmp_path / "files.json").write_text(json.dumps(files[:2]))
    ended = outputfs(
        "upload", "--output-file", tmp_path / "files.json", "--output-file", "env:MORE", "--", "true",
        MORE=json.dumps(files[2]),
        AZ_BATCH_TASK_WORKING_DIR=str(task / "wd"),
    )
    assert (ended.status, ended.err) == (0, "")
    assert container.names() == ["logs/stderr.txt", "logs/stdout.txt", "one.csv"]
    settings = container.client.get_blob_client("one.csv").get_blob_properties().content_settings
    assert settings.content_type == "text/x-one"


def test_a_container_without_a_sas_is_opened_by_the_account(container, task, server, tmp_path):
    (tmp_path / "key").write_text(server.key)
    arguments = ["--pattern", "out/1.csv", "--container-url", container.url, "--key-file", tmp_path / "key"]
    ended = outputfs("upload", *arguments, "--", "true", AZ_BATCH_TASK_WORKING_DIR=str(task / "wd"))
    assert (ended.status, ended.err) == (0, "")
    inline = json.dumps({"filePattern": "out/x/2.csv", "destination": {"container": {"path": "p/2"}}})
    ended = outputfs(
        "upload", "--output-file", inline, "--", "true",
        AZURE_STORAGE_CONNECTION_STRING=server.connection_string,
        AZ_BATCH_JOB_ID=container.client.container_name.removeprefix("job-").upper(),
        AZ_BATCH_TASK_WORKING_DIR=str(task / "wd"),
    )
    assert (ended.status, ended.err) == (0, "")
    assert container.names() == ["1.csv", "p/2"]


def test_an_append_blob_of_an_earlier_try_is_replaced_where_it_may_be_deleted(container, task, server):
    container.client.get_blob_client("1.csv").create_append_blob()
    ended = outputfs(
        "upload", "--pattern", "out/1.csv", "--container-url", container.url, "--", "true",
        AZURE_STORAGE_KEY=server.key,
        AZ_BATCH_TASK_WORKING_DIR=str(task / "wd"),
    )
    assert (ended.status, ended.err) == (0, "")
    assert container.bytes("1.csv") == b"one"


class TestFailures:
    def test_a_file_that_fails_is_named_and_does_not_hold_up_the_others(self, container, task):
        (task / "wd" / "out" / ("n" * 200 + "\x01.csv")).write_text("x")
        (task / "wd" / "out" / "z.csv").write_text("last")
        ended = upload(container, task, "--pattern", "out/*.csv", "--path", "p" * 900, "--", "true")
        assert ended.status == 74
        assert "FileUploadMiscError" in ended.err and "nnn" in ended.err
        assert {name[-5:] for name in container.names()} == {"1.csv", "z.csv"}

    def test_a_name_that_is_no_text_is_an_error(self, container, task):
        with open(os.fsencode(task / "wd" / "out") + b"/\xff.csv", "w") as file:
            file.write("x")
        ended = upload(container, task, "--pattern", "out/*.csv", "--", "true")
        assert ended.status == 74 and "FileUploadMiscError" in ended.err
        assert container.names() == ["1.csv"]

    def test_the_commands_status_goes_before_that_of_the_upload(self, container, task):
        container.client.delete_container()
        ended = upload(container, task, "--pattern", "out/1.csv", "--", "sh", "-c", "exit 5")
        assert ended.status == 5
        assert "FileUploadContainerNotFound" in ended.err
        ended = upload(container, task, "--pattern", "out/1.csv", "--", "true")
        assert ended.status == 74

    def test_a_token_that_may_not_write_is_an_access_denied(self, container, task, server):
        sas = generate_container_sas(
            server.account,
            container.client.container_name,
            server.key,
            permission="rl",
            expiry=datetime.now(timezone.utc) + timedelta(hours=1),
        )
        ended = outputfs(
            "upload", "--pattern", "out/1.csv", "--", "true",
            JOB_CONTAINER_URL=f"{container.url}?{sas}",
            AZ_BATCH_TASK_WORKING_DIR=str(task / "wd"),
        )
        assert ended.status == 74
        assert "FileUploadAccessDenied" in ended.err
        assert "sig=" not in ended.err

    @pytest.mark.parametrize("command, status", [(["/no/such/program"], 127), (["/etc/passwd"], 126)])
    def test_a_command_that_cannot_run_has_the_shells_status(self, container, task, command, status):
        ended = upload(container, task, "--pattern", "../std*", "--condition", "failure", "--", *command)
        assert ended.status == status
        assert command[0] in ended.err
        assert container.names() == ["stderr.txt", "stdout.txt"]

    @pytest.mark.parametrize(
        "arguments, words",
        [
            (["--pattern", "a*"], "command"),
            (["--", "true"], "--pattern"),
            (["--pattern", "a*/../b", "--", "true"], ".."),
            (["--pattern", "out/", "--", "true"], "out/**"),
            (["--path", "p", "--output-file", "x.json", "--", "true"], "--path"),
            (["--pattern", "a*", "--condition", "never", "--", "true"], "success, failure"),
        ],
    )
    def test_what_makes_no_sense_is_told_before_the_command_runs(self, container, tmp_path, arguments, words):
        marker = tmp_path / "ran"
        arguments = [str(marker) if a == "true" else a for a in arguments]
        marker.write_text("#!/bin/sh\n")
        ended = upload(container, None, *arguments)
        assert ended.status == 64
        assert words in ended.err

    def test_no_container_is_told_before_the_command_runs(self, tmp_path):
        ended = outputfs("upload", "--pattern", "a*", "--", "touch", tmp_path / "ran")
        assert ended.status == 64
        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize("way", ["--container-url", "--output-file"])
    def test_a_sas_on_the_command_line_is_refused_and_not_repeated(self, container, tmp_path, way):
        text = container.signed_url
        if way == "--output-file":
            text = json.dumps({"filePattern": "a", "destination": {"container": {"containerUrl": text}}})
        ended = outputfs("upload", "--pattern", "a*", way, text, "--", "touch", tmp_path / "ran")
        assert ended.status == 64
        assert not (tmp_path / "ran").exists()
        assert "sig=" not in ended.err and "env:NAME" in ended.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_signals_reach_the_command_and_its_outputs_are_still_uploaded(container, task, number):
    name = signal.Signals(number).name.removeprefix("SIG")
    script = f'trap "echo caught > out/caught.csv; exit 9" {name}; touch ready; while :; do sleep 0.1; done'
    process = subprocess.Popen(
        [binary(), "upload", "--pattern", "out/c*.csv", "--", "sh", "-c", script],
        env=clean_environment(JOB_CONTAINER_URL=container.signed_url),
        cwd=task / "wd",
        start_new_session=True,
    )
    wait_until((task / "wd" / "ready").exists, what="that the command runs")
    process.send_signal(number)
    assert process.wait(20) == 9
    assert container.bytes("caught.csv") == b"caught\n"


def test_a_command_that_a_signal_kills_has_the_shells_status(container, task):
    ended = upload(container, task, "--pattern", "out/1.csv", "--condition", "failure", "--", "sh", "-c", "kill -9 $$")
    assert ended.status == 128 + 9
    assert container.names() == ["1.csv"]


