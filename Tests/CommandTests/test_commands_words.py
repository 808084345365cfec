"""What the program says of itself, and what it says when it is told nonsense."""

import re
import shutil
import subprocess

import pytest

from program import ROOT, outputfs

COMMANDS = ["mount", "unmount", "status", "warm", "doctor", "emulator", "demo"]


def test_help_names_every_command_and_where_to_begin():
    ended = outputfs("--help")
    assert ended.status == 0
    for command in COMMANDS:
        assert command in ended.out
    assert "outputfs demo" in ended.out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_teaches_by_example(command):
    ended = outputfs(command, "--help")
    assert ended.status == 0
    assert "EXAMPLES" in ended.out
    assert f"outputfs {command}" in ended.out


def test_version_is_name_and_number():
    ended = outputfs("--version")
    assert ended.status == 0
    assert re.fullmatch(r"outputfs \d+\.\d+\.\d+\n", ended.out)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_know_the_commands(shell):
    ended = outputfs("--generate-completion-script", shell)
    assert ended.status == 0
    for command in COMMANDS:
        assert command in ended.out


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash")
def test_bash_completes_commands_options_and_values(tmp_path):
    script = tmp_path / "outputfs.bash"
    script.write_text(outputfs("--generate-completion-script", "bash").out)

    def completed(*words):
        # What bash does when TAB is pressed behind the last word.
        ask = (
            f'source {script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${{#COMP_LINE}}; '
            'function=$(complete -p outputfs | sed "s/.*-F \\([^ ]*\\).*/\\1/"); '
            '$function outputfs "${@: -1}" "${@: -2:1}"; printf "%s\\n" "${COMPREPLY[@]}"'
        )
        ended = subprocess.run(
            ["bash", "-c", ask, "bash", *words], capture_output=True, text=True, timeout=20, cwd=tmp_path
        )
        return {line.strip() for line in ended.stdout.splitlines()}

    assert {"mount", "warm"} <= completed("outputfs", "")
    assert {"--cache-dir", "--cache-size"} <= completed("outputfs", "mount", "--cache-")
    assert {"on", "off"} <= completed("outputfs", "mount", "--verify", "")


@pytest.mark.skipif(not shutil.which("groff"), reason="no groff")
def test_the_manual_page_is_roff_without_a_warning():
    page = ROOT / "docs/man/outputfs.1"
    ended = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", page], capture_output=True, text=True, timeout=20)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_manual_page_says_what_help_says():
    page = (ROOT / "docs/man/outputfs.1").read_text().replace("\\-", "-")
    for command in COMMANDS:
        options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", outputfs(command, "--help").out)) - {"--version", "--help"}
        for option in options:
            assert re.search(re.escape(option) + r"(?![\w-])", page), f"{option} of {command}"


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["mount"], ["directory to mount on"]),
        (["mount", "a", "b", "c"], ["'c' is too much"]),
        (["mount", "/mnt", "--bogus"], ["--bogus"]),
        (["mount", "/mnt", "-o", "bogus"], ["'bogus'", "attr_ttl", "allow_other"]),
        (["mount", "/mnt", "-o", "uid"], ["'uid'", "value"]),
        (["mount", "/mnt", "-o"], ["-o"]),
        (["mount", "/mnt", "--attr-ttl", "soon"], ["--attr-ttl", "soon", "10m"]),
        (["mount", "/mnt", "-o", "attr_ttl=soon"], ["--attr-ttl", "soon", "10m"]),
        (["mount", "/mnt", "--memory", "much"], ["--memory", "256MiB"]),
        (["mount", "/mnt", "--umask", "999"], ["--umask", "octal"]),
        (["mount", "/mnt", "--views", "jobs,foo"], ["'foo'", "containers"]),
        (["mount", "/mnt", "--log-level", "loud"], ["--log-level", "debug"]),
        (["mount", "/mnt", "--verify", "perhaps"], ["--verify", "on or off"]),
        (["unmount"], ["mount-point"]),
        (["warm"], ["path"]),
        (["doctor", "a", "b", "c"], ["'c' is too much"]),
        (["doctor", "-o", "bogus"], ["'bogus'"]),
        (["status", "--yaml"], ["--yaml"]),
        (["emulator", "--listen", "nowhere"], ["--listen", "127.0.0.1:10000"]),
        (["emulator", "--account", "noKeyHere"], ["NAME:KEY"]),
        (["emulator", "--account", "farm:not-base64!"], ["farm", "base64"]),
    ],
)
def test_misuse_names_the_thing_and_exits_with_64(arguments, words):
    ended = outputfs(*arguments, AZURE_STORAGE_ACCOUNT="farm")
    assert ended.status == 64, ended
    for word in words:
        assert word in ended.err


def test_a_mount_without_an_account_says_how_to_name_one():
    ended = outputfs("mount", "/mnt")
    assert ended.status == 64
    for word in ["--account", "AZURE_STORAGE_CONNECTION_STRING", "JOB_CONTAINER_URL", "outputfs demo"]:
        assert word in ended.err


def test_status_without_mounts_is_no_error(tmp_path):
    ended = outputfs("status", "--json")
    assert ended.status == 0
    assert '"mounts"' in ended.out


def test_status_and_unmount_of_what_is_no_mount(tmp_path):
    for command in ["status", "unmount"]:
        ended = outputfs(command, tmp_path)
        assert ended.status == 66
        assert str(tmp_path) in ended.err


def test_unmount_leaves_mounts_of_another_kind_alone():
    ended = outputfs("unmount", "/proc")
    assert ended.status == 64
    assert "umount /proc" in ended.err


GROUPS = ["jobs", "foreach", "luisy"]


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_of_commands_lists_them_whatever_settings_there_are(group):
    """Settings from the environment are for its commands; by itself it has none."""
    ended = outputfs(group, OUTPUTFS_PROXY="http://localhost:1", LUISY_AZURE_CONTAINER_NAME="pipelines")
    assert ended.status == 0, ended.err
    assert f"outputfs {group} <subcommand>" in ended.out


def paragraphs(text):
    """Those of a command's description, as lists of lines."""
    description = text.split("\nUSAGE:")[0]
    return [part.splitlines() for part in description.split("\n\n")]


@pytest.mark.parametrize(
    "command", [*COMMANDS, "get", "put", "sync", "verify", "rm", "jobs list", "jobs rm", "jobs wait", "luisy plan", "luisy pull", "foreach errors"]
)
def test_help_is_filled_to_the_width_of_the_terminal(command):
    """A line that ends early is followed by a word that had no room on it."""
    for lines in paragraphs(outputfs(*command.split(), "--help").out):
        assert all(len(line) <= 80 for line in lines), lines
        if any(line.startswith("  ") or re.search(r"\S {2,}\S", line) for line in lines):
            continue
        for line, following in zip(lines, lines[1:]):
            assert len(line) + 1 + len(following.split()[0]) >= 80, (line, following)
