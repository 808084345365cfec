"""The tables, in Markdown for people and in JSON for programs."""

import os
import pathlib
import platform
import statistics
import subprocess

from .contenders import Bench, Contender
from .trials import GIB, Trial

Rows = dict[tuple[str, str, str], list[Trial]]
"""By group, step and contender."""

TITLES = {
    ("nginx", "cold"): "Cold sequential read: a static file on nginx",
    ("nginx", "warm"): "Warm re-read, nginx",
    ("read", "cold"): "Cold sequential read: the emulator, checksums on",
    ("read", "warm"): "Warm re-read, the emulator",
    ("write", "write"): "Sequential write and close: the emulator, checksums on",
}


def markdown(machine: dict, rows: Rows, contenders: list[Contender]) -> str:
    text = ["# Benchmark results", "", *introduction(machine)]
    raw = {(contender.group, contender.name) for contender in contenders if contender.is_raw}
    for (group, step), title in TITLES.items():
        found = {name: trials for (g, s, name), trials in rows.items() if (g, s) == (group, step) and trials}
        if not found:
            continue
        limit = next((trials for name, trials in found.items() if (group, name) in raw), None)
        text += ["", f"## {title}", "", *table(found, limit, machine["cores"], step)]
    return "\n".join(text) + "\n"


def introduction(machine: dict) -> list[str]:
    return [
        f"{machine['size_mib']} MiB, medians of {machine['trials']} trials in turns, {machine['date']}. {machine['cpu']}, "
        f"{machine['cores']} cores, {machine['memory_gib']} GiB, Linux {machine['kernel']}; {machine['versions']}.",
        "",
        "All parties run on the same cores. CPU in seconds per GiB, user and system. *Bound*: the cores over the sum of all",
        "parties' CPU seconds per GiB, what this division of labour could do if nobody ever waited; *of it*: the rate over",
        "that. *Others*: what the rest of the machine worked meanwhile, in cores; where it is not small, rates (and *of it*)",
        "are too low, while their ratios to each other still say something. Requests and bytes are counted at the server.",
    ]


def table(found: dict[str, list[Trial]], limit: list[Trial] | None, cores: int, step: str) -> list[str]:
    writes = step == "write"
    heads = ["", "GiB/s (least–most)", "of raw", "daemon", "server", "client", "bound", "of it", "peak RSS, MiB"]
    heads += ["requests", "MiB at the server", "others"] + (["in the store at close", "GiB/s to the store"] if writes else [])
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for name, trials in found.items():
        cells = [
            name,
            f"{median(t.rate for t in trials):.2f} ({min(t.rate for t in trials):.2f}–{max(t.rate for t in trials):.2f})",
            of_raw(trials, limit),
            per_gib(trials, lambda t: t.daemon_cpu),
            per_gib(trials, lambda t: t.server_cpu),
            per_gib(trials, lambda t: t.client_cpu),
            f"{median(cores / t.per_gib(t.cpu) for t in trials):.2f}" if trials[0].cpu else "",
            f"{median(t.of_bound(cores) for t in trials):.2f}",
            maximum(trials),
            f"{median(t.requests for t in trials):.0f}",
            f"{median(t.bytes_to_server if writes else t.bytes_from_server for t in trials) / (1 << 20):.0f}",
            f"{median(t.others_cpu / t.seconds for t in trials):.2f}",
        ]
        if writes:
            cells.append("yes" if all(t.stored_seconds == t.seconds for t in trials) else "no")
            cells.append(f"{median(t.bytes / GIB / (t.stored_seconds or t.seconds) for t in trials):.2f}")
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def of_raw(trials: list[Trial], limit: list[Trial] | None) -> str:
    """The median of the ratios within each round: what the machine did meanwhile hits both sides of a ratio."""
    if limit is None:
        return ""
    seconds = lambda trial: trial.stored_seconds or trial.seconds
    return f"{median(seconds(raw) / seconds(trial) for raw, trial in zip(limit, trials)):.2f}"


def per_gib(trials: list[Trial], part) -> str:
    values = [trial.per_gib(part(trial)) for trial in trials]
    return "" if values[0] is None else f"{median(values):.2f}"


def maximum(trials: list[Trial]) -> str:
    values = [trial.daemon_peak_memory for trial in trials if trial.daemon_peak_memory]
    return f"{max(values) / (1 << 20):.0f}" if values else ""


def median(values) -> float:
    return statistics.median(list(values))


def machine_facts(bench: Bench, trials: int, date: str) -> dict:
    cpu = next(
        (line.partition(":")[2].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "date": date,
        "size_mib": bench.size >> 20,
        "trials": trials,
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gib": round(memory / GIB),
        "kernel": platform.release(),
        "versions": ", ".join([revision(), first_line(["nginx", "-v"]), first_line([bench.tools.rclone, "version"])]),
    }


def revision() -> str:
    root = pathlib.Path(__file__).parents[2]
    return "outputfs " + first_line(["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"])


def first_line(command: list[str]) -> str:
    """What a program says about itself, on whichever stream."""
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return ended.stdout.partition("\n")[0].removeprefix("nginx version: ")
