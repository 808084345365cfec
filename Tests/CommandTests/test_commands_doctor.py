"""doctor: what it looks at, and that each trouble is told with what helps."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import threading
from datetime import datetime, timedelta, timezone

import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient, generate_container_sas

from program import KEY, binary, clean_environment, outputfs


def findings(*arguments, **environment):
    ended = outputfs("doctor", "--json", *arguments, timeout=45, **environment)
    report = json.loads(ended.out)
    by_check = {finding["check"]: finding for finding in report["findings"]}
    has_problem = any(finding["level"] == "problem" for finding in report["findings"])
    assert ended.status == (1 if has_problem else 0), ended
    for finding in report["findings"]:
        assert finding["level"] in ["ok", "warning", "problem"] and finding["finding"], finding
        assert finding["level"] == "ok" or finding["remedies"], finding
    return by_check


@pytest.fixture
def account(server):
    return {"AZURE_STORAGE_CONNECTION_STRING": server.connection_string}


def test_all_is_well_where_a_mount_would_succeed(account, server, place, tmp_path):
    found = findings(place, "-o", f"journal_dir={tmp_path / 'spool'}", "--cache-dir", tmp_path / "cache", **account)
    for check in [
        "FUSE", "kernel", "open files", "mount point", "journal", "disk cache", "name", "encryption", "store", "permissions",
        "clock", "latency",
    ]:
        assert found[check]["level"] == "ok", found[check]
    assert server.blob_endpoint in found["store"]["finding"]
    # It only looked.
    assert sorted(os.listdir(tmp_path)) == ["outputs"]
    assert os.listdir(place) == []


def test_people_read_one_line_a_check(account, tmp_path):
    ended = outputfs("doctor", "--journal-dir", tmp_path / "spool", **account)
    lines = ended.out.splitlines()
    assert any(line.startswith("ok       FUSE") for line in lines)
    assert any(line.startswith("ok       store") for line in lines)


def test_without_an_account_it_says_how_to_name_one():
    found = findings()
    assert found["arguments"]["level"] == "problem"
    assert any("AZURE_STORAGE_CONNECTION_STRING" in remedy for remedy in found["arguments"]["remedies"])
    assert found["FUSE"]["level"] == "ok"


def test_a_wrong_key(server, tmp_path):
    wrong = server.connection_string.replace(KEY, "d3Jvbmcga2V5IG9mIDMyIGJ5dGVzIGZvciB0ZXN0cyE=")
    found = findings("--journal-dir", tmp_path, AZURE_STORAGE_CONNECTION_STRING=wrong)
    assert found["store"]["level"] == "problem" and "refuses the credentials" in found["store"]["finding"]
    # A refusal has a date, too: a clock that is off is the usual reason.
    assert found["clock"]["level"] == "ok"


def test_an_endpoint_that_is_down(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = findings("--endpoint", f"http://127.0.0.1:{port}/farm", tmp_path, AZURE_STORAGE_KEY=KEY)
    assert found["store"]["level"] == "problem" and f"127.0.0.1:{port}" in found["store"]["finding"]
    assert "latency" not in found


def test_a_mount_point_that_is_missing_or_holds_something(account, tmp_path):
    assert findings(tmp_path / "missing", **account)["mount point"]["level"] == "problem"
    (tmp_path / "file").write_text("")
    found = findings(tmp_path, "--journal-dir", "/tmp", **account)["mount point"]
    assert found["level"] == "problem" and "'file'" in found["finding"]


@pytest.mark.parametrize("option, check", [("--journal-dir", "journal"), ("--cache-dir", "disk cache")])
def test_directories_that_cannot_be(option, check, account, place, tmp_path):
    (tmp_path / "file").write_text("")
    found = findings(place, option, tmp_path / "file" / "x", **account)[check]
    assert found["level"] == "problem" and option in found["finding"]
    found = findings(place, option, place / "x", **account)[check]
    assert found["level"] == "problem" and "inside the mount point" in found["finding"]


def test_a_cache_larger_than_its_disk(account, tmp_path):
    found = findings("--cache-dir", tmp_path, "--cache-size", "1000000G", "--journal-dir", tmp_path, **account)
    assert found["disk cache"]["level"] == "warning" and "smaller --cache-size" in found["disk cache"]["remedies"][0]


def test_mounts_are_looked_at_too(account, mounted):
    report = json.loads(outputfs("doctor", mounted, "--json", **account).out)
    lines = [(finding["check"], finding["level"], finding["finding"]) for finding in report["findings"]]
    assert ("mount point", "ok", f"{mounted} is mounted") in lines
    assert any(check == "mount" and level == "ok" and str(mounted) in text for check, level, text in lines)


def test_a_mount_whose_process_was_killed_is_a_warning(account, place, tmp_path):
    assert outputfs("mount", place, "--journal-dir", tmp_path / "spool", **account).status == 0
    process = json.loads(outputfs("status", place, "--json").out)["mounts"][0]["processID"]
    os.kill(process, signal.SIGKILL)
    while pathlib.Path(f"/proc/{process}").exists():
        pass
    report = json.loads(outputfs("doctor", "--json", **account).out)
    (finding,) = [finding for finding in report["findings"] if str(place) in finding["finding"]]
    assert finding["level"] == "warning" and finding["remedies"] == [f"outputfs unmount {place}"]
    assert outputfs("unmount", place).status == 0


def test_a_user_who_may_not_open_the_device(account, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("changing the user takes root")
    device = pathlib.Path("/dev/fuse").stat()
    if device.st_mode & 0o006:
        pytest.skip("here everybody may open /dev/fuse")
    ended = subprocess.run(
        ["setpriv", "--reuid", "1234", "--clear-groups", binary(), "doctor", "--json"],
        env=clean_environment(**account), capture_output=True, text=True, timeout=30,
    )
    (finding,) = [finding for finding in json.loads(ended.stdout)["findings"] if finding["check"] == "FUSE"]
    assert finding["level"] == "problem" and finding["remedies"]


# MARK: The way to the store, and what it permits


@pytest.fixture
def container(server):
    client = ContainerClient(server.blob_endpoint, f"doctor-{os.urandom(4).hex()}", credential=server.key)
    client.create_container()
    yield client
    client.delete_container()


def container_url(server, container, permission: str) -> str:
    token = generate_container_sas(
        server.account, container.container_name, account_key=server.key, permission=permission,
        expiry=datetime.now(timezone.utc) + timedelta(hours=1),
    )
    return f"{container.url}?{token}"


@pytest.mark.parametrize(
    "permission, level, may, may_not",
    [
        ("racwdl", "ok", "list, read, write, set metadata, append, delete", None),
        ("rl", "warning", "list, read", "write, set metadata, append, delete"),
        ("wl", "warning", "list, write, set metadata, append", "read, delete"),
        ("l", "problem", "list", "read, write, set metadata, append, delete"),
    ],
)
def test_what_a_token_permits_is_found_out_without_a_trace(server, container, tmp_path, permission, level, may, may_not):
    container.upload_blob("kept", b"as it was")
    found = findings("--journal-dir", tmp_path, JOB_CONTAINER_URL=container_url(server, container, permission))
    words = f"may {may}" + (f"; not {may_not}" if may_not else "")
    assert found["permissions"]["level"] == level and found["permissions"]["finding"].startswith(words), found["permissions"]
    (left,) = container.list_blobs(include=["uncommittedblobs", "deleted"])
    assert left.name == "kept" and container.download_blob("kept").readall() == b"as it was"
    assert left.last_modified == container.get_blob_client("kept").get_blob_properties().creation_time


def test_for_a_mount_that_only_reads_reading_is_enough(server, container, tmp_path):
    url = container_url(server, container, "rl")
    assert findings("--read-only", "--journal-dir", tmp_path, JOB_CONTAINER_URL=url)["permissions"]["level"] == "ok"


def test_an_account_key_permits_everything_and_leaves_no_container(account, server, tmp_path):
    found = findings("--journal-dir", tmp_path, **account)["permissions"]
    assert found["level"] == "ok" and "not" not in found["finding"]
    names = [each.name for each in BlobServiceClient.from_connection_string(server.connection_string).list_containers()]
    assert not [name for name in names if name.startswith("outputfs-doctor")]


def test_a_name_that_does_not_resolve(tmp_path):
    found = findings("--journal-dir", tmp_path, "--endpoint", "https://farm.nowhere.invalid", "--account", "farm", AZURE_STORAGE_KEY=KEY)
    assert found["name"]["level"] == "problem" and "farm.nowhere.invalid does not resolve" in found["name"]["finding"]
    assert "encryption" not in found and "permissions" not in found


def test_a_certificate_that_nobody_vouches_for(tmp_path):
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-keyout", tmp_path / "key", "-out", tmp_path / "certificate"], capture_output=True, timeout=30,
    )
    assert made.returncode == 0, made.stderr
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate", tmp_path / "key")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    with contextlib.suppress(OSError), context.wrap_socket(client, server_side=True):
                        pass

        threading.Thread(target=serve, daemon=True).start()
        endpoint = f"https://localhost:{listening.getsockname()[1]}/farm"
        found = findings("--journal-dir", tmp_path, "--endpoint", endpoint, AZURE_STORAGE_KEY=KEY)
        listening.shutdown(socket.SHUT_RDWR)
    assert found["encryption"]["level"] == "problem" and "certificate" in found["encryption"]["finding"], found
    assert found["name"]["level"] == "ok" and found["store"]["level"] == "problem"


@contextlib.contextmanager
def tmpfs(place, size):
    if os.geteuid() != 0:
        pytest.skip("mounting a tmpfs takes root")
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", place], check=True, timeout=10)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=False, timeout=10)


def test_a_journal_in_memory_is_a_warning(account, tmp_path):
    with tmpfs(tmp_path / "memory", "2g") as place:
        found = findings("--journal-dir", place, "--cache-dir", place / "cache", "--cache-size", "64M", **account)
    assert found["journal"]["level"] == "warning" and "tmpfs" in found["journal"]["finding"]
    assert found["disk cache"]["level"] == "warning" and "tmpfs" in found["disk cache"]["finding"]


def test_a_disk_that_takes_nothing_more_is_a_problem(account, tmp_path):
    with tmpfs(tmp_path / "full", "64k") as place:
        (place / "fill").write_bytes(bytes(60 << 10))
        with contextlib.suppress(OSError), open(place / "rest", "wb", buffering=0) as rest:
            while True:
                rest.write(bytes(4096))
        found = findings("--journal-dir", place / "journal", **account)["journal"]
        assert sorted(os.listdir(place)) == ["fill", "rest"]
    assert found["level"] == "problem" and "No space left" in found["finding"]


def test_options_of_a_file_are_checked_as_a_mount_would_have_them(account, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "config.toml").write_text(f'journal-dir = "{tmp_path}/file/x"\n')
    found = findings("--config", tmp_path / "config.toml", **account)
    assert found["journal"]["level"] == "problem" and f"{tmp_path}/file/x" in found["journal"]["finding"]
