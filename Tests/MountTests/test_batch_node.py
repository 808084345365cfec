"""At home on a node of Azure Batch: mounted by a start task, used by the tasks of other users."""

import errno
import json
import os
import pathlib
import signal
import stat
import subprocess

import pytest

from batch_node import Metadata, Node
from mounts import is_mounted, wait_until


@pytest.fixture
def node(server):
    made = Node(server)
    yield made
    made.end()


@pytest.fixture
def spot_node(server):
    made = Node(server, dedicated=False)
    yield made
    made.end()


@pytest.fixture
def metadata():
    service = Metadata()
    yield service
    service.stop()


PREPARE = 'mkdir -p "$MNT/$(readlink "$MNT/self")"\n'


def test_a_start_task_mounts_below_the_nodes_mounts_without_naming_a_place(node):
    place = node.mount()
    assert is_mounted(place)
    assert sorted(os.listdir(place)) == ["containers", "datastores", "foreach", "jobs", "projects", "runs", "self", "uploads"]


@pytest.mark.parametrize("name", ["outputs", "deep/er/outputs"])
def test_a_plain_name_is_below_the_nodes_mounts(node, name):
    node.mount(name)
    assert is_mounted(node.mounts / name)


def test_a_path_with_a_dot_or_slash_is_what_it_says(node):
    (node.root / "startup/wd/here").mkdir()
    node.mount("./here")
    assert is_mounted(node.root / "startup/wd/here")


def test_a_task_of_another_user_writes_its_outputs_through_self(node, server, job):
    place = node.mount()
    script = PREPARE + 'echo result > "$MNT/self/TaskOutput/r.txt"; outputfs drain; cat "$MNT/self/TaskOutput/r.txt"'
    ended = node.task(job, "task-1", script, MNT=str(place))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "result\n", "")
    assert server.bytes(f"job-{job}", "task-1/$TaskOutput/r.txt") == b"result\n"
    assert server.service.get_container_client(f"job-{job}").get_container_properties().metadata == {
        "outputfs_jobid": job
    }


def test_each_task_has_its_own_self(node, job):
    place = node.mount()
    for task in ("one", "two"):
        ended = node.task(job, task, 'readlink "$MNT/self"', MNT=str(place))
        assert ended.stdout == f"jobs/{job}/tasks/{task}\n"
    assert node.task(job, "one", 'env -u AZ_BATCH_TASK_ID readlink "$MNT/self"', MNT=str(place)).returncode == 1


def test_a_container_task_has_its_self_and_its_files(node, server, job):
    """In namespaces of its own for mounts and processes, with the node's root mapped in, as Batch maps it."""
    place = node.mount()
    script = PREPARE + (
        'mount -t tmpfs none /run; echo inside > "$MNT/self/TaskOutput/r.txt"; outputfs drain; readlink "$MNT/self"; echo $$'
    )
    environment = node.task_environment(job, "boxed", MNT=str(place))
    ended = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--propagation", "slave", "bash", "-ec", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == f"jobs/{job}/tasks/boxed\n1\n"
    assert server.bytes(f"job-{job}", "boxed/$TaskOutput/r.txt") == b"inside\n"


def test_a_mount_that_comes_later_shows_in_a_container_whose_mounts_follow_the_nodes(node):
    """`bind-propagation=rslave`; without it a container shows what was mounted when it began."""
    # As the root of a node is with systemd; an emulator's machine may be a container, whose root is private.
    for options in (["--bind", node.root, node.root], ["--make-shared", node.root]):
        subprocess.run(["mount", *options], check=True, timeout=10)
    script = 'touch "$READY"; while ! mountpoint -q "$PLACE"; do sleep 0.1; done; ls "$PLACE"'
    ready = node.root / "ready"
    environment = node.environment(PLACE=str(node.mounts / "outputfs"), READY=str(ready))
    with subprocess.Popen(
        ["unshare", "--mount", "--propagation", "slave", "bash", "-ec", script],
        env=environment, stdout=subprocess.PIPE, text=True,
    ) as container:
        try:
            wait_until(ready.exists, what="that the container runs")
            node.mount()
            out, _ = container.communicate(timeout=20)
        finally:
            container.kill()
    assert out.split() == ["containers", "datastores", "foreach", "jobs", "projects", "runs", "self", "uploads"]


