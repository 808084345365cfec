"""A node of Azure Batch as far as programs on it can tell: its directories, its variables, and its metadata service."""

import contextlib
import http.server
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading

from mounts import binary, clean_environment, is_mounted, wait_until

# Any user but root: Batch runs tasks as users of its own.
TASK_USER = 1234


class Node:
    """Root's start task, and tasks of another user, over directories laid out as the agent lays them out."""

    def __init__(self, server, dedicated=True):
        # Not below pytest's own directory, which only root may enter.
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="batch-node-"))
        self.root.chmod(0o755)
        self.server = server
        self.dedicated = dedicated
        for name in ["bin", "shared", "startup/wd", "fsmounts", "workitems", "spool"]:
            (self.root / name).mkdir(parents=True)
        self.program = self.root / "bin" / "outputfs"
        os.link(binary(), self.program) if self._same_disk() else shutil.copy2(binary(), self.program)

    def _same_disk(self) -> bool:
        return os.stat(binary()).st_dev == os.stat(self.root).st_dev

    @property
    def mounts(self) -> pathlib.Path:
        return self.root / "fsmounts"

    def environment(self, **more) -> dict:
        variables = dict(
            AZ_BATCH_NODE_ROOT_DIR=str(self.root),
            AZ_BATCH_NODE_SHARED_DIR=str(self.root / "shared"),
            AZ_BATCH_NODE_STARTUP_DIR=str(self.root / "startup"),
            AZ_BATCH_NODE_MOUNTS_DIR=str(self.mounts),
            AZ_BATCH_NODE_IS_DEDICATED="true" if self.dedicated else "false",
            AZ_BATCH_POOL_ID="pool",
            AZ_BATCH_NODE_ID="tvm-1",
            PATH=f"{self.root / 'bin'}:{os.environ['PATH']}",
        )
        return clean_environment(**{**variables, **more})

    def start_task(self, *command, **more) -> subprocess.CompletedProcess:
        storage = {"AZURE_STORAGE_CONNECTION_STRING": self.server.connection_string}
        return subprocess.run(
            list(map(str, command)),
            cwd=self.root / "startup/wd",
            env=self.environment(**{**storage, **more}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def mount(self, *options, **more) -> pathlib.Path:
        """What a start task runs; the mount point."""
        ended = self.start_task("outputfs", "mount", "--journal-dir", self.root / "spool", *options, **more)
        assert ended.returncode == 0, ended.stderr
        return self.mounts / "outputfs"

    def task_environment(self, job, task, **more) -> dict:
        directory = self.root / "workitems" / job / "job-1" / task
        (directory / "wd").mkdir(parents=True, exist_ok=True)
        for path in (directory, directory / "wd"):
            os.chown(path, TASK_USER, TASK_USER)
        return self.environment(
            AZ_BATCH_JOB_ID=job,
            AZ_BATCH_TASK_ID=task,
            AZ_BATCH_TASK_DIR=str(directory),
            AZ_BATCH_TASK_WORKING_DIR=str(directory / "wd"),
            HOME=str(directory / "wd"),
            **more,
        )

    def task(self, job, task, script, timeout=60, **more) -> subprocess.CompletedProcess:
        environment = self.task_environment(job, task, **more)
        environment.pop("XDG_RUNTIME_DIR", None)
        return subprocess.run(
            ["bash", "-ec", script],
            cwd=environment["AZ_BATCH_TASK_WORKING_DIR"],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            user=TASK_USER,
            group=TASK_USER,
            extra_groups=[],
        )

    def status(self) -> dict:
        return json.loads((self.root / "startup/outputfs-status.json").read_text())

    def end(self):
        for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
            place = line.split()[4]
            if not place.startswith(str(self.root)):
                continue
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(
                    [binary(), "unmount", place, "--timeout", "5s", "--lazy"],
                    env=self.environment(),
                    capture_output=True,
                    timeout=20,
                )
            if is_mounted(place):
                subprocess.run(["umount", "-l", place], timeout=10, check=False)
        # A namespace that somebody made meanwhile, with a copy of the mount in it, keeps it alive; a signal ends it.
        with contextlib.suppress(AssertionError):
            wait_until(lambda: not self._processes(), 5)
        for process in self._processes():
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGTERM)
        wait_until(lambda: not self._processes(), 20, "that the mount's process ends")
        shutil.rmtree(self.root, ignore_errors=True)

    def _processes(self) -> list:
        found = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.readlink(process / "exe").startswith(str(self.root)):
                    found.append(int(process.name))
        return found


class Metadata:
    """The instance metadata service: the machine's name, and the events that are scheduled for it."""

    def __init__(self, name="vm_7"):
        self.name = name
        self.events = []
        self.polls = 0
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                is_asked_properly = self.headers.get("Metadata") == "true"
                if not is_asked_properly:
                    body, status = b"Bad Request", 400
                elif self.path.startswith("/metadata/instance/compute/name?"):
                    body, status = service.name.encode(), 200
                elif self.path.startswith("/metadata/scheduledevents?"):
                    service.polls += 1
                    body, status = json.dumps({"DocumentIncarnation": 1, "Events": service.events}).encode(), 200
                else:
                    body, status = b"", 404
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def announce(self, kind, *machines):
        self.events = [
            {
                "EventId": f"{kind}-{len(machines)}",
                "EventType": kind,
                "ResourceType": "VirtualMachine",
                "Resources": list(machines),
                "EventStatus": "Scheduled",
                "NotBefore": "Sat, 21 Nov 2026 10:32:16 GMT",
            }
        ]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
