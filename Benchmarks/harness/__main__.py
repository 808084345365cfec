"""Benchmarks/run calls this; see its help."""

import argparse
import contextlib
import hashlib
import json
import pathlib
import signal
import sys
import tempfile
import time

from . import report
from .model import Bench, Scale, Workload
from .mounts import Tools
from .processes import run
from .results import Results
from .servers import Emulator, Nginx
from .workloads import catalogue, listings, small, streams, transfers
from .workloads.parties import outputfs, outputfs_on_nginx

SIZE, TRIALS = 1024, 5


def main() -> None:
    arguments = parse()
    # Whoever ends this program ends what it started: by the way out of every `with`.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))
    scale = scale_of(arguments)
    chosen = [
        workload
        for workload in catalogue(scale)
        if any(text in workload.key or text.lower() in workload.group.lower() for text in arguments.only.split(","))
    ]
    if arguments.list:
        print("\n".join(f"{workload.key:24} {workload.group}" for workload in chosen))
        return
    results = Results(chosen)
    with contextlib.ExitStack() as stack:
        bench = prepare(arguments, scale, chosen, stack)
        if any(workload.is_mounted for workload in chosen):
            check(bench, results)
        trials = arguments.trials or (1 if arguments.quick else TRIALS)
        facts = report.machine_facts(bench, trials, time.strftime("%Y-%m-%d"))
        for workload in chosen:
            measure(bench, workload, trials, arguments.contenders.split(","), results)
            write(arguments.output, facts, results)
    print((arguments.output / "results.md").read_text())
    if results.failures:
        sys.exit(f"{len(results.failures)} trials failed")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="Benchmarks/run")
    parser.add_argument("--size", type=int)
    parser.add_argument("--trials", type=int)
    parser.add_argument("--only", default="")
    parser.add_argument("--contenders", default="")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("results"))
    parser.add_argument("--binary", required=True)
    parser.add_argument("--rclone", required=True)
    parser.add_argument("--python", required=True)
    parser.add_argument("--azureml-python", required=True)
    parser.add_argument("--tools", type=pathlib.Path, required=True)
    return parser.parse_args()


def scale_of(arguments: argparse.Namespace) -> Scale:
    if arguments.quick:
        size = (arguments.size or 64) << 20
        return Scale(size, 100, [1000, 10_000], 1000, 0.3, arguments.full)
    size = (arguments.size or SIZE) << 20
    return Scale(size, 1000, [1000, 100_000, 1_000_000], 10_000, 1.0, arguments.full)


def prepare(
    arguments: argparse.Namespace, scale: Scale, chosen: list[Workload], stack: contextlib.ExitStack
) -> Bench:
    """The servers, with what the chosen workloads read; they end with the stack."""
    tools = Tools(
        arguments.binary, arguments.rclone, arguments.python, arguments.azureml_python, arguments.tools.absolute()
    )
    directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="outputfs-benchmark-servers-")))
    nginx = Nginx(directory)
    emulator = Emulator(tools.outputfs)
    stack.callback(emulator.stop)
    bench = Bench(tools, nginx, emulator, scale, directory)
    if any(workload.is_mounted for workload in chosen):
        run([tools.stream, "write", str(scale.size), str(nginx.blob)])
        nginx.start()
        stack.callback(nginx.stop)
        for part in (streams, small, listings):
            part.prepare(bench)
    if not all(workload.is_mounted for workload in chosen):
        stack.enter_context(transfers.prepared(bench))
    return bench


def check(bench: Bench, results: Results) -> None:
    """Nobody is measured who does not read the right bytes. Not timed."""
    expected = digest(bench.nginx.blob)
    mounts = {"outputfs": outputfs(), "outputfs on nginx": outputfs_on_nginx, **dict(streams.RIVALS)}
    for name, mount in mounts.items():
        with mount(bench) as mounted:
            if digest(mounted.directory / "stream.bin") != expected:
                sys.exit(f"{name} reads other bytes than there are")


def digest(path: pathlib.Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def measure(bench: Bench, workload: Workload, trials: int, texts: list[str], results: Results) -> None:
    """In turns, so that whatever else the machine does hits all of them.

    Some run twice in a row, and the second time counts: it gets memory that was in use a moment ago. In a virtual
    machine whose host takes free pages back, the first touch of each runs at 0.3 GiB/s instead of 4 to 10: that would
    be measured, and not the file systems.
    """
    done = set()
    for round in range(min(trials, workload.most_trials)):
        for contender in workload.contenders:
            # Who fails once would fail again, often by taking as long as is allowed.
            if contender.name in done or not any(text in contender.name for text in texts):
                continue
            try:
                if workload.runs_twice:
                    contender.run(bench, workload.network)
                measured = contender.run(bench, workload.network)
            except Exception as error:
                done.add(contender.name)
                results.failures.append(f"{workload.key}, {contender.name}, round {round + 1}: {error}")
                print(f"{workload.key}: {contender.name} FAILED: {error}", file=sys.stderr, flush=True)
                continue
            for step in workload.steps:
                if trial := measured.get(step.name):
                    results.note(workload, step.name, contender, round, trial)
                    if trial.span > workload.long:
                        done.add(contender.name)
                    figure = step.figure.format.format(step.figure.of(trial))
                    place = f"{workload.key}/{step.name} {round + 1}/{trials}"
                    print(f"{place}: {contender.name}: {figure} {step.figure.unit}", file=sys.stderr, flush=True)


def write(output: pathlib.Path, facts: dict, results: Results) -> None:
    """After each workload: a run that is ended early has not been for nothing."""
    output.mkdir(parents=True, exist_ok=True)
    (output / "results.md").write_text(report.markdown(facts, results))
    (output / "results.json").write_text(json.dumps(report.document(facts, results), indent=1) + "\n")


main()
