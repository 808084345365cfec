"""Small files made, renamed and deleted."""

from collections.abc import Callable

from .. import mounts
from ..model import LOCAL, OPERATION_RATE, STORE, Bench, Contender, Scale, Step, Workload
from ..processes import run
from ..servers import Network
from ..trials import Meter, Trial, run_client
from .parties import MountFactory
from .small import LATENCIES, LEAST, MOST, PER_FILE, limit, put_files, where, who
from .writes import AT_CLOSE, RIVALS, WRITE_CACHE, until_stored, writers_of

VERBS = {"create": "created", "delete": "deleted", "rename": "renamed"}


def workloads(scale: Scale) -> list[Workload]:
    chosen = [(verb, processes, network) for verb in VERBS for network in (LOCAL, STORE) for processes in (1, 8)]
    if not scale.is_full:
        # Making files in all four ways, deleting one by one where the latency counts, renaming many at once.
        left_out = {("delete", 1, LOCAL), ("rename", 1, LOCAL), ("rename", 1, STORE)}
        chosen = [choice for choice in chosen if choice not in left_out]
    return [operations(scale, *choice) for choice in chosen]


def operations(scale: Scale, verb: str, processes: int, network: Network) -> Workload:
    count = scale.small_files // processes * processes
    sizes = [str(LEAST), str(MOST)] if verb == "create" else []

    def client(bench: Bench, directory) -> list[str]:
        return [bench.tools.files, verb, str(directory), str(count), str(processes), limit(scale, network), *sizes]

    def through(mount: MountFactory) -> Callable:
        def trial(bench: Bench, network: Network) -> dict[str, Trial]:
            with bench.emulator.container() as container:
                # Each process has a directory of its own: see raw/files.c.
                directories = [] if verb == "create" else [str(process) for process in range(processes)]
                for name in directories:
                    put_files(bench, container, f"{name}/", count // processes)
                with mount(bench, container=container) as mounted:
                    # As rm -r and mv * do, and so that files made are made in a directory that is known.
                    run(["ls", "-f", *(str(mounted.directory / name) for name in ["", *directories])])

                    def is_stored(trial: Trial) -> bool:
                        wanted = {"create": trial.operations, "delete": count - trial.operations, "rename": count}
                        return bench.emulator.stored_count(container) == wanted[verb]

                    trial = until_stored(bench, network, mounted, client(bench, mounted.directory), is_stored)
            return {verb: trial}

        return trial

    def null(bench: Bench, network: Network) -> dict[str, Trial]:
        if network.is_slow:
            return {}
        with mounts.nullfs(bench.tools, 0, 0) as mounted:
            directory = mounted.directory / "made"
            with Meter(bench.emulator, LOCAL, mounted.pid).measuring() as trial:
                run_client(client(bench, directory), trial)
        trial.stored_seconds = trial.seconds
        return {verb: trial}

    def raw(bench: Bench, network: Network) -> dict[str, Trial]:
        with bench.emulator.container() as container:
            if verb == "delete":
                put_files(bench, container, "", count)
            command = [bench.tools.objects, {"create": "put"}.get(verb, verb), bench.emulator.url("", container)]
            with Meter(bench.emulator, network, None).measuring() as trial:
                run_client([*command, str(count), str(processes), limit(scale, network), *sizes], trial)
        trial.stored_seconds = trial.seconds
        return {verb: trial}

    limits = {"create": "libcurl alone, Put Blob", "delete": "libcurl alone, DELETE"}
    rivals = RIVALS if verb == "create" else (WRITE_CACHE,)
    contenders = (
        *([Contender(limits[verb], "raw", raw)] if verb in limits else []),
        Contender("null FUSE", "reference", null),
        *writers_of(through),
        *(Contender(name, "rival", through(mount)) for name, mount in rivals),
    )
    step = Step(verb, f"{who(processes)}{where(network)}", OPERATION_RATE, (PER_FILE, *LATENCIES, *AT_CLOSE))
    key = f"{verb}-{processes}" + ("-store" if network.is_slow else "")
    return Workload(key, f"{count:,} small files {VERBS[verb]}", (step,), contenders, network)
