"""The file systems that are compared: a process, its mount point, and where a container's blobs are below it."""

import contextlib
import dataclasses
import functools
import os
import pathlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator

from .processes import Process, children, run, wait_until
from .servers import ACCOUNT, CONTAINER, KEY, Emulator, Nginx


@dataclasses.dataclass(frozen=True)
class Tools:
    """Programs by path."""

    outputfs: str
    rclone: str
    python: str
    """With azure-storage-blob."""
    azureml_python: str
    """With azure-ai-ml."""
    directory: pathlib.Path
    """Of the raw tools."""

    def __getattr__(self, name: str) -> str:
        """A raw tool: stream, random, files, get, put, objects, list, nullfs."""
        return str(self.directory / name)

    @functools.cached_property
    def outputfs_options(self) -> str:
        """The help text of `mount`: an older program is measured without what it does not know."""
        return run([self.outputfs, "mount", "--help"])

    def knows(self, option: str) -> bool:
        return option in self.outputfs_options


@dataclasses.dataclass
class Mount:
    """A mount that answers."""

    process: Process
    directory: pathlib.Path
    """What holds the container's blobs."""

    @property
    def pid(self) -> int:
        """The process that serves: of outputfs the keeper's child."""
        return next(iter(children(self.process.pid)), self.process.pid)


@contextlib.contextmanager
def outputfs(
    tools: Tools,
    server: Nginx | Emulator,
    options: list[str],
    container: str = CONTAINER,
    cache: pathlib.Path | None = None,
) -> Iterator[Mount]:
    """Fresh: neither page cache nor blocks of an earlier mount, unless a cache directory is given."""
    with scratch() as place:
        command = [tools.outputfs, "mount", server.endpoint, str(place / "mount"), "--foreground"]
        if isinstance(server, Emulator):
            (place / "token").write_text(server.token)
            command += ["--sas-file", str(place / "token")]
        elif tools.knows("anonymous"):
            command += ["--auth", "anonymous"]
        # A journal's place, under whichever name the program has for it.
        for option in ("--spool-dir", "--journal-dir"):
            if tools.knows(option):
                command += [option, str(place / "pending")]
                break
        if cache:
            command += ["--cache-dir", str(cache)]
        command += ["--log-level", "error", *options]
        with mounted(command, clean_environment(), place / "mount") as process:
            yield Mount(process, place / "mount/containers" / container)


@contextlib.contextmanager
def rclone(
    tools: Tools,
    server: Emulator,
    options: list[str],
    container: str = CONTAINER,
    cache: pathlib.Path | None = None,
) -> Iterator[Mount]:
    """Fresh, with a cache directory of its own unless one is given."""
    with scratch() as place:
        command = [tools.rclone, "mount", f"bench:{container}", str(place / "mount")]
        command += ["--cache-dir", str(cache or place / "cache"), "--log-level", "ERROR", *options]
        with mounted(command, rclone_environment(server), place / "mount") as process:
            yield Mount(process, place / "mount")


def rclone_environment(server: Emulator) -> dict[str, str]:
    """In which `bench:` is the account."""
    return clean_environment() | {
        "RCLONE_CONFIG": "/dev/null",
        "RCLONE_CONFIG_BENCH_TYPE": "azureblob",
        "RCLONE_CONFIG_BENCH_ACCOUNT": ACCOUNT,
        "RCLONE_CONFIG_BENCH_KEY": KEY,
        "RCLONE_CONFIG_BENCH_ENDPOINT": server.endpoint,
    }


@contextlib.contextmanager
def nullfs(tools: Tools, size: int, entries: int) -> Iterator[Mount]:
    """FUSE with nothing behind it: zeros, names/ and made/ (see raw/nullfs.c)."""
    with scratch() as place:
        command = [tools.nullfs, str(place / "mount"), str(size), str(entries)]
        with mounted(command, clean_environment(), place / "mount") as process:
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
            shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def mounted(command: list[str], environment: dict[str, str], directory: pathlib.Path) -> Iterator[Process]:
    # What a daemon says is worth reading when it does not mount; rclone complains about every stream it drops.
    said = directory.parent / "stderr"
    with open(said, "w") as log:
        process = Process.start(command, env=environment, stdout=subprocess.DEVNULL, stderr=log)

    def is_there() -> bool:
        process.check(f"{command[0]} ({said.read_text()[-500:].strip()})")
        return os.path.ismount(directory)

    try:
        wait_until(is_there, f"{command[0]} mounts", 30)
        yield process
    finally:
        try:
            process.stop(patience=60)
        finally:
            # A daemon that is gone leaves "Transport endpoint is not connected", which ismount takes for no mount.
            if str(directory) in pathlib.Path("/proc/self/mounts").read_text():
                subprocess.run(["fusermount3", "-u", "-z", str(directory)], check=False)


def drop_page_cache(directory: pathlib.Path) -> None:
    """Of the files below a directory, and of nobody else's: what is dirty is written first."""
    for path in directory.rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def clean_environment() -> dict[str, str]:
    """The caller's own accounts stay out of it."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("AZURE_", "AZ_BATCH_", "JOB_", "RCLONE_"))}
