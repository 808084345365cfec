"""The scripts of examples/batch, run as Batch runs them, on an emulator."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

from batch_node import Node
from mounts import REPOSITORY, is_mounted

EXAMPLES = REPOSITORY / "examples" / "batch"


@pytest.fixture
def node(server):
    made = Node(server)
    yield made
    made.end()


def json_file(name):
    return json.loads((EXAMPLES / name).read_text())


def start(node, **more):
    for file in EXAMPLES.glob("*.sh"):
        shutil.copy(file, node.root / "startup/wd")
    return node.start_task("bash", "-c", json_file("pool.json")["startTask"]["commandLine"], **more)


def run_task(node, job, task, line):
    environment = node.task_environment(job, task)
    shutil.copy(EXAMPLES / "task.sh", environment["AZ_BATCH_TASK_WORKING_DIR"])
    return node.task(job, task, line)


def test_the_job_leaves_its_outputs_and_logs_where_the_conventions_have_them(node, server, job):
    ended = start(node)
    assert ended.returncode == 0, ended.stderr
    tasks = [task for task in json_file("tasks.json") if "containerSettings" not in task]
    assert len(tasks) == 2
    for task in tasks:
        ended = run_task(node, job, task["id"], task["commandLine"])
        assert (ended.returncode, ended.stderr) == (0, "")
    names = {blob.name for blob in server.service.get_container_client(f"job-{job}").list_blobs()}
    for task in ("frame-1", "frame-2"):
        assert {f"{task}/$TaskOutput/{task}.txt", f"{task}/$TaskLog/stdout.txt"} <= names
        said = server.bytes(f"job-{job}", f"{task}/$TaskLog/stdout.txt").decode()
        assert said == f"rendering frame {task[-1]}\n"


def test_a_task_in_a_container_does_the_same(node, server, job):
    """In namespaces of its own, without outputfs in its image."""
    assert start(node).returncode == 0
    task = next(task for task in json_file("tasks.json") if "containerSettings" in task)
    environment = node.task_environment(job, task["id"])
    environment["PATH"] = "/usr/local/bin:/usr/bin:/bin"
    wd = environment["AZ_BATCH_TASK_WORKING_DIR"]
    shutil.copy(EXAMPLES / "task.sh", wd)
    ended = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "bash", "-c", task["commandLine"]],
        env=environment,
        cwd=wd,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert server.bytes(f"job-{job}", "boxed/$TaskLog/stdout.txt") == b"rendering in a container\n"
    assert server.bytes(f"job-{job}", "boxed/$TaskOutput/boxed.txt")


def test_the_commands_exit_status_is_the_tasks(node, job):
    assert start(node).returncode == 0
    assert run_task(node, job, "bad", "bash task.sh sh -c 'exit 7'").returncode == 7


def test_a_task_whose_outputs_are_not_in_the_store_has_failed(node, server, job):
    assert start(node).returncode == 0
    # A program that does not look at the result of close, as most do not.
    line = "bash task.sh python3 -c \"import os; f = os.open(os.environ['TASK_OUTPUT'] + '/x', 65); os.write(f, b'x')\""
    assert run_task(node, job, "first", line).returncode == 0
    # The first of them is the task's directory.
    server.faults({"operation": "Put Blob", "skip": 1, "effect": "status", "status": 403, "code": "AuthorizationFailure"})
    assert run_task(node, job, "second", line).returncode == 74


def test_a_start_task_that_runs_again_changes_nothing(node):
    assert start(node).returncode == 0
    process = node.status()["processID"]
    assert start(node).returncode == 0
    assert node.status()["processID"] == process
    assert is_mounted(node.mounts / "outputfs")


def test_the_package_is_installed_where_it_is_missing(node, tmp_path):
    """With an apt-get that only puts the program into its place."""
    tools = node.root / "tools"
    tools.mkdir()
    os.rename(node.program, tools / "outputfs.hidden")
    script = f'#!/bin/sh\necho "$@" >> {node.root}/apt.log\n[ "$1" = update ] || cp {tools}/outputfs.hidden {node.program}\n'
    (tools / "apt-get").write_text(script)
    (tools / "apt-get").chmod(0o755)
    path = f"{tools}:{node.root / 'bin'}:/usr/bin:/bin"
    ended = start(node, PATH=path)
    assert ended.returncode == 0, ended.stderr
    assert (node.root / "apt.log").read_text().splitlines()[-1].endswith("./outputfs.deb")
    assert is_mounted(node.mounts / "outputfs")


@pytest.mark.parametrize("name", ["pool.json", "job.json", "tasks.json"])
def test_the_json_names_scripts_that_are_there(name):
    text = (EXAMPLES / name).read_text()
    assert json.loads(text)
    for word in text.replace('"', " ").split():
        if word.endswith(".sh"):
            assert (EXAMPLES / pathlib.Path(word).name).exists(), word
    assert "sig=" not in text
