"""mount, status and unmount: every way in which they can go wrong says what, where and what to do."""

import datetime
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading

import pytest
from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas

from program import ACCOUNT, KEY, binary, clean_environment, emulator, is_mounted, outputfs, wait_until


@pytest.fixture
def mount(server, tmp_path):
    """Runs `outputfs mount` with the emulator's credentials."""

    def run(*arguments, **environment):
        environment.setdefault("AZURE_STORAGE_CONNECTION_STRING", server.connection_string)
        return outputfs("mount", "--journal-dir", tmp_path / "spool", *arguments, **environment)

    return run


def container_url(server, name, hours=1, **permissions):
    BlobServiceClient.from_connection_string(server.connection_string).create_container(name)
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)
    begin = until - datetime.timedelta(hours=24)
    token = generate_container_sas(
        ACCOUNT, name, account_key=KEY, permission=ContainerSasPermissions(**permissions), expiry=until, start=begin
    )
    return f"{server.blob_endpoint}/{name}?{token}"


# What is mounted


def test_it_returns_when_the_mount_answers_and_shows_both_views(mounted):
    assert sorted(os.listdir(mounted)) == [
        "containers", "datastores", "foreach", "jobs", "projects", "runs", "self", "uploads"
    ]


def test_what_is_written_is_there_for_the_python_sdk(mounted, server):
    output = mounted / "jobs" / "first" / "JobOutput"
    os.makedirs(output, exist_ok=True)
    (output / "a.txt").write_text("hello")
    service = BlobServiceClient.from_connection_string(server.connection_string)
    assert service.get_blob_client("job-first", "$JobOutput/a.txt").download_blob().readall() == b"hello"


def test_a_container_url_shows_that_job_alone(server, place, mount):
    url = container_url(server, "job-alone", read=True, list=True, write=True, create=True, delete=True)
    ended = outputfs("mount", place, "--journal-dir", place.parent / "spool", JOB_CONTAINER_URL=url)
    assert ended.status == 0, ended.err
    assert os.listdir(place / "containers") == ["job-alone"]
    assert outputfs("unmount", place).status == 0


def test_a_token_that_may_not_list_is_good_enough(server, place, mount):
    url = container_url(server, "job-nolist", read=True, write=True, create=True)
    ended = outputfs("mount", place, "--journal-dir", place.parent / "spool", JOB_CONTAINER_URL=url)
    assert ended.status == 0, ended.err
    assert outputfs("unmount", place).status == 0


def test_mount_options_arrive(mount, place):
    ended = mount(place, "-o", "ro,uid=1234,gid=4321,umask=027,views=containers", "-o", "_netdev,nofail")
    assert ended.status == 0, ended.err
    status = (place / "containers").stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (1234, 4321, 0o750)
    assert "jobs" not in os.listdir(place)
    with pytest.raises(OSError):
        (place / "containers" / "new-one").mkdir()
    assert outputfs("unmount", place).status == 0


