"""Writing big files: from their first byte to their last, at the end, and in the middle."""

import json
import time
from collections.abc import Callable

from ..model import LOCAL, MILLISECONDS, RATE, STORE, Bench, Column, Contender, Scale, Step, Workload
from ..mounts import Mount
from ..processes import run
from ..servers import Network
from ..trials import Meter, Trial, run_client
from .parties import LOCAL_CONNECTIONS, MountFactory, outputfs, rclone
from .streams import OF_BOUND

BLOCK = 8 << 20
APPENDED = 1 << 10
EDITED, EDIT, EDITS = 256 << 20, 64 << 10, 200

RCLONE_UPLOAD = ["--azureblob-chunk-size", "8M", "--azureblob-upload-concurrency", "16", "--transfers", "16"]
WRITE_CACHE = ("rclone mount, write cache", rclone("writes", "--vfs-write-back", "0s", *RCLONE_UPLOAD))
RIVALS = (WRITE_CACHE, ("rclone mount, streaming", rclone("off", *RCLONE_UPLOAD)))

AT_CLOSE = (
    Column("in the store at close", lambda trial: "yes" if trial.stored_seconds == trial.seconds else "no", "{}"),
    Column("seconds to close", lambda trial: trial.seconds, "{:.3f}"),
)


def is_honest(trials: list[Trial]) -> bool:
    """Whether close returned when the store had everything, each time: only then can it report what went wrong."""
    return all(trial.stored_seconds == trial.seconds for trial in trials)


def workloads(scale: Scale) -> list[Workload]:
    return [
        *(sequential(writers, network) for network in (LOCAL, STORE) for writers in (1, 4)),
        *(append(network) for network in (LOCAL, STORE)),
        *(edit(network) for network in (LOCAL, STORE)),
    ]


def writers_of(run_with: Callable[[MountFactory], Callable]) -> tuple[Contender, ...]:
    """outputfs in both of its durabilities, where the program has them."""

    def journal(bench: Bench, network: Network) -> dict[str, Trial]:
        if not bench.tools.knows("--durability"):
            return {}
        return run_with(outputfs("--durability", "journal"))(bench, network)

    return (
        Contender("outputfs", "outputfs", run_with(outputfs())),
        Contender("outputfs, --durability journal", "outputfs", journal),
    )


def until_stored(
    bench: Bench, network: Network, mounted: Mount, command: list[str], is_stored: Callable[[Trial], bool]
) -> Trial:
    """Runs a client; measures to the return of its last close, and to the moment at which the store has everything."""
    with Meter(bench.emulator, network, mounted.pid).measuring() as trial:
        started = time.monotonic()
        run_client(command, trial)
        polls = 1
        # The client's start and end, about a millisecond, are in neither.
        trial.stored_seconds = trial.seconds
        while not is_stored(trial):
            polls += 1
            time.sleep(0.01)
            trial.stored_seconds = time.monotonic() - started
            if trial.stored_seconds > 60:
                raise RuntimeError("what was written and closed is not in the store after a minute")
        trial.beside = {"polls": polls}
    return trial


