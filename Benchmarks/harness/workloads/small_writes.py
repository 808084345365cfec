"""One file written by calls of 4 KiB and of 100 bytes: each call is a request of FUSE's own."""

from collections.abc import Callable

from .. import mounts
from ..model import LOCAL, OPERATION_RATE, Bench, Column, Contender, Scale, Step, Workload
from ..servers import Network
from ..trials import GIB, Meter, Trial, run_client
from .parties import MountFactory
from .writes import AT_CLOSE, WRITE_CACHE, until_stored, writers_of

# Bytes a call, and of the file: as many as take a second or a few.
CALLS = {"4k": (4 << 10, 256 << 20), "100": (100, 25 << 20)}
NAME = "pieces.bin"


def workloads(scale: Scale) -> list[Workload]:
    return [pieces(name, call, min(size, scale.size // 4)) for name, (call, size) in CALLS.items()]


def pieces(name: str, call: int, size: int) -> Workload:
    def client(bench: Bench, directory) -> list[str]:
        return [bench.tools.stream, "pieces", str(call), str(size), str(directory / NAME)]

    def counted(trial: Trial) -> dict[str, Trial]:
        trial.operations = -(-trial.bytes // call)
        return {"write": trial}

    def through(mount: MountFactory) -> Callable:
        def trial(bench: Bench, network: Network) -> dict[str, Trial]:
            with bench.emulator.container() as container, mount(bench, container=container) as mounted:

                def is_stored(trial: Trial) -> bool:
                    return bench.emulator.stored_bytes(container, NAME) == size

                return counted(until_stored(bench, network, mounted, client(bench, mounted.directory), is_stored))

        return trial

    def beside(bench: Bench, directory, pid: int | None) -> dict[str, Trial]:
        with Meter(bench.emulator, LOCAL, pid).measuring() as trial:
            run_client(client(bench, directory), trial)
        trial.stored_seconds = trial.seconds
        return counted(trial)

    def null(bench: Bench, network: Network) -> dict[str, Trial]:
        with mounts.nullfs(bench.tools, 0, 0) as mounted:
            return beside(bench, mounted.directory / "made", mounted.pid)

    def local(bench: Bench, network: Network) -> dict[str, Trial]:
        with mounts.scratch() as place:
            return beside(bench, place, None)

    contenders = (
        Contender("null FUSE", "raw", null),
        Contender("local file", "reference", local),
        *writers_of(through),
        Contender(WRITE_CACHE[0], "rival", through(WRITE_CACHE[1])),
    )
    columns = (Column("GiB/s", lambda trial: trial.bytes / GIB / trial.span, "{:.3f}"), *AT_CLOSE)
    step = Step("write", f"{size >> 20} MiB by {call:,} bytes a call", OPERATION_RATE, columns)
    return Workload(f"small-writes-{name}", "Small writes and close", (step,), contenders)
