"""doctor: what it looks at, and that each trouble is told with what helps."""

import json
import os
import pathlib
import signal
import socket
import subprocess

import pytest

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
    for check in ["FUSE", "kernel", "open files", "mount point", "journal", "disk cache", "store", "clock", "latency"]:
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