def test_the_foreground_ends_with_ctrl_c(server, place, tmp_path):
    process = subprocess.Popen(
        [binary(), "mount", "--foreground", "--journal-dir", tmp_path / "spool", place],
        env=clean_environment(AZURE_STORAGE_CONNECTION_STRING=server.connection_string),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert any("mounted on" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert not is_mounted(place)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_the_background_process_holds_no_pipe_and_no_directory_of_its_parent(mounted):
    process = pathlib.Path("/proc") / str(json.loads(outputfs("status", mounted, "--json").out)["mounts"][0]["processID"])
    assert os.readlink(process / "cwd") == "/"
    assert os.readlink(process / "fd/0") == "/dev/null"
    for descriptor in (1, 2):
        assert os.readlink(process / f"fd/{descriptor}").endswith(".log")


# Credentials and endpoints


def test_a_wrong_key_is_refused_before_mounting(server, mount, place):
    wrong = server.connection_string.replace(KEY, "d3Jvbmcga2V5IG9mIDMyIGJ5dGVzIGZvciB0ZXN0cyE=")
    ended = mount(place, AZURE_STORAGE_CONNECTION_STRING=wrong)
    assert ended.status == 77, ended
    for word in ["refuses the credentials", "403", "try:"]:
        assert word in ended.err
    assert not is_mounted(place)


def test_an_expired_sas_is_refused_before_mounting(server, place):
    url = container_url(server, "job-expired", hours=-1, read=True, list=True)
    ended = outputfs("mount", place, JOB_CONTAINER_URL=url)
    assert ended.status == 77, ended
    assert "expired" in ended.err
    assert "sig=" not in ended.err


def test_a_container_that_is_missing_is_named(server, place):
    url = container_url(server, "job-there", read=True, list=True)
    service = BlobServiceClient.from_connection_string(server.connection_string)
    service.delete_container("job-there")
    ended = outputfs("mount", place, JOB_CONTAINER_URL=url)
    assert ended.status == 66, ended
    assert "job-there" in ended.err


def test_an_endpoint_that_is_down_is_told_within_seconds(place):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ended = outputfs(
        "mount", "--endpoint", f"http://127.0.0.1:{port}/farm", place, AZURE_STORAGE_KEY=KEY, timeout=45
    )
    assert ended.status == 69, ended
    assert f"127.0.0.1:{port}" in ended.err


def test_an_account_that_does_not_exist_is_named(place):
    # .invalid never resolves (RFC 2606).
    ended = outputfs(
        "mount", "--endpoint", "https://nobody.blob.invalid", place, AZURE_STORAGE_KEY=KEY, timeout=45
    )
    assert ended.status == 69, ended
    assert "nobody.blob.invalid" in ended.err


def test_an_endpoint_that_is_no_blob_storage_is_told(place):
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")

    threading.Thread(target=serve, daemon=True).start()
    try:
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}/farm"
        ended = outputfs("mount", "--endpoint", endpoint, place, AZURE_STORAGE_KEY=KEY, timeout=45)
        assert ended.status == 69, ended
        assert endpoint in ended.err
    finally:
        server.close()


def test_an_account_name_that_cannot_be_is_refused(place):
    ended = outputfs("mount", "Not_An_Account", place, AZURE_STORAGE_KEY=KEY)
    assert ended.status == 64
    assert "Not_An_Account" in ended.err


# Mount points


def test_a_mount_point_that_is_missing(mount, tmp_path):
    ended = mount(tmp_path / "missing")
    assert ended.status == 66
    assert f"mkdir -p {tmp_path / 'missing'}" in ended.err


def test_a_mount_point_that_is_a_file(mount, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    ended = mount(file)
    assert ended.status == 66
    assert "is not a directory" in ended.err


def test_a_mount_point_that_holds_something(mount, place):
    (place / "precious").write_text("")
    ended = mount(place)
    assert ended.status == 73
    assert "'precious'" in ended.err and "nonempty" in ended.err
    assert mount(place, "-o", "nonempty").status == 0
    assert outputfs("unmount", place).status == 0
    assert (place / "precious").exists()


def test_a_mount_point_that_is_mounted_already(mount, mounted):
    ended = mount(mounted)
    assert ended.status == 75
    assert "mounted already" in ended.err and f"outputfs unmount {mounted}" in ended.err


def test_a_mount_whose_process_was_killed_is_replaced(mount, place):
    assert mount(place).status == 0
    process = json.loads(outputfs("status", place, "--json").out)["mounts"][0]["processID"]
    os.kill(process, signal.SIGKILL)
    wait_until(lambda: not pathlib.Path(f"/proc/{process}").exists())
    with pytest.raises(OSError):
        os.listdir(place)
    silent = json.loads(outputfs("status", "--json").out)["silent"]
    # Others on this machine may have left dead mounts, too.
    assert str(place) in [entry["mountPoint"] for entry in silent]
    assert mount(place).status == 0
    assert "jobs" in os.listdir(place)
    assert outputfs("unmount", place).status == 0


def test_a_mount_whose_process_was_killed_can_be_unmounted(mount, place):
    assert mount(place).status == 0
    process = json.loads(outputfs("status", place, "--json").out)["mounts"][0]["processID"]
    os.kill(process, signal.SIGKILL)
    wait_until(lambda: not pathlib.Path(f"/proc/{process}").exists())
    ended = outputfs("unmount", place)
    assert ended.status == 0, ended
    assert not is_mounted(place)


@pytest.mark.parametrize("option", ["--journal-dir", "--log-file"])
def test_what_the_mount_writes_must_not_lie_in_it(option, server, place):
    ended = outputfs(
        "mount", place, option, place / "below" / "it", AZURE_STORAGE_CONNECTION_STRING=server.connection_string
    )
    assert ended.status == 64
    assert option in ended.err and "inside the mount point" in ended.err


def test_a_spool_directory_that_cannot_be_made(server, place, tmp_path):
    (tmp_path / "file").write_text("")
    ended = outputfs(
        "mount", place, "--journal-dir", tmp_path / "file" / "spool",
        AZURE_STORAGE_CONNECTION_STRING=server.connection_string,
    )
    assert ended.status == 73
    assert "--journal-dir" in ended.err


def test_a_machine_without_fuse(server, place):
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("hiding /dev/fuse takes root and unshare(1)")
    # In a mount namespace of its own, an empty /dev hides the device.
    script = 'mount -t tmpfs none /dev && touch /dev/null && exec "$0" mount "$1"'
    ended = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, binary(), place],
        env=clean_environment(AZURE_STORAGE_CONNECTION_STRING=server.connection_string),
        capture_output=True, text=True, timeout=30,
    )
    assert ended.returncode == 71, ended.stderr
    assert "/dev/fuse" in ended.stderr and "modprobe fuse" in ended.stderr


