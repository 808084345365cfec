"""Content that says which version it is at every offset, and readers that hold what they see against it.

As a program: `versions.py KIND PATH COMMITTED SEED SECONDS` reads PATH in its way until the time is over, and ends with
1 and a line of why as soon as one open shows anything but one version, or one older than COMMITTED said before it.
"""

import array
import errno
import mmap
import os
import random
import sys
import time

WORD = 8


def size_of(version, seed):
    """In bytes: some fit one request, others take many."""
    chance = random.Random(seed * 1_000_003 + version)
    return WORD * chance.choice([chance.randint(1, 500), chance.randint(500, 20_000), chance.randint(20_000, 700_000)])


def content(version, start, end):
    """Bytes `start` to `end` of a version: each word holds version and index."""
    first, last = start // WORD, (end + WORD - 1) // WORD
    words = array.array("Q", range((version << 32) + first, (version << 32) + last)).tobytes()
    return words[start - first * WORD : end - first * WORD]


def whole(version, seed):
    return content(version, 0, size_of(version, seed))


class Mixture(Exception):
    pass


class Reader:
    def __init__(self, path, committed, seed):
        self.path, self.committed, self.seed = path, committed, seed
        self.chance = random.Random()
        self.opens = self.checked = self.stale = 0

    def newest_committed(self):
        with open(self.committed) as file:
            return int(file.read() or 0)

    def check(self, piece, offset, wanted, version):
        size = size_of(version, self.seed)
        expected = content(version, offset, max(offset, min(offset + wanted, size)))
        if piece != expected:
            seen = int.from_bytes(piece[:WORD], "little") >> 32 if offset % WORD == 0 and len(piece) >= WORD else "?"
            raise Mixture(
                f"version {version} of {size} bytes at {offset}+{wanted}: {len(piece)} bytes came for {len(expected)}, "
                f"that begin as of version {seen}"
            )
        self.checked += len(piece)

    def once(self, kind):
        newest = self.newest_committed()
        descriptor = os.open(self.path, os.O_RDONLY | (os.O_DIRECT if kind == "direct" else 0))
        try:
            self.opens += 1
            version = int.from_bytes(os.pread(descriptor, WORD, 0), "little") >> 32
            if version < newest:
                raise Mixture(f"version {version} was opened after version {newest} had been closed")
            size = os.fstat(descriptor).st_size
            if size != size_of(version, self.seed):
                raise Mixture(f"fstat says {size} for version {version} of {size_of(version, self.seed)} bytes")
            getattr(self, kind)(descriptor, version, size)
        finally:
            os.close(descriptor)

    def cached(self, descriptor, version, size):
        for _ in range(self.chance.randint(1, 12)):
            offset = self.chance.randrange(0, size + 2)
            wanted = self.chance.choice([1, 100, 4096, 70_000, 1 << 20])
            self.read(descriptor, wanted, offset, version)

    def read(self, descriptor, wanted, offset, version):
        """What comes before an error is handed out first, as everywhere: a short read asks again."""
        while True:
            piece = os.pread(descriptor, wanted, offset)
            self.check(piece, offset, len(piece) or wanted, version)
            wanted, offset = wanted - len(piece), offset + len(piece)
            if not piece or not wanted:
                return

    direct = cached

    def looped(self, descriptor, version, size):
        """The whole file, as cat reads it: to the first empty read."""
        pieces, offset = [], 0
        while piece := os.pread(descriptor, 1 << 20, offset):
            pieces.append(piece)
            offset += len(piece)
        self.check(b"".join(pieces), 0, size + 1, version)

    def mapped(self, descriptor, version, size):
        """A version that is gone shows as SIGBUS, which ends this process."""
        with mmap.mmap(descriptor, size, prot=mmap.PROT_READ) as mapping:
            for _ in range(self.chance.randint(1, 12)):
                offset = self.chance.randrange(0, size)
                wanted = self.chance.choice([1, 100, 4096, 70_000])
                self.check(mapping[offset : min(offset + wanted, size)], offset, wanted, version)

    def run(self, kind, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                self.once(kind)
            except OSError as error:
                if error.errno != errno.ESTALE:
                    raise
                self.stale += 1


if __name__ == "__main__":
    kind, path, committed, seed, seconds = sys.argv[1:]
    reader = Reader(path, committed, int(seed))
    reader.chance.seed(f"{kind} {seed}")
    try:
        reader.run(kind, float(seconds))
    except Mixture as mixture:
        print(mixture)
        sys.exit(1)
    print(f"{reader.opens} opens, {reader.checked} bytes, {reader.stale} stale")
