"""Whole files from their first byte to their last: cold, warm, and after a new mount."""

import os
import statistics
import time
from collections.abc import Callable

from .. import mounts
from ..model import LOCAL, MILLISECONDS, RATE, STORE, Bench, Column, Contender, Scale, Step, Workload
from ..processes import run
from ..servers import CONTAINER, Emulator, Network, Nginx
from ..trials import Meter, Trial, expect_cold, run_client
from .parties import (
    LOCAL_CONNECTIONS,
    PART,
    RCLONE_STREAMS,
    STORE_CONNECTIONS,
    MountFactory,
    cache_directory,
    outputfs,
    outputfs_on_nginx,
    rclone,
)

READERS = 4
# What fits into outputfs's memory beside what it reads ahead.
REMEMBERED = 128 << 20
FIRST_BYTES = 10

CONNECTIONS = Column("connections", lambda trial: trial.connections, "{:.0f}")
OF_BOUND = Column("of bound", lambda trial: trial.of_bound(os.cpu_count() or 1), "{:.2f}")
OPERATIONS = Column("requests by kind", lambda trial: kinds(trial), "{}")

RIVALS = (
    ("rclone mount, full cache", rclone("full", "--read-only", *RCLONE_STREAMS)),
    ("rclone mount, streaming", rclone("off", "--read-only", *RCLONE_STREAMS)),
)


def kinds(trial: Trial) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(trial.requests_by_operation.items()))


def workloads(scale: Scale) -> list[Workload]:
    def group(network: Network) -> str:
        return (
            "Cold sequential reads" if network == LOCAL else "Cold sequential reads, 20 ms and 100 MiB/s a connection"
        )

    def cold(key: str, title: str, network: Network, names: list[str]) -> Workload:
        columns = (OF_BOUND,) if network == LOCAL else (CONNECTIONS,)

        def through(mount: MountFactory, direct: bool = False) -> Callable:
            return cold_stream(mount, names, direct, knows_names=network.is_slow)

        contenders = (
            Contender("libcurl alone, CRC64", "raw", raw_stream("crc64")),
            Contender("outputfs", "outputfs", through(outputfs())),
            Contender("outputfs, O_DIRECT", "outputfs", through(outputfs(), direct=True)),
            *(Contender(name, "rival", through(mount)) for name, mount in RIVALS),
        )
        return Workload(
            key, group(network), (Step("cold", title, RATE, columns),), contenders, network, runs_twice=True
        )

    four = [f"four/{number}" for number in range(READERS)]
    static = (
        Contender("libcurl alone", "raw", raw_stream("none", nginx=True)),
        Contender("outputfs, --verify off", "outputfs", cold_stream(outputfs_on_nginx, ["stream.bin"])),
        Contender("outputfs, --verify off, O_DIRECT", "outputfs", cold_stream(outputfs_on_nginx, ["stream.bin"], True)),
    )
    titles = {
        "static": "1 reader, a static file on nginx",
        "one": "1 reader",
        "four": f"{READERS} readers, a file each",
    }
    return [
        Workload(
            "stream-nginx",
            group(LOCAL),
            (Step("cold", titles["static"], RATE, (OF_BOUND,)),),
            static,
            runs_twice=True,
        ),
        cold("stream-1", titles["one"], LOCAL, ["stream.bin"]),
        cold("stream-4", titles["four"], LOCAL, four),
        cold("stream-1-store", titles["one"], STORE, ["stream.bin"]),
        cold("stream-4-store", titles["four"], STORE, four),
        first_stretch(scale),
        first_byte("first-byte", LOCAL),
        first_byte("first-byte-store", STORE),
        warm(),
        remount(),
    ]


def raw_stream(check: str, nginx: bool = False, size: int = 0) -> Callable:
    def trial(bench: Bench, network: Network) -> dict[str, Trial]:
        server = bench.nginx if nginx else bench.emulator
        url = f"{bench.nginx.endpoint}/{CONTAINER}/stream.bin" if nginx else bench.emulator.url("stream.bin")
        connections = STORE_CONNECTIONS if network.is_slow else LOCAL_CONNECTIONS
        # A short stretch has fewer whole parts than there are connections.
        part = PART if size == 0 else 1 << 20
        with Meter(server, network, None).measuring() as trial:
            run_client([bench.tools.get, url, str(size or bench.scale.size), str(part), str(connections), check], trial)
        trial.connections = connections
        return {"cold": trial}

    return trial


def server_of(bench: Bench, mount: MountFactory) -> Nginx | Emulator:
    return bench.nginx if mount is outputfs_on_nginx else bench.emulator


