"""foreach: status, errors, salvage and watch of doAzureParallel's jobs, from storage alone."""

import fcntl
import itertools
import json
import os
import pathlib
import signal
import subprocess

import pytest

import rds
from foreach_jobs import Job, old_job
from program import binary, clean_environment, outputfs, wait_until

numbers = itertools.count()


@pytest.fixture
def name():
    return f"film-2018041209300{next(numbers)}"


@pytest.fixture
def run(server):
    def run(*arguments):
        return outputfs("foreach", *arguments, AZURE_STORAGE_CONNECTION_STRING=server.connection_string)

    return run


def start(server, *arguments):
    return subprocess.Popen(
        [binary(), "foreach", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=clean_environment(AZURE_STORAGE_CONNECTION_STRING=server.connection_string),
    )


def files(path):
    path = pathlib.Path(path)
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def shown(values):
    return [value.message if isinstance(value, rds.Failure) else value for value in values]


# status


def test_status_counts_tasks_and_names_those_without_a_result(service, run, name):
    job = Job(service, name, tasks=6)
    for task in [1, 3, 6]:
        job.finish(task)
    job.put("logs/4.txt", b"died")
    ended = run("status", "--json", name)
    assert ended.status == 0, ended.err
    assert json.loads(ended.out) == {
        "job": name, "releases": "0.6.3 or later", "errorHandling": "stop", "chunkSize": 2, "expected": 6, "present": 3,
        "missing": ["2", "4-5"], "missingCount": 3, "endedWithout": ["4"], "mergesInCloud": True, "isMerged": False,
        "packages": ["stats", "utils", "azure/rAzureBatch@v0.7.0"], "unreadable": [],
    }
    ended = run("status", f"foreach/{name}")
    assert ended.status == 0
    for words in [f"job            {name}", "6, 3 with a result", "3: 2, 4-5", "ended without  4", "stop"]:
        assert words in ended.out
    job.merge(6)
    assert json.loads(run("status", "--json", name).out)["isMerged"]


def test_the_last_chunk_may_be_short_and_user_files_are_no_tasks(service, run, name):
    job = Job(service, name)
    job.put(f"{name}.rds", rds.environment(argsList=[1.0] * 7))
    # Not contiguous from 1: a user's own.
    job.put("2018.rds", b"mine")
    assert json.loads(run("status", "--json", name).out)["expected"] == 4


def test_tasks_of_a_data_set_are_counted_by_their_arguments(service, run, name):
    job = Job(service, name, tasks=50)
    for task in range(1, 12):
        job.put(f"{task}.rds", rds.result([1.0]))
    status = json.loads(run("status", "--json", name).out)
    assert (status["expected"], status["missing"]) == (11, ["1-11"])


def test_nothing_of_the_environment_is_shown_that_may_be_a_token(service, run, name):
    job = Job(service, name)
    job.put(f"{name}.rds", rds.environment(argsList=[1.0], github="https://token:SECRETSIGNATURE@host?sig=x", packages="SECRET=1"))
    for arguments in [["status", name], ["status", "--json", name]]:
        ended = run(*arguments)
        assert ended.status == 0 and "SECRET" not in ended.out + ended.err


def test_a_broken_file_of_the_job_is_named_and_the_rest_told(service, run, name):
    job = Job(service, name)
    job.finish(1)
    job.put(f"{name}-metadata.rds", rds.metadata()[:40])
    ended = run("status", name)
    assert ended.status == 1
    assert f"{name}/{name}-metadata.rds" in ended.err and "at byte" in ended.err
    assert "1 with a result" in ended.out


@pytest.mark.parametrize(
    "release, shown, expected",
    [("0.2", "0.2", 3), ("0.3", "0.3.0 to 0.6.1", None), ("0.6.2", "0.6.2", 3)],
)
def test_old_layouts_are_known(service, run, tmp_path, name, release, shown, expected):
    old_job(service, name, release)
    status = json.loads(run("status", "--json", name).out)
    assert (status["releases"], status["present"], status.get("expected")) == (shown, 3, expected)
    assert run("errors", name).status == 0
    ended = run("salvage", name, "--merged", tmp_path / "all.rds")
    assert ended.status == 0, ended.err
    assert rds.names_and_numbers((tmp_path / "all.rds").read_bytes()) == (["1", "2", "3"], [1.0, 2.0, 3.0])


def test_the_account_may_stand_in_a_file_or_in_the_environment(server, service, tmp_path, name):
    Job(service, name)
    (tmp_path / "key").write_text(server.key)
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "config.toml").write_text(f'account = "{server.account}"\nkey-file = "{tmp_path}/key"\nendpoint = "{server.blob_endpoint}"\n')
    for arguments, environment in [
        (["--config", tmp_path / "config.toml"], {}), ([], {"OUTPUTFS_CONFIG": str(tmp_path / "config.toml")}),
        ([], {"OUTPUTFS_ACCOUNT": server.account, "OUTPUTFS_KEY_FILE": str(tmp_path / "key"), "OUTPUTFS_ENDPOINT": server.blob_endpoint}),
    ]:
        ended = outputfs("foreach", "status", name, *arguments, **environment)
        assert ended.status == 0, ended.err
        assert name in ended.out


