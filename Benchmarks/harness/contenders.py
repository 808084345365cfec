"""Who takes part, and with which settings. Reading and writing as each does it best."""

import dataclasses
import functools
import time
from collections.abc import Callable

from . import mounts
from .mounts import Tools
from .servers import Emulator, Nginx
from .trials import Meter, Trial, run_client

# Parts and blocks are those of outputfs. It reads ahead up to 32 blocks; without latency, 8 to 32 connections are equal.
READ_CONNECTIONS, READ_PART = 16, 4 << 20
WRITE_CONNECTIONS, WRITE_BLOCK = 16, 8 << 20

RCLONE_READ = ["--vfs-read-chunk-streams", "8", "--vfs-read-chunk-size", "8M", "--read-only"]
RCLONE_WRITE = ["--azureblob-chunk-size", "8M", "--azureblob-upload-concurrency", "16", "--vfs-write-back", "0s"]


@dataclasses.dataclass
class Bench:
    """What all trials share."""

    tools: Tools
    nginx: Nginx
    emulator: Emulator
    size: int
    """Of the file, in bytes."""


@dataclasses.dataclass
class Contender:
    group: str
    """nginx, read or write: compared with each other."""
    name: str
    is_raw: bool
    """The limit that the others are held against."""
    run: Callable[[Bench], dict[str, Trial]]
    """One trial; a measurement for each step: cold, warm, write."""
    serves: Callable[[Bench], object] | None = None
    """A fresh mount of it, to look at the bytes."""


def all_contenders() -> list[Contender]:
    def reader(group: str, name: str, mount: Callable, direct: bool = False) -> Contender:
        return Contender(group, name, False, functools.partial(read_mount, mount, group, direct), mount)

    def writer(name: str, mount: Callable) -> Contender:
        return Contender("write", name, False, functools.partial(write_mount, mount), None)

    def unverified(bench: Bench):
        return mounts.outputfs(bench.tools, bench.nginx, ["--verify", "off"])

    def verified(bench: Bench):
        return mounts.outputfs(bench.tools, bench.emulator, [])

    def rclone(*options: str):
        return lambda bench: mounts.rclone(bench.tools, bench.emulator, list(options))

    return [
        Contender("nginx", "libcurl alone", True, get_from_nginx),
        reader("nginx", "outputfs, --verify off", unverified),
        reader("nginx", "outputfs, --verify off, O_DIRECT", unverified, direct=True),
        Contender("read", "libcurl alone, CRC64", True, get_from_emulator),
        reader("read", "outputfs", verified),
        reader("read", "outputfs, O_DIRECT", verified, direct=True),
        reader("read", "rclone mount, full cache", rclone("--vfs-cache-mode", "full", *RCLONE_READ)),
        reader("read", "rclone mount, streaming", rclone("--vfs-cache-mode", "off", *RCLONE_READ)),
        Contender("read", "local file", False, read_local_file),
        Contender("write", "libcurl alone, CRC64 and MD5", True, put_to_emulator),
        writer("outputfs", verified),
        writer("rclone mount, write cache", rclone("--vfs-cache-mode", "writes", *RCLONE_WRITE)),
        writer("rclone mount, streaming", rclone("--vfs-cache-mode", "off", *RCLONE_WRITE)),
    ]


def get_from_nginx(bench: Bench) -> dict[str, Trial]:
    return {"cold": get(bench, bench.nginx, f"{bench.nginx.endpoint}/bench/stream.bin", "none")}


def get_from_emulator(bench: Bench) -> dict[str, Trial]:
    return {"cold": get(bench, bench.emulator, bench.emulator.url("stream.bin"), "crc64")}


def get(bench: Bench, server: Nginx | Emulator, url: str, check: str) -> Trial:
    with Meter(server, None).measuring() as trial:
        run_client([bench.tools.get, url, str(bench.size), str(READ_PART), str(READ_CONNECTIONS), check], trial)
    return trial


def put_to_emulator(bench: Bench) -> dict[str, Trial]:
    bench.emulator.delete("written.bin")
    url = bench.emulator.url("written.bin")
    with Meter(bench.emulator, None).measuring() as trial:
        run_client([bench.tools.put, url, str(bench.size), str(WRITE_BLOCK), str(WRITE_CONNECTIONS)], trial)
    trial.stored_seconds = trial.seconds
    return {"write": trial}


def read_mount(mount: Callable, group: str, direct: bool, bench: Bench) -> dict[str, Trial]:
    """Cold in a fresh mount, then again in the same one."""
    server = bench.nginx if group == "nginx" else bench.emulator
    trials = {}
    with mount(bench) as mounted:
        command = [bench.tools.stream, "read", str(mounted.directory / "stream.bin"), *(["direct"] if direct else [])]
        for step in ["cold"] if direct else ["cold", "warm"]:
            with Meter(server, mounted.pid).measuring() as trial:
                run_client(command, trial)
            if trial.bytes != bench.size:
                raise RuntimeError(f"{trial.bytes} bytes came instead of {bench.size}")
            trials[step] = trial
    return trials


def read_local_file(bench: Bench) -> dict[str, Trial]:
    """What the page cache of a local file system gives: nginx's file, which was written lately."""
    with Meter(bench.emulator, None).measuring() as trial:
        run_client([bench.tools.stream, "read", str(bench.nginx.blob)], trial)
    return {"warm": trial}


def write_mount(mount: Callable, bench: Bench) -> dict[str, Trial]:
    """To the return of close, and to the moment at which the store has everything."""
    bench.emulator.delete("written.bin")
    with mount(bench) as mounted:
        path = mounted.directory / "written.bin"
        with Meter(bench.emulator, mounted.pid).measuring() as trial:
            started = time.monotonic()
            run_client([bench.tools.stream, "write", str(path), str(bench.size)], trial)
            waited = wait_until_stored(bench)
            # The client's start and end, about a millisecond, are in neither.
            trial.stored_seconds = trial.seconds if waited == 0 else time.monotonic() - started
    return {"write": trial}


def wait_until_stored(bench: Bench) -> float:
    """How long after close the store had all bytes; 0 if it had them when close returned."""
    started = time.monotonic()
    for attempt in range(12_000):
        found = bench.emulator.properties("written.bin")
        if found and found[0] == bench.size:
            return 0 if attempt == 0 else time.monotonic() - started
        time.sleep(0.01)
    raise RuntimeError("what was written and closed is not in the store after two minutes")