def read(bench: Bench, paths: list, trial: Trial, direct: bool = False, limit: int = 0) -> None:
    how = "direct" if direct else "cached"
    run_client([bench.tools.stream, "read", how, str(limit), *map(str, paths)], trial)


def cold_stream(
    mount: MountFactory, names: list[str], direct: bool = False, limit: int = 0, knows_names: bool = False
) -> Callable:
    def trial(bench: Bench, network: Network) -> dict[str, Trial]:
        server = server_of(bench, mount)
        with mount(bench) as mounted:
            if knows_names:
                for name in names:
                    os.stat(mounted.directory / name)
            with Meter(server, network, mounted.pid).measuring() as trial:
                read(bench, [mounted.directory / name for name in names], trial, direct, limit)
        expected = (limit or bench.scale.size) if len(names) == 1 else bench.scale.size
        if trial.bytes != min(expected, bench.scale.size):
            raise RuntimeError(f"{trial.bytes} bytes came instead of {expected}")
        expect_cold(trial)
        return {"cold": trial}

    return trial


def first_stretch(scale: Scale) -> Workload:
    """Once in a mount that has seen nothing, once where the name is known: then the open's own request is all that comes
    before the bytes."""
    stretch = min(64 << 20, scale.size)

    def through(mount: MountFactory) -> Callable:
        def trial(bench: Bench, network: Network) -> dict[str, Trial]:
            unseen = cold_stream(mount, ["stream.bin"], limit=stretch)(bench, network)["cold"]
            known = cold_stream(mount, ["stream.bin"], limit=stretch, knows_names=True)(bench, network)["cold"]
            return {"cold": unseen, "known": known}

        return trial

    def raw(bench: Bench, network: Network) -> dict[str, Trial]:
        measured = raw_stream("crc64", size=stretch)(bench, network)["cold"]
        return {"cold": measured, "known": measured}

    contenders = (
        Contender("libcurl alone, CRC64", "raw", raw),
        Contender("outputfs", "outputfs", through(outputfs())),
        *(Contender(name, "rival", through(mount)) for name, mount in RIVALS),
    )
    title = f"the first {stretch >> 20} MiB"
    steps = (
        Step("cold", title, RATE, (CONNECTIONS,)),
        Step("known", f"{title}, of a name that was looked up before", RATE, (CONNECTIONS,)),
    )
    group = "Cold sequential reads, 20 ms and 100 MiB/s a connection"
    return Workload("first-64", group, steps, contenders, STORE, runs_twice=True)


def first_byte(key: str, network: Network) -> Workload:
    """Of files that nobody looked at before, one after the other; their median."""

    def through(mount: MountFactory) -> Callable:
        def trial(bench: Bench, network: Network) -> dict[str, Trial]:
            with mount(bench) as mounted, Meter(bench.emulator, network, mounted.pid).measuring() as trial:
                repeat(trial, lambda number, one: read(bench, [mounted.directory / f"first/{number:07}"], one, limit=1))
            return {"first": trial}

        return trial

    def raw(bench: Bench, network: Network) -> dict[str, Trial]:
        with Meter(bench.emulator, network, None).measuring() as trial:
            repeat(
                trial,
                lambda number, one: run_client(
                    [bench.tools.get, bench.emulator.url(f"first/{number:07}"), "1", "1", "1", "crc64"], one
                ),
            )
        return {"first": trial}

    contenders = (
        Contender("libcurl alone, one GET, a new connection", "raw", raw),
        Contender("outputfs", "outputfs", through(outputfs())),
        *(Contender(name, "rival", through(mount)) for name, mount in RIVALS),
    )
    title = "no added latency" if network == LOCAL else "20 ms a request"
    return Workload(
        key,
        "First byte: open and read of one byte",
        (Step("first", title, MILLISECONDS, (OPERATIONS,)),),
        contenders,
        network,
    )


def repeat(trial: Trial, once: Callable[[int, Trial], None]) -> None:
    spans = []
    for number in range(FIRST_BYTES):
        one = Trial()
        once(number, one)
        spans.append(one.seconds)
        trial.bytes += one.bytes
        trial.client_cpu += one.client_cpu
    trial.seconds = statistics.median(spans)
    trial.operations = FIRST_BYTES


def fill(bench: Bench, path) -> None:
    """Brings a file to the cache directory of a mount of ours."""
    run([bench.tools.outputfs, "warm", str(path)])


def read_through(bench: Bench, path) -> None:
    """The same for a mount that saves what is read."""
    read(bench, [path], Trial())
    time.sleep(0.5)


