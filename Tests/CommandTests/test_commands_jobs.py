"""jobs list, show, tree, wait and rm, over the conventions of Batch, Azure ML and doAzureParallel."""

import contextlib
import gzip
import itertools
import json
import pathlib
import signal
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

from program import binary, clean_environment, emulator, outputfs, wait_until

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "MountTests"))

from batch_service import BatchService  # noqa: E402

RDS = gzip.compress(b"X\n\x00\x00\x00\x02")
SCRIPTS = ["worker.R", "merger.R", "install_github.R", "install_cran.R", "install_bioconductor.R"]


@pytest.fixture
def server():
    with emulator("--control") as running:
        yield running


@pytest.fixture
def batch():
    service = BatchService()
    yield service
    service.stop()


@pytest.fixture
def film(service):
    container = service.create_container("job-film")
    for task in ["1", "2"]:
        container.upload_blob(f"{task}/$TaskLog/stdout.txt", b"out\n")
        container.upload_blob(f"{task}/$TaskOutput/a/b.csv", b"1,2\n")
    container.upload_blob("$JobOutput/sum.txt", b"12345")
    container.upload_blob("loose.txt", b"not of the convention")
    container.upload_blob("1/$TaskOutput/empty", b"", metadata={"hdi_isfolder": "true"})
    return container


@pytest.fixture
def run_of_azureml(service):
    """A run in all the places that a run may have, beside another one, an upload, and a run whose id begins like it."""
    artifacts = service.create_container("azureml")
    default = service.create_container("azureml-blobstore-1f2e3d4c")
    for run in ["quiet_cow_1", "quiet_cow_11"]:
        artifacts.upload_blob(f"ExperimentRun/dcid.{run}/outputs/model.pt", b"model")
        artifacts.upload_blob(f"ExperimentRun/dcid.{run}/user_logs/std_log.txt", b"log")
        artifacts.upload_blob(f"ExperimentRun/dcid.{run}/confusion_matrix", b"{}")
        artifacts.upload_blob(f"ArtifactZip/ExperimentRun/dcid.{run}.zip", b"zip")
        artifacts.upload_blob(f"ComputeRecord/dcid.{run}", b"record")
        default.upload_blob(f"azureml/{run}/scores/part-0.csv", b"0")
        default.upload_blob(f"dataset/{run}/old/part-0.csv", b"0")
    default.upload_blob("LocalUpload/x/data", b"shared")
    return artifacts, default


def loop(service, name, merged=True):
    container = service.create_container(name)
    for script in SCRIPTS:
        container.upload_blob(script, b"# R")
    container.upload_blob(f"{name}.rds", RDS)
    container.upload_blob(f"{name}-metadata.rds", RDS)
    for task in [1, 2]:
        container.upload_blob(f"results/{task}-result.rds", RDS)
        container.upload_blob(f"logs/{task}.txt", b"done\nError Code: 0\n")
    container.upload_blob("mine/notes.txt", b"a file of the user's")
    if merged:
        container.upload_blob("results/merge-result.rds", RDS)
    return container


def names(container):
    return sorted(blob.name for blob in container.list_blobs())


def lines(ended):
    assert ended.status == 0, ended.err
    return [json.loads(line) for line in ended.out.splitlines()]


# Listing


def test_list_shows_jobs_of_all_conventions(run, service, film, run_of_azureml):
    loop(service, "job20261121101500")
    service.create_container("models").upload_blob("models.txt", b"begins like its container, and is no loop")
    found = lines(run("jobs", "list", "--json"))
    assert sorted(line["path"] for line in found) == [
        "foreach/job20261121101500", "jobs/film", "runs/quiet_cow_1", "runs/quiet_cow_11",
    ]
    (line,) = [line for line in found if line["path"] == "jobs/film"]
    assert (line["convention"], line["id"], line["container"]) == ("batch", "film", "job-film")
    table = run("jobs", "list").out.splitlines()
    assert table[0].split() == ["KIND", "CHANGED", "STATE", "ID"]
    assert any(row.split()[0] == "batch" and row.split()[-1] == "film" for row in table)