# status and unmount


def test_status_shows_the_mount_to_people_and_to_programs(mounted, server):
    ended = outputfs("status")
    assert str(mounted) in ended.out and server.blob_endpoint in ended.out
    ended = outputfs("status", mounted)
    assert "Everything is in the store." in ended.out
    mount = json.loads(outputfs("status", mounted, "--json").out)["mounts"][0]
    assert mount["mountPoint"] == str(mounted)
    assert mount["source"] == server.blob_endpoint
    assert mount["state"] == "serving"
    assert mount["tree"]["pendingFiles"] == []
    # What 64 connections may have received is taken off.
    assert mount["cache"]["budget"] == (256 - 8) << 20
    assert sum(mount["store"]["requests"].values()) > 0 or mount["store"]["requests"] == {}


def test_a_failure_is_shown_by_status(mounted):
    with pytest.raises(OSError):
        (mounted / "containers" / "Not_A_Container").mkdir()
    with pytest.raises(OSError):
        os.rmdir(mounted / "jobs")
    assert outputfs("status", mounted).status == 0


def test_unmount_names_who_keeps_the_mount_busy(mounted):
    with subprocess.Popen(["sleep", "60"], cwd=mounted) as holder:
        try:
            ended = outputfs("unmount", mounted)
            assert ended.status == 75, ended
            assert f"sleep ({holder.pid})" in ended.err and "--lazy" in ended.err
            assert is_mounted(mounted)
            assert "jobs" in os.listdir(mounted)
        finally:
            holder.kill()
    assert outputfs("unmount", mounted).status == 0
    assert not is_mounted(mounted)


def test_lazy_unmount_takes_a_busy_mount_away(mounted):
    with subprocess.Popen(["sleep", "60"], cwd=mounted) as holder:
        try:
            assert outputfs("unmount", mounted, "--lazy").status == 0
            assert not is_mounted(mounted)
        finally:
            holder.kill()


def test_sigterm_sends_what_is_written_and_unmounts(mounted, server):
    process = json.loads(outputfs("status", mounted, "--json").out)["mounts"][0]["processID"]
    (mounted / "containers" / "sigterm").mkdir()
    (mounted / "containers" / "sigterm" / "a").write_bytes(b"x" * 100_000)
    os.kill(process, signal.SIGTERM)
    wait_until(lambda: not is_mounted(mounted))
    wait_until(lambda: not pathlib.Path(f"/proc/{process}").exists())
    service = BlobServiceClient.from_connection_string(server.connection_string)
    assert service.get_blob_client("sigterm", "a").get_blob_properties().size == 100_000


def process_of(mount_point):
    return json.loads(outputfs("status", mount_point, "--json").out)["mounts"][0]["processID"]


def has_ended(process):
    return not pathlib.Path(f"/proc/{process}").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_one_sigterm_ends_a_mount_that_is_in_use(number, mounted, server):
    process = process_of(mounted)
    container = mounted / "containers" / f"sigterm-busy-{int(number)}"
    container.mkdir()
    writer = open(container / "a", "wb", buffering=0)
    writer.write(b"x" * 100_000)
    with subprocess.Popen(["sleep", "60"], cwd=mounted) as holder:
        try:
            os.kill(process, number)
            wait_until(lambda: has_ended(process), seconds=30)
            assert not is_mounted(mounted)
            assert holder.poll() is None
        finally:
            holder.kill()
    # Nobody serves what is still open; what was written before is in the store.
    with pytest.raises(OSError):
        writer.write(b"y")
    with pytest.raises(OSError):
        writer.close()
    service = BlobServiceClient.from_connection_string(server.connection_string)
    assert service.get_blob_client(container.name, "a").get_blob_properties().size == 100_000


