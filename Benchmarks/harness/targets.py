"""What outputfs is to reach, as ratios within one run, and whether this run did."""

import dataclasses
import os
from collections.abc import Callable

from .model import Workload
from .movers import ARTIFACT, AZURE_ML, RCLONE_COPY, WITHOUT_MD5
from .results import Results, median
from .trials import MIB, Trial
from .workloads.writes import is_honest

OURS = "outputfs"
DIRECT = "outputfs, O_DIRECT"
# What outputfs takes without being told, and what is allowed beside it.
MEMORY, BESIDE = 256 << 20, 64 << 20


@dataclasses.dataclass(frozen=True)
class Target:
    text: str
    wanted: float
    is_most: bool
    """Whether `wanted` is the most that is allowed, not the least."""
    of: Callable[[Results], float | None]
    """None: was not measured in this run."""

    def cells(self, results: Results) -> list[str]:
        value = self.of(results)
        wanted = f"{'≤' if self.is_most else '≥'} {self.wanted:g}"
        if value is None:
            return [self.text, wanted, "–", "not measured"]
        is_met = value <= self.wanted if self.is_most else value >= self.wanted
        return [self.text, wanted, f"{value:.3g}", "met" if is_met else "**missed**"]


def at_least(text: str, wanted: float, of: Callable[[Results], float | None]) -> Target:
    return Target(text, wanted, False, of)


def at_most(text: str, wanted: float, of: Callable[[Results], float | None]) -> Target:
    return Target(text, wanted, True, of)


def value(key: str, step: str, contender: str, of: Callable[[Trial], float | None]) -> Callable:
    def compute(results: Results) -> float | None:
        found = [of(trial) for trial in results.trials(key, step, contender)]
        return median(found) if found and None not in found else None

    return compute


def ratio(key: str, step: str, contender: str, other: str = "raw") -> Callable:
    """To a contender by name, to `raw`, to the best `rival`, or to the best rival that is `honest` at close, or that
    stores an `md5`."""

    def compute(results: Results) -> float | None:
        workload = results.find(key)
        if workload is None:
            return None
        found = next(candidate for candidate in workload.steps if candidate.name == step)
        name = {
            "raw": lambda: results.raw(workload, found),
            "rival": lambda: results.best_rival(workload, found),
            "honest": lambda: results.best_rival(workload, found, is_honest),
            "md5": lambda: results.best_rival(workload, found, stores_md5),
        }.get(other, lambda: other)()
        return results.ratio(workload, found, contender, name) if name else None

    return compute


def stores_md5(trials: list[Trial]) -> bool:
    return all(trial.stores_md5 for trial in trials)


def of_bound(trial: Trial) -> float:
    return trial.of_bound(os.cpu_count() or 1)


def daemon_per_gib(trial: Trial) -> float | None:
    return None if trial.daemon_cpu is None or trial.bytes == 0 else trial.daemon_cpu / (trial.bytes / (1 << 30))


def peak_memory(results: Results) -> float | None:
    """MiB, the most of all workloads; how much a directory's names may take is a target of its own."""
    peaks = [
        trial.daemon_peak_memory
        for (key, _, name), trials in results.samples.items()
        if name.startswith(OURS) and not is_million(results.find(key))
        for trial in trials.values()
        if trial.daemon_peak_memory
    ]
    return max(peaks) / MIB if peaks else None


def is_million(workload: Workload | None) -> bool:
    return workload is not None and workload.key.startswith("list-1000000-")


