"""The programs that move a folder between the store and a directory: as commands, each as it does it best."""

import dataclasses
import pathlib
from collections.abc import Callable

from . import mounts
from .model import Bench
from .servers import ACCOUNT, KEY

CLIENTS = pathlib.Path(__file__).parent.parent / "clients"
RCLONE = ["--transfers", "32", "--checkers", "32", "--multi-thread-streams", "16", "--multi-thread-chunk-size", "8M"]
RCLONE += ["--azureblob-chunk-size", "8M", "--azureblob-upload-concurrency", "16"]


@dataclasses.dataclass(frozen=True)
class Place:
    """Where in the store a folder is."""

    container: str
    prefix: str
    """With a slash at its end. An artifact goes below LocalUpload/<hash> in place of it."""


Command = Callable[[Bench, Place, pathlib.Path], tuple[list[str], dict[str, str]]]
"""What is run, and in which environment; the directory is there, and empty where it is to be filled."""


@dataclasses.dataclass(frozen=True)
class Mover:
    name: str
    get: Command
    put: Command
    is_library: bool = False
    """Prints seconds and CPU seconds of moving: Python's start and the import are its caller's."""


def of_outputfs(name: str, *put_options: str) -> Mover:
    def environment(bench: Bench) -> dict[str, str]:
        settings = f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY}"
        settings += f";BlobEndpoint={bench.emulator.endpoint}"
        return mounts.clean_environment() | {"AZURE_STORAGE_CONNECTION_STRING": settings}

    def get(bench: Bench, place: Place, directory: pathlib.Path):
        source = f"containers/{place.container}/{place.prefix.rstrip('/')}"
        return [bench.tools.outputfs, "get", source, str(directory), "--json"], environment(bench)

    def put(bench: Bench, place: Place, directory: pathlib.Path):
        target = f"containers/{place.container}" + ("" if "--artifact" in put_options else f"/{place.prefix}")
        return [bench.tools.outputfs, "put", str(directory), target, "--json", *put_options], environment(bench)

    return Mover(name, get, put)


def of_rclone(name: str) -> Mover:
    def copy(bench: Bench, source: str, target: str):
        return [bench.tools.rclone, "copy", source, target, *RCLONE], mounts.rclone_environment(bench.emulator)

    return Mover(
        name,
        lambda bench, place, directory: copy(bench, f"bench:{place.container}/{place.prefix}", str(directory)),
        lambda bench, place, directory: copy(bench, str(directory), f"bench:{place.container}/{place.prefix}"),
    )


def of_library(name: str, script: str, python: str, *more: str) -> Mover:
    """- python: which of the tools runs the script; more: its last arguments."""

    def command(verb: str) -> Command:
        def run(bench: Bench, place: Place, directory: pathlib.Path):
            words = [getattr(bench.tools, python), str(CLIENTS / script), verb, bench.emulator.endpoint, ACCOUNT, KEY]
            return [*words, place.container, place.prefix, str(directory), *more], mounts.clean_environment()

        return run

    return Mover(name, command("get"), command("put"), is_library=True)


OUTPUTFS = of_outputfs("outputfs")
ARTIFACT = of_outputfs("outputfs put --artifact", "--artifact")
WITHOUT_MD5 = of_outputfs("outputfs put --no-md5", "--no-md5")
RCLONE_COPY = of_rclone("rclone copy")
SDK = of_library("azure-storage-blob, 32 threads", "azure_sdk.py", "python")
SDK_MD5 = of_library("azure-storage-blob, 32 threads, MD5", "azure_sdk.py", "python", "md5")
AZURE_ML = of_library("azure-ai-ml", "azure_ml.py", "azureml_python")
