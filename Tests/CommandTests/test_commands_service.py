"""What a service manager, a log and a scraper see of a mount."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parsed

from program import ROOT, binary, clean_environment, is_mounted, outputfs, wait_until


@contextlib.contextmanager
def foreground(server, place, tmp_path, *arguments, **environment):
    """A mount in the foreground; its standard error is a file."""
    log = tmp_path / "stderr"
    with open(log, "w") as stream:
        process = subprocess.Popen(
            [binary(), "mount", "--foreground", place, "--journal-dir", tmp_path / "spool", *map(str, arguments)],
            env=clean_environment(AZURE_STORAGE_CONNECTION_STRING=server.connection_string, **environment),
            stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
        )
        try:
            wait_until(lambda: is_mounted(place) or process.poll() is not None, what="the mount")
            assert process.poll() is None, log.read_text()
            yield process, log
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(20)


# MARK: Metrics


def address(log) -> str:
    wait_until(lambda: "metrics are at" in log.read_text(), what="the address")
    return re.search(r"metrics are at (\S+)", log.read_text())[1]


def scrape(log) -> tuple[str, dict]:
    with urllib.request.urlopen(address(log), timeout=10) as answer:
        assert answer.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        text = answer.read().decode()
    return text, {family.name: family for family in parsed(text)}


def value(families, family, **labels):
    return sum(
        sample.value for sample in families[family].samples
        if not sample.name.endswith(("_bucket", "_sum", "_created")) and labels.items() <= sample.labels.items()
    )


def test_metrics_count_what_was_done(server, place, tmp_path):
    arguments = ["--metrics", "0", "--cache-dir", tmp_path / "cache", "--cache-size", "64M"]
    with foreground(server, place, tmp_path, *arguments) as (_, log):
        assert address(log).startswith("http://127.0.0.1:")
        folder = place / "jobs/measured/JobOutput"
        folder.mkdir(parents=True, exist_ok=True)
        before = scrape(log)[1]
        (folder / "a").write_bytes(bytes(100_000))
        (folder / "a").read_bytes()
        text, after = scrape(log)
        assert value(after, "outputfs_committed_files") - value(before, "outputfs_committed_files") == 1
        assert value(after, "outputfs_committed_bytes") - value(before, "outputfs_committed_bytes") == 100_000
        assert value(after, "outputfs_store_responses", operation="Put Blob", status="201") >= 1
        assert value(after, "outputfs_store_request_duration_seconds", operation="Put Blob") == value(
            after, "outputfs_store_responses", operation="Put Blob"
        )
        assert value(after, "outputfs_kernel_requests", operation="write") >= 1
        assert value(after, "outputfs_unsent_files") == 0
        assert after["outputfs_mount"].samples[0].labels["mount_point"] == str(place)
        # No secret, and nothing that a name in the store could break.
        assert server.key not in text


def test_the_page_has_each_metric_and_no_other(server, place, tmp_path):
    with foreground(server, place, tmp_path, "--metrics", "0", "--cache-dir", tmp_path / "cache") as (_, log):
        list(place.iterdir())
        _, families = scrape(log)
    rows = re.findall(r"^\| `(outputfs_\w+)` \| (\w+) \| (\w*) \| (.*) \|$", (ROOT / "docs/METRICS.md").read_text(), re.M)
    documented = {name: (kind, unit, help) for name, kind, unit, help in rows}
    given = {family.name: (family.type, family.unit, family.documentation) for family in families.values()}
    # Of what has an end, which an account key has not.
    kind, unit, _ = documented.pop("outputfs_credential_remaining_seconds")
    assert (kind, unit) == ("gauge", "seconds")
    assert documented == given


def test_only_metrics_can_be_had_there(server, place, tmp_path):
    with foreground(server, place, tmp_path, "--metrics", f"unix:{tmp_path}/m.sock") as (process, log):
        wait_until(lambda: (tmp_path / "m.sock").exists(), what="the socket")

        def ask(request: bytes) -> bytes:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(10)
                client.connect(str(tmp_path / "m.sock"))
                client.sendall(request)
                return b"".join(iter(lambda: client.recv(65536), b""))

        assert ask(b"GET / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 404 ")
        assert ask(b"PUT /metrics HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 405 ")
        assert ask(b"GET /metrics HTTP/1.0\r\n\r\n").endswith(b"# EOF\n")
        # Too long, and cut short by the client: neither keeps the next from its answer.
        with contextlib.suppress(ConnectionError):
            assert ask(b"GET /" + b"x" * 20_000 + b"\r\n\r\n") == b""
        with socket.socket(socket.AF_UNIX) as silent:
            silent.connect(str(tmp_path / "m.sock"))
            assert ask(b"GET /metrics HTTP/1.1\r\n\r\n").endswith(b"# EOF\n")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert not (tmp_path / "m.sock").exists()


def test_a_port_that_is_taken_is_told_before_anything_is_mounted(server, place, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = outputfs(
            "mount", place, "--journal-dir", tmp_path / "spool", "--metrics", taken.getsockname()[1],
            AZURE_STORAGE_CONNECTION_STRING=server.connection_string,
        )
    assert ended.status == 73 and "--metrics http://127.0.0.1:" in ended.err and not is_mounted(place)


# MARK: The log


def test_json_lines(server, place, tmp_path):
    log = tmp_path / "log"
    with foreground(server, place, tmp_path, "--log-format", "json", "--log-level", "debug", "--log-file", log):
        list(place.iterdir())
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(lines) >= 2
    for line in lines:
        assert {"time", "level", "logger", "message"} <= line.keys() and all(isinstance(v, str) for v in line.values())
    assert any(line["level"] == "notice" and "is mounted on" in line["message"] for line in lines)


def test_lines_for_journald_carry_their_level(server, place, tmp_path):
    """JOURNAL_STREAM names the stream that systemd connected: here the file that standard error is."""
    path = tmp_path / "stderr"
    path.touch()
    status = path.stat()
    with foreground(server, place, tmp_path, JOURNAL_STREAM=f"{status.st_dev}:{status.st_ino}") as (_, log):
        wait_until(lambda: "is mounted on" in log.read_text(), what="a line")
    assert re.search(r"^<5>http\S+ is mounted on ", path.read_text(), re.M)
    # To a file of its own nothing changes.
    own = tmp_path / "own"
    with foreground(server, place, tmp_path, "--log-file", own, JOURNAL_STREAM=f"{status.st_dev}:{status.st_ino}"):
        wait_until(lambda: "is mounted on" in own.read_text(), what="a line")
    assert re.search(r"^\d{4}-\d\d-\d\dT\S+ notice mount: ", own.read_text(), re.M)


def test_the_level_is_changed_while_it_runs(server, place, tmp_path):
    with foreground(server, place, tmp_path) as (_, log):
        assert outputfs("log-level", place).out == "notice\n"
        assert outputfs("log-level", place, "trace").out == "trace\n"
        assert json.loads(outputfs("status", place, "--json").out)["mounts"][0]["logLevel"] == "trace"
        assert "begins with trace" in log.read_text()
        assert outputfs("log-level", place, "error").out == "error\n"
        length = len(log.read_text())
        assert outputfs("log-level", place, "loud").status == 64
        list(place.iterdir())
        assert len(log.read_text()) == length
    assert outputfs("log-level", place, "debug").status == 66


# MARK: systemd


@pytest.fixture
def manager(tmp_path):
    """The socket that sd_notify writes to."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(20)
        yield listening


