"""Folders moved from the store and into it by commands and libraries, without a mount."""

import contextlib
import json
import pathlib
from collections.abc import Callable, Iterator

from .. import folders, movers
from ..folders import Folder
from ..model import LOCAL, OPERATION_RATE, RATE, STORE, Bench, Column, Contender, Scale, Step, Workload
from ..movers import Mover, Place
from ..processes import run_measured
from ..servers import Network
from ..trials import Meter, Trial, run_client
from .parties import LOCAL_CONNECTIONS, PART, STORE_CONNECTIONS
from .streams import OF_BOUND
from .writes import BLOCK

CONTAINER = "transfers"
SMALL = 256 << 10
ROUNDS, LONG = 3, 4.0
RIVALS = (movers.RCLONE_COPY, movers.SDK, movers.AZURE_ML)


@contextlib.contextmanager
def prepared(bench: Bench) -> Iterator[None]:
    """What is moved: in memory, and in the store."""
    with folders.scratch(folders.in_memory()) as place:
        bench.folders["big"] = Folder.make(pathlib.Path(place) / "big", 1, bench.scale.size)
        bench.folders["files"] = Folder.make(pathlib.Path(place) / "files", small_files(bench.scale), SMALL)
        bench.emulator.make_container(CONTAINER)
        for name, folder in bench.folders.items():
            folder.store(bench.emulator, CONTAINER, f"{name}/")
        yield


def small_files(scale: Scale) -> int:
    return 2 * scale.small_files


def workloads(scale: Scale) -> list[Workload]:
    return [
        transfer(scale, verb, what, network)
        for verb in ("get", "put")
        for what in ("big", "files")
        for network in (LOCAL, STORE)
    ]


def transfer(scale: Scale, verb: str, what: str, network: Network) -> Workload:
    key = f"{verb}-{what}" + ("-store" if network.is_slow else "")
    titles = {
        "big": f"1 file of {scale.size >> 20:,} MiB",
        "files": f"{small_files(scale):,} files of {SMALL >> 10} KiB",
    }
    where = ", 20 ms and 100 MiB/s a connection" if network.is_slow else ""
    columns = (Column("s", lambda trial: trial.seconds, "{:.2f}"), OF_BOUND)
    through = got if verb == "get" else sent
    seen: set[str] = set()
    contenders = [
        Contender("libcurl alone, CRC64", "raw", raw_get(what) if verb == "get" else raw_put(what)),
        Contender(movers.OUTPUTFS.name, "outputfs", through(movers.OUTPUTFS, what, seen)),
    ]
    if verb == "put":
        columns += (Column("MD5", lambda trial: "stored" if trial.stores_md5 else "–", "{}"),)
        own = (movers.WITHOUT_MD5, movers.ARTIFACT) if what == "big" else (movers.ARTIFACT,)
        contenders += [Contender(mover.name, "outputfs", sent(mover, what, seen)) for mover in own]
    # The service stores the MD5 of what comes in one request; of a file in blocks its writer has to.
    rivals = (*RIVALS, movers.SDK_MD5) if key.startswith("put-big") else RIVALS
    contenders += [Contender(mover.name, "rival", through(mover, what, seen)) for mover in rivals]
    if verb == "get" and network == LOCAL:
        contenders += [
            Contender(f"{mover.name}, to the disk", "reference", got(mover, what, seen, to_disk=True))
            for mover in (movers.OUTPUTFS, movers.RCLONE_COPY)
        ]
        contenders.append(Contender("cp, memory to memory", "reference", copied(what)))
    step = Step(verb, titles[what], RATE if what == "big" else OPERATION_RATE, columns)
    head = {"get": "Transfers from the store", "put": "Transfers into the store"}[verb]
    group = f"{head}: {'one file' if what == 'big' else 'small files'}{where}"
    return Workload(
        key, group, (step,), tuple(contenders), network, most_trials=ROUNDS, long=LONG, is_mounted=False
    )


# MARK: Trials