def test_list_of_one_kind_asks_for_that_alone(run, service, film, run_of_azureml):
    loop(service, "job20261121101500")
    assert [line["id"] for line in lines(run("jobs", "list", "--json", "--kind", "batch"))] == ["film"]
    assert [line["id"] for line in lines(run("jobs", "list", "--json", "--kind", "foreach"))] == ["job20261121101500"]
    runs = [line["id"] for line in lines(run("jobs", "list", "--json", "--kind", "azureml"))]
    assert sorted(runs) == ["quiet_cow_1", "quiet_cow_11"]
    assert run("jobs", "list", "--kind", "slurm").status == 64


def test_a_loop_in_a_container_named_as_a_job_is_found_when_it_is_asked_for(run, service):
    loop(service, "job-alpha")
    assert [line["path"] for line in lines(run("jobs", "list", "--json"))] == ["jobs/alpha"]
    assert [line["path"] for line in lines(run("jobs", "list", "--json", "--kind", "foreach"))] == ["foreach/job-alpha"]


def test_an_old_loop_without_metadata_is_told_by_its_tasks_or_its_scripts(run, service):
    container = loop(service, "oldloop")
    container.delete_blob("oldloop-metadata.rds")
    for task in range(1, 12):
        container.upload_blob(f"oldloop-task{task}.rds", RDS)
    assert [line["id"] for line in lines(run("jobs", "list", "--json"))] == ["oldloop"]
    container.delete_blob("merger.R")
    assert [line["id"] for line in lines(run("jobs", "list", "--json"))] == ["oldloop"]
    for task in range(1, 12):
        container.delete_blob(f"oldloop-task{task}.rds")
    assert lines(run("jobs", "list", "--json")) == []
    container.upload_blob("merger.R", b"")
    assert [line["id"] for line in lines(run("jobs", "list", "--json"))] == ["oldloop"]


def test_batch_tells_true_ids_and_states(run, service, batch):
    service.create_container("job-film-1-78a95b1969751b433ac41b1e455c528bc43aa2c0")
    service.create_container("job-plain")
    batch.add_job("Plain", state="completed")
    found = lines(run("jobs", "list", "--json", **batch.environment))
    assert [(line["id"], line.get("state")) for line in found if line["container"] == "job-plain"] == [("Plain", "completed")]
    assert run("jobs", "list", "--json", "--batch-account-url", "ftp://x").status == 64


def test_many_jobs_are_listed_by_their_containers_alone(run, service, server):
    for number in range(40):
        service.create_container(f"job-many-{number}")
    counters(server, "DELETE")
    assert len(lines(run("jobs", "list", "--json", "--kind", "batch"))) == 40
    assert {operation: counts["requests"] for operation, counts in counters(server).items()} == {"List Containers": 1}


def counters(server, method="GET"):
    request = urllib.request.Request(f"{server.endpoint}/-/counters", method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read() or b"{}")


# Looking at one


def test_show_counts_tasks_kinds_and_logs(run, film):
    ended = run("jobs", "show", "--json", "film")
    report = json.loads(ended.out)
    assert report["job"]["path"] == "jobs/film" and report["places"] == ["job-film"]
    assert report["total"]["files"] == 6 and report["total"]["bytes"] == 2 * 8 + 5 + 21
    assert {kind["name"]: kind["total"]["files"] for kind in report["kinds"]} == {
        "(other)": 1, "JobOutput": 1, "TaskLog": 2, "TaskOutput": 2,
    }
    assert [(task["id"], task["total"]["files"]) for task in report["tasks"]] == [("1", 2), ("2", 2)]
    assert report["logs"] == [{"name": "stdout.txt", "count": 2}]
    assert report["total"]["first"] <= report["total"]["last"]
    text = run("jobs", "show", "jobs/film").out
    assert "6 files" in text and "TaskLog 1, TaskOutput 1" in text and "log stdout.txt (2 times)" in text


def test_show_of_a_run_has_all_its_places(run, run_of_azureml):
    report = json.loads(run("jobs", "show", "--json", "quiet_cow_1").out)
    assert report["total"]["files"] == 7
    assert {kind["name"] for kind in report["kinds"]} == {
        "outputs", "user_logs", "artifacts", "archive", "compute", "named-outputs/scores", "named-outputs/old",
    }
    assert [log["name"] for log in report["logs"]] == ["std_log.txt"]
    assert "azureml-blobstore-1f2e3d4c/azureml/quiet_cow_1/" in report["places"]


def test_show_of_a_loop_has_its_tasks(run, service):
    loop(service, "job20261121101500")
    report = json.loads(run("jobs", "show", "--json", "foreach/job20261121101500").out)
    assert [task["id"] for task in report["tasks"]] == ["1", "2", "merge"]
    assert {"result.rds", "log.txt", "job", "(other)"} <= {kind["name"] for kind in report["kinds"]}


