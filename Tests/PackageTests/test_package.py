"""The package that scripts/package makes: what is in it, and that it works where nothing else is."""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import clean_root

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests/CommandTests"))

from program import binary, clean_environment, emulator  # noqa: E402

pytestmark = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="this is no Debian")


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=110, **options)


def has_swift_inside() -> bool:
    return "libswift" not in run("ldd", binary()).stdout


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """OUTPUTFS_PACKAGE, or one of the program under test."""
    given = os.environ.get("OUTPUTFS_PACKAGE")
    if given:
        return pathlib.Path(given)
    if not has_swift_inside():
        pytest.skip(f"{binary()} needs Swift's libraries: scripts/build")
    made = run(ROOT / "scripts/package", "--binary", binary(), "--output", tmp_path_factory.mktemp("package"))
    assert made.returncode == 0, made.stderr
    return pathlib.Path(made.stdout.strip())


@pytest.fixture(scope="session")
def depends(package):
    return run("dpkg-deb", "-f", package, "Depends").stdout.strip()


@pytest.fixture(scope="session")
def contents(package, tmp_path_factory):
    """Unpacked."""
    tree = tmp_path_factory.mktemp("contents")
    assert run("dpkg-deb", "-R", package, tree).returncode == 0
    return tree


class Root:
    """A bare Debian with what the package depends on; commands run inside, in a mount namespace of their own."""

    def __init__(self, path: pathlib.Path):
        self.path = path

    def run(self, script: str, **environment):
        # /dev/fuse with the mode that it has where udev made it.
        setup = """
            set -e
            mount -t proc proc "$1/proc"
            mount -t tmpfs run "$1/run"
            mount -t tmpfs dev "$1/dev"
            mknod -m 666 "$1/dev/fuse" c 10 229
            mknod -m 666 "$1/dev/null" c 1 3
            mknod -m 666 "$1/dev/urandom" c 1 9
            exec chroot "$1" /bin/sh -ec "$2"
        """
        return subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", setup, "sh", self.path, script],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", **environment},
            capture_output=True, text=True, timeout=100,
        )


