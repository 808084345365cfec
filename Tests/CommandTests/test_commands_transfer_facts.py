"""What get, put and sync keep of files besides their bytes, where they put them, and what they cost."""

import itertools
import json
import os
import subprocess

import pytest

from program import binary, clean_environment
from transfers import faulty_emulator

numbers = itertools.count()


@pytest.fixture(scope="module")
def server():
    with faulty_emulator() as running:
        yield running


@pytest.fixture
def container(server):
    return server.service.create_container(f"facts-{next(numbers)}")


@pytest.fixture
def local(tmp_path):
    folder = tmp_path / "local"
    (folder / "deep").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "script.sh").write_text("echo")
    (folder / "deep" / "data").write_text("data")
    os.chmod(folder / "script.sh", 0o750)
    os.utime(folder / "script.sh", ns=(0, 1_600_000_000_123_456_789))
    (folder / "deep" / "up").symlink_to("../script.sh")
    (folder / "nowhere").symlink_to("deep/gone")
    (tmp_path / "elsewhere").write_text("from elsewhere")
    (folder / "out").symlink_to("../elsewhere")
    return folder


def metadata(container, name):
    """But for what tells a put of ours from another one's."""
    stored = container.get_blob_client(name).get_blob_properties().metadata
    return {key: value for key, value in stored.items() if key != "outputfs_upload"}


def test_modes_times_and_links_come_back(run, container, local, tmp_path):
    where = f"containers/{container.container_name}/x"
    ended = run("put", local, where)
    assert ended.status == 0, ended.err
    assert metadata(container, "x/script.sh") == {"modtime": "1600000000123456789", "permissions": str(0o100750)}
    assert set(metadata(container, "x/deep/data")) == {"modtime"}
    assert metadata(container, "x/deep/up")["is_symlink"] == "true"
    back = tmp_path / "back"
    assert run("get", where, back).status == 0
    status = os.stat(back / "script.sh")
    assert (status.st_mode & 0o777, status.st_mtime_ns) == (0o750, 1_600_000_000_123_456_789)
    assert os.readlink(back / "deep" / "up") == "../script.sh" and os.readlink(back / "nowhere") == "deep/gone"
    assert (back / "out").read_text() == "from elsewhere" and not (back / "out").is_symlink()
    assert list((back / "empty").iterdir()) == []


def test_nothing_is_moved_a_second_time(run, container, local, tmp_path):
    where = f"containers/{container.container_name}"
    for command in [("put", local, where), ("get", where, tmp_path / "back")]:
        for wanted in [(5, 0), (0, 5)]:
            done = json.loads(run(command[0], "--json", *command[1:]).out)
            assert (done["files"], done["kept"], done["failed"]) == (*wanted, 0), command
    assert json.loads(run("get", "--dry-run", "--json", where, tmp_path / "back").out)["planned"] == []
    assert json.loads(run("put", "--dry-run", "--json", local, where).out)["planned"] == []


def test_without_posix_metadata_modes_stay_behind(run, container, local, tmp_path):
    where = f"containers/{container.container_name}"
    assert run("put", "--posix-metadata", "off", local / "script.sh", f"{where}/").status == 0
    assert set(metadata(container, "script.sh")) == {"modtime"}
    assert run("put", local / "script.sh", f"{where}/other").status == 0
    assert run("get", f"{where}/other", tmp_path / "other", OUTPUTFS_POSIX_METADATA="off").status == 0
    assert os.stat(tmp_path / "other").st_mode & 0o777 == 0o666 & ~current_umask()


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_sync_brings_links_as_links(run, container, local, tmp_path):
    where = f"containers/{container.container_name}"
    assert run("sync", "--upload", local, where).status == 0
    (tmp_path / "other").mkdir()
    assert run("sync", "--download", tmp_path / "other", where).status == 0
    assert os.readlink(tmp_path / "other" / "deep" / "up") == "../script.sh"
    assert os.stat(tmp_path / "other" / "script.sh").st_mode & 0o777 == 0o750
    assert json.loads(run("sync", "--both", "--json", tmp_path / "other", where).out)["files"] == 0


