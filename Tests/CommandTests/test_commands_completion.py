"""What a shell offers when somebody presses Tab."""

import shutil
import subprocess

import pytest

from program import binary, clean_environment, outputfs

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")


def offered(tmp_path, *words) -> list[str]:
    """By the function that bash's completion calls, with the cursor behind the last word."""
    script = tmp_path / "completion"
    script.write_text(outputfs("--generate-completion-script", "bash").out)
    quoted = " ".join(f"'{word}'" for word in ["outputfs", *map(str, words)])
    asked = subprocess.run(
        ["bash", "-c", f'source "{script}"; COMP_WORDS=({quoted}); COMP_CWORD={len(words)}; COMP_TYPE=9; _outputfs outputfs "$1" "$2"; printf "%s\\n" "${{COMPREPLY[@]}}"',
         "bash", str(words[-1]), str(words[-2]) if len(words) > 1 else "outputfs"],
        env=clean_environment(PATH=f"{binary().rsplit('/', 1)[0]}:/usr/bin:/bin"), capture_output=True, text=True, timeout=20,
    )
    return [line.strip() for line in asked.stdout.splitlines() if line.strip()]


def test_commands_and_options(tmp_path):
    assert offered(tmp_path, "unm") == ["unmount"]
    assert offered(tmp_path, "mount", "--log-f") == ["--log-file", "--log-format"]
    assert offered(tmp_path, "mount", "--log-format", "") == ["text", "json"]
    assert {"notice", "debug"} <= set(offered(tmp_path, "mount", "--log-level", ""))


@pytest.mark.skipif(shutil.which("findmnt") is None, reason="no findmnt")
def test_what_is_mounted(tmp_path, mounted):
    for command in ["unmount", "status", "drain", "log-level"]:
        assert str(mounted) in offered(tmp_path, command, ""), command