def test_an_id_of_two_conventions_has_to_be_told_apart(run, service):
    service.create_container("job-twice").upload_blob("$JobOutput/a", b"")
    loop(service, "twice")
    ended = run("jobs", "show", "twice")
    assert ended.status == 64 and "jobs/twice and foreach/twice" in ended.err
    assert run("jobs", "show", "foreach/twice").status == 0


@pytest.mark.parametrize("job", ["nobody", "jobs/nobody", "runs/nobody", "foreach/nobody"])
def test_a_job_that_is_not_there_is_named(run, film, job):
    ended = run("jobs", "show", job)
    assert ended.status == 66 and f"no job {job}" in ended.err
    assert run("jobs", "show", "containers/film").status == 64


def test_tree_draws_folders_down_to_a_depth(run, film):
    text = run("jobs", "tree", "film").out
    assert text == (
        "/jobs/film/  (6 files, 42 B)\n"
        "├── JobOutput/  (1 file, 5 B)\n"
        "│   └── sum.txt  5 B\n"
        "├── tasks/  (4 files, 16 B)\n"
        "│   ├── 1/  (2 files, 8 B)\n"
        "│   │   ├── TaskLog/  (1 file, 4 B)\n"
        "│   │   └── TaskOutput/  (1 file, 4 B)\n"
        "│   └── 2/  (2 files, 8 B)\n"
        "│       ├── TaskLog/  (1 file, 4 B)\n"
        "│       └── TaskOutput/  (1 file, 4 B)\n"
        "└── (other)/  (1 file, 21 B)\n"
        "    └── loose.txt  21 B\n"
    )
    shallow = json.loads(run("jobs", "tree", "--depth", "1", "--json", "film").out)
    assert [entry["name"] for entry in shallow["entries"]] == ["JobOutput", "tasks", "(other)"]
    assert all(entry.get("entries") in (None, []) for entry in shallow["entries"])


def test_tree_counts_what_does_not_fit_a_page(run, service):
    container = service.create_container("job-wide")
    for number in range(130):
        container.upload_blob(f"t{number:03}/$TaskOutput/a", b"x")
    text = run("jobs", "tree", "--depth", "2", "wide").out
    assert "… and 30 more" in text and "(130 files, 130 B)" in text and "t099" in text and "t100" not in text


# Waiting


