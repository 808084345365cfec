"""Who takes part in reading, and with which settings: each as it does it best, as far as that is known."""

import contextlib
import pathlib
from collections.abc import Callable, Iterator

from .. import mounts
from ..model import Bench
from ..mounts import Mount

# Of 4 MiB: outputfs reads ahead up to 32 blocks. Without latency 8 to 32 connections are equal.
LOCAL_CONNECTIONS, STORE_CONNECTIONS = 16, 32
PART = 4 << 20

# For streams.
RCLONE_STREAMS = ["--vfs-read-chunk-streams", "8", "--vfs-read-chunk-size", "8M"]
# For small reads: a range is asked for in pieces that are about as small, and nothing is read ahead.
RCLONE_RANDOM = ["--vfs-read-chunk-size", "128k", "--buffer-size", "0", "--vfs-read-wait", "1ms"]

MountFactory = Callable[..., contextlib.AbstractContextManager[Mount]]
"""Of a bench; `container` and `cache` may be given."""


def outputfs(*options: str) -> MountFactory:
    def mount(bench: Bench, **places):
        return mounts.outputfs(bench.tools, bench.emulator, list(options), **places)

    return mount


def outputfs_on_nginx(bench: Bench):
    return mounts.outputfs(bench.tools, bench.nginx, ["--verify", "off"])


def rclone(mode: str, *options: str) -> MountFactory:
    def mount(bench: Bench, **places):
        return mounts.rclone(bench.tools, bench.emulator, ["--vfs-cache-mode", mode, *options], **places)

    return mount


@contextlib.contextmanager
def cache_directory(bench: Bench) -> Iterator[pathlib.Path]:
    """An empty one, gone afterwards."""
    with mounts.scratch() as place:
        cache = place / "cache"
        cache.mkdir()
        yield cache
