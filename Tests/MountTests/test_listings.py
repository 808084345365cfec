"""What walks over large directories cost at the server, through a real kernel: pages, never files."""

import concurrent.futures
import os

import pytest

from mounts import run, wait_until

COUNT = 2000
PAGE = 250
PAGES = COUNT // PAGE


@pytest.fixture(scope="module")
def large(server):
    """A job with a directory `d` of 2,000 small files, and one that holds it a level deeper."""
    server.faults()
    container = server.service.get_container_client("job-large")
    container.create_container()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        names = [f"$JobOutput/d/f{number:05}" for number in range(COUNT)]
        list(pool.map(lambda name: container.upload_blob(name, b"12345"), names))
    return "large"


@pytest.fixture
def outputs(server, mounting, large):
    """Its JobOutput on a mount of this test's own, where what is known is good for a minute."""
    mount = mounting("--attr-ttl", "60s")
    server.faults({"effect": "shortPages", "entries": PAGE})
    return mount / f"jobs/{large}/JobOutput"


def cost(server, outputs, command):
    os.stat(outputs)
    server.reset_counters()
    output = run(command, outputs, timeout=120)
    return output, server.requests()


@pytest.mark.parametrize(
    "command, expected",
    [
        ("ls d | wc -l", COUNT),
        ("ls -l d | grep -c f", COUNT),
        ("find d -type f | wc -l", COUNT),
        ("find d -type f -size -6c | wc -l", COUNT),
        ("du --apparent-size -s -B1 d | cut -f1", None),
        ("rsync -rn --itemize-changes d/ /nowhere-at-all/ | grep -c f+++", COUNT),
        ("python3 -c 'import os; print(sum(e.stat().st_size for e in os.scandir(\"d\")))'", 5 * COUNT),
    ],
)
def test_a_walk_costs_one_request_for_each_page(server, outputs, command, expected):
    output, requests = cost(server, outputs, command)
    if expected is not None:
        assert int(output) == expected
    assert requests.get("List Blobs", 0) <= PAGES + 3, requests
    # The way to the directory.
    assert requests.get("Get Blob Properties", 0) <= 2, requests


def test_what_was_listed_is_known_for_the_validity(server, outputs):
    run("ls -l d", outputs)
    assert int(cost(server, outputs, "ls -l d | grep -c f")[0]) == COUNT
    _, requests = cost(server, outputs, "ls -l d; du d; find d -size +1; ls d/none d/f00001.crc || true")
    assert sum(requests.values()) == 0, requests


def test_stat_after_the_validity_costs_pages_too(server, mounting, large):
    mount = mounting()
    outputs = mount / f"jobs/{large}/JobOutput"
    server.faults({"effect": "shortPages", "entries": PAGE})
    walk = "python3 -c 'import os,time; n=os.listdir(\"d\"); time.sleep(1.2); print(sum(os.stat(\"d/\"+x).st_size for x in n))'"
    output, requests = cost(server, outputs, walk)
    assert int(output) == 5 * COUNT
    # How many validities it takes is the machine's matter; asking for each file would be 2,000.
    assert sum(requests.values()) < COUNT // 4, requests


def test_the_first_names_come_before_the_last_page(server, outputs):
    slow = {"operation": "List Blobs", "effect": "delay", "milliseconds": 300, "skip": 3}
    server.faults({"effect": "shortPages", "entries": PAGE}, slow)
    os.stat(outputs)
    server.reset_counters()
    with os.scandir(outputs / "d") as entries:
        next(entries)
        assert server.requests()["List Blobs"] < PAGES


def test_a_page_that_fails_ends_ls_with_an_error_and_not_the_mount(server, outputs):
    server.faults(
        {"effect": "shortPages", "entries": PAGE},
        {"operation": "List Blobs", "effect": "status", "status": 403, "code": "AuthorizationFailure", "skip": 4},
    )
    with pytest.raises(PermissionError):
        os.listdir(outputs / "d")
    server.faults({"effect": "shortPages", "entries": PAGE})
    assert len(os.listdir(outputs / "d")) == COUNT


def test_rm_removes_all_of_a_directory_of_many_pages(server, mounting, job):
    mount = mounting()
    outputs = mount.job(job)
    container = server.service.get_container_client(f"job-{job}")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: container.upload_blob(f"$JobOutput/d/s{number % 3}/f{number}", b"x"), range(600)))
    server.faults({"effect": "shortPages", "entries": 50})
    assert int(run("find d -type f | wc -l", outputs)) == 600
    run("rm -r d", outputs, timeout=120)
    assert not (outputs / "d").exists()
    wait_until(lambda: not list(container.list_blobs(name_starts_with="$JobOutput/")), what="that all are gone")


def test_files_made_while_a_directory_is_listed_do_not_disturb(server, outputs):
    with os.scandir(outputs / "d") as entries:
        seen = [next(entries).name for _ in range(10)]
        for number in range(20):
            (outputs / f"d/g{number:03}").write_text("new")
        seen += [entry.name for entry in entries]
    assert len(seen) == len(set(seen))
    assert {f"f{number:05}" for number in range(COUNT)} <= set(seen)
    for number in range(20):
        (outputs / f"d/g{number:03}").unlink()
    assert len(os.listdir(outputs / "d")) == COUNT