# errors


@pytest.mark.parametrize("version", [2, 3])
def test_errors_names_iterations_and_messages_of_all_tasks(service, run, name, version):
    job = Job(service, name, tasks=12, version=version)
    for task in range(1, 13):
        job.finish(task, failing={4: [8], 10: [19, 20]}.get(task, []))
    ended = run("errors", name)
    assert ended.status == 1
    assert ended.out.splitlines() == [
        "8 (task 4): bad 8, in f()", "19 (task 10): bad 19, in f()", "20 (task 10): bad 20, in f()",
    ]
    report = json.loads(run("errors", "--json", "--jobs", 1, name).out)
    assert (report["results"], report["iterations"], report["unreadable"]) == (12, 24, [])
    assert report["errors"][0] == {"iteration": "8", "task": 4, "message": "bad 8", "call": "f()"}


def test_errors_is_0_where_there_are_none(service, run, name):
    job = Job(service, name)
    job.finish(1)
    ended = run("errors", name)
    assert (ended.status, ended.out) == (0, "") and "2 iterations" in ended.err


def test_errors_looks_into_the_merged_result_where_that_is_all_there_is(service, run, name):
    job = Job(service, name, mode="pass")
    job.put("results/merge-result.rds", rds.result([1.0, rds.Failure("late", None)]))
    assert run("errors", name).out == "2: late\n"


@pytest.mark.parametrize(
    "data, words",
    [
        (b"", "no RDS file"), (b"<?xml version='1.0'?><Error/>", "no RDS file"), (rds.result([1.0, 2.0])[:-12], "ends in the middle"),
        (rds.result([1.0], compressed=False)[:-9], "ends in the middle"),
        (b"BZh91AY&SY", "bzip2"), (b"\xfd7zXZ\0", "xz"), (b"A\n2\n197122\n", "ASCII"),
    ],
)
def test_a_broken_result_is_named_with_the_reason_and_others_are_read(service, run, tmp_path, name, data, words):
    job = Job(service, name)
    job.finish(1, failing=[2])
    job.put("results/2-result.rds", data)
    ended = run("errors", name)
    assert ended.status == 1
    assert ended.out == "2 (task 1): bad 2, in f()\n"
    assert f"{name}/results/2-result.rds: " in ended.err and words in ended.err and "at byte" in ended.err
    ended = run("salvage", name, tmp_path / "out")
    assert ended.status == 1 and words in ended.err
    assert list(files(tmp_path / "out")) == ["1-result.rds"]


def test_messages_cannot_command_the_terminal(service, run, name):
    job = Job(service, name)
    job.put("results/1-result.rds", rds.result([rds.Failure("one\ntwo\x1b[2J\x07", None)]))
    assert run("errors", name).out == "1 (task 1): one two[2J\n"


# salvage