def warm() -> Workload:
    """The same bytes again in the same mount: out of the kernel's page cache, the cache directory, or memory."""

    def again(mount: MountFactory, direct: bool = False, cached: bool = False) -> Callable:
        def trial(bench: Bench, network: Network) -> dict[str, Trial]:
            with cache_directory(bench) as cache, mount(bench, **({"cache": cache} if cached else {})) as mounted:
                path = mounted.directory / ("remembered.bin" if direct else "stream.bin")
                # On the disk as a whole; a stream alone leaves out what the disk is too slow for.
                if cached:
                    fill(bench, path)
                return read_again(bench, path, mounted.pid, direct)

        return trial

    def read_again(bench: Bench, path, pid: int | None, direct: bool) -> dict[str, Trial]:
        read(bench, [path], Trial(), direct)
        with Meter(bench.emulator, LOCAL, pid).measuring() as trial:
            read(bench, [path], trial, direct)
        return {"memory" if direct else "page-cache": trial}

    def null(direct: bool = False) -> Callable:
        def trial(bench: Bench, network: Network) -> dict[str, Trial]:
            size = min(REMEMBERED, bench.scale.size) if direct else bench.scale.size
            with mounts.nullfs(bench.tools, size, 0) as mounted:
                return read_again(bench, mounted.directory / "zeros", mounted.pid, direct)

        return trial

    def local(bench: Bench, network: Network) -> dict[str, Trial]:
        return read_again(bench, bench.nginx.blob, None, False)

    def passed_through(bench: Bench, network: Network) -> dict[str, Trial]:
        if not bench.tools.knows("--cache-dir"):
            return {}
        return again(outputfs(), cached=True)(bench, network)

    contenders = (
        Contender("null FUSE, page cache", "raw", null()),
        Contender("local file, page cache", "reference", local),
        Contender("outputfs", "outputfs", again(outputfs())),
        Contender("outputfs, --cache-dir", "outputfs", passed_through),
        *(Contender(name, "rival", again(mount)) for name, mount in RIVALS),
        Contender("null FUSE, O_DIRECT", "raw", null(direct=True)),
        Contender("outputfs, O_DIRECT", "outputfs", again(outputfs(), direct=True)),
    )
    steps = (
        Step("page-cache", "again", RATE),
        Step("memory", f"{REMEMBERED >> 20} MiB again with O_DIRECT, from the daemon's memory", RATE),
    )
    return Workload("warm", "Warm sequential reads", steps, contenders)


def remount() -> Workload:
    """In a new mount with the cache directory of the last one, whose files are out of the page cache."""

    def after(mount: MountFactory, save: Callable) -> Callable:
        def trial(bench: Bench, network: Network) -> dict[str, Trial]:
            with cache_directory(bench) as cache:
                with mount(bench, cache=cache) as mounted:
                    save(bench, mounted.directory / "stream.bin")
                mounts.drop_page_cache(cache)
                with mount(bench, cache=cache) as mounted:
                    with Meter(bench.emulator, network, mounted.pid).measuring() as trial:
                        read(bench, [mounted.directory / "stream.bin"], trial)
            return {"remounted": trial}

        return trial

    def ours(bench: Bench, network: Network) -> dict[str, Trial]:
        return after(outputfs(), fill)(bench, network) if bench.tools.knows("--cache-dir") else {}

    def local(bench: Bench, network: Network) -> dict[str, Trial]:
        mounts.drop_page_cache(bench.nginx.blob.parent)
        with Meter(bench.emulator, LOCAL, None).measuring() as trial:
            read(bench, [bench.nginx.blob], trial)
        return {"remounted": trial}

    contenders = (
        Contender("local file, not in the page cache", "raw", local),
        Contender("outputfs, --cache-dir", "outputfs", ours),
        Contender(RIVALS[0][0], "rival", after(RIVALS[0][1], read_through)),
    )
    step = Step("remounted", "1 reader, disk cache of the last mount", RATE, (OPERATIONS,))
    return Workload("remount", "Reads after a new mount", (step,), contenders, STORE)


def prepare(bench: Bench) -> None:
    """The blobs that these workloads read; the nginx file is there already."""
    tools, emulator, size = bench.tools, bench.emulator, bench.scale.size

    def put(name: str, length: int) -> None:
        run([tools.put, emulator.url(name), str(length), str(8 << 20), str(LOCAL_CONNECTIONS)])

    put("stream.bin", size)
    put("remembered.bin", min(REMEMBERED, size))
    for number in range(READERS):
        put(f"four/{number}", size // READERS)
    emulator.populate(CONTAINER, "first/", FIRST_BYTES, 64 << 20)
    emulator.populate(CONTAINER, "wide/", 1, 8 * size)
