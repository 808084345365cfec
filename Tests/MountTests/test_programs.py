"""Programs with their own ways to write: what they leave is in the store, byte for byte, and times stay as they were set.

Each works on a mount and, where it can be compared, on a local directory. OPERATIONS.md lists them by the names here.
"""

import mmap
import os
import random
import shutil
import sys
import time
import zipfile

import pytest

from mounts import Mount, run, wait_until

NASTY = ["with space", "new\nline", "tab\there", "ünï-é-€", "quo\"te'", "-dash", "back\\slash", "100%", "a&b=c+d?e#f", "dot."]


def needs(*programs):
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} is not installed")


@pytest.fixture(scope="module")
def reader(server, tmp_path_factory):
    """A second mount: another machine's view."""
    mount = Mount(tmp_path_factory.mktemp("reader") / "mnt", server)
    yield mount
    mount.end()


def files_below(root):
    return {path.relative_to(root) for path in root.rglob("*") if path.is_file() and not path.is_symlink()}


@pytest.fixture
def work(server, outputs, job, reader):
    """The directory to work in; afterwards the store must hold what is shown, and time must not have moved (§3.3, §3.9)."""
    yield outputs
    shown = {path: ((outputs / path).read_bytes(), (outputs / path).stat().st_mtime_ns) for path in files_below(outputs)}
    assert shown, "nothing was left to look at"
    container = server.service.get_container_client(f"job-{job}")
    count = sum(1 for blob in container.list_blobs(include=["metadata"]) if not is_marker_or_link(blob))
    elsewhere = reader / f"jobs/{job}/JobOutput"
    wait_until(lambda: files_below(elsewhere) == set(shown), 10, "that another mount lists the same")
    for path, (content, modified) in shown.items():
        assert (elsewhere / path).read_bytes() == content, path
        assert (elsewhere / path).stat().st_mtime_ns == modified, f"the time of {path} is another one elsewhere"
        assert (outputs / path).stat().st_mtime_ns == modified, f"the time of {path} moved"
        if is_plain(path):
            assert server.bytes(f"job-{job}", f"$JobOutput/{path}") == content, path
    assert count == len(shown), "blobs that are not files"
    assert not [name for name in walked_names(outputs) if name.startswith(".fuse_hidden")]


def is_marker_or_link(blob):
    return any(key in (blob.metadata or {}) for key in ("hdi_isfolder", "is_symlink"))


def is_plain(path):
    """Its blob's name is its path: nothing had to be escaped."""
    return all(part.isascii() and part.isprintable() and not set(part) & set("\\%") and part[-1] != "." for part in path.parts)


def walked_names(root):
    return [name for _, directories, files in os.walk(root) for name in directories + files]


@needs("make", "cc")
def test_make_builds_what_is_newer_and_nothing_else(work):
    (work / "Makefile").write_text(
        "prog: main.o libpart.a\n\tcc -o $@ main.o libpart.a\nlibpart.a: part.o\n\tar rc $@ $?\n"
        "%.o: %.c\n\tcc -g -c -o $@ $<\n"
    )
    (work / "main.c").write_text("int part(void); int main(void) { return part(); }\n")
    (work / "part.c").write_text("int part(void) { return 0; }\n")
    run("make", work)
    assert run("./prog; echo $?", work) == "0\n"
    assert "up to date" in run("make", work)
    time.sleep(1.2)
    assert "up to date" in run("make", work)
    (work / "part.c").write_text("int part(void) { return 7; }\n")
    assert "part.c" in run("make", work) and "up to date" in run("make", work)
    assert run("./prog || echo $?", work) == "7\n"
    run("touch -d '2001-01-01' main.c && make -q", work)


@needs("unzip", "zip")
def test_zip_adds_in_place_and_unzip_restores_times(work, tmp_path):
    run("mkdir in; seq 1000 > in/a; head -c 200000 /dev/urandom > in/b; touch -d '2011-01-02 03:04:06' in/a", work)
    run("zip -q -r packed.zip in; seq 5 > in/c; zip -q packed.zip in/c; zip -q -d packed.zip in/b", work)
    run(f"cp in/b {tmp_path}/; rm in/b; mkdir out; cd out; unzip -q ../packed.zip; diff -r in ../in", work)
    assert (work / "out/in/a").stat().st_mtime == (work / "in/a").stat().st_mtime