def measured(bench: Bench, network: Network, mover: Mover, command: list[str], environment: dict[str, str]) -> Trial:
    with Meter(bench.emulator, network, None).measuring() as trial:
        ended = run_measured(command, environment)
        trial.seconds, trial.client_cpu, trial.daemon_peak_memory = ended.seconds, ended.cpu, ended.peak_memory
        if mover.is_library:
            said = json.loads(ended.output)
            trial.seconds, trial.client_cpu = said["seconds"], said["cpu"]
    return trial


def counted(trial: Trial, folder: Folder) -> Trial:
    trial.bytes, trial.operations = folder.size, len(folder.files)
    return trial


def is_first(name: str, seen: set[str]) -> bool:
    """Whether all bytes are to be compared: once for each mover. Later rounds look at names and sizes."""
    return name not in seen and not seen.add(name)


def got(mover: Mover, what: str, seen: set[str], to_disk: bool = False) -> Callable:
    def trial(bench: Bench, network: Network) -> dict[str, Trial]:
        with folders.scratch(None if to_disk else folders.in_memory()) as place:
            command, environment = mover.get(bench, Place(CONTAINER, f"{what}/"), pathlib.Path(place))
            trial = measured(bench, network, mover, command, environment)
            bench.folders[what].compare(pathlib.Path(place), is_first(mover.name, seen))
        return {"get": counted(trial, bench.folders[what])}

    return trial


def sent(mover: Mover, what: str, seen: set[str]) -> Callable:
    def trial(bench: Bench, network: Network) -> dict[str, Trial]:
        folder = bench.folders[what]
        with bench.emulator.container() as container:
            command, environment = mover.put(bench, Place(container, f"{what}/"), folder.path)
            trial = measured(bench, network, mover, command, environment)
            trial.stores_md5 = folder.compare_stored(bench.emulator, container, is_first(mover.name, seen))
        return {"put": counted(trial, folder)}

    return trial


def copied(what: str) -> Callable:
    """The same bytes without a store: what the file systems of this machine take."""

    def trial(bench: Bench, network: Network) -> dict[str, Trial]:
        with folders.scratch(folders.in_memory()) as place, Meter(bench.emulator, network, None).measuring() as trial:
            ended = run_measured(["cp", "-r", str(bench.folders[what].path), place], {})
            trial.client_cpu, trial.seconds = ended.cpu, ended.seconds
        return {"get": counted(trial, bench.folders[what])}

    return trial


# MARK: The raw limits: nothing is read from or written to a file


def raw_get(what: str) -> Callable:
    def trial(bench: Bench, network: Network) -> dict[str, Trial]:
        connections = str(STORE_CONNECTIONS if network.is_slow else LOCAL_CONNECTIONS)
        folder = bench.folders[what]
        with Meter(bench.emulator, network, None).measuring() as trial:
            if what == "big":
                url = bench.emulator.url("big/0000000", CONTAINER)
                run_client([bench.tools.get, url, str(folder.size), str(PART), connections, "crc64"], trial)
            else:
                url = bench.emulator.url("files/", CONTAINER)
                run_client([bench.tools.objects, "get", url, str(len(folder.files)), connections, "60"], trial)
        return {"get": counted(trial, bench.folders[what])}

    return trial


def raw_put(what: str) -> Callable:
    def trial(bench: Bench, network: Network) -> dict[str, Trial]:
        connections = str(STORE_CONNECTIONS if network.is_slow else LOCAL_CONNECTIONS)
        folder = bench.folders[what]
        with bench.emulator.container() as container, Meter(bench.emulator, network, None).measuring() as trial:
            if what == "big":
                url = bench.emulator.url("big", container)
                run_client([bench.tools.put, url, str(folder.size), str(BLOCK), connections], trial)
            else:
                url = bench.emulator.url("", container)
                sizes = [str(SMALL), str(SMALL)]
                run_client([bench.tools.objects, "put", url, str(len(folder.files)), connections, "60", *sizes], trial)
        return {"put": counted(trial, bench.folders[what])}

    return trial
