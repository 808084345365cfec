"""One trial: run a client, and take from every party what it cost."""

import contextlib
import dataclasses
import json
import subprocess
import time
from collections.abc import Iterator

from .processes import cpu_seconds, machine_busy_seconds, peak_memory
from .servers import Counts, Emulator, Nginx

GIB = 1 << 30


@dataclasses.dataclass
class Trial:
    """What one run of one contender came to. CPU in seconds, memory in bytes."""

    seconds: float = 0
    bytes: int = 0
    client_cpu: float = 0
    server_cpu: float = 0
    daemon_cpu: float | None = None
    daemon_peak_memory: int | None = None
    requests: int = 0
    bytes_from_server: int = 0
    bytes_to_server: int = 0
    others_cpu: float = 0
    """What the rest of the machine worked meanwhile, the kernel's own threads included."""
    stored_seconds: float | None = None
    """Writing: from open until the server has the whole blob."""

    @property
    def rate(self) -> float:
        """GiB/s."""
        return self.bytes / GIB / self.seconds

    def per_gib(self, cpu: float | None) -> float | None:
        return None if cpu is None else cpu / (self.bytes / GIB)

    @property
    def cpu(self) -> float:
        """Of all parties."""
        return self.client_cpu + self.server_cpu + (self.daemon_cpu or 0)

    def of_bound(self, cores: int) -> float:
        """The rate over what the cores could do if none of the parties ever waited."""
        return self.cpu / (cores * self.seconds)


class Meter:
    """Measures what happens between `measuring` and its end."""

    def __init__(self, server: Nginx | Emulator, daemon: int | None):
        self.server = server
        self.daemon = daemon

    @contextlib.contextmanager
    def measuring(self) -> Iterator[Trial]:
        trial = Trial()
        self.server.reset_counts()
        server_pids = self.server.pids
        daemon_pids = [self.daemon] if self.daemon else []
        machine = machine_busy_seconds()
        server, daemon = cpu_seconds(server_pids), cpu_seconds(daemon_pids)
        yield trial
        trial.server_cpu = cpu_seconds(server_pids) - server
        if self.daemon:
            trial.daemon_cpu = cpu_seconds(daemon_pids) - daemon
            trial.daemon_peak_memory = peak_memory(self.daemon)
        trial.others_cpu = max(0.0, machine_busy_seconds() - machine - trial.cpu)
        # nginx writes its log when an answer is sent, the emulator counts before.
        time.sleep(0.05)
        counts: Counts = self.server.counts()
        trial.requests = counts.requests
        trial.bytes_from_server, trial.bytes_to_server = counts.sent, counts.received


def run_client(command: list[str], trial: Trial, timeout: float = 600) -> None:
    """Runs a client that prints its own seconds, CPU seconds and bytes."""
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=timeout)
    if ended.returncode != 0:
        raise RuntimeError(f"{' '.join(command[:2])} ended with status {ended.returncode}")
    answer = json.loads(ended.stdout)
    trial.seconds, trial.client_cpu, trial.bytes = answer["seconds"], answer["cpu"], answer["bytes"]
