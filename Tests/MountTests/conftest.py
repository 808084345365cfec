"""The fixtures of the mount suite: an emulator and a mount for the session, and more of both for who needs them."""

import itertools

import pytest

from mounts import Mount, Server

numbers = itertools.count()


@pytest.fixture(scope="session")
def server():
    running = Server()
    yield running
    running.stop()


@pytest.fixture
def own_server():
    """An emulator of this test's own, whose counters nobody else moves."""
    running = Server()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def shared_mount(server, tmp_path_factory):
    mount = Mount(tmp_path_factory.mktemp("shared") / "mnt", server)
    yield mount
    mount.end()


@pytest.fixture(autouse=True)
def no_faults(request):
    """Each test begins and ends without faults."""
    running = request.getfixturevalue("server") if "server" in request.fixturenames else None
    if running is not None:
        running.faults()
    yield
    if running is not None and running.process.poll() is None:
        running.faults()


@pytest.fixture
def mounting(server, tmp_path):
    """Makes mounts of this test's own: `mounting(option, …)`; with `place` where one was, with its journal."""
    made = []

    def make(*options, server=server, place=None, **more):
        mount = Mount(place or tmp_path / f"mnt{len(made)}", server, *options, **more)
        made.append(mount)
        return mount

    yield make
    for mount in made:
        mount.end()


@pytest.fixture
def job():
    """The name of a job that no other test uses; its container is job- and the name."""
    return f"trial{next(numbers)}"


@pytest.fixture
def outputs(shared_mount, job):
    """The JobOutput of a job of this test's own on the session's mount."""
    return shared_mount.job(job)
