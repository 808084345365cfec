"""Starts the built `outputfs emulator` for the suites in this folder.

The binary is named by OUTPUTFS; without it, .build/debug/outputfs of this repository is taken.
Needs: pip install -r Tests/requirements.txt
"""

import json
import os
import pathlib
import socket
import subprocess
import time
import urllib.request
import uuid

import pytest

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def binary() -> str:
    repository = pathlib.Path(__file__).resolve().parents[3]
    path = os.environ.get("OUTPUTFS", str(repository / ".build" / "debug" / "outputfs"))
    if not os.access(path, os.X_OK):
        pytest.exit(f"{path} is not there or cannot be run: build it (swift build) or name another by OUTPUTFS", 2)
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Emulator:
    """A running emulator and its control interface."""

    def __init__(self, data=None, hns=False):
        self.port = free_port()
        self.data = data
        self.hns = hns
        self.start()

    def start(self):
        command = [binary(), "emulator", "--listen", f"127.0.0.1:{self.port}", "--control"]
        if self.data:
            command += ["--data", str(self.data)]
        if self.hns:
            command.append("--hns")
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                pytest.exit(f"{' '.join(command)} ended with status {self.process.returncode}", 2)
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        pytest.exit(f"{' '.join(command)} does not listen", 2)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}/{ACCOUNT}"

    @property
    def connection_string(self) -> str:
        return (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={self.endpoint};"
        )

    def control(self, method, path, value=None):
        body = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/-/{path}", data=body, method=method)
        with urllib.request.urlopen(request) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    def faults(self, *rules):
        self.control("PUT", "faults", list(rules))

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()


@pytest.fixture(scope="session")
def emulator():
    running = Emulator()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def hns_emulator():
    """One whose account has a hierarchical namespace."""
    running = Emulator(hns=True)
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def no_faults(request):
    """Each test begins without faults and with counters at zero."""
    for name in {"emulator", "hns_emulator"} & set(request.fixturenames):
        running = request.getfixturevalue(name)
        running.control("DELETE", "faults")
        running.control("DELETE", "counters")


@pytest.fixture
def container_name():
    return "c" + uuid.uuid4().hex[:20]
