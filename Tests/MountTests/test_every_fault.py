"""Every request of an upload fails once, in every way: SEMANTICS.md §3.3, §3.4, §5.1 and §5.2.

Each scenario runs once to count its requests, and then again for each of them and each way of failing. What close
reported is what the store holds; what follows builds on the right version; nothing is done twice and nothing is left.
"""

import concurrent.futures
import errno
import itertools
import os
import random
import time

import pytest

from mounts import Mount, wait_until

OLD = random.Random(1).randbytes(9 << 20)
NEW = random.Random(2).randbytes(17 << 20)
ONCE = {
    "busy": {"effect": "status", "status": 503, "code": "ServerBusy", "retryAfter": 1},
    "failed": {"effect": "status", "status": 500, "code": "InternalError"},
    "failed, yet done": {"effect": "status", "status": 500, "code": "InternalError", "applied": True},
    "reset before": {"effect": "reset", "when": "beforeApplying"},
    "reset in the middle": {"effect": "reset", "when": "afterRequestBytes", "bytes": 5000},
    "answer lost": {"effect": "reset", "when": "afterApplying"},
    "answer late": {"effect": "stall", "part": "head", "bytes": 10, "milliseconds": 1500},
    "corrupt": {"effect": "corruptRequest", "byte": 3},
}


class Scenario:
    """What is there before, what a program does, what must be there when its close said 0, and what it fsyncs before."""

    def __init__(self, act, wanted, before=None, fsynced=()):
        self.act, self.wanted, self.before, self.fsynced = act, wanted, before, fsynced


def write(path, content, mode="wb"):
    with open(path, mode, buffering=0) as file:
        for start in range(0, len(content), 1 << 20):
            file.write(content[start : start + (1 << 20)])


def edit(path):
    with open(path, "r+b", buffering=0) as file:
        file.seek(5_000_000)
        file.write(b"changed")


def synchronized(path):
    with open(path, "wb", buffering=0) as file:
        file.write(NEW[:1000])
        os.fsync(file.fileno())
        file.write(NEW[1000 : 9 << 20])
        os.fsync(file.fileno())
        file.write(NEW[9 << 20 :])


def saved(path):
    """As editors save: a new file, renamed over the old one."""
    write(f"{path}.tmp", NEW[:10_000])
    os.rename(f"{path}.tmp", path)


SCENARIOS = {
    "small": Scenario(lambda path: write(path, NEW[:9]), NEW[:9]),
    "blocks": Scenario(lambda path: write(path, NEW), NEW),
    "replaced": Scenario(lambda path: write(path, NEW[:9]), NEW[:9], OLD),
    "exclusive": Scenario(lambda path: write(path, NEW[:5000], "xb"), NEW[:5000]),
    "edited": Scenario(edit, OLD[:5_000_000] + b"changed" + OLD[5_000_007:], OLD),
    "appended": Scenario(lambda path: write(path, b"more", "ab"), OLD + b"more", OLD),
    "fsynced": Scenario(synchronized, NEW, fsynced=[NEW[:1000], NEW[: 9 << 20]]),
    "saved": Scenario(saved, NEW[:10_000], OLD),
    "truncated": Scenario(lambda path: os.truncate(path, 4_000_000), OLD[:4_000_000], OLD),
}


def same(found, wanted, why):
    """Without the megabytes that pytest would print."""
    if found != wanted:
        raise AssertionError(f"{why}: {None if found is None else len(found)} bytes for {wanted and len(wanted)}")


class Run:
    """A job on an emulator of its own, with the names of its cases."""

    def __init__(self, server, mount):
        self.server, self.mount, self.numbers = server, mount, itertools.count()
        self.outputs = mount.job("faults")

    def new_case(self, scenario):
        """The path of a file that is as the scenario wants it before."""
        path = self.outputs / f"case{next(self.numbers)}-"
        if scenario.before is not None:
            self.server.blob("job-faults", f"$JobOutput/{path.name}").upload_blob(scenario.before)
        return path

    def requests_of(self, scenario):
        path = self.new_case(scenario)
        # The first rename in a container asks whether deleting is permitted.
        saved(self.outputs / "first")
        time.sleep(1.1)
        self.server.reset_counters()
        scenario.act(path)
        count = sum(self.server.requests().values())
        same(self.stored(path), scenario.wanted, "without a fault")
        return count

    def stored(self, path):
        """None where there is no blob."""
        blob = self.server.blob("job-faults", f"$JobOutput/{path.name}")
        return blob.download_blob().readall() if blob.exists() else None

    def leftovers(self, path):
        """Blocks that were put and not committed."""
        return self.server.blob("job-faults", f"$JobOutput/{path.name}").get_block_list("uncommitted")[1]


