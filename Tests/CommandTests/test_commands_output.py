"""What becomes of results that nobody takes: a full disk, a pipe that was closed, a file that is refused at its close."""

import os
import signal
import subprocess

import pytest

from program import binary, clean_environment, outputfs

# Each way in which results leave the program: lists as they come, tables, JSON, help.
COMMANDS = [
    ["ls", "jobs"],
    ["ls", "-l", "--json", "jobs/told"],
    ["find", "jobs/told"],
    ["find", "--json", "jobs/told"],
    ["cat", "jobs/told/JobOutput/a"],
    ["verify", "--json", "jobs/told"],
    ["get", "--dry-run", "jobs/told", "nowhere"],
    ["jobs", "list"],
    ["jobs", "show", "told"],
    ["jobs", "tree", "--json", "told"],
    ["jobs", "rm", "told"],
    ["foreach", "status", "loop"],
    ["hash", "/etc/hostname"],
    ["config"],
    ["status", "--json"],
    ["--help"],
    ["get", "--help"],
    ["--generate-completion-script", "fish"],
]


@pytest.fixture(scope="module")
def account(server):
    from azure.storage.blob import BlobServiceClient

    with BlobServiceClient.from_connection_string(server.connection_string) as service:
        service.create_container("job-told").upload_blob("$JobOutput/a", b"bytes")
        loop = service.create_container("loop")
        for script in ["worker.R", "merger.R", "install_github.R", "install_cran.R", "install_bioconductor.R"]:
            loop.upload_blob(script, b"#")
        loop.upload_blob("loop-metadata.rds", b"none")
    return clean_environment(AZURE_STORAGE_CONNECTION_STRING=server.connection_string)


def shown(command):
    return " ".join(command)


@pytest.mark.parametrize("command", COMMANDS, ids=shown)
def test_a_full_disk_is_said_and_is_no_success(account, command, tmp_path):
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [binary(), *command], stdout=full, stderr=subprocess.PIPE, timeout=30, env=account, cwd=tmp_path
        )
    assert ended.returncode == 1, ended.stderr
    assert ended.stderr.decode().count("standard output cannot be written: No space left on device") == 1


@pytest.mark.parametrize("command", COMMANDS, ids=shown)
def test_who_closes_the_pipe_has_had_enough_and_hears_nothing(account, command, tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [binary(), *command], stdout=writer, stderr=subprocess.PIPE, timeout=30, env=account, cwd=tmp_path
    )
    os.close(writer)
    # As with ls(1) and its like: 141 in a shell.
    assert (ended.returncode, ended.stderr) == (-signal.SIGPIPE, b"")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_stream_that_is_closed_is_nobody_elses(account, closed):
    ended = subprocess.run(
        ["bash", "-c", f'"$0" ls jobs {closed}', binary()], capture_output=True, text=True, timeout=30, env=account
    )
    if closed == ">&-":
        assert (ended.returncode, ended.stdout) == (1, "") and "Bad file descriptor" in ended.stderr
    else:
        assert (ended.returncode, ended.stderr) == (0, "") and "told/" in ended.stdout


def test_a_demo_that_nobody_reads_leaves_nothing_behind(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [binary(), "demo"], stdout=writer, stderr=subprocess.PIPE, timeout=60, env=clean_environment(TMPDIR=str(tmp_path))
    )
    os.close(writer)
    assert ended.returncode == -signal.SIGPIPE
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_refused_at_its_close_is_no_success(server, place, tmp_path):
    """Such as one in a mount: write(2) takes the bytes, and close(2) says what became of them (§3.3)."""
    key = {"AZURE_STORAGE_CONNECTION_STRING": server.connection_string}
    mounting = ["mount", place, "--journal-dir", tmp_path / "spool", "--commit-deadline", "1s", "--retry-deadline", "1s"]
    assert outputfs(*mounting, **key).status == 0
    try:
        (place / "jobs/refusing").mkdir()
        (place / "jobs/refusing/JobOutput").mkdir()
        with open(place / "jobs/refusing/JobOutput/list", "w") as out:
            # The container goes while the list is written.
            from azure.storage.blob import ContainerClient

            with ContainerClient.from_connection_string(server.connection_string, "job-refusing") as container:
                container.delete_container()
            ended = subprocess.run(
                [binary(), "ls", "/"], stdout=out, stderr=subprocess.PIPE, text=True, timeout=60,
                env=clean_environment(**key),
            )
        assert ended.returncode == 1 and "standard output cannot be written" in ended.stderr
    except OSError:
        pass  # The test's own close of the file says it, too.
    finally:
        subprocess.run(["umount", "-l", place], timeout=10, check=False)
