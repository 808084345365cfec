"""What is measured: workloads, who takes part, and which number counts."""

import dataclasses
import math
import pathlib
from collections.abc import Callable

from .folders import Folder
from .mounts import Tools
from .servers import Emulator, Network, Nginx
from .trials import GIB, Trial

LOCAL = Network()
STORE = Network(latency=20, rate=100 << 20)
"""A real store nearby: 20 ms to the first byte, 100 MiB/s per connection."""


@dataclasses.dataclass(frozen=True)
class Scale:
    """How much of everything."""

    size: int
    """Of the streamed file, in bytes."""
    small_files: int
    names: list[int]
    """Entries of the directories that are listed."""
    stats: int
    seconds: float
    """At most, of random reads and of small files at 20 ms."""
    is_full: bool
    """Every size, number of jobs and network, not the subset that the targets need."""


@dataclasses.dataclass
class Bench:
    """What all trials share."""

    tools: Tools
    nginx: Nginx
    emulator: Emulator
    scale: Scale
    scratch: pathlib.Path
    folders: dict[str, Folder] = dataclasses.field(default_factory=dict)
    """What the transfers move, by name."""


@dataclasses.dataclass(frozen=True)
class Figure:
    """The number that counts. With `per_gib` CPU time stands per GiB, otherwise per 1,000 operations."""

    unit: str
    of: Callable[[Trial], float]
    more_is_better: bool = True
    per_gib: bool = False
    format: str = "{:.2f}"

    def cpu(self, trial: Trial, seconds: float | None) -> float | None:
        amount = trial.bytes / GIB if self.per_gib else trial.operations / 1000
        return None if seconds is None or amount == 0 else seconds / amount

    def ratio(self, trial: Trial, other: Trial) -> float | None:
        """How many times as good."""
        mine, others = self.of(trial), self.of(other)
        if mine == 0 or others == 0:
            return None
        return mine / others if self.more_is_better else others / mine


RATE = Figure("GiB/s", lambda trial: trial.rate, per_gib=True)
OPERATION_RATE = Figure("per second", lambda trial: trial.operation_rate, format="{:,.0f}")
SECONDS = Figure("s", lambda trial: trial.span, more_is_better=False)
MILLISECONDS = Figure("ms", lambda trial: trial.span * 1000, more_is_better=False, format="{:.1f}")


@dataclasses.dataclass(frozen=True)
class Column:
    """A further number of a workload's table."""

    head: str
    of: Callable[[Trial], float | str]
    format: str = "{:.1f}"


@dataclasses.dataclass(frozen=True)
class Contender:
    name: str
    kind: str
    """raw: the limit that the others are held against; outputfs; rival; reference: stands beside."""
    run: Callable[[Bench, Network], dict[str, Trial]]
    """One trial; a measurement for each step of the workload that it can do."""
    loses_errors: bool = False
    """Says that a file is safe before it is."""


@dataclasses.dataclass(frozen=True)
class Step:
    name: str
    title: str
    figure: Figure
    columns: tuple[Column, ...] = ()


@dataclasses.dataclass(frozen=True)
class Workload:
    key: str
    group: str
    """The heading of the table."""
    steps: tuple[Step, ...]
    contenders: tuple[Contender, ...]
    network: Network = LOCAL
    runs_twice: bool = False
    """Each trial twice in a row, and the second counts: it gets memory that was in use a moment ago."""
    most_trials: int = 100
    long: float = math.inf
    """Who takes more seconds than this is not asked again: one figure says enough."""
    is_mounted: bool = True
    """Whether file systems are compared: their bytes are checked before, and the directories made."""
