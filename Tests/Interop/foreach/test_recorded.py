"""The emulator and the commands against what doAzureParallel sends: a job from its submit to its end."""

import datetime
import itertools
import json
import pathlib
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parents[1] / "CommandTests"))
sys.path.append(str(HERE))

import rds  # noqa: E402
from foreach_jobs import SCRIPTS  # noqa: E402
from program import emulator, outputfs  # noqa: E402
from recorded import Client, block_id  # noqa: E402

numbers = itertools.count()
DAY = datetime.timedelta(days=1)


@pytest.fixture(scope="module")
def server():
    with emulator() as running:
        yield running


@pytest.fixture
def client(server):
    return Client(server.endpoint, server.account, server.key)


@pytest.fixture
def job(client):
    """Created and nothing else."""
    name = f"recorded{next(numbers)}"
    status, headers, _ = client.create_container(name)
    assert status == 201 and "etag" in headers
    return name


def names(listing):
    return [element.text for element in ElementTree.fromstring(listing).iter("Name")]


def submit(client, job):
    for script in SCRIPTS:
        assert client.upload(job, script, b"#!/usr/bin/Rscript\n", "text/plain")[0] == 201
    assert client.upload(job, f"{job}.rds", rds.environment(argsList=[float(n) for n in range(5)]))[0] == 201
    assert client.upload(job, f"{job}-metadata.rds", rds.metadata(2, "stop"))[0] == 201


def test_a_job_from_submit_to_merge(server, client, job, tmp_path):
    """R1: scripts and files with the key; results and logs with a token to write; the merge with one to read and list."""
    submit(client, job)
    read, write = client.token(job, "r"), client.token(job, "w")
    status, headers, body = client.send("GET", f"/{job}/worker.R", token=read)
    assert (status, headers["content-type"], body) == (200, "text/plain", b"#!/usr/bin/Rscript\n")

    def put(name, data):
        assert client.send("PUT", f"/{job}/{name}", body=data, headers={"x-ms-blob-type": "BlockBlob"}, token=write)[0] == 201

    for task in [1, 2, 3]:
        iterations = range(2 * task - 1, min(2 * task, 5) + 1)
        put(f"results/{task}-result.rds", rds.result([float(n) for n in iterations], iterations[0]))
        put(f"logs/{task}.txt", b"log")
        put(f"stdout/{task}-stdout.txt", b"")
        put(f"stderr/{task}-stderr.txt", b"banner")
    merge = client.token(job, "rl")
    status, _, listing = client.list(job, "results", merge)
    assert status == 200 and names(listing) == [f"results/{task}-result.rds" for task in [1, 2, 3]]
    for name in names(listing):
        assert client.send("GET", f"/{job}/{name}", token=merge)[0] == 200
    # Neither token may do more than it says.
    assert client.send("PUT", f"/{job}/x", body=b"x", headers={"x-ms-blob-type": "BlockBlob"}, token=merge)[0] == 403
    assert client.send("GET", f"/{job}/worker.R", token=write)[0] == 403

    environment = {"AZURE_STORAGE_CONNECTION_STRING": server.connection_string}
    status = json.loads(outputfs("foreach", "status", "--json", job, **environment).out)
    assert (status["expected"], status["present"], status["missing"], status["errorHandling"]) == (3, 3, [], "stop")
    ended = outputfs("foreach", "salvage", job, "--merged", tmp_path / "all.rds", **environment)
    assert ended.status == 0, ended.err
    assert rds.names_and_numbers((tmp_path / "all.rds").read_bytes())[1] == [1.0, 2.0, 3.0, 4.0, 5.0]


@pytest.mark.parametrize("from_now, to_then, code", [(-DAY, 2 * DAY, 200), (-3 * DAY, -DAY, 403), (DAY, 2 * DAY, 403)])
def test_tokens_hold_between_their_times_though_their_minutes_are_hours(client, job, from_now, to_then, code):
    """R2."""
    client.upload(job, "worker.R", b"x")
    now = datetime.datetime.now(datetime.timezone.utc)
    token = client.token(job, "r", now + from_now, now + to_then)
    start = urllib.parse.parse_qs(token)["st"][0]
    hour, minute = int(start[11:13]), int(start[14:16])
    assert minute == (hour % 12 or 12)
    assert client.send("GET", f"/{job}/worker.R", token=token)[0] == code


def test_an_empty_prefix_is_part_of_what_is_signed(client, job):
    """R2."""
    client.upload(job, "a", b"x")
    status, _, listing = client.list(job, "")
    assert status == 200 and names(listing) == ["a"]


def test_a_block_list_may_name_an_id_twice_and_its_type_is_not_the_blobs(client, job):
    """R3: of eleven blocks the tenth has the first one's id, and takes its place, too."""
    for index in range(1, 12):
        data = f"<{index}>".encode()
        assert client.send("PUT", f"/{job}/big.rds", {"comp": "block", "blockid": block_id(index)}, data)[0] == 201
    entries = "".join(f"<Latest>{block_id(index)}</Latest>" for index in range(1, 12))
    document = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{entries}</BlockList>'.encode()
    assert client.send("PUT", f"/{job}/big.rds", {"comp": "blocklist"}, document, {"Content-Type": "text/xml"})[0] == 201
    status, headers, body = client.send("GET", f"/{job}/big.rds")
    assert (status, headers["content-type"]) == (200, "application/octet-stream")
    assert body == b"<10><2><3><4><5><6><7><8><9><10><11>"


def test_an_id_that_is_taken_and_a_merge_that_is_not_there(client, job):
    """R4."""
    status, headers, body = client.create_container(job)
    assert (status, headers["x-ms-error-code"]) == (409, "ContainerAlreadyExists")
    assert ElementTree.fromstring(body).find("Code").text == "ContainerAlreadyExists"
    status, headers, body = client.send("GET", f"/{job}/results/merge-result.rds")
    assert (status, headers["x-ms-error-code"], headers["content-type"]) == (404, "BlobNotFound", "application/xml")
    assert ElementTree.fromstring(body).find("Code").text == "BlobNotFound"


@pytest.mark.parametrize("type", ["application/octet-stream", "text/plain", "application/x-gzip", "image/png"])
def test_the_type_comes_back_as_it_was_stored(client, job, type):
    """By it the client decides how to read a result."""
    client.upload(job, "results/merge-result.rds", rds.result([1.0]), type)
    assert client.send("GET", f"/{job}/results/merge-result.rds")[1]["content-type"] == type


def test_what_we_put_has_no_type_that_the_client_would_parse(server, client, job, tmp_path):
    (tmp_path / "merge-result.rds").write_bytes(rds.result([1.0]))
    ended = outputfs("put", tmp_path / "merge-result.rds", f"containers/{job}/results/", AZURE_STORAGE_CONNECTION_STRING=server.connection_string)
    assert ended.status == 0, ended.err
    assert client.send("GET", f"/{job}/results/merge-result.rds")[1]["content-type"] == "application/octet-stream"