def test_ctrl_c_leaves_a_mount_that_is_in_use_and_a_second_one_ends_it(mounted):
    process = process_of(mounted)
    log = pathlib.Path(json.loads(outputfs("status", mounted, "--json").out)["mounts"][0]["logFile"])
    with subprocess.Popen(["sleep", "60"], cwd=mounted) as holder:
        try:
            os.kill(process, signal.SIGINT)
            wait_until(lambda: f"in use by sleep ({holder.pid})" in log.read_text())
            assert "one more signal detaches it" in log.read_text()
            wait_until(lambda: json.loads(outputfs("status", mounted, "--json").out)["mounts"][0]["state"] == "serving")
            assert "jobs" in os.listdir(mounted)
            os.kill(process, signal.SIGINT)
            wait_until(lambda: has_ended(process), seconds=30)
            assert not is_mounted(mounted)
        finally:
            holder.kill()


def test_one_sigterm_ends_a_mount_whose_store_is_away_and_names_what_is_lost(place, tmp_path):
    with emulator() as down:
        ended = outputfs(
            "mount", place, "--journal-dir", tmp_path / "spool", "--log-file", tmp_path / "log",
            "--commit-deadline", "1s", "--retry-deadline", "1s", "--drain-timeout", "1s",
            AZURE_STORAGE_CONNECTION_STRING=down.connection_string,
        )
        assert ended.status == 0, ended.err
        (place / "containers" / "unsent").mkdir()
        file = open(place / "containers" / "unsent" / "a.txt", "wb", buffering=0)
        file.write(b"precious")
        down.process.kill()
        down.process.wait()
        process = process_of(place)
        os.kill(process, signal.SIGTERM)
        wait_until(lambda: has_ended(process), seconds=30)
        assert not is_mounted(place)
        assert "unsent/a.txt" in (tmp_path / "log").read_text()
        with pytest.raises(OSError):
            file.close()


def test_two_mounts_of_one_account_do_not_disturb_each_other(mount, place, tmp_path):
    other = tmp_path / "other place"
    other.mkdir()
    assert mount(place).status == 0
    try:
        assert mount(other).status == 0
        assert outputfs("unmount", other).status == 0
        assert "jobs" in os.listdir(place)
    finally:
        if is_mounted(other):
            subprocess.run(["umount", "-l", other], check=False)
        assert outputfs("unmount", place).status == 0


def test_nonsense_on_the_control_socket_disturbs_nothing(mounted):
    sockets = list(pathlib.Path("/run/outputfs" if os.geteuid() == 0 else os.environ["XDG_RUNTIME_DIR"] + "/outputfs").glob("*.sock"))
    assert sockets
    for message in [b"", b"{", b'{"version":99,"command":"status","isLazy":false}', b"x" * 100_000]:
        for path in sockets:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(10)
                try:
                    client.connect(str(path))
                    client.sendall(message)
                    client.shutdown(socket.SHUT_WR)
                    client.recv(65536)
                except (ConnectionError, OSError):
                    continue
    assert outputfs("status", mounted).status == 0


def test_what_could_not_be_sent_is_named_and_only_given_up_on_request(place, tmp_path):
    with emulator() as down:
        ended = outputfs(
            "mount", place, "--journal-dir", tmp_path / "spool", "--commit-deadline", "1s", "--retry-deadline", "1s",
            AZURE_STORAGE_CONNECTION_STRING=down.connection_string,
        )
        assert ended.status == 0, ended.err
        (place / "containers" / "unsent").mkdir()
        file = open(place / "containers" / "unsent" / "a.txt", "w")
        down.process.kill()
        down.process.wait()
        file.write("precious")
        with pytest.raises(OSError):
            file.close()
        status = outputfs("status", place)
        assert "Not in the store yet" in status.out and "unsent/a.txt" in status.out
        ended = outputfs("unmount", place, "--timeout", "1s")
        assert ended.status == 74, ended
        assert "unsent/a.txt" in ended.err and "stays mounted" in ended.err
        assert is_mounted(place)
        ended = outputfs("unmount", place, "--lazy", "--timeout", "1s")
        assert ended.status == 74, ended
        assert "unsent/a.txt" in ended.err and "is unmounted" in ended.err
        wait_until(lambda: not is_mounted(place))
