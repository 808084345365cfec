"""Programs that people use every day, on a mount: what they leave there is what they would leave on a disk."""

import errno
import mmap
import os
import shutil
import socket
import subprocess
import time

import pytest

from mounts import fails_with, run, wait_until


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A directory with names that are awkward for blobs, links, modes and times."""
    root = tmp_path_factory.mktemp("source")
    run(
        r"""
        mkdir -p tree/deep/er tree/empty 'tree/with space' tree/ünï 'tree/dir.'
        head -c 3000000 /dev/urandom > tree/random; : > tree/zero; seq 1 2000 > tree/deep/er/numbers
        for name in 'with space/b c' 'q?uery#frag%41&=+' 'back\slash' $'new\nline' trailing. 'trail ' ' lead' '*star' \
            'a:b' "quo\"te'" € '~' .hidden $'tab\there' 'dir./f' 'a%2E' '%25' '100%' ünï/é; do
            echo "$name" > "tree/$name"
        done
        ln -s random tree/link; ln -s /nowhere tree/dangling; chmod 750 tree/zero
        touch -d '2001-02-03 04:05:06.123456789' tree/random
        """,
        root,
    )
    return root / "tree"


def needs(*programs):
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} is not installed")


def test_cp_keeps_names_bytes_modes_times_and_links(tree, outputs):
    run(f"cp -a {tree} copy && diff -r --no-dereference {tree} copy", outputs)
    listing = "find . -mindepth 1 ! -type d -printf '%P %y %m %s %T@ %l\\n' | sort"
    assert run(listing, outputs / "copy") == run(listing, tree)
    assert run("find . -type d | sort", outputs / "copy") == run("find . -type d | sort", tree)
    run("rm -r copy", outputs)
    assert os.listdir(outputs) == []


@needs("rsync")
def test_a_second_rsync_transfers_nothing(tree, outputs):
    run(f"rsync -a {tree}/ copy/", outputs)
    assert run(f"rsync -ai {tree}/ copy/", outputs) == ""
    assert run(f"rsync -aic {tree}/ copy/", outputs) == ""


def test_tar_goes_in_and_out(tree, outputs, tmp_path):
    run(f"tar -C {tree.parent} -cf {tmp_path}/in.tar tree", outputs)
    run(f"tar -xpf {tmp_path}/in.tar && tar --diff -f {tmp_path}/in.tar", outputs)
    run(f"tar -cf {tmp_path}/out.tar tree; mkdir {tmp_path}/out; tar -C {tmp_path}/out -xf {tmp_path}/out.tar", outputs)
    run(f"diff -r --no-dereference {tree} {tmp_path}/out/tree", outputs)


def test_shells_append_group_and_edit_in_place(outputs):
    run("echo 1 > f; echo 2 >> f; { echo 3; echo 4; } >> f; sed -i s/2/two/ f", outputs)
    assert (outputs / "f").read_text() == "1\ntwo\n3\n4\n"
    assert run("{ echo a; (echo b; exec 1>&-); echo c; } > g; cat g", outputs) == "a\nb\nc\n"
    assert run("truncate -s 5 f; cat f; truncate -s 8 f; od -An -c f", outputs).split()[:2] == ["1", "two"]


def test_dd_with_odd_blocks_in_the_middle(tree, outputs, tmp_path):
    for place in (outputs, tmp_path):
        run(f"dd if={tree}/random of=f bs=12345 status=none", place)
        run(f"dd if={tree}/random of=f bs=777 seek=13 skip=5 count=999 conv=notrunc status=none", place)
    assert (outputs / "f").read_bytes() == (tmp_path / "f").read_bytes()


def test_many_writers_at_once(outputs, tmp_path):
    run(f"for i in $(seq 50); do head -c 300000 /dev/urandom | tee {tmp_path}/w$i > w$i & done; wait", outputs)
    assert run(f"diff -r . {tmp_path} && ls | wc -l", outputs) == "50\n"


def test_rm_removes_a_thousand_files(outputs, server, job):
    run("mkdir many; cd many; for i in $(seq 1000); do echo $i > f$i; done", outputs)
    assert len(os.listdir(outputs / "many")) == 1000
    run("rm -rf many", outputs)
    assert os.listdir(outputs) == []
    assert list(server.service.get_container_client(f"job-{job}").list_blobs()) == []


def test_tail_follows_another_process(outputs):
    with open(outputs / "log", "w") as log:
        log.write("begin\n")
        log.flush()
        tail = subprocess.Popen(["tail", "-f", "-s", "0.1", outputs / "log"], stdout=subprocess.PIPE, text=True)
        try:
            assert tail.stdout.readline() == "begin\n"
            for number in range(3):
                log.write(f"{number}\n")
                log.flush()
                os.fsync(log.fileno())
                assert tail.stdout.readline() == f"{number}\n"
        finally:
            tail.kill()
            tail.wait()
            tail.stdout.close()


def test_mv_between_kinds_and_into_directories(shared_mount, outputs):
    preview = outputs.parent / "JobPreview"
    run("echo x > f; mkdir d; mv f d/; mv d ../JobPreview/; cat ../JobPreview/d/f", outputs)
    assert (os.listdir(outputs), os.listdir(preview)) == ([], ["d"])
    with fails_with(errno.EPERM):
        os.rename(preview / "d" / "f", outputs.parent / "f")
    assert (preview / "d" / "f").read_text() == "x\n"


def test_what_cannot_be_is_refused(outputs):
    (outputs / "f").write_text("x")
    for refused in (
        lambda: os.link(outputs / "f", outputs / "g"),
        lambda: os.mkfifo(outputs / "g"),
        lambda: socket.socket(socket.AF_UNIX).bind(os.path.relpath(outputs / "g")),
    ):
        with fails_with(errno.EPERM):
            refused()
    assert os.listdir(outputs) == ["f"]


def test_a_mapping_is_a_way_to_write(outputs, server, job):
    with open(outputs / "f", "w+b") as file:
        file.truncate(100_000)
        with mmap.mmap(file.fileno(), 100_000) as mapping:
            mapping[5000:5005] = b"hello"
            mapping.flush()
            mapping[:3] = b"abc"
    expected = bytearray(100_000)
    expected[5000:5005], expected[:3] = b"hello", b"abc"
    assert (outputs / "f").read_bytes() == expected
    wait_until(lambda: server.bytes(f"job-{job}", "$JobOutput/f") == expected)


def test_a_file_is_unlinked_and_made_anew_while_it_is_mapped(outputs, server, job):
    (outputs / "f").write_bytes(b"old")
    with open(outputs / "f", "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapping:
        assert mapping[:] == b"old"
        os.unlink(outputs / "f")
        with open(outputs / "f", "xb") as again:
            again.write(b"new")
        assert mapping[:] == b"old"
    assert (outputs / "f").read_bytes() == b"new"
    time.sleep(0.2)
    assert server.bytes(f"job-{job}", "$JobOutput/f") == b"new"


@needs("sqlite3")
def test_sqlite_keeps_its_database(outputs):
    run("sqlite3 db 'create table t(a)'; for i in 1 2 3 4 5; do sqlite3 db \"insert into t values($i)\"; done", outputs)
    query = "sqlite3 db 'select count(*), sum(a) from t; pragma integrity_check; vacuum; select max(a) from t'"
    assert run(query, outputs).split() == ["5|15", "ok", "5"]
    assert os.listdir(outputs) == ["db"]


@needs("git")
def test_git_commits_collects_and_clones(tree, outputs):
    run(
        f"git init -q repo; cd repo; git config user.email a@b; git config user.name n; cp -r {tree} .;"
        "git add -A; git commit -qm one; echo more >> tree/zero; git commit -qam two; git gc -q; git fsck;"
        "git checkout -q HEAD~1; test ! -s tree/zero; git checkout -q -; test -s tree/zero;"
        "test -z \"$(git status --short)\";"
        "cd ..; git clone -q repo clone; diff -r --no-dereference -x empty repo/tree clone/tree",
        outputs,
    )


@needs("vim")
def test_vim_saves(outputs):
    run("echo line > f; vim -es -u NONE -c s/line/changed/ -c wq f < /dev/null", outputs)
    assert (outputs / "f").read_text() == "changed\n"
    assert os.listdir(outputs) == ["f"]


def test_archives_of_python_and_unzip(tree, outputs):
    shutil.copytree(tree / "deep", outputs / "copy")
    shutil.make_archive(str(outputs / "packed"), "zip", outputs, "copy")
    shutil.rmtree(outputs / "copy")
    shutil.unpack_archive(outputs / "packed.zip", outputs)
    run(f"diff -r {tree}/deep copy", outputs)