def sequential(writers: int, network: Network) -> Workload:
    names = [f"written-{number}.bin" for number in range(writers)]

    def through(mount: MountFactory) -> Callable:
        def trial(bench: Bench, network: Network) -> dict[str, Trial]:
            size = bench.scale.size // writers
            with bench.emulator.container() as container, mount(bench, container=container) as mounted:
                paths = [str(mounted.directory / name) for name in names]
                # The last one first: once it is there, the others are asked for, too.
                asked = iter([*reversed(names), None])
                waits_for = [next(asked)]

                def is_stored(trial: Trial) -> bool:
                    while waits_for[0] and bench.emulator.stored_bytes(container, waits_for[0]) == size:
                        waits_for[0] = next(asked)
                    return waits_for[0] is None

                command = [bench.tools.stream, "write", str(size), *paths]
                trial = until_stored(bench, network, mounted, command, is_stored)
            trial.beside["polls"] += writers - 1
            trial.requests -= writers - 1
            return {"write": trial}

        return trial

    def raw(bench: Bench, network: Network) -> dict[str, Trial]:
        size, connections = bench.scale.size // writers, LOCAL_CONNECTIONS // writers
        with bench.emulator.container() as container:
            urls = [bench.emulator.url(name, container) for name in names]
            shell = (
                'put=$1 size=$2 block=$3 width=$4; shift 4; for url; do "$put" "$url" $size $block $width & done; wait'
            )
            command = ["/bin/sh", "-c", shell, "sh", bench.tools.put, str(size), str(BLOCK), str(connections), *urls]
            with Meter(bench.emulator, network, None).measuring() as trial:
                answers = [json.loads(line) for line in run(command).splitlines()]
                trial.seconds = max(answer["seconds"] for answer in answers)
                trial.client_cpu = sum(answer["cpu"] for answer in answers)
                trial.bytes = sum(answer["bytes"] for answer in answers)
                trial.stored_seconds = trial.seconds
        if trial.bytes != size * writers:
            raise RuntimeError("a writer failed")
        return {"write": trial}

    contenders = (
        Contender("libcurl alone, CRC64 and MD5", "raw", raw),
        *writers_of(through),
        *(Contender(name, "rival", through(mount)) for name, mount in RIVALS),
    )
    columns = (OF_BOUND, *AT_CLOSE) if network == LOCAL else AT_CLOSE
    title = "1 writer" if writers == 1 else f"{writers} writers, a file each"
    step = Step("write", title, RATE, columns)
    where = ", 20 ms and 100 MiB/s a connection" if network.is_slow else ""
    key = f"write-{writers}" + ("-store" if network.is_slow else "")
    return Workload(key, "Sequential writes and close" + where, (step,), contenders, network, runs_twice=not where)


ON_THE_WIRE = Column(
    "KiB on the wire", lambda trial: (trial.bytes_from_server + trial.bytes_to_server) / 1024, "{:,.1f}"
)


def changing(bench: Bench, network: Network, mount: MountFactory, size: int, arguments: Callable) -> Trial:
    """Runs a client on one big file that somebody else has put there; over when the store has another version."""
    with bench.emulator.container() as container:
        put = [bench.tools.put, bench.emulator.url("big.bin", container), str(size), str(BLOCK), str(LOCAL_CONNECTIONS)]
        run(put)
        before = bench.emulator.etag(container, "big.bin")
        with mount(bench, container=container) as mounted:
            return until_stored(
                bench,
                network,
                mounted,
                arguments(str(mounted.directory / "big.bin")),
                lambda trial: bench.emulator.etag(container, "big.bin") != before,
            )


def append(network: Network) -> Workload:
    def through(mount: MountFactory) -> Callable:
        def trial(bench: Bench, network: Network) -> dict[str, Trial]:
            def arguments(path: str) -> list[str]:
                return [bench.tools.stream, "append", str(APPENDED), path]

            return {"append": changing(bench, network, mount, bench.scale.size, arguments)}

        return trial

    contenders = (*writers_of(through), Contender(WRITE_CACHE[0], "rival", through(WRITE_CACHE[1])))
    title = f"1 KiB behind a big file{', 20 ms' if network.is_slow else ''}"
    step = Step("append", title, MILLISECONDS, (ON_THE_WIRE, *AT_CLOSE))
    key = "append" + ("-store" if network.is_slow else "")
    return Workload(key, "Changes of files that are there", (step,), contenders, network)


def edit(network: Network) -> Workload:
    def through(mount: MountFactory) -> Callable:
        def trial(bench: Bench, network: Network) -> dict[str, Trial]:
            def arguments(path: str) -> list[str]:
                return [bench.tools.random, "write", path, str(EDIT), str(EDITS)]

            return {"edit": changing(bench, network, mount, min(EDITED, bench.scale.size), arguments)}

        return trial

    contenders = (*writers_of(through), Contender(WRITE_CACHE[0], "rival", through(WRITE_CACHE[1])))
    title = f"{EDITS} writes of 64 KiB at random places of {EDITED >> 20} MiB{', 20 ms' if network.is_slow else ''}"
    step = Step("edit", title, MILLISECONDS, (ON_THE_WIRE, *AT_CLOSE))
    key = "edit" + ("-store" if network.is_slow else "")
    return Workload(key, "Changes of files that are there", (step,), contenders, network)
