"""get --once-per-node: one process of a machine fetches, and the others end as it does, however it ends."""

import itertools
import json
import os
import signal

import pytest

from program import wait_until
from transfers import faulty_emulator

numbers = itertools.count()
VARIABLES = ["LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID", "PMI_LOCAL_RANK"]


@pytest.fixture(scope="module")
def server():
    with faulty_emulator() as running:
        yield running


@pytest.fixture
def container(server):
    container = server.service.create_container(f"once-{next(numbers)}")
    for number in range(5):
        container.upload_blob(f"ckpt/{number}", os.urandom(1000))
    return container


class Ranks:
    """Processes of one machine that fetch the same."""

    def __init__(self, server, container, target):
        self.server, self.target = server, target
        self.source = f"containers/{container.container_name}/ckpt"
        self.more = []
        self.running = {}

    def start(self, *ranks, variable="LOCAL_RANK"):
        for rank in ranks:
            arguments = ["get", "--once-per-node", "--json", self.source, *self.more, self.target]
            self.running[rank] = self.server.start(*arguments, **{variable: str(rank)})

    def end(self, rank):
        out, err = self.running[rank].communicate(timeout=60)
        return self.running[rank].returncode, json.loads(out) if out else None, err

    def kill(self):
        for process in self.running.values():
            process.kill()
            process.communicate()


@pytest.fixture
def ranks(server, container, tmp_path):
    ranks = Ranks(server, container, tmp_path / "ckpt")
    yield ranks
    server.faults()
    ranks.kill()


def names(folder):
    return sorted(os.listdir(folder)) if folder.exists() else []


@pytest.mark.parametrize("variable", VARIABLES)
def test_one_fetches_and_the_others_wait(server, ranks, variable):
    with server.holding("Get Blob"):
        ranks.start(0, variable=variable)
        wait_until(lambda: server.held() >= 5, 20, "that rank 0 fetches")
        ranks.start(1, 2, 3, variable=variable)
        for rank in (1, 2, 3):
            has_looked(ranks.running[rank])
        assert all(ranks.running[rank].poll() is None for rank in (1, 2, 3))
    ended = {rank: ranks.end(rank) for rank in range(4)}
    assert [ended[rank][0] for rank in range(4)] == [0] * 4, ended
    assert ended[0][1]["files"] == 5
    leader = f"fetched by local rank 0 (process {ranks.running[0].pid})"
    for rank in (1, 2, 3):
        assert ended[rank][1]["node"] == {"rank": rank, "role": leader} and ended[rank][1]["files"] == 0
    assert names(ranks.target) == ["0", "1", "2", "3", "4"]


def test_others_that_come_first_wait_for_rank_0(server, ranks):
    ranks.start(1)
    lock = lambda: [name for name in os.listdir(ranks.target.parent) if name.startswith(".outputfs-once-")]
    wait_until(lock, 20, "that rank 1 arrives")
    ranks.start(0)
    assert ranks.end(0)[1]["files"] == 5
    status, summary, _ = ranks.end(1)
    assert status == 0 and summary["files"] == 0


def test_the_others_fail_with_the_leader(server, ranks):
    with server.holding("Get Blob"):
        ranks.start(0)
        wait_until(lambda: server.held() >= 5, 20, "that rank 0 fetches")
        ranks.start(1)
        server.service.get_blob_client(ranks.source.split("/")[1], "ckpt/3").delete_blob()
        has_looked(ranks.running[1])
    status, _, error = ranks.end(0)
    assert status == 1
    status, _, error = ranks.end(1)
    assert status == 1 and "local rank 0" in error and "ckpt/3" in error, error


def test_the_others_end_with_the_status_of_the_leader(server, ranks):
    ranks.more = [ranks.source + "/none-*"]
    with server.holding("Get Blob"):
        ranks.start(0)
        wait_until(lambda: server.held() >= 5, 20, "that rank 0 fetches")
        ranks.start(1)
        has_looked(ranks.running[1])
    assert [ranks.end(rank)[0] for rank in (0, 1)] == [66, 66]


def test_when_the_leader_is_killed_another_one_takes_over(server, ranks):
    with server.holding("Get Blob"):
        ranks.start(0)
        wait_until(lambda: server.held() >= 5, 20, "that rank 0 fetches")
        ranks.start(1, 2)
        for rank in (1, 2):
            has_looked(ranks.running[rank])
        ranks.running[0].send_signal(signal.SIGKILL)
        ranks.running[0].wait()
    ended = [ranks.end(rank) for rank in (1, 2)]
    assert [status for status, _, _ in ended] == [0, 0], ended
    assert sorted(summary["files"] for _, summary, _ in ended) == [0, 5]
    assert names(ranks.target) == ["0", "1", "2", "3", "4"]


def has_looked(process):
    """Returns when the process has come to the others, and slept between two looks."""
    def met():
        folder = f"/proc/{process.pid}/fd"
        return any("outputfs-once" in os.readlink(f"{folder}/{name}") for name in os.listdir(folder))

    def sleeps():
        return int(open(f"/proc/{process.pid}/status").read().split("\nvoluntary_ctxt_switches:")[1].split()[0])

    wait_until(met, 20, "that it has come")
    first = sleeps()
    wait_until(lambda: sleeps() >= first + 3, 20, "that it has looked")


def test_what_an_earlier_run_left_lets_nobody_through(server, ranks):
    """The files are gone, and what told of their end is not: rank 1 must not go on before rank 0 has fetched them."""
    ranks.start(0)
    assert ranks.end(0)[0] == 0
    for name in names(ranks.target):
        (ranks.target / name).unlink()
    with server.holding("Get Blob"):
        ranks.start(1)
        has_looked(ranks.running[1])
        ranks.start(0)
        wait_until(lambda: server.held() >= 5, 20, "that rank 0 fetches")
        assert ranks.running[1].poll() is None
    assert ranks.end(0)[1]["files"] == 5 and ranks.end(1)[0] == 0


def test_who_comes_when_all_is_there_does_not_wait(server, ranks):
    ranks.start(0)
    assert ranks.end(0)[0] == 0
    with server.counted() as requests:
        ranks.start(3)
        status, summary, _ = ranks.end(3)
    assert status == 0 and summary["node"] == {"rank": 3, "role": "all of it was there"}
    assert "Get Blob" not in requests


def test_without_a_launcher_it_is_an_ordinary_get(server, ranks):
    ended = server.run("get", "--once-per-node", ranks.source, ranks.target)
    assert ended.status == 0 and names(ranks.target) == ["0", "1", "2", "3", "4"]


def test_a_rank_that_is_no_number_is_named(server, ranks):
    ended = server.run("get", "--once-per-node", ranks.source, ranks.target, SLURM_LOCALID="first")
    assert ended.status == 64 and "SLURM_LOCALID is 'first'" in ended.err
    assert names(ranks.target) == []


def test_a_dry_run_leaves_nothing(server, ranks):
    ended = server.run("get", "--once-per-node", "--dry-run", ranks.source, ranks.target, LOCAL_RANK="1")
    assert ended.status == 0 and names(ranks.target.parent) == []