class Waiting:
    def __init__(self, server, *arguments, **environment):
        self.process = subprocess.Popen(
            [binary(), "jobs", "wait", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
            env=clean_environment(AZURE_STORAGE_CONNECTION_STRING=server.connection_string, **environment),
        )

    def end(self, seconds=30):
        out, err = self.process.communicate(timeout=seconds)
        return self.process.returncode, out, err


def test_wait_for_files_ends_when_so_many_are_there(server, service, film):
    waiting = Waiting(server, "film", "--for", "tasks/*/TaskOutput/result.csv", "--count", "2")
    film.upload_blob("1/$TaskOutput/result.csv", b"")
    time.sleep(1.5)
    assert waiting.process.poll() is None
    film.upload_blob("2/$TaskOutput/result.csv", b"")
    status, out, err = waiting.end()
    assert status == 0 and out.startswith("jobs/film: ready"), err


def test_wait_takes_folders_and_jobs_that_come_later(server, service):
    waiting = Waiting(server, "jobs/late", "--for", "tasks/7/TaskOutput")
    time.sleep(0.3)
    container = service.create_container("job-late")
    container.upload_blob("7/$TaskOutput/deep/file", b"x")
    assert waiting.end()[0] == 0


def test_wait_ends_with_75_when_the_time_is_over(run, film):
    ended = run("jobs", "wait", "film", "--for", "tasks/3/*", "--timeout", "1s", "--json")
    assert ended.status == 75
    assert json.loads(ended.out) == {"job": "jobs/film", "reason": "0 of 1 for tasks/3/*", "state": "timeout"}
    assert run("jobs", "wait", "jobs/never", "--for", "x", "--timeout", "0s").status == 75


def test_wait_says_at_once_what_can_never_come_true(run, film, run_of_azureml):
    ended = run("jobs", "wait", "film")
    assert ended.status == 64 and "--batch-account-url" in ended.err and "--for" in ended.err
    ended = run("jobs", "wait", "runs/quiet_cow_1")
    assert ended.status == 64 and "--for" in ended.err


def test_wait_for_a_loop_is_for_its_merged_result(server, service):
    container = loop(service, "job1", merged=False)
    waiting = Waiting(server, "job1")
    time.sleep(1.2)
    assert waiting.process.poll() is None
    container.upload_blob("results/merge-result.rds", RDS)
    assert waiting.end()[0] == 0


def test_wait_for_a_loop_ends_with_1_when_the_merge_failed(run, service):
    container = loop(service, "job1", merged=False)
    container.upload_blob("logs/merge.txt", b"object 'results' not found\nError Code: 1\n")
    ended = run("jobs", "wait", "job1")
    assert ended.status == 1 and "containers/job1/logs/merge.txt" in ended.out


def test_wait_with_batch_ends_when_all_tasks_are_completed(server, film, batch):
    batch.add_job("film")
    batch.add_task("film", "1", state="completed", exit_code=0)
    batch.add_task("film", "2", state="running")
    waiting = Waiting(server, "film", **batch.environment)
    time.sleep(2.5)
    assert waiting.process.poll() is None
    batch.add_task("film", "2", state="completed", exit_code=0)
    status, out, err = waiting.end()
    assert status == 0 and "2 of 2 tasks completed" in out, err


def test_wait_with_batch_goes_on_while_files_change(server, film, batch):
    batch.add_job("film", state="completed")
    stop = threading.Event()

    def write():
        for number in itertools.count():
            if stop.wait(0.2):
                return
            film.upload_blob(f"1/$TaskOutput/more-{number}", b"x")

    writer = threading.Thread(target=write)
    writer.start()
    waiting = Waiting(server, "film", **batch.environment)
    time.sleep(4)
    assert waiting.process.poll() is None
    stop.set()
    writer.join()
    assert waiting.end()[0] == 0


def test_wait_with_batch_ends_with_1_when_a_task_failed(run, film, batch):
    batch.add_job("film")
    batch.add_task("film", "1", state="completed", exit_code=0)
    batch.add_task("film", "2", state="completed", exit_code=3)
    ended = run("jobs", "wait", "film", **batch.environment)
    assert ended.status == 1 and "1 failed: 2" in ended.out


# Removing


def test_rm_says_first_what_would_go(run, service, film):
    ended = run("jobs", "rm", "film")
    assert ended.status == 0 and "container job-film" in ended.out and "1 job with 6 files (42 B) would be removed" in ended.err
    assert film.exists()
    report = json.loads(run("jobs", "rm", "--json", "--dry-run", "film").out)
    assert report["isDryRun"] and report["jobs"][0]["path"] == "jobs/film"
    assert film.exists()
    assert run("jobs", "rm", "--dry-run", "--yes", "film").status == 64
    assert run("jobs", "rm", "--jobs", "0", "film").status == 64


def test_rm_of_a_job_or_loop_takes_its_container(run, service, film):
    other = loop(service, "job1")
    ended = run("jobs", "rm", "--yes", "film", "foreach/job1")
    assert ended.status == 0, ended.err
    assert not film.exists() and not other.exists()


def test_rm_of_a_run_takes_its_places_and_nothing_else(run, run_of_azureml):
    artifacts, default = run_of_azureml
    plan = run("jobs", "rm", "quiet_cow_1")
    assert "azureml/ExperimentRun/dcid.quiet_cow_1/" in plan.out and "7 files" in plan.err
    ended = run("jobs", "rm", "--yes", "runs/quiet_cow_1")
    assert ended.status == 0, ended.err
    assert not any("quiet_cow_1/" in name or "quiet_cow_1." in name for name in names(artifacts) + names(default))
    assert "ComputeRecord/dcid.quiet_cow_1" not in names(artifacts)
    assert len([name for name in names(artifacts) + names(default) if "quiet_cow_11" in name]) == 7
    assert "LocalUpload/x/data" in names(default)
    assert run("jobs", "show", "quiet_cow_1").status == 66


def test_rm_names_what_stands_in_the_way(run, service, film):
    lease = film.acquire_lease()
    ended = run("jobs", "rm", "--yes", "film")
    assert ended.status == 1 and "jobs/film" in ended.err and "lease" in ended.err
    assert film.exists()
    lease.release()


def test_rm_of_several_stops_before_the_first_if_one_is_not_there(run, film):
    assert run("jobs", "rm", "--yes", "film", "nobody").status == 66
    assert film.exists()
    assert run("jobs", "rm", "--yes").status == 64


@pytest.fixture
def busy(film):
    """A job into which something is written all the time."""
    stop = threading.Event()

    def write():
        while not stop.wait(0.2):
            film.upload_blob("$JobOutput/new", b"x", overwrite=True)

    writer = threading.Thread(target=write)
    writer.start()
    yield film
    stop.set()
    writer.join()


def test_older_than_goes_by_what_was_written_and_not_by_the_container(run, service, busy):
    old = service.create_container("job-old")
    old.upload_blob("$JobOutput/a", b"x")
    time.sleep(4.2)
    assert [line["id"] for line in lines(run("jobs", "list", "--json", "--older-than", "4s"))] == ["old"]
    ended = run("jobs", "rm", "--older-than", "4s", "film")
    assert ended.status == 64 and "not older" in ended.err
    ended = run("jobs", "rm", "--older-than", "4s", "--yes", "--kind", "batch")
    assert ended.status == 0, ended.err
    assert not old.exists() and busy.exists()
    assert "nothing would be removed" in run("jobs", "rm", "--older-than", "30d").err


def test_older_than_leaves_out_what_batch_says_goes_on(run, service, film, batch):
    batch.add_job("film")
    time.sleep(1.2)
    assert lines(run("jobs", "list", "--json", "--older-than", "1s", **batch.environment)) == []
    batch.add_job("film", state="completed")
    assert [line["id"] for line in lines(run("jobs", "list", "--json", "--older-than", "1s", **batch.environment))] == ["film"]


def test_a_loop_in_a_container_named_as_a_job_goes_as_a_loop(run, service):
    container = loop(service, "job-alpha")
    time.sleep(1.1)
    assert json.loads(run("jobs", "rm", "--json", "--older-than", "1s").out)["jobs"] == []
    report = json.loads(run("jobs", "rm", "--json", "--older-than", "1s", "--kind", "foreach", "--kind", "batch").out)
    assert report["jobs"] == []
    report = json.loads(run("jobs", "rm", "--json", "--older-than", "1s", "--kind", "foreach").out)
    assert [job["path"] for job in report["jobs"]] == ["foreach/job-alpha"]
    assert run("jobs", "rm", "--yes", "foreach/job-alpha").status == 0
    assert not container.exists()


def test_a_container_that_is_only_called_as_a_job_stays(run, service):
    container = service.create_container("job-data")
    container.upload_blob("tables/shared.csv", b"somebody's")
    time.sleep(1.1)
    ended = run("jobs", "rm", "--yes", "data")
    assert ended.status == 64 and "outputfs rm -r containers/job-data" in ended.err
    assert json.loads(run("jobs", "rm", "--yes", "--json", "--older-than", "1s").out)["jobs"] == []
    assert container.exists()


def test_a_folder_that_only_may_be_a_runs_stays(run, service, run_of_azureml):
    _, default = run_of_azureml
    default.upload_blob("dataset/faces/1.png", b"somebody's")
    time.sleep(1.1)
    ended = run("jobs", "rm", "--yes", "faces")
    assert ended.status == 64 and f"outputfs rm -r containers/{default.container_name}/dataset/faces" in ended.err
    ended = run("jobs", "rm", "--yes", "--json", "--older-than", "1s", "--kind", "azureml")
    removed = [job["path"] for job in json.loads(ended.out)["jobs"]]
    assert "runs/quiet_cow_1" in removed and "runs/faces" not in removed
    assert "dataset/faces/1.png" in names(default)


def test_a_loop_that_batch_says_goes_on_is_not_old(run, service, batch):
    container = loop(service, "job1")
    batch.add_job("job1")
    time.sleep(1.1)
    arguments = ["--json", "--older-than", "1s", "--kind", "foreach"]
    assert lines(run("jobs", "list", *arguments, **batch.environment)) == []
    assert json.loads(run("jobs", "rm", "--yes", *arguments, **batch.environment).out)["jobs"] == []
    assert container.exists()
    batch.add_job("job1", state="completed")
    assert [line["id"] for line in lines(run("jobs", "list", *arguments, **batch.environment))] == ["job1"]


def test_ctrl_c_ends_a_wait(server, film):
    counters(server, "DELETE")
    waiting = Waiting(server, "film", "--for", "never")
    wait_until(lambda: "List Blobs" in counters(server), 30, "the first look")
    waiting.process.send_signal(signal.SIGINT)
    status, _, err = waiting.end(10)
    assert status == 130 and "interrupted" in err


def test_settings_of_a_file_reach_the_commands_below_jobs(server, film, tmp_path):
    secret = tmp_path / "connection"
    secret.write_text(server.connection_string)
    settings = tmp_path / "outputfs.toml"
    settings.write_text(f'connection-string-file = "{secret}"\n')
    ended = outputfs("jobs", "show", "film", "--config", settings)
    assert ended.status == 0, ended.err


# Removing what was shown, and nothing else


@contextlib.contextmanager
def held(server, *operations, more=()):
    """Requests of this kind wait until the block is left; `more` are rules of any kind."""

    def control(method, path, value=None):
        body = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(f"{server.endpoint}/-/{path}", data=body, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()

    control("PUT", "faults", [{"operation": operation, "effect": "hold"} for operation in operations] + [*more])
    try:
        # Asked seldom: questions without a pause keep the program's own requests waiting on a busy machine.
        yield lambda: wait_until(
            lambda: time.sleep(0.3) or json.loads(control("GET", "held")) > 0, 30, "a request that is held"
        )
    finally:
        control("DELETE", "faults")


def started(server, *arguments):
    return subprocess.Popen(
        [binary(), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=clean_environment(AZURE_STORAGE_CONNECTION_STRING=server.connection_string),
    )


@pytest.mark.parametrize("change", ["new", "replaced", "removed"])
def test_a_job_into_which_somebody_writes_meanwhile_stays_and_is_named(server, service, film, change):
    first = service.create_container("job-a-first")
    first.upload_blob("$JobOutput/a", b"x")
    time.sleep(1.1)
    with held(server, "Delete Container") as wait:
        process = started(server, "jobs", "rm", "--yes", "a-first", "film")
        wait()
        # Both were looked at; the first one is about to go.
        match change:
            case "new":
                film.upload_blob("3/$TaskOutput/begun.csv", b"by another run")
            case "replaced":
                film.upload_blob("$JobOutput/sum.txt", b"again", overwrite=True)
            case "removed":
                film.delete_blob("$JobOutput/sum.txt")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert not first.exists() and film.exists()
    expected = {"new": "tasks/3/TaskOutput/begun.csv was written", "replaced": "JobOutput/sum.txt was written",
                "removed": "something in it was replaced or removed"}
    assert f"jobs/film: {expected[change]} since it was looked at; it stays" in err


def test_a_job_that_is_found_early_among_many_is_looked_at_again(server, service, busy):
    first = service.create_container("job-a-first")
    first.upload_blob("$JobOutput/a", b"x")
    time.sleep(4.2)
    listing = [{"operation": "List Containers", "effect": "shortPages", "entries": 1},
               {"operation": "List Containers", "effect": "hold", "skip": 1}]
    with held(server, more=listing) as wait:
        process = started(server, "jobs", "rm", "--yes", "--older-than", "4s", "--kind", "batch")
        wait()
        # The job is looked into while the next containers are asked for.
        time.sleep(3)
        first.upload_blob("$JobOutput/late", b"x")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1 and first.exists() and busy.exists(), err
    assert "jobs/a-first: JobOutput/late was written since it was looked at; it stays" in err


def test_a_container_that_was_made_anew_stays(server, service, film):
    with held(server, "Delete Container") as wait:
        process = started(server, "jobs", "rm", "--yes", "film")
        wait()
        time.sleep(1.1)
        film.set_container_metadata({"owner": "another"})
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1 and film.exists()
    assert "its container was made anew, or its settings changed" in err


def test_of_a_run_goes_what_was_shown(server, run_of_azureml):
    artifacts, default = run_of_azureml
    time.sleep(1.1)
    with held(server, "Delete Blob", "Blob Batch") as wait:
        process = started(server, "jobs", "rm", "--yes", "quiet_cow_1")
        wait()
        # Behind the place that is being emptied.
        default.upload_blob("dataset/quiet_cow_1/late.csv", b"late")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "dataset/quiet_cow_1/late.csv: it was written since it was looked at: it stays" in err
    left = [name for name in names(artifacts) + names(default) if "quiet_cow_1/" in name or "quiet_cow_1." in name]
    assert left == ["dataset/quiet_cow_1/late.csv"]
