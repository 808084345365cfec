"""Folders whose bytes are known: made on the local machine, put into the store, and compared."""

import base64
import dataclasses
import hashlib
import http.client
import os
import pathlib
import shutil
import tempfile
import urllib.parse
import xml.etree.ElementTree

from .servers import ACCOUNT, Emulator

BLOCK = 8 << 20
MEMORY = pathlib.Path("/dev/shm")


@dataclasses.dataclass(frozen=True)
class File:
    size: int
    md5: str


@dataclasses.dataclass
class Folder:
    """Files by their paths below the folder."""

    path: pathlib.Path
    files: dict[str, File]

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files.values())

    @classmethod
    def make(cls, path: pathlib.Path, count: int, size: int) -> "Folder":
        """`count` files of noise, named by seven digits; no two are alike."""
        path.mkdir(parents=True)
        files = {}
        for number in range(count):
            digest = hashlib.md5(usedforsecurity=False)
            with open(path / f"{number:07}", "wb") as file:
                for start in range(0, size, BLOCK):
                    noise = os.urandom(min(BLOCK, size - start))
                    digest.update(noise)
                    file.write(noise)
            files[f"{number:07}"] = File(size, digest.hexdigest())
        return cls(path, files)

    def compare(self, other: pathlib.Path, with_bytes: bool) -> None:
        """Raises unless the same files are there, with the same bytes: by size, or by their MD5, too."""
        found = {str(path.relative_to(other)): path for path in other.rglob("*") if path.is_file()}
        if found.keys() != self.files.keys():
            raise RuntimeError(f"{len(found)} files are there and not {len(self.files)}, or under other names")
        for name, path in found.items():
            self.require(name, path.stat().st_size, None)
            if with_bytes:
                with open(path, "rb") as file:
                    self.require(name, path.stat().st_size, hashlib.file_digest(file, "md5").hexdigest())

    def require(self, name: str, size: int, md5: str | None) -> None:
        wanted = self.files[name]
        if size != wanted.size or md5 not in (None, wanted.md5):
            raise RuntimeError(f"{name} has other bytes than it should have")

    # MARK: In the store

    def store(self, emulator: Emulator, container: str, prefix: str) -> None:
        """Puts it there by plain requests: by nobody who is measured."""
        for name in self.files:
            self.store_file(emulator, f"/{ACCOUNT}/{container}/{prefix}{name}", name)

    def store_file(self, emulator: Emulator, path: str, name: str) -> None:
        size, digest = self.files[name].size, base64.b64encode(bytes.fromhex(self.files[name].md5)).decode()
        with open(self.path / name, "rb") as file:
            if size <= BLOCK:
                headers = {"x-ms-blob-type": "BlockBlob", "x-ms-blob-content-md5": digest}
                return put(emulator, f"{path}?{emulator.token}", file.read(), headers)
            blocks = [base64.b64encode(b"%016d" % index).decode() for index in range((size + BLOCK - 1) // BLOCK)]
            for block in blocks:
                put(emulator, f"{path}?comp=block&blockid={urllib.parse.quote(block)}&{emulator.token}", file.read(BLOCK))
        listed = "".join(f"<Uncommitted>{block}</Uncommitted>" for block in blocks)
        body = f"<BlockList>{listed}</BlockList>".encode()
        put(emulator, f"{path}?comp=blocklist&{emulator.token}", body, {"x-ms-blob-content-md5": digest})

    def compare_stored(self, emulator: Emulator, container: str, with_bytes: bool) -> bool:
        """Raises unless the container holds these files and no other, below whatever folder.

        Says whether each has the MD5 of its bytes beside it, so that it can be verified later.
        """
        found = stored_blobs(emulator, container)
        names = {name.rpartition("/")[2]: name for name in found}
        if names.keys() != self.files.keys() or len(found) != len(names):
            raise RuntimeError(f"{len(found)} blobs are there and not {len(self.files)}, or under other names")
        for name, blob in names.items():
            self.require(name, found[blob][0], None)
            if with_bytes:
                path = f"/{ACCOUNT}/{container}/{blob}?{emulator.token}"
                self.require(name, found[blob][0], stored_md5(emulator, path))
        return all(self.files[name].md5 == found[blob][1] for name, blob in names.items())


def put(emulator: Emulator, path: str, body: bytes, headers: dict[str, str] | None = None) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=120)
    try:
        connection.request("PUT", path, body, {"x-ms-version": "2021-12-02", **(headers or {})})
        answer = connection.getresponse()
        if answer.status != 201:
            raise RuntimeError(f"PUT {path.partition('?')[0]}: {answer.status} {answer.read()[:200]!r}")
    finally:
        connection.close()


def stored_blobs(emulator: Emulator, container: str) -> dict[str, tuple[int, str]]:
    """Size and Content-MD5 (hexadecimal, empty without one) of all blobs; there are fewer than 5,000."""
    _, _, page = emulator.ask("GET", f"/{ACCOUNT}/{container}?restype=container&comp=list&{emulator.token}")
    blobs = xml.etree.ElementTree.fromstring(page.decode("utf-8-sig")).iter("Blob")
    found = {}
    for blob in blobs:
        digest = base64.b64decode(blob.findtext("Properties/Content-MD5") or "").hex()
        found[blob.findtext("Name")] = (int(blob.findtext("Properties/Content-Length")), digest)
    return found


def stored_md5(emulator: Emulator, path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=120)
    try:
        connection.request("GET", path, headers={"x-ms-version": "2021-12-02"})
        answer, digest = connection.getresponse(), hashlib.md5(usedforsecurity=False)
        while piece := answer.read(1 << 20):
            digest.update(piece)
        return digest.hexdigest()
    finally:
        connection.close()


def in_memory() -> str | None:
    """Where files are made so that no disk decides: the machine's tmpfs; None: the temporary directory, where there is none."""
    return str(MEMORY) if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 8 << 30 else None


def scratch(where: str | None) -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="outputfs-benchmark-files-", dir=where)