@pytest.fixture
def faulty(own_server, tmp_path):
    made = []

    def make(*options):
        made.append(Mount(tmp_path / "mnt", own_server, *options))
        return Run(own_server, made[-1])

    yield make
    for mount in made:
        mount.end()


def all_at_once(check, cases):
    """Each case has files of its own, so they run beside each other; all that fail are named."""
    def checked(case):
        try:
            check(*case)
        except Exception as error:
            return f"{case[0]}: {type(error).__name__} {error}"[:300]

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        failures = [failure for failure in pool.map(checked, cases) if failure]
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("name", SCENARIOS)
def test_each_request_may_fail_once_and_nobody_notices(faulty, name):
    """§5.1, §5.2"""
    scenario, run = SCENARIOS[name], faulty()
    count = run.requests_of(scenario)
    assert count > 0
    cases, rules = [], []
    for number, fault in itertools.product(range(count), ONCE):
        path = run.new_case(scenario)
        cases.append((f"request {number + 1} of {count} {fault}", path))
        rules.append({"blob": f"$JobOutput/{path.name}*", "skip": number, "times": 1, **ONCE[fault]})
    time.sleep(1.1)
    run.server.faults(*rules)

    all_at_once(lambda _, path: scenario.act(path), cases)
    run.server.faults()

    def check(_, path):
        same(run.stored(path), scenario.wanted, "other bytes than were closed")
        assert run.leftovers(path) == [], "blocks are left"
        # Who goes on builds on the version that close made.
        with open(path, "r+b", buffering=0) as file:
            file.write(b"next")
        same(run.stored(path), b"next" + scenario.wanted[4:], "the next change was lost")

    all_at_once(check, cases)
    names = {blob.name for blob in run.server.service.get_container_client("job-faults").list_blobs()}
    assert not {name for name in names if name.endswith(".tmp")}
    wait_until(lambda: not run.mount.status()["tree"]["pendingFiles"], 10)
    assert run.mount.unmount() == 0
    assert list(run.mount.journal.iterdir()) == []


LASTING = {
    "denied": ({"effect": "status", "status": 403, "code": "AuthorizationPermissionMismatch"}, errno.EACCES),
    "failing": ({"effect": "status", "status": 500, "code": "InternalError"}, errno.EIO),
    "failing, yet done": ({"effect": "status", "status": 500, "code": "InternalError", "applied": True}, errno.EIO),
    "answers lost": ({"effect": "reset", "when": "afterApplying"}, errno.EIO),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_from_each_request_on_all_fail_and_close_says_so(faulty, name):
    """§3.3, §3.4: an error leaves the old version or the new one, and the bytes can be sent later."""
    scenario, run = SCENARIOS[name], faulty("--commit-deadline", "1s", "--retry-deadline", "1s")
    count = run.requests_of(scenario)
    cases, rules = [], []
    for number, fault in itertools.product(range(count), LASTING):
        path = run.new_case(scenario)
        cases.append((f"from request {number + 1} of {count} on {fault}", path, LASTING[fault][1]))
        rules.append({"blob": f"$JobOutput/{path.name}*", "skip": number, **LASTING[fault][0]})
    time.sleep(1.1)
    run.server.faults(*rules)

    outcomes = {}

    def act(case, path, expected):
        try:
            scenario.act(path)
            outcomes[path] = 0
        except OSError as error:
            outcomes[path] = error.errno
            # EEXIST: what O_EXCL made without an answer cannot be told from somebody else's. ENOENT: what was never
            # seen, and must not be looked at, is absent, or a token that only writes could make nothing.
            possible = {expected, errno.EEXIST} | ({errno.ENOENT} if scenario.before and expected == errno.EACCES else set())
            assert error.errno in possible, errno.errorcode[error.errno]

    all_at_once(act, cases)
    run.server.faults()

    def check(_, path, __):
        stored = run.stored(path)
        if outcomes[path] == 0:
            same(stored, scenario.wanted, "close said 0")
        elif stored != scenario.wanted and stored not in scenario.fsynced:
            same(stored, scenario.before, "neither the old nor the new version")

    all_at_once(check, cases)
    assert run.mount.drain() == 0

    def check_agreement(_, path, __):
        shown = path.read_bytes() if path.exists() else None
        same(run.stored(path), shown, "the mount shows what the store does not hold")
        if shown != scenario.wanted and shown not in scenario.fsynced:
            same(shown, scenario.before, "a part")

    all_at_once(check_agreement, cases)
    assert run.mount.unmount() == 0
    assert list(run.mount.journal.iterdir()) == []
