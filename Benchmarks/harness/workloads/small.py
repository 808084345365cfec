"""Many small files: reading all of them, and asking for their attributes."""

import time
from collections.abc import Callable

from .. import mounts
from ..model import LOCAL, OPERATION_RATE, STORE, Bench, Column, Contender, Scale, Step, Workload
from ..processes import run
from ..servers import CONTAINER, Network
from ..trials import MIB, Meter, Trial, expect_cold, run_client
from .parties import MountFactory, outputfs, rclone

LEAST, MOST = 4 << 10, 256 << 10
# The time for which outputfs and rclone mount keep attributes by default is 1 s.
TTL = 1.0

RIVALS = (
    ("rclone mount, full cache", rclone("full", "--read-only")),
    ("rclone mount, streaming", rclone("off", "--read-only")),
)
LATENCIES = (
    Column("median, ms", lambda trial: trial.p50 * 1000, "{:.2f}"),
    Column("99 %, ms", lambda trial: trial.p99 * 1000, "{:.1f}"),
)
PER_FILE = Column("requests a file", lambda trial: trial.requests / max(trial.operations, 1), "{:.2f}")


def workloads(scale: Scale) -> list[Workload]:
    return [
        *(small_reads(scale, processes, network) for network in (LOCAL, STORE) for processes in (1, 8)),
        stat_storm(scale, LOCAL),
        stat_storm(scale, STORE),
    ]


def small_reads(scale: Scale, processes: int, network: Network) -> Workload:
    def through(mount: MountFactory) -> Callable:
        def trial(bench: Bench, network: Network) -> dict[str, Trial]:
            with mount(bench) as mounted, Meter(bench.emulator, network, mounted.pid).measuring() as trial:
                command = [bench.tools.files, "read", str(mounted.directory / "small")]
                run_client(command + [str(scale.small_files), str(processes), limit(scale, network)], trial)
            expect_cold(trial)
            return {"cold": trial}

        return trial

    def raw(bench: Bench, network: Network) -> dict[str, Trial]:
        with Meter(bench.emulator, network, None).measuring() as trial:
            command = [bench.tools.objects, "get", bench.emulator.url("small/"), str(scale.small_files)]
            run_client(command + [str(processes), limit(scale, network)], trial)
        return {"cold": trial}

    contenders = (
        Contender("libcurl alone, a GET each, CRC64", "raw", raw),
        Contender("outputfs", "outputfs", through(outputfs())),
        *(Contender(name, "rival", through(mount)) for name, mount in RIVALS),
    )
    columns = (Column("MiB/s", lambda trial: trial.bytes / MIB / trial.seconds), PER_FILE, *LATENCIES)
    step = Step("cold", f"{who(processes)}{where(network)}", OPERATION_RATE, columns)
    key = f"small-{processes}" + ("-store" if network.is_slow else "")
    group = f"Cold reads of {scale.small_files:,} files of {LEAST >> 10} to {MOST >> 10} KiB"
    return Workload(key, group, (step,), contenders, network)


def limit(scale: Scale, network: Network) -> str:
    """Seconds: with 20 ms each, a thousand files one by one would take a minute."""
    return str(2 * scale.seconds if network.is_slow else 60)


def who(processes: int) -> str:
    return "1 process" if processes == 1 else f"{processes} processes"


def where(network: Network) -> str:
    return ", 20 ms" if network.is_slow else ""


def stat_storm(scale: Scale, network: Network) -> Workload:
    """In a directory that was listed: at once, and when what is known has become too old."""

    def storm(bench: Bench, directory, pid: int | None, network: Network) -> Trial:
        with Meter(bench.emulator, network, pid).measuring() as trial:
            command = [bench.tools.files, "stat", str(directory), str(scale.stats), "1"]
            run_client(command + [limit(scale, STORE)], trial)
        return trial

    def through(mount: MountFactory) -> Callable:
        def trial(bench: Bench, network: Network) -> dict[str, Trial]:
            with mount(bench) as mounted:
                directory = mounted.directory / f"names-{scale.stats}"
                run(["ls", "-f", str(directory)])
                warm = storm(bench, directory, mounted.pid, network)
                time.sleep(TTL + 0.2)
                return {"warm": warm, "stale": storm(bench, directory, mounted.pid, network)}

        return trial

    def null(bench: Bench, network: Network) -> dict[str, Trial]:
        with mounts.nullfs(bench.tools, 0, scale.stats) as mounted:
            run(["ls", "-f", str(mounted.directory / "names")])
            return {"warm": storm(bench, mounted.directory / "names", mounted.pid, LOCAL)}

    contenders = (
        Contender("null FUSE", "raw", null),
        Contender("outputfs", "outputfs", through(outputfs())),
        Contender(*RIVALS[0][:1], "rival", through(RIVALS[0][1])),
    )
    steps = (
        Step("warm", f"right after a listing{where(network)}", OPERATION_RATE, (PER_FILE, *LATENCIES)),
        Step("stale", f"after the time to live{where(network)}", OPERATION_RATE, (PER_FILE, *LATENCIES)),
    )
    key = "stat" + ("-store" if network.is_slow else "")
    return Workload(key, f"stat of {scale.stats:,} names", steps, contenders, network)


def prepare(bench: Bench) -> None:
    put_files(bench, CONTAINER, "small/", bench.scale.small_files)
    bench.emulator.populate(CONTAINER, f"names-{bench.scale.stats}/", bench.scale.stats, 0)


def put_files(bench: Bench, container: str, prefix: str, count: int) -> None:
    url = bench.emulator.url(prefix, container)
    run([bench.tools.objects, "put", url, str(count), "8", "600", str(LEAST), str(MOST)])