def test_pip_installs_into_a_target(work, tmp_path):
    """A wheel of its own: no index is asked, and nothing is built."""
    wheel = tmp_path / "trial-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("trial/__init__.py", "def answer():\n    print(42)\n")
        archive.writestr("trial/data.bin", random.Random(6).randbytes(300_000))
        archive.writestr("trial-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: trial\nVersion: 1\n")
        archive.writestr("trial-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("trial-1.dist-info/entry_points.txt", "[console_scripts]\ntrial = trial:answer\n")
        archive.writestr("trial-1.dist-info/RECORD", "")
    for _ in range(2):
        command = f"{sys.executable} -m pip install -q --no-index --no-deps --upgrade --target lib {wheel}"
        run(command, work, timeout=100)
    assert run(f"PYTHONPATH=lib {sys.executable} lib/bin/trial", work) == "42\n"


def test_hdf5_writes_appends_and_reads(work):
    h5py = pytest.importorskip("h5py")
    numpy = pytest.importorskip("numpy")
    chance = numpy.random.default_rng(1)
    block = chance.random((200, 300))
    with h5py.File(work / "f.h5", "w") as file:
        file.create_dataset("grows", data=block, maxshape=(None, 300), chunks=(50, 300), compression="gzip")
        file.create_dataset("whole", data=block)
    with h5py.File(work / "f.h5", "a") as file:
        file["grows"].resize((400, 300))
        file["grows"][200:] = block
        file["whole"][10:20] = 0
        file.attrs["note"] = "appended"
        file.flush()
        file["whole"][0] = 1
    with h5py.File(work / "f.h5", "r") as file:
        assert (file["grows"][200:] == block).all() and (file["whole"][0] == 1).all()
        assert (file["whole"][10:20] == 0).all() and file.attrs["note"] == "appended"


def test_a_header_is_moved_to_the_front_as_ffmpeg_s_faststart_does(work):
    """Written to the end, header last; then shifted in place through a second descriptor, and the front is written."""
    body, header = random.Random(3).randbytes(11 << 20), b"moov" * 5000
    with open(work / "f.mp4", "wb", buffering=0) as file:
        for start in range(0, len(body), 32_768):
            file.write(body[start : start + 32_768])
        file.write(header)
        with open(work / "f.mp4", "rb", buffering=0) as source:
            held = source.read(len(header))
            position = 0
            while held:
                ahead = source.read(len(header))
                file.seek(position + len(header))
                file.write(held if position + len(held) <= len(body) else held[: len(body) - position])
                position += len(held)
                held = ahead if position < len(body) else b""
        file.seek(0)
        file.write(header)
    assert (work / "f.mp4").read_bytes() == header + body


def test_ffmpeg_moves_its_index_to_the_front(work):
    ffmpeg = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()
    made = "-f lavfi -i testsrc=d=30:s=640x360:r=25 -f lavfi -i sine=d=30 -c:v mpeg4 -q:v 1 -g 1"
    run(f"{ffmpeg} -v error {made} -movflags +faststart f.mp4 && {ffmpeg} -v error -xerror -i f.mp4 -f null -", work)
    content = (work / "f.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    # More than one Put Blob would hold: what was staged is written over.
    assert len(content) > 8 << 20


@needs("sqlite3")
@pytest.mark.parametrize("mode", ["delete", "truncate", "persist", "memory"])
def test_sqlite_in_its_journal_modes(work, mode):
    script = f"pragma journal_mode={mode}; create table t(a, b); begin; " + "".join(
        f"insert into t values({number}, randomblob(3000)); " for number in range(300)
    )
    run(f"sqlite3 db \"{script} commit; begin; delete from t where a % 2; commit; begin; delete from t; rollback;\"", work)
    run("for i in 1 2 3; do sqlite3 db \"insert into t values(1000 + $i, 'x')\" & wait; done", work)
    query = "sqlite3 db 'pragma integrity_check; select count(*), max(a) from t; vacuum; pragma integrity_check'"
    assert run(query, work).split() == ["ok", "153|1003", "ok"]


@needs("vim")
@pytest.mark.parametrize("how", ["nowritebackup", "backupcopy=yes", "backupcopy=no", "fsync"])
def test_vim_saves_in_each_of_its_ways(work, how):
    (work / "f").write_text("line\n" * 10_000)
    os.chmod(work / "f", 0o640)
    for word in ("one", "two"):
        run(f"vim -es -u NONE --cmd 'set {how}' -c '%s/^.*$/{word}/' -c wq f < /dev/null", work)
        assert (work / "f").read_text() == f"{word}\n" * 10_000
        assert (work / "f").stat().st_mode & 0o777 == 0o640
    assert os.listdir(work) == ["f"]


@needs("git")
def test_git_clones_commits_packs_and_rebases(work, tmp_path):
    run(
        "git init -q up; cd up; git config user.email a@b; git config user.name n;"
        "for i in $(seq 30); do seq $i 400 > f$i; git add -A; git commit -qm $i; done",
        tmp_path,
    )
    run(
        f"git clone -q {tmp_path}/up repo; cd repo; git config user.email a@b; git config user.name n;"
        "git checkout -q -b side HEAD~5; echo more >> f1; git commit -qam side; git rebase -q master || git rebase -q main;"
        "git gc -q --aggressive; git fsck --full --strict; git repack -qad; git stash list; git tag v1; git worktree prune;"
        "echo x > f2; git stash -q; git stash pop -q; git checkout -q f2; test -z \"$(git status --short)\"",
        work,
        timeout=100,
    )
    assert run("git -C repo log --oneline | wc -l", work) == "31\n"


@needs("rsync")
def test_rsync_in_place_partial_and_deleting(work, tmp_path):
    source = tmp_path / "source"
    (source / "d").mkdir(parents=True)
    for name in NASTY:
        (source / "d" / name).write_text(name)
    (source / "big").write_bytes(random.Random(4).randbytes(12 << 20))
    os.utime(source / "big", ns=(1, 1_234_567_890_123_456_789))
    run(f"rsync -a {source}/ copy/", work)
    assert run(f"rsync -ai --delete {source}/ copy/", work) == ""
    with open(source / "big", "r+b") as file:
        file.seek(6_000_000)
        file.write(b"changed")
    (source / "d" / NASTY[0]).unlink()
    run(f"rsync -a --inplace --no-whole-file --delete {source}/ copy/", work)
    assert run(f"rsync -aic --delete {source}/ copy/", work) == ""
    assert run(f"diff -r {source} copy", work) == ""


def test_tar_keeps_modes_times_links_and_names(work, tmp_path):
    source = tmp_path / "source"
    (source / "empty").mkdir(parents=True)
    for number, name in enumerate(NASTY):
        (source / name).write_text(name)
        os.chmod(source / name, 0o600 + number % 8 * 8)
        os.utime(source / name, ns=(1, 1_000_000_000_000_000_000 + number * 111_111_111))
    os.symlink("nowhere", source / "link")
    run(f"tar --format=pax -C {tmp_path} -cf - source | tar -xpf -", work)
    listing = "find . -mindepth 1 ! -type d -printf '%P %y %m %s %T@ %l\\0' | sort -z | tr '\\0' '|'"
    assert run(listing, work / "source") == run(listing, source)
    run("tar --format=pax -czf all.tgz source; rm -r source; tar -xpzf all.tgz", work)
    assert run(listing, work / "source") == run(listing, source)


def test_small_tools_change_files_in_place(work, tmp_path):
    script = (
        "seq 5000 > f; sed -i 's/7/seven/' f; sort -o f f; split -n 3 f part.; cat part.a? > g; cmp f g; rm part.*;"
        "truncate -s 3000 g; truncate -s +2000 g; dd if=f of=g bs=100 seek=7 count=9 conv=notrunc status=none;"
        "fallocate -p -o 1000 -l 500 g; fallocate -l 9000 g; printf tail >> g; tac f > h; mv h f; gzip -k f;"
        "gunzip -c f.gz > again; cmp f again; install -m 750 f installed; cp -a f kept; cp --sparse=always g sparse;"
        "echo x | tee -a f kept > /dev/null; printf '1c\\nfirst\\n.\\nwq\\n' > /dev/null; xz -k kept; touch -r f kept;"
        "tr a-z A-Z < f > upper; ln -s upper link; paste f upper | head -50 > pasted; split -b 1k f.gz piece; cat piece* > whole;"
        "cmp whole f.gz; rm -f piece*; : > empty; chmod 600 empty; diff -u f upper > p || true; cp f q; patch -s q p; cmp q upper"
    )
    for place in (work, tmp_path):
        run(script, place)
    compared = "find . -type f -printf '%P %m %s\\n' | sort; sha256sum f g again installed kept sparse upper pasted q empty"
    assert run(compared, work) == run(compared, tmp_path)


def test_mapped_files_are_written_like_others(work, tmp_path):
    chance = random.Random(5)
    edits = [(chance.randrange(3_000_000), chance.randbytes(chance.choice([1, 100, 9000]))) for _ in range(60)]
    for place in (work, tmp_path):
        with open(place / "f", "w+b") as file:
            file.truncate(3_100_000)
            with mmap.mmap(file.fileno(), 0) as mapping:
                for number, (offset, content) in enumerate(edits):
                    mapping[offset : offset + len(content)] = content
                    if number % 20 == 0:
                        mapping.flush()
            os.fsync(file.fileno())
    assert (work / "f").read_bytes() == (tmp_path / "f").read_bytes()


@needs("flock")
def test_flock_keeps_writers_apart(work):
    run("echo 0 > n; for i in $(seq 20); do flock lock sh -c 'echo $(($(cat n) + 1)) > n' & done; wait", work)
    assert (work / "n").read_text() == "20\n"


def test_appenders_interleave_whole_lines(work):
    line = "x" * 200
    script = f"for i in $(seq 8); do (for k in $(seq 50); do echo $i-$k-{line} >> log; done) & done; wait"
    run(script, work)
    lines = (work / "log").read_text().splitlines()
    assert sorted(lines) == sorted(f"{i}-{k}-{line}" for i in range(1, 9) for k in range(1, 51))


def test_logs_are_rotated_by_copy_and_by_name(work):
    run("(for i in $(seq 200); do echo $i; done) > log; cp log log.1; truncate -s 0 log; echo after >> log", work)
    assert (work / "log").read_text() == "after\n"
    with open(work / "log", "a") as log:
        os.rename(work / "log", work / "log.2")
        log.write("to the renamed one\n")
        (work / "log").write_text("new\n")
    assert (work / "log.2").read_text() == "after\nto the renamed one\n"
    assert (work / "log").read_text() == "new\n"


def test_names_of_every_kind(work):
    for name in NASTY:
        (work / name).mkdir()
        (work / name / name).write_text(name)
        os.rename(work / name / name, work / name / (name + "2"))
    assert sorted(os.listdir(work)) == sorted(NASTY)
    assert run("find . -type f -print0 | xargs -0 cat | wc -c", work).strip() == str(sum(len(n.encode()) for n in NASTY))
    run("find . -depth -mindepth 1 -name '*[!x]*' -delete; : > left", work)
    assert os.listdir(work) == ["left"]


@pytest.mark.timeout(600)
def test_ten_thousand_files_are_listed_and_removed(server, work, job):
    run("mkdir -p many/a many/b; cd many; seq -f 'a/%05g' 10000 | xargs -n 500 touch", work, timeout=280)
    assert int(run("ls -lR many | grep -c ' 0 .* [0-9]*$'", work)) >= 10_000
    run("find many -name '*7' -delete; rm -r many; : > left", work, timeout=280)
    container = server.service.get_container_client(f"job-{job}")
    # An empty file is put behind its last close.
    wait_until(lambda: [blob.name for blob in container.list_blobs()] == ["$JobOutput/left"], 5)
