"""One trial: run a client, and take from every party what it cost."""

import contextlib
import dataclasses
import json
import time
from collections.abc import Iterator

from .processes import connections_to, cpu_seconds, machine_busy_seconds, memory, run
from .servers import Emulator, Network, Nginx

GIB = 1 << 30
MIB = 1 << 20


@dataclasses.dataclass
class Trial:
    """What one run of one contender came to. CPU in seconds, memory in bytes."""

    seconds: float = 0
    bytes: int = 0
    operations: int = 0
    p50: float = 0
    """Seconds of one operation; 99 of 100 take at most `p99`."""
    p99: float = 0
    client_cpu: float = 0
    server_cpu: float = 0
    daemon_cpu: float | None = None
    daemon_peak_memory: int | None = None
    memory_growth: int | None = None
    """By which the daemon's resident memory grew meanwhile."""
    connections: int = 0
    """To the server, when the trial ended."""
    requests: int = 0
    requests_by_operation: dict[str, int] = dataclasses.field(default_factory=dict)
    bytes_from_server: int = 0
    bytes_to_server: int = 0
    others: float = 0
    """What the rest of the machine worked meanwhile, in cores, the kernel's own threads included."""
    stores_md5: bool | None = None
    """Uploads: whether every blob has the MD5 of its bytes beside it."""
    stored_seconds: float | None = None
    """Writing: until the server has everything."""
    beside: dict[str, float] = dataclasses.field(default_factory=dict)
    """Of workloads that measure two things at once: the other one."""

    @property
    def span(self) -> float:
        """Seconds in which the work was done: who sends after close works on."""
        return self.stored_seconds or self.seconds

    @property
    def rate(self) -> float:
        """GiB/s."""
        return self.bytes / GIB / self.span

    @property
    def operation_rate(self) -> float:
        return self.operations / self.span

    @property
    def cpu(self) -> float:
        """Of all parties."""
        return self.client_cpu + self.server_cpu + (self.daemon_cpu or 0)

    def of_bound(self, cores: int) -> float:
        """The rate over what the cores could do if none of the parties ever waited."""
        return self.cpu / (cores * self.span)


class Meter:
    """Measures what happens between `measuring` and its end, during which the network is as slow as it should be."""

    def __init__(self, server: Nginx | Emulator, network: Network, daemon: int | None):
        self.server = server
        self.network = network
        self.daemon = daemon

    @contextlib.contextmanager
    def measuring(self) -> Iterator[Trial]:
        trial = Trial()
        server_pids = self.server.pids
        daemon_pids = [self.daemon] if self.daemon else []
        resident = memory(self.daemon, "VmRSS") if self.daemon else 0
        with self.server.slowed_to(self.network):
            self.server.reset_counts()
            started, machine = time.monotonic(), machine_busy_seconds()
            server, daemon = cpu_seconds(server_pids), cpu_seconds(daemon_pids)
            yield trial
            trial.server_cpu = cpu_seconds(server_pids) - server
            if self.daemon:
                trial.daemon_cpu = cpu_seconds(daemon_pids) - daemon
                trial.daemon_peak_memory = memory(self.daemon, "VmHWM")
                trial.memory_growth = memory(self.daemon, "VmRSS") - resident
            worked = machine_busy_seconds() - machine - trial.cpu
            trial.others = max(0.0, worked / (time.monotonic() - started))
            trial.connections = connections_to(self.server.port)
            # nginx writes its log when an answer is sent, the emulator counts before.
            time.sleep(0.05)
            counts = self.server.counts()
        trial.requests_by_operation = counts.by_operation
        # A harness that asks whether everything has arrived is no load of the contender's.
        trial.requests = sum(counts.by_operation.values()) - int(trial.beside.get("polls", 0))
        trial.bytes_from_server, trial.bytes_to_server = counts.sent, counts.received


def run_client(command: list[str], trial: Trial, timeout: float = 120) -> None:
    """Runs a client that prints its own seconds, CPU seconds and bytes."""
    take(json.loads(run(command, timeout)), trial)


def take(answer: dict, trial: Trial) -> None:
    trial.seconds, trial.client_cpu, trial.bytes = answer["seconds"], answer["cpu"], answer["bytes"]
    trial.operations = answer.get("operations", 0)
    trial.p50, trial.p99 = answer.get("p50", 0), answer.get("p99", 0)


def expect_cold(trial: Trial, share: float = 0.95) -> None:
    """A warm cache cannot pass for a cold read: what was read has come from the server just now."""
    if trial.bytes_from_server < share * trial.bytes:
        raise RuntimeError(f"not cold: {trial.bytes} bytes read, {trial.bytes_from_server} from the server")
