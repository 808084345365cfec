"""Random operations of several processes on two mounts, with faults of the server and mounts that are killed: part 4, §5.2.

A few seconds with every run; `scripts/test --soak [SECONDS]` for longer. A failure names its seed: `SEED=… scripts/test
--soak` begins the same way, as far as the machine's timing lets it.
"""

import os
import pathlib
import pickle
import random
import subprocess
import sys
import time

import pytest

from mounts import Mount, Server

# Of each of the four kinds of run.
SECONDS = int(os.environ.get("OUTPUTFS_SOAK_SECONDS") or 20) / 4
SEED = int(os.environ.get("SEED") or random.randrange(1 << 32))
PASSING = [
    {"effect": "status", "status": 503, "code": "ServerBusy"},
    {"effect": "status", "status": 500, "code": "InternalError"},
    {"effect": "status", "status": 500, "code": "InternalError", "applied": True},
    {"effect": "reset", "when": "beforeApplying"},
    {"effect": "reset", "when": "afterApplying"},
    {"effect": "reset", "when": "afterRequestBytes", "bytes": 900},
    {"effect": "corruptRequest", "byte": 60},
    {"effect": "corrupt", "byte": 20},
    {"effect": "delay", "milliseconds": 200},
]


class Soak:
    def __init__(self, place, *options):
        self.place, self.options = place, options
        self.chance = random.Random(SEED)
        self.server = Server(data=place / "data")
        self.other = Mount(place / "other", self.server, "--attr-ttl", "100ms")
        self.mount = self.mounted()
        self.mount.job("soak")
        self.kills = 0
        self.live(2)

    def mounted(self):
        return Mount(self.place / "mnt", self.server, *self.options)

    def live(self, number):
        """In one step: the workers read it at any moment."""
        self.life = number
        (self.place / "life-new").write_text(str(number))
        os.rename(self.place / "life-new", self.place / "life")

    def start(self, count):
        self.workers = []
        for number in range(count):
            arguments = [
                self.place / "life",
                self.mount / f"jobs/soak/JobOutput/w{number}",
                "-" if "journal" in self.options else self.other / f"jobs/soak/JobOutput/w{number}",
                self.chance.randrange(1 << 32),
                SECONDS,
            ]
            program = [sys.executable, pathlib.Path(__file__).with_name("soak.py"), *arguments]
            self.workers.append(subprocess.Popen(list(map(str, program)), stdout=subprocess.PIPE, text=True))

    def disturb(self, kills):
        """Until the workers' time is over, or one of them found something."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end and all(worker.poll() is None for worker in self.workers):
            self.server.faults(
                *({**self.chance.choice(PASSING), "skip": self.chance.randrange(300), "times": 1} for _ in range(4))
            )
            time.sleep(self.chance.uniform(0.05, 0.6))
            if kills and self.chance.randrange(5) == 0:
                self.kill()
        self.server.faults()

    def kill(self):
        self.kills += 1
        self.live(self.life + 1)
        self.mount.kill()
        subprocess.run(["fusermount3", "-uz", self.mount.place], check=False, capture_output=True)
        self.mount = self.mounted()
        # What was closed and not in the store yet is on its way now.
        self.drain()
        self.live(self.life + 1)

    def drain(self):
        """All that was closed is in the store then; what was killed before its close makes drain say 74."""
        self.mount.drain()
        # A worker that did nothing while its mount was killed goes on at once, with the new one.
        pending = [file for file in self.mount.status()["tree"]["pendingFiles"] if not file["isOpen"]]
        assert pending == [], f"seed {SEED}: {pending}\n{self.mount.log()[-2000:]}"

    def result(self):
        said = [worker.communicate(timeout=150)[0] for worker in self.workers]
        assert all(worker.returncode == 0 for worker in self.workers), f"seed {SEED}, {self.kills} kills\n" + "\n".join(said)
        return said

    def compare(self):
        """The store holds what the workers were told, and nothing else."""
        wanted = {}
        for number in range(len(self.workers)):
            files = pickle.loads((self.place / f"life-w{number}").read_bytes())
            wanted |= {f"$JobOutput/w{number}/{name}": content for name, content in files.items()}
        container = self.server.service.get_container_client("job-soak")
        blobs = {blob.name for blob in container.list_blobs(include=["metadata"]) if not (blob.metadata or {}).get("hdi_isfolder")}
        assert blobs == set(wanted), f"seed {SEED}"
        for name, content in wanted.items():
            assert self.server.bytes("job-soak", name) == content, f"seed {SEED}: {name}"

    def end(self):
        for worker in getattr(self, "workers", []):
            worker.kill()
            worker.wait()
        self.mount.end()
        self.other.end()
        self.server.stop()


@pytest.fixture
def soaking(tmp_path):
    made = []

    def make(*options):
        made.append(Soak(tmp_path, *options))
        return made[-1]

    yield make
    for soak in made:
        soak.end()


@pytest.mark.timeout(SECONDS + 200)
@pytest.mark.parametrize("durability", ["commit", "journal"])
@pytest.mark.parametrize("kills", [False, True], ids=["faults", "faults and kills"])
def test_random_operations_leave_what_was_reported(soaking, kills, durability):
    soak = soaking("--durability", durability)
    soak.start(4)
    soak.disturb(kills)
    said = soak.result()
    print(f"seed {SEED}, {soak.kills} kills", *said)
    soak.drain()
    soak.compare()
    # Kept is what was killed between its first write and its close, and nothing else.
    kept = soak.mount.status()["tree"]["keptFiles"]
    assert {file["reason"] for file in kept} <= ({"written, and never closed"} if kills else set()), kept
    assert soak.mount.unmount(60) == 0
    assert len(list(soak.mount.journal.glob("*/*.data"))) == len(kept)
