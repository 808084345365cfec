"""Small reads at random places of a big file, alone and beside a stream."""

import json
from collections.abc import Callable

from ..model import LOCAL, OPERATION_RATE, RATE, STORE, Bench, Column, Contender, Scale, Step, Workload
from ..processes import run
from ..servers import Network
from ..trials import MIB, Meter, Trial, expect_cold, run_client
from .parties import RCLONE_RANDOM, RCLONE_STREAMS, MountFactory, outputfs, rclone

# So many that 4 KiB reads of a fast mount end after about a second, and too few to meet the same place often.
MOST_READS = 4000
# Eight times as long as the streamed file.
WIDE = "wide/0000000"

RIVALS = (
    ("rclone mount, full cache", rclone("full", "--read-only", *RCLONE_STREAMS)),
    ("rclone mount, small chunks", rclone("off", "--read-only", *RCLONE_RANDOM)),
)

COLUMNS = (
    Column("MiB/s", lambda trial: trial.bytes / MIB / trial.seconds),
    Column("KiB from the server a read", lambda trial: trial.bytes_from_server / 1024 / max(trial.operations, 1)),
    Column("median, ms", lambda trial: trial.p50 * 1000, "{:.2f}"),
    Column("99 %, ms", lambda trial: trial.p99 * 1000, "{:.1f}"),
)


def workloads(scale: Scale) -> list[Workload]:
    chosen = [(4, 1, LOCAL), (4, 16, LOCAL), (4, 1, STORE), (4, 16, STORE), (64, 16, STORE), (256, 16, STORE)]
    if scale.is_full:
        chosen = [(block, jobs, network) for network in (LOCAL, STORE) for block in (4, 64, 256) for jobs in (1, 16)]
    return [*(random_reads(block << 10, jobs, network) for block, jobs, network in chosen), mixed(LOCAL), mixed(STORE)]


def random_reads(block: int, jobs: int, network: Network) -> Workload:
    def limits(bench: Bench) -> list[str]:
        return [str(MOST_READS), str(bench.scale.seconds)]

    def through(mount: MountFactory) -> Callable:
        def trial(bench: Bench, network: Network) -> dict[str, Trial]:
            with mount(bench) as mounted:
                path = mounted.directory / WIDE
                # The open's HEAD and the directory's listing are those of the first byte's table.
                path.stat()
                with Meter(bench.emulator, network, mounted.pid).measuring() as trial:
                    command = [bench.tools.random, "read", "cached", str(path), str(block), str(jobs)]
                    run_client(command + limits(bench), trial)
            # Uniform places meet each other now and then, in small files often.
            expect_cold(trial, 0.5)
            return {"cold": trial}

        return trial

    def raw(bench: Bench, network: Network) -> dict[str, Trial]:
        url = bench.emulator.url(WIDE)
        with Meter(bench.emulator, network, None).measuring() as trial:
            command = [bench.tools.get, url, str(8 * bench.scale.size), str(block), str(jobs), "crc64"]
            run_client(command + limits(bench), trial)
        return {"cold": trial}

    contenders = (
        Contender("libcurl alone, CRC64", "raw", raw),
        Contender("outputfs", "outputfs", through(outputfs())),
        *(Contender(name, "rival", through(mount)) for name, mount in RIVALS),
    )
    key = f"random-{block >> 10}k-{jobs}" + ("-store" if network.is_slow else "")
    where = ", 20 ms and 100 MiB/s a connection" if network.is_slow else ""
    step = Step("cold", f"{block >> 10} KiB, {jobs} {'job' if jobs == 1 else 'jobs'}", OPERATION_RATE, COLUMNS)
    return Workload(key, "Cold random reads" + where, (step,), contenders, network)


def mixed(network: Network) -> Workload:
    """One stream, and four jobs that read 64 KiB at random places of another file until the stream ends.

    It ends with its file, or after a few seconds: beside random readers rclone needs minutes for 1 GiB.
    """

    def through(mount: MountFactory) -> Callable:
        def trial(bench: Bench, network: Network) -> dict[str, Trial]:
            with mount(bench) as mounted:
                stream, other = mounted.directory / "stream.bin", mounted.directory / WIDE
                with Meter(bench.emulator, network, mounted.pid).measuring() as trial:
                    programs, notes = str(bench.tools.directory), str(bench.scratch / "mixed")
                    shell = ["/bin/sh", "-c", TOGETHER, "sh", programs, notes, str(stream), str(other)]
                    answers = run([*shell, str(2 * bench.scale.seconds)], 120)
                    streamed, scattered = (json.loads(line) for line in answers.splitlines())
                    trial.seconds, trial.bytes = streamed["seconds"], streamed["bytes"]
                    trial.client_cpu = streamed["cpu"] + scattered["cpu"]
                    trial.operations = scattered["operations"]
                    trial.p50, trial.p99 = scattered["p50"], scattered["p99"]
                    trial.beside = {"random reads a second": scattered["operations"] / scattered["seconds"]}
            expect_cold(trial)
            return {"cold": trial}

        return trial

    columns = (
        Column("random reads a second", lambda trial: trial.beside["random reads a second"], "{:,.0f}"),
        *COLUMNS[2:],
    )
    rivals = (("rclone mount, full cache", RIVALS[0][1]), ("rclone mount, streaming", rclone("off", *RCLONE_STREAMS)))
    contenders = (
        Contender("outputfs", "outputfs", through(outputfs())),
        *(Contender(name, "rival", through(mount)) for name, mount in rivals),
    )
    key = "mixed" + ("-store" if network.is_slow else "")
    title = "20 ms and 100 MiB/s a connection" if network.is_slow else "no added latency"
    step = Step("cold", title, RATE, columns)
    return Workload(key, "A cold stream beside four jobs of random 64 KiB reads", (step,), contenders, network)


# The stream's answer comes first: the other program is told to end when the stream has ended.
TOGETHER = """
"$1/random" read cached "$4" 65536 4 1000000 120 > "$2" & other=$!
timeout --preserve-status "$5" "$1/stream" read cached 0 "$3" || { kill $other; exit 1; }
kill $other; wait $other && cat "$2"
"""