class TestOtherUsers:
    def test_they_see_status_and_drain_and_cannot_unmount(self, node, job):
        place = node.mount()
        ended = node.task(job, "t", f"outputfs status {place} --json; outputfs drain {place}")
        assert ended.returncode == 0, ended.stderr
        assert json.loads(ended.stdout)["mounts"][0]["mountPoint"] == str(place)
        ended = node.task(job, "t", f"outputfs unmount {place}")
        assert ended.returncode != 0
        assert is_mounted(place)
        # Nor by speaking to the socket itself.
        script = (
            "import json, socket, sys\n"
            "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
            "s.sendall(json.dumps({'version': 1, 'command': 'unmount', 'isLazy': True}).encode())\n"
            "s.shutdown(socket.SHUT_WR); print(s.makefile().read())\n"
        )
        (node.root / "ask.py").write_text(script)
        (path,) = (node.mounts / ".outputfs").glob("*.sock")
        assert "only the user who mounted it" in node.task(job, "t", f"/usr/bin/python3 {node.root}/ask.py {path}").stdout
        assert stat.S_IMODE(os.stat("/run/outputfs").st_mode) == 0o700
        assert is_mounted(place)

    def test_a_mount_that_is_not_a_nodes_stays_its_users_own(self, node, mounting, job):
        other = mounting()
        ended = node.task(job, "t", f"outputfs drain {other.place}")
        assert ended.returncode == 66, ended.stderr

    def test_permissions_are_open_unless_the_start_task_says_otherwise(self, node, job):
        place = node.mount("closed", "--umask", "077")
        assert place != node.mounts / "closed"
        ended = node.task(job, "t", f"ls {node.mounts / 'closed'}")
        assert ended.returncode != 0 and "Permission denied" in ended.stderr


class TestWhatBatchShows:
    def test_log_and_status_lie_in_the_start_tasks_directory(self, node):
        place = node.mount()
        status = node.status()
        assert (status["state"], status["mountPoint"]) == ("serving", str(place))
        assert status["logFile"] == str(node.root / "startup/outputfs.log")
        assert "is mounted on" in (node.root / "startup/outputfs.log").read_text()

    def test_after_the_end_the_status_says_so_and_the_log_stays(self, node):
        place = node.mount()
        assert node.start_task("outputfs", "unmount", place).returncode == 0
        wait_until(lambda: node.status()["state"] == "ended", what="the last status")
        assert (node.root / "startup/outputfs.log").exists()

    def test_a_mount_in_a_task_shows_in_the_tasks_directory(self, node, server, job):
        environment = node.task_environment(job, "own", AZURE_STORAGE_CONNECTION_STRING=server.connection_string)
        command = ["outputfs", "mount", "own", "--create-container", "--journal-dir", str(node.root / "spool")]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, ended.stderr
        directory = pathlib.Path(environment["AZ_BATCH_TASK_DIR"])
        assert json.loads((directory / "outputfs-status.json").read_text())["state"] == "serving"
        assert (directory / "outputfs.log").exists()
        metadata = server.service.get_container_client(f"job-{job}").get_container_properties().metadata
        assert metadata == {"outputfs_jobid": job}

    def test_the_status_file_holds_no_secret_and_what_is_left_after_an_eviction(self, node, server, job):
        place = node.mount("--durability", "journal", "--drain-timeout", "2s", "--commit-deadline", "1s")
        ended = node.task(job, "t", PREPARE, MNT=str(place))
        assert ended.returncode == 0, ended.stderr
        process = node.status()["processID"]
        server.faults({"operation": "Put Blob", "effect": "status", "status": 503, "code": "ServerBusy"})
        try:
            ended = node.task(job, "t", 'echo lost > "$MNT/self/TaskOutput/lost.txt"', MNT=str(place))
            assert ended.returncode == 0, ended.stderr
            os.kill(process, signal.SIGTERM)
            wait_until(lambda: node.status()["state"] == "ended", 30, "the last status")
        finally:
            server.faults()
        status = node.status()
        assert [file["path"] for file in status["tree"]["pendingFiles"]] == [f"job-{job}/t/$TaskOutput/lost.txt"]
        assert server.connection_string.split("AccountKey=")[1].split(";")[0] not in json.dumps(status)