@pytest.fixture(scope="module")
def root(package, depends, tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("a root directory of one's own takes root")
    path = tmp_path_factory.mktemp("root")
    # pytest makes directories for itself alone.
    path.chmod(0o755)
    clean_root.make(path, depends)
    shutil.copy(package, path / "tmp/outputfs.deb")
    yield Root(path)
    shutil.rmtree(path, ignore_errors=True)


def test_it_depends_on_what_it_links_and_on_fuse(depends):
    names = set(re.findall(r"[a-z0-9.+-]+(?= |,|$)", depends))
    assert {"fuse3", "libc6"} <= names
    for library in ["libcurl4", "libssl3", "libexpat1", "libfuse3-", "zlib1g"]:
        assert any(name.startswith(library) for name in names), depends
    assert not [name for name in names if "swift" in name]


def test_it_holds_program_helper_unit_pages_and_completions(contents):
    for name in [
        "usr/bin/outputfs", "usr/share/man/man1/outputfs.1.gz", "usr/share/man/man8/mount.outputfs.8.gz",
        "lib/systemd/system/outputfs@.service", "usr/share/bash-completion/completions/outputfs",
        "usr/share/zsh/vendor-completions/_outputfs", "usr/share/fish/vendor_completions.d/outputfs.fish",
        "etc/outputfs/config.toml", "usr/share/doc/outputfs/copyright",
    ]:
        assert (contents / name).stat().st_size > 200, name
    for name in ["mount.outputfs", "mount.fuse.outputfs"]:
        assert os.readlink(contents / "usr/sbin" / name) == "../bin/outputfs"
    assert (contents / "DEBIAN/conffiles").read_text() == "/etc/outputfs/config.toml\n"


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_completions_are_what_each_shell_can_read(contents):
    share = contents / "usr/share"
    checks = {
        "bash": share / "bash-completion/completions/outputfs", "zsh": share / "zsh/vendor-completions/_outputfs",
        "fish": share / "fish/vendor_completions.d/outputfs.fish",
    }
    for shell, path in checks.items():
        text = path.read_text()
        assert "cache-dir" in text and "log-level" in text, shell
        if shutil.which(shell):
            assert run(shell, "-n", path).returncode == 0, shell


def test_the_same_program_makes_the_same_package(package, tmp_path):
    if not has_swift_inside():
        pytest.skip("nothing to make it of")
    again = run(ROOT / "scripts/package", "--binary", binary(), "--output", tmp_path)
    assert again.returncode == 0, again.stderr
    assert pathlib.Path(again.stdout.strip()).read_bytes() == package.read_bytes()


def test_a_program_that_needs_swifts_libraries_is_refused(tmp_path):
    swift = shutil.which("swift")
    if swift is None or "libswift" not in run("ldd", os.path.realpath(swift)).stdout:
        pytest.skip("no such program here")
    refused = run(ROOT / "scripts/package", "--binary", os.path.realpath(swift), "--output", tmp_path)
    assert refused.returncode != 0 and "scripts/build" in refused.stderr and not list(tmp_path.iterdir())


def test_lintian_has_nothing_against_it(package):
    if shutil.which("lintian") is None:
        pytest.skip("lintian is not installed")
    told = run("lintian", "--fail-on", "error,warning", "--allow-root", package)
    assert told.returncode == 0, told.stdout


def test_where_only_its_dependencies_are_it_installs_mounts_and_goes(root):
    with emulator() as server:
        (root.path / "tmp/fstab").write_text(
            f"none /mnt/outputs outputfs _netdev,attr_ttl=5s,config=/tmp/config.toml 0 0\n"
            f"{server.blob_endpoint} /mnt/second fuse.outputfs ro,noexec,x-systemd.automount,key_file=/tmp/key 0 0\n"
        )
        (root.path / "tmp/config.toml").write_text(
            f'[mount."/mnt/outputs"]\nconnection-string-file = "/tmp/connection"\njournal-dir = "/var/spool/j"\n'
            f'[mount."/mnt/second"]\njournal-dir = "/var/spool/k"\n'
        )
        (root.path / "tmp/connection").write_text(server.connection_string)
        (root.path / "tmp/key").write_text(server.key)
        (root.path / "etc/updatedb.conf").write_text('PRUNE_BIND_MOUNTS="yes"\nPRUNEFS="NFS fuse.sshfs"\n')
        done = root.run("""
            dpkg -i /tmp/outputfs.deb
            grep -x 'PRUNEFS="NFS fuse.sshfs fuse.outputfs"' /etc/updatedb.conf
            outputfs --version
            man -w outputfs 2> /dev/null || test -e /usr/share/man/man1/outputfs.1.gz
            mkdir -p /mnt/outputs /mnt/second
            mount -a -T /tmp/fstab
            grep ' /mnt/outputs fuse.outputfs rw' /proc/mounts
            grep ' /mnt/second fuse.outputfs ro,.*noexec' /proc/mounts
            mkdir -p /mnt/outputs/jobs/packaged/JobOutput
            echo written > /mnt/outputs/jobs/packaged/JobOutput/result
            outputfs unmount /mnt/outputs
            cat /mnt/second/jobs/packaged/JobOutput/result
            umount /mnt/second
            dpkg -r outputfs
            cat /etc/updatedb.conf
            test ! -e /usr/bin/outputfs
            test ! -e /usr/sbin/mount.outputfs
            test -e /etc/outputfs/config.toml
            dpkg -P outputfs
            test ! -e /etc/outputfs
            echo all done
        """)
        assert done.returncode == 0, done.stdout + done.stderr
        lines = done.stdout.splitlines()
        assert "written" in lines and lines[-1] == "all done", done.stdout
        # As it was before.
        assert lines.count('PRUNEFS="NFS fuse.sshfs"') == 1, done.stdout


def test_a_user_mounts_what_fstab_lets_users_mount(root):
    with emulator() as server:
        (root.path / "etc/fstab").write_text(
            f"{server.blob_endpoint} /home/one/mnt outputfs user,noauto,_netdev,key_file=/home/one/key 0 0\n"
        )
        (root.path / "home/one/mnt").mkdir(parents=True)
        (root.path / "home/one/key").write_text(server.key)
        done = root.run("""
            dpkg -i /tmp/outputfs.deb > /dev/null
            echo 'one:x:4321:4321::/home/one:/bin/sh' >> /etc/passwd
            chown -R 4321:4321 /home/one
            chmod 600 /home/one/key
            export HOME=/home/one
            as_user() { setpriv --reuid 4321 --regid 4321 --clear-groups "$@"; }
            as_user mount /home/one/mnt
            grep ' /home/one/mnt fuse.outputfs .*noexec.*user_id=4321' /proc/mounts
            as_user ls /home/one/mnt
            as_user outputfs unmount /home/one/mnt
            dpkg -P outputfs > /dev/null
        """)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "jobs" in done.stdout.split()


def test_without_fuse_it_is_not_configured(root):
    done = root.run("""
        sed -i '/^Package: fuse3$/,/^$/d' /var/lib/dpkg/status
        dpkg -i /tmp/outputfs.deb
    """)
    assert done.returncode != 0 and "depends on fuse3" in done.stderr, done.stderr
