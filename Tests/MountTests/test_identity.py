"""Who may do what: mounts of users and mounts for others (SEMANTICS.md §1.10)."""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess

import pytest

from mounts import binary, run

# fusermount3 wants users that have names.
USER, OTHER = pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("daemon").pw_uid

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can become other users")


@pytest.fixture(autouse=True)
def reachable(tmp_path):
    """pytest's directories are for root alone."""
    for directory in (tmp_path, *tmp_path.parents[:2]):
        directory.chmod(0o755)


def run_as(user, script, cwd) -> tuple[int, str]:
    ended = subprocess.run(
        ["bash", "-ec", script],
        cwd=cwd,
        user=user,
        group=user,
        extra_groups=[],
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    return ended.returncode, ended.stdout


@pytest.fixture
def usual_device_mode():
    """udev gives /dev/fuse to everybody (0666); where nothing does, it is lent to everybody for one test."""
    mode = stat.S_IMODE(os.stat("/dev/fuse").st_mode)
    os.chmod("/dev/fuse", 0o666)
    yield
    os.chmod("/dev/fuse", mode)


@pytest.mark.skipif(not shutil.which("fusermount3"), reason="users need fusermount3")
def test_a_user_mounts_works_and_unmounts(usual_device_mode, mounting, server, job, tmp_path):
    if run_as(USER, f"test -x '{binary()}'", "/")[0] != 0:
        pytest.skip(f"{binary()} lies where other users cannot reach it")
    mount = mounting(user=USER)
    server.service.create_container(f"job-{job}")
    status, out = run_as(
        USER,
        f"cd {mount.place}/jobs/{job}/JobOutput; echo a > f; chmod 600 f; ln -s f l; mkdir d; mv f d/g; cat d/g;"
        "stat -c '%u %a' d/g;"
        "cp -a d e; rm -r d; head -c 20000000 /dev/zero > big; stat -c %s big; ls",
        "/",
    )
    assert (status, out) == (0, f"a\n{USER} 600\n20000000\nbig\ne\nl\n")
    # Without allow_other nobody else gets in, not even root.
    with pytest.raises(PermissionError):
        os.listdir(mount.place)
    assert run_as(OTHER, f"ls {mount.place}", "/")[0] != 0
    assert mount.unmount() == 0
    assert server.bytes(f"job-{job}", "$JobOutput/e/g") == b"a\n"


@pytest.mark.skipif(not shutil.which("fusermount3"), reason="users need fusermount3")
def test_a_mount_that_gets_no_more_threads_says_how_it_is_and_ends_when_told(usual_device_mode, mounting, server, job):
    """The limit counts a user's processes and threads, and does not hold for root."""
    if run_as(USER, f"test -x '{binary()}'", "/")[0] != 0:
        pytest.skip(f"{binary()} lies where other users cannot reach it")
    mount = mounting(user=USER)
    server.service.create_container(f"job-{job}")
    outputs = f"{mount.place}/jobs/{job}/JobOutput"
    assert run_as(USER, f"echo before > {outputs}/f", "/") == (0, "")
    # As the user: in a container root may not.
    assert run_as(USER, f"prlimit --pid {mount.worker} --nproc=1:1", "/") == (0, "")
    for _ in range(3):
        assert mount.status()["state"] == "serving"
    assert "thread control-request" in mount.log()
    assert run_as(USER, f"cat {outputs}/f; echo late > {outputs}/g", "/") == (0, "before\n")
    # There is no process for fusermount3, either: it leaves what is mounted, and nothing unsent.
    assert mount.unmount(60) == 0, mount.log()
    assert server.bytes(f"job-{job}", "$JobOutput/g") == b"late\n"


@pytest.mark.skipif(not shutil.which("fusermount3"), reason="users need fusermount3")
def test_a_users_mount_goes_on_when_its_worker_is_killed(usual_device_mode, mounting, server, job):
    """§5.6"""
    if run_as(USER, f"test -x '{binary()}'", "/")[0] != 0:
        pytest.skip(f"{binary()} lies where other users cannot reach it")
    mount = mounting(user=USER)
    server.service.create_container(f"job-{job}")
    writer = subprocess.Popen(
        ["bash", "-ec", f"cd {mount.place}/jobs/{job}/JobOutput; exec 3> f; echo one >&3; echo; read; echo two >&3; cat f"],
        user=USER,
        group=USER,
        extra_groups=[],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout.readline() == "\n"
    mount.kill_worker()
    out, _ = writer.communicate("\n", 30)
    assert (writer.returncode, out) == (0, "one\ntwo\n")
    assert mount.unmount() == 0
    assert server.bytes(f"job-{job}", "$JobOutput/f") == b"one\ntwo\n"


@pytest.mark.skipif(not shutil.which("fusermount3"), reason="users need fusermount3")
def test_a_user_reads_a_cache_on_disk_without_the_kernels_help(usual_device_mode, mounting, server, job, tmp_path):
    if run_as(USER, f"test -x '{binary()}'", "/")[0] != 0:
        pytest.skip(f"{binary()} lies where other users cannot reach it")
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o700)
    os.chown(cache, USER, USER)
    content = os.urandom(20 << 20)
    server.service.create_container(f"job-{job}")
    server.blob(f"job-{job}", "$JobOutput/f").upload_blob(content)
    total = hashlib.sha256(content).hexdigest()

    def remounted() -> int:
        """Reads the file on a new mount; how often that asked for bytes."""
        mount = mounting("--cache-dir", cache, user=USER)
        server.reset_counters()
        for _ in range(2):
            assert run_as(USER, f"sha256sum {mount.place}/jobs/{job}/JobOutput/f", "/")[1].startswith(total)
        assert mount.unmount() == 0
        return server.requests().get("Get Blob", 0)

    # What the disk did not take in time at first, it does later.
    assert 0 in (remounted() for _ in range(5))


def test_others_get_in_with_allow_other_and_permissions_count(mounting, server, job):
    mount = mounting("--allow-other", "-o", f"uid={USER},gid={USER},umask=027")
    outputs = mount.job(job)
    server.blob(f"job-{job}", "$JobOutput/foreign").upload_blob(b"foreign\n")
    status, out = run_as(USER, f"cd {outputs}; cat foreign; stat -c '%u %a' . foreign; echo mine > mine; cat mine", "/")
    assert (status, out) == (0, f"foreign\n{USER} 750\n{USER} 640\nmine\n")
    status, out = run_as(OTHER, f"cat {outputs}/foreign", "/")
    assert status != 0 and "Permission denied" in out
    run(f"chown {OTHER} mine; chmod 600 mine", outputs)
    assert run("stat -c '%u %a' mine", outputs).split() == [str(OTHER), "600"]


def test_a_user_may_not_write_where_root_mounted_for_reading(mounting, job):
    outputs = mounting("--allow-other").job(job)
    (outputs / "f").write_text("root's")
    assert run_as(USER, f"cat {outputs}/f", "/") == (0, "root's")
    for change in ("echo x >> f", "rm f", "echo x > g", "mkdir d", "chmod 777 f"):
        assert run_as(USER, f"cd {outputs}; {change}", "/")[0] != 0
    assert os.listdir(outputs) == ["f"]
    assert (outputs / "f").read_text() == "root's"