class TestEviction:
    """A Spot machine has 30 s from the notice on; open files are sent, too."""

    def write_and_keep_open(self, place, job):
        (place / "jobs" / job).mkdir()
        file = open(place / "jobs" / job / "JobOutput/part.txt", "w")
        file.write("so far")
        file.flush()
        return file

    def test_a_notice_sends_what_programs_are_still_writing(self, spot_node, server, metadata, job):
        place = spot_node.mount(AZURE_POD_IDENTITY_AUTHORITY_HOST=metadata.url)
        with self.write_and_keep_open(place, job):
            wait_until(lambda: metadata.polls > 0, what="that events are asked for")
            assert not server.blob(f"job-{job}", "$JobOutput/part.txt").exists()
            metadata.announce("Preempt", "vm_6", "vm_7")
            blob = server.blob(f"job-{job}", "$JobOutput/part.txt")
            wait_until(blob.exists, 20, "that the file is sent")
            assert blob.download_blob().readall() == b"so far"
        log = (spot_node.root / "startup/outputfs.log").read_text()
        assert log.count("Preempt of this machine") == 1

    @pytest.mark.parametrize("kind, machine", [("Preempt", "vm_6"), ("Freeze", "vm_7")])
    def test_what_does_not_take_this_machine_away_changes_nothing(self, spot_node, server, metadata, job, kind, machine):
        metadata.announce(kind, machine)
        place = spot_node.mount(AZURE_POD_IDENTITY_AUTHORITY_HOST=metadata.url)
        with self.write_and_keep_open(place, job):
            polls = metadata.polls
            wait_until(lambda: metadata.polls > polls + 2, 20, "three more polls")
            assert not server.blob(f"job-{job}", "$JobOutput/part.txt").exists()

    def test_a_dedicated_node_asks_nobody(self, node, metadata):
        node.mount(AZURE_POD_IDENTITY_AUTHORITY_HOST=metadata.url)
        node.start_task("outputfs", "status")
        assert metadata.polls == 0
        node.mount("second", "--eviction-notice", "on", AZURE_POD_IDENTITY_AUTHORITY_HOST=metadata.url)
        wait_until(lambda: metadata.polls > 0, what="that events are asked for")


def test_create_container_is_no_error_where_it_is_there_and_one_where_it_may_not_be(node, server, job):
    server.service.create_container(f"job-{job}")
    url = f"{server.endpoint}/job-{job}"
    node.mount("there", "--create-container", "--container-url", url, AZURE_STORAGE_CONNECTION_STRING="",
               AZURE_STORAGE_KEY=server.connection_string.split("AccountKey=")[1].split(";")[0])
    assert os.listdir(node.mounts / "there/jobs") == [job]
    ended = node.start_task("outputfs", "mount", "none", "--create-container")
    assert ended.returncode == 64 and "no container is named" in ended.stderr


def test_a_container_url_comes_by_the_variable_that_is_named(node, server, job):
    server.service.create_container(f"job-{job}")
    server.blob(f"job-{job}", "$JobOutput/a").upload_blob(b"x")
    for options, more in [
        (["--container-url", "env:MY_URL"], {"MY_URL": f"{server.endpoint}/job-{job}"}),
        ([], {"AZ_BATCH_JOB_OUTPUT_CONTAINER": f"{server.endpoint}/job-{job}"}),
    ]:
        # Without a SAS: the key of the environment opens it.
        key = server.connection_string.split("AccountKey=")[1].split(";")[0]
        storage = {"AZURE_STORAGE_CONNECTION_STRING": "", "AZURE_STORAGE_KEY": key}
        ended = node.start_task("outputfs", "mount", f"m{len(options)}", *options, **storage, **more)
        assert ended.returncode == 0, ended.stderr
        assert os.listdir(node.mounts / f"m{len(options)}" / "jobs") == [job]


def test_a_user_without_root_is_told_what_others_need(node, job):
    fuse = pathlib.Path("/etc/fuse.conf")
    if fuse.exists() and any(line.strip() == "user_allow_other" for line in fuse.read_text().splitlines()):
        pytest.skip("this machine lets users give others access")
    mode = os.stat("/dev/fuse").st_mode & 0o777
    os.chmod("/dev/fuse", 0o666)
    try:
        ended = node.task(job, "t", "mkdir own; outputfs mount farm ./own --allow-other")
    finally:
        os.chmod("/dev/fuse", mode)
    assert ended.returncode == 77
    assert "user_allow_other" in ended.stderr and "start task" in ended.stderr


def test_the_errno_of_a_missing_self_is_enoent(node):
    place = node.mount()
    with pytest.raises(OSError) as error:
        os.readlink(place / "self")
    assert error.value.errno == errno.ENOENT
