"""The tables, in Markdown for people and in JSON for programs."""

import dataclasses
import os
import pathlib
import platform
import subprocess

from . import targets
from .model import Bench, Column, Contender, Step, Workload
from .results import Results, median
from .trials import GIB, MIB, Trial


def markdown(machine: dict, results: Results) -> str:
    text = ["# Benchmark results", "", *introduction(machine), "", "## Targets", "", *targets.table(results)]
    if results.failures:
        text += ["", "## Failures", "", *(f"- {failure}" for failure in results.failures)]
    groups: dict[str, list[Workload]] = {}
    for workload in results.workloads:
        groups.setdefault(workload.group, []).append(workload)
    for group, workloads in groups.items():
        if lines := table(results, workloads, machine["cores"]):
            text += ["", f"## {group}", "", *lines]
    return "\n".join(text).rstrip() + "\n"


def introduction(machine: dict) -> list[str]:
    return [
        f"{machine['size_mib']} MiB, medians of {machine['trials']} trials in turns, {machine['date']}. "
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, Linux {machine['kernel']}; {machine['versions']}. "
        f"Load when it began: {machine['load']:.1f}.",
        "",
        "All parties run on the same cores. *Of raw*, *of best rival*: how many times as good, the median of the ratios",
        "within each round; above 1 is better, also where the figure is a time. CPU in seconds, user and system, of",
        "daemon, server and client. *Of bound*: the rate over what the cores could do if nobody ever waited, which is",
        "their number over the sum of all parties' CPU seconds per GiB. *Others*: what the rest of the machine worked",
        "meanwhile, in cores; where it is not small, figures are too low, while their ratios still say something.",
        "Requests and bytes of bodies are counted at the server.",
    ]


def table(results: Results, workloads: list[Workload], cores: int) -> list[str]:
    steps = [(workload, step) for workload in workloads for step in workload.steps]
    further = list({column.head: column for _, step in steps for column in step.columns})
    rows = [
        row(results, workload, step, contender, trials, further)
        for workload, step in steps
        for contender, trials in results.rows(workload, step)
    ]
    if not rows:
        return []
    figure = steps[0][1].figure
    heads = ["workload", "contender", f"{figure.unit} (least–most)", "of raw", "of best rival"]
    per = "s/GiB" if figure.per_gib else "s/1,000"
    heads += [f"daemon, {per}", f"server, {per}", f"client, {per}"]
    heads += ["requests", "MiB from server", "MiB to server", "peak RSS, MiB", "others", *further]
    return ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads), *("| " + " | ".join(r) + " |" for r in rows)]


def row(
    results: Results, workload: Workload, step: Step, contender: Contender, trials: list[Trial], further: list[str]
) -> list[str]:
    figure = step.figure
    values = [figure.of(trial) for trial in trials]
    form = figure.format.format
    raw, rival = results.raw(workload, step), results.best_rival(workload, step)
    cells = [
        step.title,
        contender.name,
        f"{form(median(values))} ({form(min(values))}–{form(max(values))})",
        number(results.ratio(workload, step, contender.name, raw) if raw and contender.kind != "raw" else None),
        number(
            results.ratio(workload, step, contender.name, rival) if rival and contender.kind == "outputfs" else None
        ),
    ]
    for part in ("daemon_cpu", "server_cpu", "client_cpu"):
        costs = [figure.cpu(trial, getattr(trial, part)) for trial in trials]
        cells.append(number(None if None in costs else median(costs)))
    peaks = [trial.daemon_peak_memory for trial in trials if trial.daemon_peak_memory]
    cells += [
        f"{median(trial.requests for trial in trials):,.0f}",
        number(median(trial.bytes_from_server for trial in trials) / MIB),
        number(median(trial.bytes_to_server for trial in trials) / MIB),
        f"{max(peaks) / MIB:.0f}" if peaks else "",
        number(median(trial.others for trial in trials)),
    ]
    columns = {column.head: column for column in step.columns}
    return cells + [cell(columns.get(head), trials) for head in further]


def number(value: float | None) -> str:
    if value is None:
        return ""
    if 0 < value < 0.1:
        return f"{value:.2g}"
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def cell(column: Column | None, trials: list[Trial]) -> str:
    """A word is that of the last trial, a number their median."""
    if column is None:
        return ""
    values = [column.of(trial) for trial in trials]
    return column.format.format(values[-1] if isinstance(values[-1], str) else median(values))


def document(machine: dict, results: Results) -> dict:
    """Everything that was measured, each trial by itself."""
    measurements = [
        {
            "workload": workload.key,
            "network": dataclasses.asdict(workload.network),
            "step": step.name,
            "contender": contender.name,
            "kind": contender.kind,
            "unit": step.figure.unit,
            "trials": [dataclasses.asdict(trial) for trial in trials],
        }
        for workload in results.workloads
        for step in workload.steps
        for contender, trials in results.rows(workload, step)
    ]
    return {"machine": machine, "failures": results.failures, "measurements": measurements}


def machine_facts(bench: Bench, trials: int, date: str) -> dict:
    cpu = next(
        (line.partition(":")[2].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "date": date,
        "size_mib": bench.scale.size >> 20,
        "trials": trials,
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gib": round(memory / GIB),
        "kernel": platform.release(),
        "load": os.getloadavg()[0],
        "versions": ", ".join([revision(), first_line(["nginx", "-v"]), first_line([bench.tools.rclone, "version"])]),
    }


def revision() -> str:
    root = pathlib.Path(__file__).parents[2]
    return "outputfs " + first_line(["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"])


def first_line(command: list[str]) -> str:
    """What a program says about itself, on whichever stream."""
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return ended.stdout.partition("\n")[0].removeprefix("nginx version: ")
