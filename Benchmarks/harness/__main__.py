"""Benchmarks/run calls this; see its help."""

import argparse
import dataclasses
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile
import time

from .contenders import WRITE_BLOCK, WRITE_CONNECTIONS, Bench, Contender, all_contenders
from .mounts import Tools
from .report import Rows, machine_facts, markdown
from .servers import Emulator, Nginx


def main() -> None:
    arguments = parse()
    tools = Tools(arguments.binary, arguments.rclone, *(f"{arguments.tools}/{name}" for name in ("stream", "get", "put")))
    chosen = [
        contender
        for contender in all_contenders()
        if contender.group in arguments.only.split(",")
        and any(text in contender.name for text in arguments.contenders.split(","))
    ]
    with tempfile.TemporaryDirectory(prefix="outputfs-benchmark-servers-") as directory:
        nginx, emulator = Nginx(pathlib.Path(directory)), None
        try:
            bench = prepare(tools, nginx, arguments.size << 20)
            emulator = bench.emulator
            check(bench, chosen)
            rows = run(bench, chosen, arguments.trials)
            write(bench, rows, chosen, arguments)
        finally:
            nginx.stop()
            if emulator:
                emulator.stop()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="Benchmarks/run")
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--only", default="nginx,read,write")
    parser.add_argument("--contenders", default="")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("results"))
    for name in ("--binary", "--tools", "--rclone"):
        parser.add_argument(name, required=True)
    return parser.parse_args()


def prepare(tools: Tools, nginx: Nginx, size: int) -> Bench:
    """The servers with the same bytes in both."""
    subprocess.run([tools.stream, "write", str(nginx.blob), str(size)], check=True, stdout=subprocess.DEVNULL)
    nginx.start()
    emulator = Emulator(tools.outputfs)
    put = [tools.put, emulator.url("stream.bin"), str(size), str(WRITE_BLOCK), str(WRITE_CONNECTIONS)]
    subprocess.run(put, check=True, stdout=subprocess.DEVNULL)
    return Bench(tools, nginx, emulator, size)


def check(bench: Bench, contenders: list[Contender]) -> None:
    """Nobody is measured who does not read the right bytes. Not timed."""
    expected = digest(bench.nginx.blob)
    for contender in contenders:
        if contender.serves is None:
            continue
        with contender.serves(bench) as mounted:
            if digest(mounted.directory / "stream.bin") != expected:
                sys.exit(f"{contender.name} reads other bytes than there are")


def digest(path: pathlib.Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def run(bench: Bench, contenders: list[Contender], trials: int) -> Rows:
    """In turns, so that whatever else the machine does hits all of them.

    Each runs twice in a row, and the second time counts: it gets memory that was in use a moment ago. In a virtual
    machine whose host takes free pages back, the first touch of each runs at 0.3 GiB/s instead of 4 to 10: that would
    be measured, and not the file systems.
    """
    rows: Rows = {}
    for number in range(trials):
        for contender in contenders:
            contender.run(bench)
            for step, trial in contender.run(bench).items():
                rows.setdefault((contender.group, step, contender.name), []).append(trial)
                print(f"{number + 1}/{trials} {contender.name} ({contender.group}), {step}: {trial.rate:.2f} GiB/s", flush=True)
    return rows


def write(bench: Bench, rows: Rows, contenders: list[Contender], arguments: argparse.Namespace) -> None:
    facts = machine_facts(bench, arguments.trials, time.strftime("%Y-%m-%d"))
    text = markdown(facts, rows, contenders)
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "results.md").write_text(text)
    measurements = [
        {"group": group, "step": step, "contender": name, "trials": [dataclasses.asdict(trial) for trial in trials]}
        for (group, step, name), trials in rows.items()
    ]
    document = {"machine": facts, "measurements": measurements}
    (arguments.output / "results.json").write_text(json.dumps(document, indent=1) + "\n")
    print(text)


main()