@pytest.mark.parametrize("version", [2, 3])
def test_salvage_brings_each_result_under_a_name_that_sorts(service, run, tmp_path, name, version):
    job = Job(service, name, tasks=11, version=version)
    for task in [1, 2, 9, 10, 11]:
        job.finish(task, failing=[4])
    ended = run("salvage", name, tmp_path / "out")
    assert ended.status == 0, ended.err
    assert "6 tasks have no result: 3-8" in ended.err
    wanted = {f"{task:02}-result.rds": rds.result(job.values(task, [4]), 2 * task - 1, version) for task in [1, 2, 9, 10, 11]}
    assert files(tmp_path / "out") == wanted
    # Again: what is there is kept.
    ended = run("salvage", "--json", name, tmp_path / "out")
    assert ended.status == 0
    report = json.loads(ended.out)
    assert (report["transfer"]["kept"], report["tasks"], report["iterations"], report["errors"]) == (5, 5, 10, 1)
    assert report["missing"] == ["3-8"]


def test_salvage_overwrites_nothing(service, run, tmp_path, name):
    job = Job(service, name)
    job.finish(1), job.finish(2)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/1-result.rds").write_bytes(b"mine")
    ended = run("salvage", name, tmp_path / "out")
    assert ended.status == 1 and "1-result.rds is there already" in ended.err
    assert files(tmp_path / "out")["1-result.rds"] == b"mine" and len(files(tmp_path / "out")) == 2
    (tmp_path / "all.rds").write_bytes(b"mine")
    ended = run("salvage", name, "--merged", tmp_path / "all.rds")
    assert ended.status == 73 and "all.rds is there already" in ended.err
    assert (tmp_path / "all.rds").read_bytes() == b"mine"


@pytest.mark.parametrize("version", [2, 3])
def test_salvage_makes_one_list_in_the_order_of_numbers(service, run, tmp_path, name, version):
    job = Job(service, name, tasks=12, version=version)
    for task in [12, 2, 10, 1]:
        job.finish(task, failing=[3, 24])
    ended = run("salvage", name, "--merged", tmp_path / "all.rds")
    assert ended.status == 0, ended.err
    assert "8 iterations of 4 tasks, 2 of them errors" in ended.out
    names, values = rds.names_and_numbers((tmp_path / "all.rds").read_bytes())
    assert names == ["1", "2", "3", "4", "19", "20", "23", "24"]
    assert shown(values) == [1.0, 2.0, "bad 3", 4.0, 19.0, 20.0, 23.0, "bad 24"]
    ended = run("salvage", name, "--merged", tmp_path / "good.rds", "--drop-errors")
    assert ended.status == 0 and "2 errors left out" in ended.out
    names, values = rds.names_and_numbers((tmp_path / "good.rds").read_bytes())
    assert (names, values) == (["1", "2", "4", "19", "20", "23"], [1.0, 2.0, 4.0, 19.0, 20.0, 23.0])
    # Nothing else is left.
    assert sorted(p.name for p in tmp_path.iterdir()) == ["all.rds", "good.rds"]