@pytest.mark.parametrize("text", ["/etc/passwd", "../../secret", "deep/../../x", ""])
def test_a_link_that_leads_out_is_named_and_not_made(run, container, tmp_path, text):
    container.upload_blob("d/link", text.encode(), metadata={"is_symlink": "true"})
    container.upload_blob("d/good", b"good")
    ended = run("get", f"containers/{container.container_name}", tmp_path / "x")
    assert ended.status == 1 and "d/link" in ended.err, ended
    assert text == "" or "leads out of" in ended.err
    assert os.listdir(tmp_path / "x" / "d") == ["good"]


def test_a_link_does_not_lead_out_by_way_of_another_one(run, container, tmp_path):
    # By its text it stays inside; where the folder really is, it would not.
    container.upload_blob("a/b/link", b"../../x", metadata={"is_symlink": "true"})
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a").mkdir()
    (tmp_path / "x" / "a" / "b").symlink_to("..")
    ended = run("get", f"containers/{container.container_name}", tmp_path / "x")
    assert ended.status == 1 and "leads out of" in ended.err
    assert not os.path.lexists(tmp_path / "x" / "link")


def test_a_single_link_takes_the_name_that_it_is_given(run, container, tmp_path):
    container.upload_blob("d/latest", b"step-2", metadata={"is_symlink": "true"})
    container.upload_blob("d/away", b"../x", metadata={"is_symlink": "true"})
    where = f"containers/{container.container_name}/d"
    for _ in range(2):
        ended = run("get", f"{where}/latest", tmp_path / "newest")
        assert ended.status == 0, ended.err
        assert os.readlink(tmp_path / "newest") == "step-2"
    ended = run("get", f"{where}/away", tmp_path / "away")
    assert ended.status == 1 and "leads out of" in ended.err
    assert not os.path.lexists(tmp_path / "away")


def test_the_environment_of_a_foreach_job_is_for_its_owner_only(run, container, tmp_path):
    name = container.container_name
    container.upload_blob(f"{name}.rds", b"tokens")
    container.upload_blob("other.rds", b"none")
    assert run("get", f"containers/{name}", tmp_path / "x").status == 0
    assert os.stat(tmp_path / "x" / f"{name}.rds").st_mode & 0o777 == 0o600
    assert os.stat(tmp_path / "x" / "other.rds").st_mode & 0o777 == 0o666 & ~current_umask()
    container.upload_blob(f"{name}.rds", b"tokens", overwrite=True, metadata={"permissions": str(0o100640)})
    assert run("get", f"containers/{name}/{name}.rds", tmp_path / "given").status == 0
    assert os.stat(tmp_path / "given").st_mode & 0o777 == 0o640


def test_a_file_named_as_what_is_half_fetched_does_not_become_another_one(run, container, tmp_path):
    for number in range(20):
        container.upload_blob(f"{number}", b"whole")
        container.upload_blob(f".{number}.outputfs-part", b"half")
    ended = run("get", f"containers/{container.container_name}", tmp_path / "x")
    assert ended.status == 1 and ".7.outputfs-part" in ended.err and "half fetched" in ended.err
    assert sorted(os.listdir(tmp_path / "x")) == sorted(str(number) for number in range(20))
    assert {file.read_bytes() for file in (tmp_path / "x").iterdir()} == {b"whole"}


# Where files land


@pytest.fixture
def checkpoints(container):
    for name in ["outputs/checkpoints/last.ckpt", "outputs/checkpoints2/no", "outputs/model.bin", "logs/log.txt"]:
        container.upload_blob(f"ExperimentRun/dcid.keen_sky/{name}", name.encode())
    return f"containers/{container.container_name}/ExperimentRun/dcid.keen_sky"


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_checkpoints_are_what_hi_ml_keeps_of_a_run(run, checkpoints, tmp_path):
    ended = run("get", "--checkpoints", checkpoints, tmp_path / "a")
    assert ended.status == 0 and files(tmp_path / "a") == ["last.ckpt"], ended
    assert run("get", "--checkpoints", "--strip", checkpoints, checkpoints, tmp_path / "b").status == 0
    assert files(tmp_path / "b") == ["outputs/checkpoints/last.ckpt"]


def test_strip_keeps_the_path_below_a_prefix(run, checkpoints, tmp_path):
    above = checkpoints.rsplit("/", 1)[0]
    ended = run("get", "--strip", above, f"{checkpoints}/**/*.ckpt", f"{checkpoints}/logs", tmp_path)
    assert ended.status == 0, ended.err
    assert files(tmp_path) == ["dcid.keen_sky/logs/log.txt", "dcid.keen_sky/outputs/checkpoints/last.ckpt"]


