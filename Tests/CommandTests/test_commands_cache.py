"""--cache-dir and --cache-size: where a disk cache may be, how large, and what is said of one that cannot be."""

import json
import os
import shutil
import subprocess

import pytest

from program import outputfs


@pytest.fixture
def mount(server, place, tmp_path):
    """Runs `outputfs mount PLACE` with the emulator's credentials; unmounts what was mounted."""

    def run(*arguments):
        return outputfs(
            "mount", place, "--journal-dir", tmp_path / "spool", *arguments,
            AZURE_STORAGE_CONNECTION_STRING=server.connection_string,
        )

    yield run
    if os.path.ismount(place):
        assert outputfs("unmount", place).status == 0


def status(place):
    return json.loads(outputfs("status", place, "--json").out)["mounts"][0]


@pytest.mark.parametrize("below", ["cache", "deep/cache", "."])
def test_a_cache_inside_the_mount_point_is_refused(below, mount, place):
    ended = mount("--cache-dir", place / below)
    assert ended.status == 64
    assert "--cache-dir" in ended.err and f"lies inside the mount point {place}" in ended.err
    assert not os.path.ismount(place)


def test_a_link_does_not_lead_a_cache_into_the_mount_point(mount, place, tmp_path):
    link = tmp_path / "elsewhere"
    link.symlink_to(place)
    ended = mount("--cache-dir", link / "cache")
    assert ended.status == 64
    assert f"lies inside the mount point {place}" in ended.err


def test_a_cache_that_would_hold_the_mount_point_is_refused(mount, place, tmp_path):
    ended = mount("--cache-dir", tmp_path)
    assert ended.status == 64
    assert f"holds the mount point {place}" in ended.err


@pytest.mark.parametrize("option", ["--cache-dir", "--journal-dir", "--log-file"])
def test_a_place_in_another_mount_of_ours_is_refused(option, mounted, server, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    ended = outputfs(
        "mount", other, option, mounted / "containers" / "x", AZURE_STORAGE_CONNECTION_STRING=server.connection_string
    )
    assert ended.status == 64
    assert option in ended.err and f"inside another mount of outputfs, {mounted}" in ended.err


def test_a_cache_that_cannot_be_made_is_told_with_a_remedy(mount, tmp_path):
    (tmp_path / "file").write_text("")
    ended = mount("--cache-dir", tmp_path / "file" / "cache")
    assert ended.status == 73
    assert "--cache-dir" in ended.err and "try: --cache-dir elsewhere" in ended.err


def test_a_cache_that_cannot_be_written_is_told_with_a_remedy(mount, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("a read-only file system takes root")
    readonly = tmp_path / "readonly"
    readonly.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", readonly], check=True)
    try:
        ended = mount("--cache-dir", readonly)
        assert ended.status == 73, ended
        assert "--cache-dir" in ended.err and "Read-only file system" in ended.err and "try:" in ended.err
    finally:
        subprocess.run(["umount", readonly], check=True)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--cache-size", "1G"], ["--cache-dir"]),
        (["--cache-dir", "/var/tmp/x", "--cache-size", "63M"], ["at least 64 MiB"]),
        (["--cache-dir", "/var/tmp/x", "--cache-size", "much"], ["--cache-size", "256MiB"]),
    ],
)
def test_a_size_that_makes_no_sense_is_refused(arguments, words, mount):
    ended = mount(*arguments)
    assert ended.status == 64
    for word in words:
        assert word in ended.err


def test_a_disk_without_room_is_told(mount, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("a small file system takes root")
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", small], check=True)
    try:
        ended = mount("--cache-dir", small / "cache")
        assert ended.status == 73, ended
        assert "has only 16 MiB left" in ended.err and "another disk" in ended.err
    finally:
        subprocess.run(["umount", small], check=True)


def test_status_says_how_large_the_cache_may_be(mount, place, tmp_path):
    assert mount("-o", f"cache_dir={tmp_path / 'cache'},cache_size=100M").status == 0
    cache = status(place)["diskCache"]
    assert cache["directory"] == str(tmp_path / "cache")
    assert cache["capacity"] == 100 << 20
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700
    assert "100 MiB in " in outputfs("status", place).out


def test_what_was_warmed_is_there_after_a_remount_without_a_request_for_bytes(mount, place, tmp_path):
    contents = {f"f{number}": os.urandom(1 << 20) for number in range(8)}
    assert mount("--cache-dir", tmp_path / "cache").status == 0
    output = place / "jobs" / "kept" / "JobOutput"
    os.makedirs(output, exist_ok=True)
    for name, content in contents.items():
        (output / name).write_bytes(content)
    assert outputfs("unmount", place).status == 0
    # As on another machine: what was written here may be kept already.
    shutil.rmtree(tmp_path / "cache")

    assert mount("--cache-dir", tmp_path / "cache").status == 0
    ended = outputfs("warm", "--json", output)
    assert ended.status == 0, ended.err
    assert "no --cache-dir" not in ended.err
    summary = json.loads(ended.out)["mounts"][0]
    assert summary["cacheDirectory"] == str(tmp_path / "cache")
    assert summary["bytes"] == 8 << 20 and summary["bytesFromStore"] >= 8 << 20
    # It ends when all of it is on the disk.
    disk = status(place)["diskCache"]
    assert (disk["saved"], disk["waiting"], disk["notSaved"], disk["files"]) == (8 << 20, 0, 0, 8)
    assert outputfs("unmount", place).status == 0

    assert mount("--cache-dir", tmp_path / "cache").status == 0
    for name, content in contents.items():
        assert (output / name).read_bytes() == content
    after = status(place)
    assert after["store"]["requests"].get("Get Blob", 0) == 0
    assert after["cache"]["fromStore"] == 0
    assert after["cache"]["fromDisk"] + (8 << 20) * (after["passthroughOpens"] > 0) >= 8 << 20
    assert "all of it was here already" in outputfs("warm", output).out


def test_a_directory_that_holds_something_else_is_not_taken_for_a_cache(mount, tmp_path):
    (tmp_path / "mine").mkdir(mode=0o700)
    (tmp_path / "mine" / "precious").write_text("")
    ended = mount("--cache-dir", tmp_path / "mine")
    assert ended.status == 73
    assert "--cache-dir" in ended.err and "try:" in ended.err
    assert os.listdir(tmp_path / "mine") == ["precious"]


def test_without_a_size_it_is_ten_gibibytes_or_less(mount, place, tmp_path):
    assert mount("--cache-dir", tmp_path / "cache").status == 0
    assert 64 << 20 <= status(place)["diskCache"]["capacity"] <= 10 << 30


def test_without_a_directory_there_is_no_disk_cache(mounted):
    assert "diskCache" not in status(mounted)
    assert "disk cache            none (--cache-dir)" in outputfs("status", mounted).out
