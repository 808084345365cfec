"""Directories with many entries, listed by the programs that people use."""

import resource
import time
from collections.abc import Callable

from .. import mounts
from ..model import LOCAL, SECONDS, STORE, Bench, Column, Contender, Scale, Step, Workload
from ..processes import run
from ..servers import CONTAINER, Network
from ..trials import Meter, Trial, run_client, take
from .parties import MountFactory, outputfs, rclone

PROGRAMS = {"ls -f": ["ls", "-f"], "ls -l": ["ls", "-l"], "find": ["find"]}

# Seconds, and one more for 5,000 entries: whoever needs longer has failed. A request for each of 100,000 names would
# take half an hour at 20 ms.
LONGEST = 90
MILLION = 1_000_000

PER_ENTRY = Column(
    "daemon's growth, bytes an entry",
    lambda trial: (trial.memory_growth or 0) / max(trial.operations, 1),
    "{:.0f}",
)
RATE = Column("entries a second", lambda trial: trial.operation_rate, "{:,.0f}")

RIVAL = ("rclone mount", rclone("full", "--read-only"))


def workloads(scale: Scale) -> list[Workload]:
    chosen = [
        (entries, program, network) for entries in scale.names for network in (LOCAL, STORE) for program in PROGRAMS
    ]
    if not scale.is_full:
        # The smallest by one program, the biggest without latency, find where there is no latency.
        chosen = [
            (entries, program, network)
            for entries, program, network in chosen
            if (program == "ls -f" or min(scale.names) < entries < MILLION)
            and not (entries >= MILLION and network.is_slow)
            if not (program == "find" and network.is_slow)
        ]
    return [listing(entries, program, network, scale) for entries, program, network in chosen]


def listing(entries: int, program: str, network: Network, scale: Scale) -> Workload:
    name = f"names-{entries}"

    def listed(bench: Bench, directory, pid: int | None, network: Network) -> dict[str, Trial]:
        with Meter(bench.emulator, network, pid).measuring() as trial:
            take(timed([*PROGRAMS[program], str(directory)], entries), trial)
        return {"cold": trial}

    def through(mount: MountFactory) -> Callable:
        def trial(bench: Bench, network: Network) -> dict[str, Trial]:
            with mount(bench) as mounted:
                return listed(bench, mounted.directory / name, mounted.pid, network)

        return trial

    def null(bench: Bench, network: Network) -> dict[str, Trial]:
        with mounts.nullfs(bench.tools, 0, entries) as mounted:
            return listed(bench, mounted.directory / "names", mounted.pid, LOCAL)

    def raw(bench: Bench, network: Network) -> dict[str, Trial]:
        with Meter(bench.emulator, network, None).measuring() as trial:
            run_client([bench.tools.list, bench.emulator.listing(name + "/")], trial)
        if trial.operations != entries:
            raise RuntimeError(f"{trial.operations} entries instead of {entries}")
        return {"cold": trial}

    contenders = (
        Contender("List Blobs alone", "raw", raw),
        Contender("null FUSE", "reference", null),
        Contender("outputfs", "outputfs", through(outputfs())),
        # A million are nothing new after a hundred thousand, and take a minute each time.
        *([] if entries >= MILLION and not scale.is_full else [Contender(RIVAL[0], "rival", through(RIVAL[1]))]),
    )
    where = ", 20 ms" if network.is_slow else ""
    key = f"list-{entries}-{program.replace(' ', '')}" + ("-store" if network.is_slow else "")
    step = Step("cold", f"{program}, {entries:,} entries{where}", SECONDS, (RATE, PER_ENTRY))
    return Workload(key, "Cold listings", (step,), contenders, network, most_trials=3 if entries >= MILLION else 100)


def timed(command: list[str], entries: int) -> dict:
    """Runs a program that prints a line for each entry; what it prints goes through wc, which counts."""
    shell = 'LC_ALL=C "$@" | wc -l'
    before, started = own_cpu(), time.monotonic()
    lines = int(run(["/bin/sh", "-c", shell, "sh", *command], LONGEST + entries / 5000))
    seconds = time.monotonic() - started
    # Besides the entries: the total, the directory itself and the one above.
    if not entries <= lines <= entries + 2:
        raise RuntimeError(f"{command[0]} printed {lines} lines for {entries} entries")
    return {"seconds": seconds, "cpu": own_cpu() - before, "bytes": 0, "operations": entries}


def own_cpu() -> float:
    """CPU seconds of programs that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def prepare(bench: Bench) -> None:
    for entries in bench.scale.names:
        if entries != bench.scale.stats:
            bench.emulator.populate(CONTAINER, f"names-{entries}/", entries, 0)
