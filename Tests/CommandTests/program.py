"""The built program: how tests run it, its emulator, and what they ask of the machine."""

import base64
import contextlib
import dataclasses
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEY = base64.b64encode(b"a key of 32 bytes for the tests!").decode()
ACCOUNT = "farm"


def binary() -> str:
    path = os.environ.get("OUTPUTFS") or str(ROOT / ".build/release/outputfs")
    if not os.access(path, os.X_OK):
        pytest.exit(f"{path} is not built: scripts/build", 1)
    return path


@dataclasses.dataclass
class Ended:
    status: int
    out: str
    err: str


def clean_environment(**extra: str) -> dict:
    """The caller's own account must not leak into a test."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AZURE_", "AZ_BATCH_", "JOB_CONTAINER", "OUTPUTFS_"))}
    return {**kept, **extra}


def outputfs(*arguments, timeout=30, **environment) -> Ended:
    """Runs to the end; what hangs fails by `timeout`."""
    ended = subprocess.run(
        [binary(), *map(str, arguments)],
        env=clean_environment(**environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@dataclasses.dataclass
class Emulator:
    process: subprocess.Popen
    endpoint: str
    greeting: str
    account: str = ACCOUNT
    key: str = KEY

    @property
    def blob_endpoint(self) -> str:
        return f"{self.endpoint}/{self.account}"

    @property
    def connection_string(self) -> str:
        return (
            f"DefaultEndpointsProtocol=http;AccountName={self.account};AccountKey={self.key};"
            f"BlobEndpoint={self.blob_endpoint};"
        )


@contextlib.contextmanager
def emulator(*arguments, account=ACCOUNT, key=KEY):
    process = subprocess.Popen(
        [binary(), "emulator", "--listen", "127.0.0.1:0", "--account", f"{account}:{key}", *arguments],
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        greeting = ""
        while "Ctrl-C" not in greeting:
            line = process.stdout.readline()
            assert line, f"the emulator ended with {process.wait()}: {greeting}"
            greeting += line
        endpoint = re.search(r"http://[^/\s]+", greeting).group()
        yield Emulator(process, endpoint, greeting, account, key)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def is_mounted(path) -> bool:
    escaped = str(path).replace(" ", "\\040")
    lines = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
    return any(line.split()[4] == escaped for line in lines)


def wait_until(condition, seconds=10.0, what="the condition"):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not come true in {seconds} s"
        time.sleep(0.02)
