"""Secrets: taken from files and the environment, and found nowhere else."""

import pathlib
import subprocess

import pytest

from program import KEY, binary, clean_environment, outputfs, wait_until

SAS = "sv=2022-11-02&ss=b&srt=sco&sp=rl&se=2030-01-01T00:00:00Z&sig=c2VjcmV0LXNpZ25hdHVyZQ%3D%3D"


@pytest.mark.parametrize("option", ["--endpoint", "SOURCE"])
def test_a_sas_on_the_command_line_is_refused_and_not_repeated(option, place):
    url = f"https://farm.blob.core.windows.net/job-film?{SAS}"
    arguments = [url, place] if option == "SOURCE" else ["--endpoint", url, place]
    ended = outputfs("mount", *arguments)
    assert ended.status == 64
    assert "--container-url-file" in ended.err
    assert "sig=" not in ended.err and "c2VjcmV0" not in ended.err


def test_an_unknown_mount_option_is_named_without_its_value(place):
    ended = outputfs("mount", "farm", place, "-o", f"key={KEY}")
    assert ended.status == 64
    assert "'key'" in ended.err
    assert KEY not in ended.err


@pytest.mark.parametrize(
    "option, content, status, words",
    [
        ("--key-file", None, 78, ["No such file"]),
        ("--key-file", b"", 78, ["is empty"]),
        ("--key-file", b"\n \n", 78, ["is empty"]),
        ("--sas-file", b"\xff\xfe\x00", 78, ["is not text"]),
        ("--connection-string-file", b"AccountName=farm;AccountKey=%%%;", 78, ["AccountKey", "base64"]),
        ("--connection-string-file", b"nonsense", 78, ["Key=Value"]),
        ("--container-url-file", b"ftp://account/job", 78, ["https://"]),
        ("--container-url-file", b"https://farm.blob.core.windows.net/", 78, ["container"]),
    ],
)
def test_an_unreadable_secret_names_file_and_reason(option, content, status, words, place, tmp_path):
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    account = ["--account", "farm"] if option in ("--key-file", "--sas-file") else []
    ended = outputfs("mount", *account, option, file, place)
    assert ended.status == status, ended
    for word in [option, *words]:
        assert word in ended.err
    if content:
        assert "%%%" not in ended.err


def test_two_credentials_exclude_each_other(place, tmp_path):
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "sas").write_text(SAS)
    ended = outputfs(
        "mount", "farm", place, "--key-file", tmp_path / "key", "--sas-file", tmp_path / "sas"
    )
    assert ended.status == 64
    assert "--key-file and --sas-file" in ended.err


def test_a_connection_string_and_an_account_exclude_each_other(place, tmp_path):
    (tmp_path / "cs").write_text(f"AccountName=farm;AccountKey={KEY};")
    ended = outputfs("mount", "other", place, "--connection-string-file", tmp_path / "cs")
    assert ended.status == 64
    assert "--connection-string-file" in ended.err


def test_no_secret_is_in_any_process_list_log_or_answer(server, place, tmp_path):
    log = tmp_path / "log"
    ended = outputfs(
        "mount", place, "--log-level", "trace", "--log-file", log, "--journal-dir", tmp_path / "spool",
        AZURE_STORAGE_CONNECTION_STRING=server.connection_string,
    )
    assert ended.status == 0, ended.err
    try:
        (place / "containers" / "secrets").mkdir()
        (place / "containers" / "secrets" / "a").write_text("a")
        texts = {"mount": ended.out + ended.err, "status": outputfs("status", place, "--json").out}
        texts["log"] = log.read_text()
        texts["mounts"] = pathlib.Path("/proc/self/mountinfo").read_text()
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            # Emulators, of this test and of others that run beside it, were given their key on the command line, as their
            # help says one may.
            if "\0emulator\0" not in words:
                texts[str(process)] = words
        for where, text in texts.items():
            assert KEY not in text, where
            assert "SharedKey farm:" not in text, where
    finally:
        assert outputfs("unmount", place).status == 0


def test_a_key_may_come_through_an_inherited_descriptor(server, place, tmp_path):
    ended = subprocess.run(
        ["bash", "-c", f'exec "$0" mount {server.account} "$1" --endpoint {server.blob_endpoint} '
         f'--journal-dir "$2" --key-file <(printf %s "$KEY_FOR_TEST")', binary(), place, tmp_path / "spool"],
        env=clean_environment(KEY_FOR_TEST=KEY), capture_output=True, text=True, timeout=30,
    )
    assert ended.returncode == 0, ended.stderr
    wait_until(lambda: "jobs" in [entry.name for entry in place.iterdir()])
    assert outputfs("unmount", place).status == 0