def test_one_salvage_at_a_time_works_on_a_target(service, run, tmp_path, name):
    job = Job(service, name)
    job.finish(1)
    passing = tmp_path / ".all.rds.outputfs-parts"
    passing.mkdir()
    (passing / "1.rds").write_bytes(b"left behind")
    folder = os.open(passing, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    ended = run("salvage", name, "--merged", tmp_path / "all.rds")
    os.close(folder)
    assert ended.status == 73 and "another process" in ended.err
    assert run("salvage", name, "--merged", tmp_path / "all.rds").status == 0
    assert [p.name for p in tmp_path.iterdir()] == ["all.rds"]


def test_salvage_joins_files_of_both_versions(service, run, tmp_path, name):
    job = Job(service, name, tasks=2)
    job.finish(1)
    job.version = 3
    job.finish(2)
    assert run("salvage", name, "--merged", tmp_path / "all.rds").status == 0
    assert rds.names_and_numbers((tmp_path / "all.rds").read_bytes()) == (["1", "2", "3", "4"], [1.0, 2.0, 3.0, 4.0])


def test_salvage_drops_errors_from_files_of_a_folder(service, run, tmp_path, name):
    job = Job(service, name)
    job.finish(1), job.finish(2, failing=[3])
    assert run("salvage", name, tmp_path / "out", "--drop-errors").status == 0
    found = files(tmp_path / "out")
    assert rds.names_and_numbers(found["2-result.rds"]) == (["4"], [4.0])
    assert found["1-result.rds"] == rds.result(job.values(1))


def test_salvage_without_what_cannot_be_read_says_so(service, run, tmp_path, name):
    job = Job(service, name)
    job.finish(1), job.finish(3)
    job.put("results/2-result.rds", b"broken")
    ended = run("salvage", name, "--merged", tmp_path / "all.rds")
    assert ended.status == 1 and f"{name}/results/2-result.rds" in ended.err
    assert rds.names_and_numbers((tmp_path / "all.rds").read_bytes())[0] == ["1", "2", "5", "6"]
    for result in ["1", "3"]:
        job.put(f"results/{result}-result.rds", b"broken")
    ended = run("salvage", name, "--merged", tmp_path / "none.rds")
    assert ended.status == 1 and not (tmp_path / "none.rds").exists()


def test_a_dry_run_of_salvage_writes_nothing(service, run, tmp_path, name):
    job = Job(service, name)
    job.finish(1)
    ended = run("salvage", name, tmp_path / "out", "--dry-run")
    assert ended.status == 0 and "results/1-result.rds -> " in ended.out
    assert not (tmp_path / "out").exists()


def test_many_results_are_salvaged(service, run, tmp_path, name):
    job = Job(service, name, tasks=300, size=1)
    for task in range(1, 301):
        job.put(f"results/{task}-result.rds", rds.result([float(task)], task))
    ended = run("salvage", name, "--merged", tmp_path / "all.rds", "--jobs", 7)
    assert ended.status == 0, ended.err
    names, values = rds.names_and_numbers((tmp_path / "all.rds").read_bytes())
    assert values == [float(n) for n in range(1, 301)] and names == [str(n) for n in range(1, 301)]


# watch


def test_watch_once_copies_what_is_there_as_the_tree_has_it(service, run, tmp_path, name):
    job = Job(service, name)
    job.finish(1)
    job.put("mine/a/b.txt", b"b")
    job.put("mine//up.txt", b"up")
    ended = run("watch", name, "--mirror", tmp_path / "m", "--once", "--json")
    assert ended.status == 0, ended.err
    assert json.loads(ended.out)["state"] == "running"
    found = files(tmp_path / "m")
    assert found["tasks/1/result.rds"] == rds.result(job.values(1))
    assert found["tasks/1/log.txt"] == b"log of 1\nError Code: 0\n"
    assert {"job/environment.rds", "job/metadata.rds", "job/scripts/worker.R", "tasks/1/stdout.txt", "other/mine/a/b.txt"} <= set(found)
    assert len(found) == 7 + 4 + 2
    # Whoever may not have tokens may not enter.
    assert (tmp_path / "m/job").stat().st_mode & 0o777 == 0o700
    assert [p.name for p in tmp_path.iterdir()] == ["m"]
    again = json.loads(run("watch", name, "--mirror", tmp_path / "m", "--once", "--json").out)["transfer"]
    assert (again["files"], again["kept"]) == (0, 13)


def test_watch_goes_on_until_the_job_is_complete(server, service, tmp_path, name):
    job = Job(service, name, tasks=3)
    watch = start(server, "watch", name, "--mirror", tmp_path / "m", "--interval", "100ms")
    try:
        wait_until(lambda: (tmp_path / "m/job/metadata.rds").exists(), what="the first copy")
        job.put("logs/1.txt", b"half")
        wait_until(lambda: (tmp_path / "m/tasks/1/log.txt").exists(), what="the log")
        job.finish(1), job.finish(2), job.finish(3)
        wait_until(lambda: (tmp_path / "m/tasks/3/stderr.txt").exists(), what="the last task")
        wait_until(lambda: (tmp_path / "m/tasks/1/log.txt").read_bytes().startswith(b"log of 1"), what="the whole log")
        assert watch.poll() is None, "its merge is still to come"
        job.merge(3)
        out, err = watch.communicate(timeout=20)
    finally:
        watch.kill()
    assert watch.returncode == 0, err
    assert "the job is complete" in out
    assert (tmp_path / "m/tasks/merge/result.rds").exists() and (tmp_path / "m/tasks/merge/stderr.txt").exists()


def test_watch_ends_when_all_tasks_are_there_and_nothing_is_to_be_merged(server, service, run, tmp_path, name):
    job = Job(service, name, tasks=2, combine="FALSE")
    job.finish(1), job.finish(2)
    ended = run("watch", name, "--mirror", tmp_path / "m", "--interval", "100ms")
    assert ended.status == 0 and "the job is complete" in ended.out


def test_watch_keeps_what_it_saved_when_the_container_goes(server, service, tmp_path, name):
    job = Job(service, name, tasks=3)
    job.finish(1)
    watch = start(server, "watch", name, "--mirror", tmp_path / "m", "--interval", "100ms", "--json")
    try:
        wait_until(lambda: (tmp_path / "m/tasks/1/result.rds").exists(), what="the first copy")
        wait_until(lambda: not list((tmp_path / "m").rglob(".*")), what="whole files")
        service.delete_container(name)
        out, err = watch.communicate(timeout=20)
    finally:
        watch.kill()
    assert watch.returncode == 0, err
    assert json.loads(out)["state"] == "gone"
    assert (tmp_path / "m/tasks/1/log.txt").read_bytes() == b"log of 1\nError Code: 0\n"


def test_ctrl_c_ends_a_watch(server, service, tmp_path, name):
    Job(service, name)
    watch = start(server, "watch", name, "--mirror", tmp_path / "m")
    try:
        wait_until(lambda: (tmp_path / "m/job/metadata.rds").exists(), what="the first copy")
        watch.send_signal(signal.SIGINT)
        watch.communicate(timeout=20)
    finally:
        watch.kill()
    assert watch.returncode == 130


def test_what_cannot_be_written_is_named_and_fails(service, run, tmp_path, name):
    job = Job(service, name)
    job.finish(1)
    (tmp_path / "m/tasks/1/log.txt").mkdir(parents=True)
    ended = run("watch", name, "--mirror", tmp_path / "m", "--once")
    assert ended.status == 1 and "log.txt is a directory here" in ended.err
    assert (tmp_path / "m/tasks/1/result.rds").exists()


# What is no job


@pytest.mark.parametrize("arguments", [["status"], ["errors"], ["salvage", "/nonexistent/out"], ["watch", "--mirror", "/nonexistent/m"]])
def test_what_is_no_job_is_told_from_what_is_not_there(service, run, name, arguments):
    command, *rest = arguments
    ended = run(command, "never-was", *rest)
    assert ended.status == 66 and "there is no container never-was" in ended.err
    service.create_container(name).upload_blob("results/1-result.rds", rds.result([1.0]))
    ended = run(command, name, *rest)
    assert ended.status == 66 and "is no foreach job" in ended.err
    ended = run(command, "Not A Name", *rest)
    assert ended.status == 64 and "cannot be a job's name" in ended.err


def test_a_job_without_results_says_so(service, run, tmp_path, name):
    Job(service, name)
    for arguments in [["errors", name], ["salvage", name, tmp_path / "out"], ["salvage", name, "--merged", tmp_path / "all.rds"]]:
        ended = run(*arguments)
        assert ended.status == 66 and "has no results yet" in ended.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments", [["salvage", "film"], ["salvage", "film", "a", "--merged", "b"], ["watch", "film"], ["errors", "film", "--jobs", "0"],
                  ["watch", "film", "--mirror", "m", "--interval", "1ms"]],
)
def test_misuse_exits_with_64(run, arguments):
    assert run(*arguments).status == 64
