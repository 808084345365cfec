"""What processes cost, out of /proc."""

import dataclasses
import os
import pathlib
import signal
import subprocess

TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids: list[int]) -> float:
    """User and system time of these processes so far; what the kernel does for them in softirqs is in there."""
    total = 0
    for pid in pids:
        # The name is in parentheses and may hold blanks.
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def peak_memory(pid: int) -> int:
    """The most that was ever resident, in bytes."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def children(pid: int) -> list[int]:
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def machine_busy_seconds() -> float:
    """CPU seconds that the whole machine has worked; what the hypervisor stole counts."""
    fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle, iowait = fields[3], fields[4]
    return (sum(fields) - idle - iowait) / TICK


@dataclasses.dataclass
class Process:
    """A process of ours, ended by its own id and by nothing broader."""

    popen: subprocess.Popen

    @property
    def pid(self) -> int:
        return self.popen.pid

    def check(self, what: str) -> None:
        if self.popen.poll() is not None:
            raise RuntimeError(f"{what} has ended with status {self.popen.returncode}")

    def stop(self, patience: float = 30) -> None:
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
        try:
            self.popen.wait(patience)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