def test_readiness_life_and_end_are_told(server, place, tmp_path, manager):
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
    with foreground(server, place, tmp_path, **environment) as (process, _):
        ready = manager.recv(4096).decode()
        assert ready.startswith("READY=1\nSTATUS=") and str(place) in ready
        assert is_mounted(place)
        assert [manager.recv(4096) for _ in range(3)] == [b"WATCHDOG=1"] * 3
        process.send_signal(signal.SIGTERM)
        told = []
        while not told or not told[-1].startswith("STOPPING=1"):
            told.append(manager.recv(4096).decode())
        assert "SIGTERM" in told[-1]
        assert process.wait(20) == 0


def test_an_abstract_socket_is_found(server, place, tmp_path):
    name = f"outputfs-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name)
        manager.settimeout(20)
        with foreground(server, place, tmp_path, NOTIFY_SOCKET="@" + name):
            assert manager.recv(4096).startswith(b"READY=1\n")


def test_a_mount_that_fails_is_never_ready(place, tmp_path, manager):
    ended = outputfs(
        "mount", "--foreground", place, "--journal-dir", tmp_path / "spool", NOTIFY_SOCKET=str(tmp_path / "notify"),
        AZURE_STORAGE_ACCOUNT="farm", AZURE_STORAGE_BLOB_ENDPOINT="http://127.0.0.1:9/farm",
        AZURE_STORAGE_AUTH_TYPE="anonymous",
    )
    assert ended.status == 69
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(4096)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
def test_the_units_are_what_systemd_understands(tmp_path):
    units = tmp_path / "root/etc/systemd/system"
    units.mkdir(parents=True)
    for path in (ROOT / "packaging/systemd").iterdir():
        # The program that is to be there is not, on this machine.
        text = path.read_text().replace("/usr/bin/outputfs", binary())
        name = "outputfs@mnt-outputs.service" if "@" in path.name else path.name
        (units / name).write_text(text)
    for unit in sorted(units.iterdir()):
        checked = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit],
            env={**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:/lib/systemd/system"}, capture_output=True, text=True, timeout=60,
        )
        assert checked.returncode == 0 and not checked.stderr.strip(), (unit.name, checked.stderr)


