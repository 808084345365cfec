"""Real mounts on an emulator of their own, and what keeps a mount that hangs from hanging a run."""

import base64
import contextlib
import errno
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.request

import pytest
from azure.storage.blob import BlobServiceClient

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
ACCOUNT = "field"
KEY = base64.b64encode(b"a key of 32 bytes for the mounts").decode()


def binary() -> str:
    path = os.environ.get("OUTPUTFS") or str(REPOSITORY / ".build/debug/outputfs")
    if not os.access(path, os.X_OK):
        pytest.exit(f"{path} is not there or cannot be run: build it (swift build) or name another by OUTPUTFS", 2)
    return path


def clean_environment(**extra) -> dict:
    """The caller's own account must not leak into a test."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AZURE_", "AZ_BATCH_", "JOB_CONTAINER"))}
    return {**kept, **extra}


def wait_until(condition, seconds=10.0, what="the condition"):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not come true in {seconds} s"
        time.sleep(0.02)


class Server:
    """An emulator with its control interface; it can be killed and started again on its port and data."""

    def __init__(self, data=None, hns=False):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.data = data
        self.hns = hns
        self.start()

    def start(self):
        command = [binary(), "emulator", "--listen", f"127.0.0.1:{self.port}", "--account", f"{ACCOUNT}:{KEY}"]
        command += ["--control"] + (["--hns"] if self.hns else [])
        command += ["--data", str(self.data)] if self.data else []
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=clean_environment())

        def answers():
            assert self.process.poll() is None, f"the emulator ended with {self.process.returncode}"
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True

        wait_until(answers, 20, "that the emulator listens")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}/{ACCOUNT}"

    @property
    def connection_string(self) -> str:
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={self.endpoint};"

    @property
    def service(self) -> BlobServiceClient:
        return BlobServiceClient.from_connection_string(self.connection_string, retry_total=0)

    def blob(self, container, name):
        return self.service.get_blob_client(container, name)

    def bytes(self, container, name) -> bytes:
        return self.blob(container, name).download_blob().readall()

    def control(self, method, path, value=None):
        body = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/-/{path}", data=body, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    def faults(self, *rules):
        """Puts these rules in place of those in force."""
        self.control("PUT", "faults", list(rules))

    def held(self) -> int:
        """How many requests a rule holds until the next `faults`."""
        return self.control("GET", "held")

    def counters(self) -> dict:
        return self.control("GET", "counters")

    def requests(self) -> dict:
        """Requests by operation since the last reset."""
        return {operation: counts["requests"] for operation, counts in self.counters().items()}

    def reset_counters(self):
        self.control("DELETE", "counters")


class Mount:
    """One `outputfs mount --foreground`, and its end whatever happens."""

    def __init__(self, place, server, *options, user=None, credentials=None):
        self.place = pathlib.Path(place)
        self.journal = self.place.parent / f"{self.place.name}-journal"
        self.log_path = self.place.parent / f"{self.place.name}.log"
        self.place.mkdir(parents=True, exist_ok=True)
        self.journal.mkdir(exist_ok=True)
        environment = clean_environment(XDG_RUNTIME_DIR=str(self.place.parent / f"{self.place.name}-run"))
        pathlib.Path(environment["XDG_RUNTIME_DIR"]).mkdir(mode=0o700, exist_ok=True)
        if user is not None:
            for path in (self.place, self.journal, environment["XDG_RUNTIME_DIR"]):
                os.chown(path, user, user)
        environment |= credentials or {"AZURE_STORAGE_CONNECTION_STRING": server.connection_string}
        self.environment = environment
        command = [binary(), "mount", "--foreground", "--journal-dir", self.journal, *options, self.place]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                list(map(str, command)),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=user,
                group=user,
                extra_groups=[] if user is not None else None,
            )
        self.connection = None
        try:
            wait_until(self._answers, 20, f"the mount: {self.log()}")
            self.connection = os.stat(self.place).st_dev if user is None else None
        except BaseException:
            self.end()
            raise

    def _answers(self) -> bool:
        assert self.process.poll() is None, f"the mount ended with {self.process.returncode}: {self.log()}"
        return is_mounted(self.place) and "mounted on" in self.log()

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def __truediv__(self, path) -> pathlib.Path:
        return self.place / path

    def job(self, name, kind="JobOutput") -> pathlib.Path:
        """A directory for outputs of a job, with its container made."""
        job = self.place / "jobs" / name
        if not job.exists():
            job.mkdir()
        return job / kind

    def status(self) -> dict:
        answer = subprocess.run(
            [binary(), "status", str(self.place), "--json"],
            env=self.environment,
            capture_output=True,
            timeout=10,
            check=True,
        )
        return json.loads(answer.stdout)["mounts"][0]

    @property
    def worker(self) -> int:
        """The process that serves; `process` is its keeper."""
        return worker_of(self.process.pid)

    def kill(self):
        """Ends the mount with SIGKILL; the keeper's worker ends with it, a moment later."""
        worker = self.worker
        self.process.kill()
        self.process.wait()
        wait_until(lambda: not os.path.exists(f"/proc/{worker}"), 10, "that the worker ends")

    def kill_worker(self):
        """Ends the process that serves with SIGKILL, and returns when another one does."""
        killed = self.worker
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: self.worker not in (None, killed), 20, "that another worker is started")

    def peak_memory(self) -> int:
        """VmHWM of the worker, in bytes."""
        text = pathlib.Path(f"/proc/{self.worker}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", text).group(1)) << 10

    def drain(self, timeout="30s") -> int:
        """The exit status of `outputfs drain`."""
        command = [binary(), "drain", str(self.place), "--timeout", timeout]
        return subprocess.run(command, env=self.environment, capture_output=True, timeout=60).returncode

    def signal(self, number):
        self.process.send_signal(number)

    def unmount(self, timeout=30) -> int:
        """Ends as SIGTERM does; the exit status."""
        self.signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def end(self):
        """Never hangs: what does not end in time is aborted in the kernel."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                abort_connection(self.connection)
                self.process.kill()
                self.process.wait()
        abort_connection(self.connection if is_mounted(self.place) else None)
        while is_mounted(self.place):
            if subprocess.run(["umount", "-l", self.place], timeout=10).returncode != 0:
                break


def worker_of(keeper) -> int | None:
    """The one child of a keeper that lives, or none at this moment."""
    children = pathlib.Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()
    return int(children[0]) if children else None


def abort_connection(device):
    """Makes every request of a FUSE connection fail, also those that a dead process left without answer."""
    if device is None:
        return
    control = pathlib.Path("/sys/fs/fuse/connections")
    if not any(control.iterdir()):
        subprocess.run(["mount", "-t", "fusectl", "fusectl", control], capture_output=True)
    with contextlib.suppress(OSError):
        (control / str(os.minor(device)) / "abort").write_text("1")


def is_mounted(path) -> bool:
    escaped = str(path).replace(" ", "\\040")
    lines = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
    return any(line.split()[4] == escaped for line in lines)


def sh(script, cwd, timeout=60, environment=None) -> subprocess.CompletedProcess:
    """Runs a script to its end; what hangs is killed, with its children."""
    process = subprocess.Popen(
        ["bash", "-ec", script],
        cwd=cwd,
        env=clean_environment(LC_ALL="C.UTF-8", **(environment or {})),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="surrogateescape",
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)
        raise
    return subprocess.CompletedProcess(script, process.returncode, out, err)


def run(script, cwd, **options) -> str:
    """Runs a script that must succeed; its output."""
    ended = sh(script, cwd, **options)
    assert ended.returncode == 0, f"{script}\n{ended.stdout}{ended.stderr}"
    return ended.stdout


@contextlib.contextmanager
def fails_with(number):
    """The block must fail with this errno."""
    try:
        yield
    except OSError as error:
        assert error.errno == number, f"{errno.errorcode[number]} wanted: {error}"
    else:
        raise AssertionError(f"{errno.errorcode[number]} wanted, but it succeeded")


class Background:
    """A call on a thread, for what is expected to wait; its result or error is kept."""

    def __init__(self, call):
        self.result = self.error = None

        def work():
            try:
                self.result = call()
            except BaseException as error:
                self.error = error

        self.thread = threading.Thread(target=work, daemon=True)
        self.thread.start()

    def is_running(self) -> bool:
        return self.thread.is_alive()

    def join(self, seconds=30):
        self.thread.join(seconds)
        assert not self.thread.is_alive(), f"it did not end in {seconds} s"
        if self.error:
            raise self.error
        return self.result
