"""The file systems that are compared: a process, its mount point, and where the blob is below it."""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator

from .processes import Process
from .servers import ACCOUNT, CONTAINER, KEY, Emulator, Nginx


@dataclasses.dataclass
class Tools:
    """Programs by path."""

    outputfs: str
    rclone: str
    stream: str
    get: str
    put: str


@dataclasses.dataclass
class Mount:
    """A mount that answers."""

    process: Process
    directory: pathlib.Path
    """What holds the container's blobs."""

    @property
    def pid(self) -> int:
        return self.process.pid


@contextlib.contextmanager
def outputfs(tools: Tools, server: Nginx | Emulator, options: list[str]) -> Iterator[Mount]:
    """Fresh: neither page cache nor blocks of an earlier mount."""
    with scratch() as place:
        command = [tools.outputfs, "mount", server.endpoint, str(place / "mount"), "--foreground"]
        if isinstance(server, Emulator):
            (place / "token").write_text(server.token)
            command += ["--sas-file", str(place / "token")]
        command += ["--spool-dir", str(place / "spool"), "--log-level", "error", *options]
        with mounted(command, clean_environment(), place / "mount") as process:
            yield Mount(process, place / "mount/containers" / CONTAINER)


@contextlib.contextmanager
def rclone(tools: Tools, server: Emulator, options: list[str]) -> Iterator[Mount]:
    """Fresh, with a cache directory of its own."""
    environment = clean_environment() | {
        "RCLONE_CONFIG": "/dev/null",
        "RCLONE_CONFIG_BENCH_TYPE": "azureblob",
        "RCLONE_CONFIG_BENCH_ACCOUNT": ACCOUNT,
        "RCLONE_CONFIG_BENCH_KEY": KEY,
        "RCLONE_CONFIG_BENCH_ENDPOINT": server.endpoint,
    }
    with scratch() as place:
        command = [tools.rclone, "mount", f"bench:{CONTAINER}", str(place / "mount")]
        command += ["--cache-dir", str(place / "cache"), "--log-level", "ERROR", *options]
        with mounted(command, environment, place / "mount") as process:
            yield Mount(process, place / "mount")


@contextlib.contextmanager
def scratch() -> Iterator[pathlib.Path]:
    place = pathlib.Path(tempfile.mkdtemp(prefix="outputfs-benchmark-"))
    (place / "mount").mkdir()
    try:
        yield place
    finally:
        # Never into a mount that could not be ended.
        if not os.path.ismount(place / "mount"):
            shutil.rmtree(place)


@contextlib.contextmanager
def mounted(command: list[str], environment: dict[str, str], directory: pathlib.Path) -> Iterator[Process]:
    process = Process(subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL))
    try:
        for _ in range(400):
            process.check(command[0])
            if os.path.ismount(directory):
                break
            time.sleep(0.025)
        else:
            raise RuntimeError(f"{command[0]} does not mount")
        yield process
    finally:
        process.stop(patience=60)
        if os.path.ismount(directory):
            subprocess.run(["fusermount3", "-u", "-z", str(directory)], check=False)


def clean_environment() -> dict[str, str]:
    """The caller's own accounts stay out of it."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("AZURE_", "AZ_BATCH_", "JOB_", "RCLONE_"))}
