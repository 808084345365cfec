"""Processes: what they cost, out of /proc, and how they end."""

import dataclasses
import os
import pathlib
import select
import signal
import subprocess
import tempfile
import time

TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids: list[int]) -> float:
    """User and system time of these processes so far; what the kernel does for them in softirqs is in there."""
    total = 0
    for pid in pids:
        # The name is in parentheses and may hold blanks.
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def memory(pid: int, field: str) -> int:
    """Of /proc/PID/status, in bytes: VmHWM is the most that was ever resident, VmRSS what is now."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return 0


def children(pid: int) -> list[int]:
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def machine_busy_seconds() -> float:
    """CPU seconds that the whole machine has worked; what the hypervisor stole counts."""
    fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle, iowait = fields[3], fields[4]
    return (sum(fields) - idle - iowait) / TICK


def connections_to(port: int) -> int:
    """Established TCP connections that a server on this port has."""
    established, wanted = "01", f":{port:04X}"
    lines = pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(1 for line in lines if line.split()[1].endswith(wanted) and line.split()[3] == established)


@dataclasses.dataclass
class Process:
    """A process of ours with a session of its own: it and what it started are ended by their ids, nothing else is."""

    popen: subprocess.Popen

    @classmethod
    def start(cls, command: list[str], **options) -> "Process":
        return cls(subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **options))

    @property
    def pid(self) -> int:
        return self.popen.pid

    def check(self, what: str) -> None:
        if self.popen.poll() is not None:
            raise RuntimeError(f"{what} has ended with status {self.popen.returncode}")

    def stop(self, patience: float = 30) -> None:
        """Asks it to end; kills the whole group if it does not."""
        try:
            if self.popen.poll() is None:
                self.popen.send_signal(signal.SIGTERM)
            self.popen.wait(patience)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.kill()

    def kill(self) -> None:
        try:
            os.killpg(self.popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.popen.wait()


def run(command: list[str], timeout: float = 600) -> str:
    """What a program prints; its process group is killed if it takes too long or anything happens meanwhile."""
    process = Process.start(command, stdout=subprocess.PIPE, text=True)
    try:
        output, _ = process.popen.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        raise RuntimeError(f"{' '.join(command[:5])} … took longer than {timeout:.0f} s") from None
    except BaseException:
        process.kill()
        raise
    if process.popen.returncode != 0:
        raise RuntimeError(f"{' '.join(command[:3])} … ended with status {process.popen.returncode}")
    return output


@dataclasses.dataclass
class Ended:
    """A program that did what it should."""

    output: str
    seconds: float
    """From before its start to its end."""
    cpu: float
    peak_memory: int
    """VmHWM in bytes, as it was at most 10 ms before the end. (The rusage of a child begins with what its parent had.)"""


def run_measured(command: list[str], environment: dict[str, str], timeout: float = 120) -> Ended:
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as said:
        started, peak = time.monotonic(), 0
        process = Process.start(command, env=environment, stdout=output, stderr=said)
        end = os.pidfd_open(process.pid)
        try:
            while not select.select([end], [], [], 0.01)[0]:
                peak = max(peak, memory(process.pid, "VmHWM"))
                if time.monotonic() - started > timeout:
                    raise RuntimeError(f"{' '.join(command[:3])} … took longer than {timeout:.0f} s")
            seconds = time.monotonic() - started
            cpu = cpu_seconds([process.pid])
        finally:
            os.close(end)
            process.kill()
        output.seek(0)
        said.seek(0)
        if process.popen.returncode != 0:
            why = said.read()[-500:].strip()
            raise RuntimeError(f"{' '.join(command[:3])} … ended with status {process.popen.returncode}: {why}")
        return Ended(output.read(), seconds, cpu, peak)


def wait_until(condition, what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.01)
