"""Settings out of files, environment, -o and the command line, as a mount and `config` see them."""

import json
import subprocess

import pytest

from program import KEY, binary, clean_environment, is_mounted, outputfs


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user's own configuration directory; no other file counts."""
    directory = tmp_path / "config/outputfs"
    directory.mkdir(parents=True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return directory


def origins(*arguments, **environment):
    ended = outputfs("config", *arguments, "--json", **environment)
    assert ended.status == 0, ended.err
    report = json.loads(ended.out)
    return {row["name"]: (row.get("value"), row["origin"]) for row in report["settings"]}


def test_a_mount_does_what_its_table_says(server, home, place, tmp_path):
    (tmp_path / "connection").write_text(server.connection_string)
    (home / "config.toml").write_text(
        f'journal-dir = "{tmp_path}/spool"\nmemory = "64M"\n'
        f'[mount."{place}"]\nconnection-string-file = "{tmp_path}/connection"\nmemory = "96M"\nread-only = true\n'
    )
    assert outputfs("mount", place).status == 0
    (mount,) = json.loads(outputfs("status", place, "--json").out)["mounts"]
    assert mount["isReadOnly"] and mount["cache"]["budget"] <= 96 << 20
    assert mount["journalDirectory"] == str(tmp_path / "spool")
    assert outputfs("unmount", place).status == 0
    # What is stronger than the file, each by one step.
    for arguments, environment in [((), {"OUTPUTFS_READ_ONLY": "off"}), (("-o", "rw"), {"OUTPUTFS_READ_ONLY": "on"})]:
        assert outputfs("mount", place, *arguments, **environment).status == 0
        assert not json.loads(outputfs("status", place, "--json").out)["mounts"][0]["isReadOnly"]
        assert outputfs("unmount", place).status == 0


def test_each_value_has_its_origin(home, tmp_path):
    file = home / "config.toml"
    file.write_text('# mine\nuid = 5\ngid = 6\numask = "077"\nmemory = "64M"\n')
    found = origins("-o", "memory=96M,umask=027", "--umask", "022", OUTPUTFS_GID="7", HOME=str(tmp_path))
    assert found["uid"] == ("5", f"{file}:2")
    assert found["gid"] == ("7", "OUTPUTFS_GID")
    assert found["memory"] == ("96M", "-o")
    assert found["umask"] == ("022", "command line")
    assert found["attr-ttl"] == ("1s", "default")


def test_secrets_are_not_shown(home, server):
    for arguments in [(), ("--json",)]:
        ended = outputfs(
            "config", *arguments, "-o", f"endpoint={server.blob_endpoint}/c?sv=1&sig=c2VjcmV0",
            AZURE_STORAGE_CONNECTION_STRING=server.connection_string,
        )
        assert ended.status == 0 and KEY not in ended.out and "c2VjcmV0" not in ended.out + ended.err
    ended = outputfs("config", AZURE_STORAGE_CONNECTION_STRING=server.connection_string)
    assert "(not shown)" in ended.out and "AZURE_STORAGE_CONNECTION_STRING" in ended.out and KEY not in ended.out


def test_a_setting_carries_no_secret_to_the_arguments_of_a_process(home, server, place):
    url = f"{server.blob_endpoint}/c?sv=1&sig=c2VjcmV0"
    ended = outputfs("mount", place, OUTPUTFS_CONTAINER_URL=url)
    assert ended.status == 78 and "OUTPUTFS_CONTAINER_URL" in ended.err and "c2VjcmV0" not in ended.err


def test_commands_without_a_mount_take_the_file_that_is_named(home, server, tmp_path):
    (tmp_path / "connection").write_text(server.connection_string)
    (tmp_path / "mine.toml").write_text(f'connection-string-file = "{tmp_path}/connection"\n')
    ended = outputfs("ls", "--config", tmp_path / "mine.toml")
    assert ended.status == 0 and "jobs" in ended.out


@pytest.mark.parametrize(
    "text, words, remedy",
    [
        ("memroy = '1G'", "config.toml:1: there is no setting 'memroy'", "try: memory"),
        ("\nuid = 'me'", "config.toml:2: 'uid' wants a number", "uid = 1000"),
        ("memory = '12 parsecs'", "config.toml:1: 'memory': write a size", "512M"),
        ("memory", "config.toml:1: a key is followed by =", "key ="),
    ],
)
def test_a_file_that_makes_no_sense(home, place, text, words, remedy):
    (home / "config.toml").write_text(text)
    for command in ["mount", "doctor", "config"]:
        ended = outputfs(command, place)
        assert ended.status == 78 and words in ended.err and remedy in ended.err, ended
    assert not is_mounted(place)
    # What needs no settings works all the same: a mount that is there can always be looked at and ended.
    assert outputfs("status").status == 0


def test_a_file_that_is_named_must_be_there(home, place, tmp_path):
    for arguments, environment in [
        (("--config", tmp_path / "missing"), {}), (("-o", f"config={tmp_path}/missing"), {}),
        ((), {"OUTPUTFS_CONFIG": str(tmp_path / "missing")}),
    ]:
        ended = outputfs("mount", place, *arguments, **environment)
        assert ended.status == 78 and f"{tmp_path}/missing cannot be read" in ended.err


def test_a_variable_that_is_none_is_told(home):
    report = json.loads(outputfs("config", "--json", OUTPUTFS_CACHEDIR="/c").out)
    assert report["unknownVariables"] == ["OUTPUTFS_CACHEDIR"]
    found = json.loads(outputfs("doctor", "--json", OUTPUTFS_CACHEDIR="/c").out)["findings"]
    (finding,) = [finding for finding in found if finding["check"] == "environment"]
    assert finding["level"] == "warning" and finding["remedies"] == ["OUTPUTFS_CACHE_DIR"]


def test_recover_finds_the_journal_that_mounts_use(home, tmp_path):
    (tmp_path / "journal").mkdir()
    (home / "config.toml").write_text(f'journal-dir = "{tmp_path}/journal"\nuid = 5\n')
    assert outputfs("recover", "--list").status == 0
    (home / "config.toml").write_text('journal-dir = "/proc/no"\n')
    assert outputfs("recover", "--list").status != 0


def test_as_the_helper_of_mount_it_takes_a_line_of_fstab(server, home, place, tmp_path):
    (tmp_path / "key").write_text(server.key)
    helper = tmp_path / "mount.outputfs"
    helper.symlink_to(binary())
    ended = subprocess.run(
        [helper, server.blob_endpoint, place, "-v", "-o", f"rw,_netdev,key_file={tmp_path}/key,journal_dir={tmp_path}/j"],
        env=clean_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
    )
    assert ended.returncode == 0, ended.stderr
    assert is_mounted(place)
    assert outputfs("unmount", place).status == 0
    ended = subprocess.run([helper, "none", place, "-f"], env=clean_environment(), capture_output=True, timeout=30)
    assert ended.returncode == 0 and not is_mounted(place)
