"""A root directory with nothing in it but what a package depends on, made of this machine's own files in seconds."""

import os
import pathlib
import re
import shutil
import subprocess


def _packages() -> dict[str, dict[str, str]]:
    """What is installed here, by name."""
    fields = ["Package", "Architecture", "Essential", "Pre-Depends", "Depends", "Provides", "db:Status-Status"]
    text = subprocess.run(
        ["dpkg-query", "-W", "-f", "\\t".join(f"${{{field}}}" for field in fields) + "\\n"],
        capture_output=True, text=True, check=True,
    ).stdout
    rows = [dict(zip(fields, line.split("\t"))) for line in text.splitlines()]
    return {row["Package"]: row for row in rows if row["db:Status-Status"] == "installed"}


def _names(field: str) -> list[list[str]]:
    """`a (>= 1) | b, c` → [[a, b], [c]]."""
    return [
        [re.split(r"[ (:]", choice.strip())[0] for choice in item.split("|")] for item in field.split(",") if item.strip()
    ]


def closure(depends: str) -> list[str]:
    """The packages that these dependencies, and a bare Debian, come to."""
    packages = _packages()
    provided: dict[str, str] = {}
    for name, row in packages.items():
        for (virtual,) in _names(row["Provides"]):
            provided.setdefault(virtual, name)
    wanted = [name for name, row in packages.items() if row["Essential"] == "yes"]
    # Of priority required in Debian, and so on every machine: mount(8) itself, and what keeps the account names.
    wanted += [name for name in ["mount", "passwd"] if name in packages]
    found: set[str] = set()
    rest = [[name] for name in wanted] + _names(depends)
    while rest:
        choices = rest.pop()
        names = [name if name in packages else provided.get(name) for name in choices]
        name = next((name for name in names if name), None)
        assert name, f"nothing of {choices} is installed here"
        if name not in found:
            found.add(name)
            rest += _names(packages[name]["Pre-Depends"]) + _names(packages[name]["Depends"])
    return sorted(found)


def make(root: pathlib.Path, depends: str) -> list[str]:
    """Fills `root`, and says with which packages."""
    packages = closure(depends)
    for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"]:
        link = pathlib.Path("/") / name
        if link.is_symlink():
            (root / "usr" / name).mkdir(parents=True, exist_ok=True)
            (root / name).symlink_to(f"usr/{name}")
    paths: set[str] = set()
    for name in packages:
        listed = subprocess.run(["dpkg", "-L", name], capture_output=True, text=True, check=True).stdout
        paths |= {line for line in listed.splitlines() if line.startswith("/") and line != "/."}
    # What maintainer scripts made.
    paths |= {"/etc/passwd", "/etc/group", "/etc/fuse.conf", "/etc/ld.so.cache", "/usr/bin/awk", "/etc/alternatives/awk"}
    # dpkg lists /sbin/x where /sbin leads to /usr/sbin; rsync would make a directory of the link.
    places = {os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path)) for path in paths}
    existing = sorted(path for path in places if os.path.lexists(path) and not (root / path[1:]).is_symlink())
    subprocess.run(
        ["rsync", "-a", "--from0", "--files-from=-", "/", root], input="\0".join(existing).encode(), check=True
    )
    _copy_database(root, set(packages))
    for name in ["dev", "proc", "tmp", "run", "root", "mnt", "var/spool", "var/tmp", "var/log"]:
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "etc/mtab").symlink_to("../proc/self/mounts")
    return packages


def _copy_database(root: pathlib.Path, packages: set[str]) -> None:
    """dpkg's, of these packages: so that it refuses what depends on another."""
    theirs, ours = pathlib.Path("/var/lib/dpkg"), root / "var/lib/dpkg"
    for name in ["info", "updates", "triggers", "alternatives"]:
        (ours / name).mkdir(parents=True, exist_ok=True)
    paragraphs = (theirs / "status").read_text().split("\n\n")
    kept = [text for text in paragraphs if re.match(r"Package: (\S+)", text) and re.match(r"Package: (\S+)", text)[1] in packages]
    (ours / "status").write_text("\n\n".join(kept) + "\n\n")
    (ours / "available").write_text("")
    (ours / "info/format").write_text("1\n")
    for path in (theirs / "info").glob("*.list"):
        if path.stem.split(":")[0] in packages:
            shutil.copy(path, ours / "info")