def test_strip_of_another_path_is_refused(run, checkpoints, tmp_path):
    ended = run("get", "--strip", "containers/other", checkpoints, tmp_path / "x")
    assert ended.status == 64 and "is not below /containers/other, which --strip takes off" in ended.err
    assert not (tmp_path / "x").exists()


def test_a_stripped_file_keeps_its_name(run, checkpoints, tmp_path):
    source = f"{checkpoints}/outputs/model.bin"
    assert run("get", "--strip", source, source, tmp_path).status == 0
    assert files(tmp_path) == ["model.bin"]


def test_the_account_is_that_of_the_workspace_that_a_folder_belongs_to(server, tmp_path):
    (tmp_path / "key").write_text(server.running.key)
    os.chmod(tmp_path / "key", 0o600)
    (tmp_path / "project" / "src").mkdir(parents=True)
    (tmp_path / "project" / "config.json").write_text('{"workspace_name": "vision lab"}')
    settings = f'[workspaces."vision lab"]\nendpoint = "{server.running.blob_endpoint}"\nkey-file = "{tmp_path}/key"\n'
    (tmp_path / "config.toml").write_text(settings)
    for folder, status in [(tmp_path / "project" / "src", 0), (tmp_path, 64)]:
        command = [binary(), "ls", "--config", tmp_path / "config.toml"]
        ended = subprocess.run(command, cwd=folder, env=clean_environment(), capture_output=True, text=True, timeout=30)
        assert ended.returncode == status, ended


# Validation


def test_validate_reads_what_is_there(run, container, tmp_path):
    container.upload_blob("a", b"right")
    source = f"containers/{container.container_name}"
    assert run("get", source, tmp_path).status == 0
    status = os.stat(tmp_path / "a")
    with open(tmp_path / "a", "r+b") as file:
        file.write(b"wrong")
    os.utime(tmp_path / "a", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert run("get", source, tmp_path).status == 0 and (tmp_path / "a").read_bytes() == b"wrong"
    assert run("get", "--validate", source, tmp_path).status == 0 and (tmp_path / "a").read_bytes() == b"right"


def test_validate_says_how_many_files_have_no_md5(run, container, tmp_path):
    block = container.get_blob_client("blocks")
    block.stage_block("MDAw", b"x" * 10)
    block.commit_block_list(["MDAw"])
    container.upload_blob("whole", b"y")
    done = json.loads(run("get", "--validate", "--json", f"containers/{container.container_name}", tmp_path).out)
    assert (done["files"], done["withoutMD5"]) == (2, 1)


@pytest.mark.parametrize("lacking", ["nothing", "crc64"])
def test_a_byte_that_changed_on_the_way_is_fetched_again(server, container, tmp_path, lacking):
    data = os.urandom(9 << 20)
    container.upload_blob("data", data)
    rules = [{"operation": "Get Blob", "effect": "corrupt", "byte": 1000, "times": 2}]
    if lacking != "nothing":
        rules.append({"operation": "Get Blob", "effect": "withoutRangeChecksum", "checksum": lacking})
    server.faults(*rules)
    try:
        ended = server.run("get", "--validate", f"containers/{container.container_name}", tmp_path)
    finally:
        server.faults()
    assert ended.status == 0, ended.err
    assert (tmp_path / "data").read_bytes() == data


# Requests


def test_small_files_cost_one_request_each(server, container, tmp_path):
    local = tmp_path / "many"
    local.mkdir()
    for number in range(200):
        (local / f"{number:03}").write_bytes(bytes([number]) * 256)
    where = f"containers/{container.container_name}"
    with server.counted() as requests:
        assert server.run("put", local, f"{where}/many").status == 0
    assert requests.pop("Put Blob") == 200
    assert "Get Blob Properties" not in requests or requests["Get Blob Properties"] <= 1, requests
    assert sum(requests.values()) <= 5, requests
    with server.counted() as requests:
        assert json.loads(server.run("put", "--json", local, f"{where}/many").out)["kept"] == 200
    assert "Put Blob" not in requests and sum(requests.values()) <= 5, requests
    with server.counted() as requests:
        assert server.run("get", f"{where}/many", tmp_path / "back").status == 0
    assert requests.pop("Get Blob") == 200
    assert sum(requests.values()) <= 4, requests