def test_the_unit_names_statuses_and_options_that_there_are():
    unit = (ROOT / "packaging/systemd/outputfs@.service").read_text()
    statuses = (ROOT / "Sources/OutputFSCommands/ExitStatus.swift").read_text()
    for number in re.search(r"RestartPreventExitStatus=(.*)", unit)[1].split():
        assert f"= {number}\n" in statuses
    # Those that another try may mend.
    assert not {"69", "75"} & set(re.search(r"RestartPreventExitStatus=(.*)", unit)[1].split())
    help = outputfs("help", "mount").out
    for option in re.findall(r"ExecStart=.*?(--\S+)", unit):
        assert option in help


@pytest.mark.skipif(shutil.which("findmnt") is None, reason="no findmnt")
def test_the_lines_of_fstab_in_the_manual_are_what_mount_understands(tmp_path):
    page = (ROOT / "docs/man/mount.outputfs.8").read_text().replace("\\-", "-")
    lines = [line for line in page.splitlines() if re.match(r"\S+\s+/mnt/\S+\s+outputfs\s", line)]
    assert len(lines) == 3
    table = tmp_path / "fstab"
    table.write_text("\n".join(line.replace("/mnt/", f"{tmp_path}/") for line in lines) + "\n")
    for line in lines:
        (tmp_path / pathlib.Path(line.split()[1]).name).mkdir()
    checked = subprocess.run(["findmnt", "--verify", "--tab-file", table], capture_output=True, text=True, timeout=30)
    assert "0 parse errors, 0 errors" in checked.stdout + checked.stderr, checked
    # And each option is one that the helper takes: without an account it gets as far as that.
    for line in lines:
        _, place, _, options, *_ = line.split()
        options = options.replace("/etc/outputfs/myaccount.key", str(tmp_path / "missing.key"))
        ended = outputfs("mount", tmp_path / pathlib.Path(place).name, "-o", options)
        assert "mount option" not in ended.err and ended.status in (64, 78), ended


@pytest.mark.skipif(shutil.which("man") is None, reason="no man")
@pytest.mark.parametrize("page", ["outputfs.1", "mount.outputfs.8"])
def test_the_manual_pages_are_without_fault(page):
    shown = subprocess.run(
        ["man", "--warnings", "-l", ROOT / "docs/man" / page], env={**os.environ, "MANROFFSEQ": "", "MANWIDTH": "100", "LC_ALL": "C.UTF-8"},
        capture_output=True, text=True, timeout=30,
    )
    assert shown.returncode == 0 and not shown.stderr.strip(), shown.stderr
