"""What the suites of the built program share: an emulator, and mounts that never outlive a test."""

import subprocess

import pytest
from azure.storage.blob import BlobServiceClient

from program import emulator, is_mounted, outputfs


@pytest.fixture(scope="session")
def server():
    with emulator() as running:
        yield running


@pytest.fixture
def service(server):
    """A client by others for the server, whichever the suite has."""
    with BlobServiceClient.from_connection_string(server.connection_string) as client:
        yield client


@pytest.fixture
def run(server):
    """Runs the program with the server's credentials."""

    def run(*arguments, **environment):
        return outputfs(*arguments, AZURE_STORAGE_CONNECTION_STRING=server.connection_string, **environment)

    return run


@pytest.fixture
def where(container):
    """The path of a suite's own container."""
    return f"containers/{container.container_name}"


@pytest.fixture
def place(tmp_path):
    """A directory to mount on, free again after the test."""
    mount_point = tmp_path / "outputs"
    mount_point.mkdir()
    yield mount_point
    if is_mounted(mount_point):
        subprocess.run(["umount", "-l", mount_point], timeout=10, check=False)


@pytest.fixture
def mounted(server, place, tmp_path):
    """A mount in the background."""
    ended = outputfs(
        "mount", place, "--journal-dir", tmp_path / "spool", AZURE_STORAGE_CONNECTION_STRING=server.connection_string
    )
    assert ended.status == 0, ended.err
    yield place
    if is_mounted(place):
        ended = outputfs("unmount", place, "--timeout", "10s", "--lazy")
        assert ended.status == 0, ended.err