def reads() -> list[Target]:
    cold = "cold stream"
    return [
        at_least(
            f"{cold}, nginx, page cache: of the CPU bound",
            0.85,
            value("stream-nginx", "cold", OURS + ", --verify off", of_bound),
        ),
        at_least(
            f"{cold}, nginx, O_DIRECT: of the CPU bound",
            0.85,
            value("stream-nginx", "cold", OURS + ", --verify off, O_DIRECT", of_bound),
        ),
        at_least(f"{cold}, emulator: of the best rival", 1.5, ratio("stream-1", "cold", OURS, "rival")),
        at_least(f"{cold}, 4 readers, emulator: of the best rival", 1.5, ratio("stream-4", "cold", OURS, "rival")),
        at_most("daemon's CPU s/GiB with CRC-64", 0.40, value("stream-1", "cold", OURS, daemon_per_gib)),
        at_most(
            "daemon's CPU s/GiB without", 0.30, value("stream-nginx", "cold", OURS + ", --verify off", daemon_per_gib)
        ),
        at_least(f"{cold}, 20 ms and 100 MiB/s: of libcurl alone", 0.9, ratio("stream-1-store", "cold", OURS)),
        at_least(
            "first 64 MiB, 20 ms and 100 MiB/s, the open's request included: of libcurl alone",
            0.8,
            ratio("first-64", "known", OURS),
        ),
        at_least(
            "random 4 KiB, 16 jobs, 20 ms: of 16 / 20 ms",
            0.8,
            value("random-4k-16-store", "cold", OURS, lambda trial: trial.operation_rate / (16 / 0.020)),
        ),
        at_most(
            "KiB fetched per 4 KiB pread",
            64,
            value("random-4k-16-store", "cold", OURS, lambda trial: trial.bytes_from_server / 1024 / trial.operations),
        ),
        at_least(
            "warm, passthrough: of a local file in the page cache",
            0.9,
            ratio("warm", "page-cache", OURS + ", --cache-dir", "local file, page cache"),
        ),
        at_least("warm, page cache: of a null FUSE's page cache", 0.9, ratio("warm", "page-cache", OURS)),
        at_most(
            "readdir of 100,000, ls -f: times the bare List requests",
            1.3,
            inverse(ratio("list-100000-ls-f", "cold", OURS)),
        ),
        at_most(
            "readdir of 100,000 at 20 ms, ls -f: times the bare List requests",
            1.3,
            inverse(ratio("list-100000-ls-f-store", "cold", OURS)),
        ),
        at_most("1,000,000 entries: bytes per known node", 200, value("list-1000000-ls-f", "cold", OURS, per_node)),
        at_most(
            f"peak memory in every workload, MiB (--memory and {BESIDE >> 20})", (MEMORY + BESIDE) >> 20, peak_memory
        ),
    ]


def per_node(trial: Trial) -> float | None:
    """Beyond --memory: what a mount that has just begun has not used of it is not given to the names here."""
    return None if trial.memory_growth is None else trial.memory_growth / trial.operations


def inverse(of: Callable) -> Callable:
    def compute(results: Results) -> float | None:
        found = of(results)
        return 1 / found if found else None

    return compute


def writes() -> list[Target]:
    return [
        at_least("write and close: of the CPU bound", 0.85, value("write-1", "write", OURS, of_bound)),
        at_least(
            "write and close: of the best rival that reports errors", 1.5, ratio("write-1", "write", OURS, "honest")
        ),
        at_least(
            "write and close, 4 writers: of the best rival that reports errors",
            1.5,
            ratio("write-4", "write", OURS, "honest"),
        ),
        at_least(
            "small files made, 8 processes, 20 ms: of Put Blob alone", 0.8, ratio("create-8-store", "create", OURS)
        ),
        at_least("small files made, 1 process, 20 ms: of Put Blob alone", 0.8, ratio("create-1-store", "create", OURS)),
        at_most(
            "append of 1 KiB: KiB on the wire",
            64,
            value(
                "append-store",
                "append",
                OURS,
                lambda trial: (trial.bytes_from_server + trial.bytes_to_server) / 1024,
            ),
        ),
        at_least("deletes, 8 processes, 20 ms: of DELETE alone", 0.8, ratio("delete-8-store", "delete", OURS)),
        at_least("deletes, 1 process, 20 ms: of DELETE alone", 0.8, ratio("delete-1-store", "delete", OURS)),
    ]


def transfers() -> list[Target]:
    compared = [
        ("get of one file", "get-big", OURS, "rival", "the best rival"),
        ("get of small files", "get-files", OURS, "rival", "the best rival"),
        ("put of one file", "put-big", OURS, "md5", "the best rival that stores its MD5, too"),
        ("put of one file, without MD5", "put-big", WITHOUT_MD5.name, "rival", "the best rival"),
        ("put of small files", "put-files", OURS, "rival", "the best rival"),
        ("put --artifact of one file", "put-big", ARTIFACT.name, AZURE_ML.name, "azure-ai-ml"),
        ("put --artifact of small files", "put-files", ARTIFACT.name, AZURE_ML.name, "azure-ai-ml"),
    ]
    found = [
        at_least(f"{title}{where}: of {words}", 1, ratio(key + suffix, key[:3], contender, other))
        for title, key, contender, other, words in compared
        for suffix, where in (("", ""), ("-store", ", 20 ms"))
    ]
    to_disk = ratio("get-big", "get", f"{OURS}, to the disk", f"{RCLONE_COPY.name}, to the disk")
    return [*found, at_least("get of one file, to the disk: of rclone copy", 1, to_disk)]


def table(results: Results) -> list[str]:
    """What this run measured something for."""
    rows = [target.cells(results) for target in reads() + writes() + transfers()]
    measured = [row for row in rows if row[-1] != "not measured"]
    lines = ["| target | wanted | measured | |", "|---|---|---|---|"]
    lines += ["| " + " | ".join(row) + " |" for row in measured]
    missing = len(rows) - len(measured)
    return lines + (["", f"Not measured in this run: {missing}."] if missing else [])
