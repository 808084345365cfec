"""Random operations by many processes, while requests fail and mounts are killed, each against a model of its own.

As a program: `soak.py STATE MOUNT OTHER SEED SECONDS` works below MOUNT in a directory of its own and looks at what it
wrote through OTHER as well, if that is not `-`. It ends with 1 and a line of why as soon as anything is not as it was reported.

STATE holds the number of the mount's life, which grows before the mount is killed and again when the next one serves:
an even number means that it serves.
"""

import contextlib
import errno
import os
import pickle
import random
import sys
import time

NAMES = [f"{directory}{name}" for directory in ("", "d/", "d/e/") for name in ("a", "b", "c", "é ü")]
ABSENT = None


class Wrong(Exception):
    pass


class Interrupted(Exception):
    """The mount was killed under an operation."""


class Worker:
    def __init__(self, state, root, other, seed):
        self.state, self.root, self.other = state, root, other
        self.chance = random.Random(seed)
        # What close or fsync reported, by path. While an operation is under way a path may be in one of several states.
        self.files = {}
        self.possible = {}
        # Removed while it was open: until the delete is sent, which is after close, a kill brings the file back.
        self.returning = {}
        self.times = {}
        self.count = self.kills = 0
        self.history = []
        # The mount may be between two lives already.
        self.life = self.current_life()
        if self.life % 2 == 1:
            self.life = self.wait_for_life()

    def current_life(self):
        with open(self.state) as file:
            return int(file.read() or 1)

    def run(self, seconds):
        end = time.monotonic() + seconds
        self.prepare()
        while time.monotonic() < end:
            try:
                self.step()
                self.count += 1
            except Interrupted:
                self.resume()
        self.possible.clear()
        while True:
            try:
                self.check_all()
                return
            except Interrupted:
                self.resume()

    # What may be interrupted

    @contextlib.contextmanager
    def surviving(self):
        """An error while the mount is killed is no error of the operation."""
        try:
            yield
        except OSError as error:
            # The mount may have been killed just now: its number grows before that.
            if self.current_life() == self.life:
                raise Wrong(f"{errno.errorcode.get(error.errno)}: {error}") from error
            raise Interrupted from error

    def resume(self):
        """Waits for the next life of the mount, and looks what became of what was under way."""
        self.kills += 1
        self.history.append(f"{self.count}: killed")
        while True:
            self.life = self.wait_for_life()
            try:
                for name in sorted(self.possible):
                    found = self.read(name)
                    # With --durability journal a file that was closed and not sent is changed in place (§4.7).
                    if found not in self.possible[name] and self.other != "-":
                        raise Wrong(f"{name} after a kill: {size(found)} instead of {list(map(size, self.possible[name]))}")
                    self.set(name, found)
                self.possible.clear()
                for name, content in list(self.returning.items()):
                    if self.read(name) == content:
                        self.set(name, content)
                self.check_all()
                return
            except Interrupted:
                continue

    def wait_for_life(self):
        end = time.monotonic() + 100
        while True:
            life = self.current_life()
            if life % 2 == 0 and life > self.life - self.life % 2:
                return life
            if time.monotonic() > end:
                raise Wrong("no mount came back")
            time.sleep(0.02)

    def set(self, name, content):
        self.times.pop(name, None)
        self.returning.pop(name, None)
        if content is ABSENT:
            self.files.pop(name, None)
        else:
            self.files[name] = content

    # Looking

    def path(self, name):
        return f"{self.root}/{name}"

    def read(self, name, root=None):
        with self.surviving():
            try:
                with open(f"{root or self.root}/{name}", "rb", buffering=0) as file:
                    pieces = []
                    while piece := file.read(1 << 20):
                        pieces.append(piece)
                    return b"".join(pieces)
            except FileNotFoundError:
                # What is not mounted has no files.
                if self.current_life() != self.life:
                    raise
                return ABSENT

    def check(self, name):
        found, wanted = self.read(name), self.files.get(name)
        if found != wanted:
            raise Wrong(f"{name}: {size(found)} instead of {size(wanted)}{difference(found, wanted)}")

    def check_all(self):
        for name in NAMES:
            self.check(name)
        self.check_names()

    def check_names(self):
        for directory in ("", "d/", "d/e/"):
            with self.surviving():
                found = {name for name in os.listdir(self.path(directory)) if f"{directory}{name}/" not in ("d/", "d/e/")}
            wanted = {name[len(directory) :] for name in self.files if name.rpartition("/")[0] == directory.rstrip("/")}
            if found != wanted:
                raise Wrong(f"{directory or '.'} lists {sorted(found)} instead of {sorted(wanted)}")

    def check_elsewhere(self, name):
        """What was closed here, every later open elsewhere sees; that a name is there, or gone, a moment later."""
        if self.other == "-":
            return
        wanted, end = self.files.get(name), time.monotonic() + 5
        while (found := self.read_elsewhere(name)) != wanted:
            # An empty file that nobody wrote to is put there a moment after its close.
            if found is not ABSENT and wanted or time.monotonic() > end:
                raise Wrong(f"{name} elsewhere: {size(found)} instead of {size(wanted)}")
            time.sleep(0.05)

    def read_elsewhere(self, name):
        try:
            with open(f"{self.other}/{name}", "rb") as file:
                return file.read()
        except FileNotFoundError:
            return ABSENT

    # Doing

    def prepare(self):
        while True:
            try:
                # Not what is above: the place of a mount that was killed must stay empty.
                for directory in ("", "d", "d/e"):
                    with self.surviving(), contextlib.suppress(FileExistsError):
                        os.mkdir(self.path(directory))
                return
            except Interrupted:
                self.life = self.wait_for_life()

    def content(self):
        kind = self.chance.randrange(40)
        return self.chance.randbytes(
            0 if kind == 0 else 9_000_000 if kind == 1 else self.chance.randrange(1, 300_000 if kind < 8 else 5000)
        )

    def step(self):
        # Nothing begins while one mount is gone and the next one has not been looked at.
        if self.current_life() != self.life:
            raise Interrupted
        name = self.chance.choice(NAMES)
        kinds = [
            (self.write, 6), (self.edit, 5), (self.append, 4), (self.synchronize, 3), (self.remove, 2), (self.rename, 3),
            (self.save, 3), (self.truncate, 2), (self.check, 6), (self.check_names, 1), (self.check_elsewhere, 3),
            (self.touch, 1), (self.held, 1),
        ]  # fmt: skip
        kind = self.chance.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0]
        self.history.append(f"{self.count}: {kind.__name__} {name}")
        if kind == self.check_names:
            kind()
        else:
            kind(name)

    @contextlib.contextmanager
    def changing(self, name, after, *between):
        """From the first step to the last the file may be what it was, or any of these; then it is `after`."""
        self.possible[name] = [self.files.get(name), *between, after]
        with self.surviving():
            yield
        del self.possible[name]
        self.set(name, after)

    def put(self, name, content, flags):
        descriptor = os.open(self.path(name), flags, 0o644)
        try:
            for start in range(0, len(content), 700_000):
                os.write(descriptor, content[start : start + 700_000])
        finally:
            os.close(descriptor)

    def write(self, name):
        content = self.content()
        with self.changing(name, content):
            self.put(name, content, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)

    def append(self, name):
        content = self.content()
        with self.changing(name, self.files.get(name, b"") + content):
            self.put(name, content, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def edit(self, name):
        """Some changes in the middle or behind the end."""
        if name not in self.files:
            return
        changed = bytearray(self.files[name])
        changes = []
        for _ in range(self.chance.randrange(1, 5)):
            offset, content = self.chance.randrange(len(changed) + 1000), self.chance.randbytes(self.chance.randrange(1, 3000))
            changed += bytes(max(0, offset + len(content) - len(changed)))
            changed[offset : offset + len(content)] = content
            changes.append((offset, content))
        with self.changing(name, bytes(changed)):
            descriptor = os.open(self.path(name), os.O_RDWR)
            try:
                for offset, content in changes:
                    os.pwrite(descriptor, content, offset)
                    found = os.pread(descriptor, len(content), offset)
                    if found != content:
                        raise Wrong(f"{name}: other bytes at {offset} than were written")
            finally:
                os.close(descriptor)

    def synchronize(self, name):
        """What fsync reported is there, whatever becomes of the rest."""
        first, second = self.content(), self.content()
        self.possible[name] = [self.files.get(name), first]
        with self.surviving():
            descriptor = os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            try:
                os.write(descriptor, first)
                os.fsync(descriptor)
                self.possible[name] = [first, first + second]
                os.write(descriptor, second)
            finally:
                os.close(descriptor)
        del self.possible[name]
        self.set(name, first + second)

    def truncate(self, name):
        if name not in self.files:
            return
        length = self.chance.randrange(len(self.files[name]) + 1000)
        content = self.files[name][:length]
        content += bytes(length - len(content))
        with self.changing(name, content):
            descriptor = os.open(self.path(name), os.O_WRONLY)
            try:
                os.ftruncate(descriptor, length)
            finally:
                os.close(descriptor)

    def remove(self, name):
        if name not in self.files:
            return
        with self.changing(name, ABSENT):
            os.unlink(self.path(name))

    def rename(self, name):
        target = self.chance.choice(NAMES)
        if name not in self.files or target == name:
            return
        self.history[-1] += f" to {target}"
        content = self.files[name]
        # The copy stands before the source goes.
        self.possible[name] = [content, ABSENT]
        self.possible[target] = [self.files.get(target), content]
        with self.surviving():
            os.rename(self.path(name), self.path(target))
        self.possible.clear()
        self.set(name, ABSENT)
        self.set(target, content)

    def save(self, name):
        """A new file, renamed over the old one; what is left of it after a kill goes."""
        content, temporary = self.content(), self.path(name) + ".tmp"
        self.possible[name] = [self.files.get(name), content]
        try:
            with self.surviving():
                self.put(name + ".tmp", content, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.rename(temporary, self.path(name))
        except Interrupted:
            self.remove_leftover(temporary)
            raise
        del self.possible[name]
        self.set(name, content)

    def remove_leftover(self, temporary):
        while True:
            self.wait_for_life()
            before, self.life = self.life, self.wait_for_life()
            try:
                with self.surviving(), contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary)
                self.life = before
                return
            except Interrupted:
                continue

    def touch(self, name):
        if name not in self.files:
            return
        moment = self.chance.randrange(1 << 60)
        with self.surviving():
            os.utime(self.path(name), ns=(moment, moment))
            found = os.stat(self.path(name)).st_mtime_ns
        if found != moment:
            raise Wrong(f"{name}: its time is {found} instead of {moment}")

    def held(self, name):
        """A file that is removed while it is open reads on."""
        if name not in self.files:
            return
        wanted = self.files[name]
        with self.changing(name, ABSENT):
            descriptor = os.open(self.path(name), os.O_RDONLY)
            try:
                os.unlink(self.path(name))
                found = b""
                while piece := os.pread(descriptor, 1 << 20, len(found)):
                    found += piece
                if found != wanted:
                    raise Wrong(f"{name}: {size(found)} instead of {size(wanted)} after it was removed while open")
            finally:
                os.close(descriptor)
        self.returning[name] = wanted


def size(content):
    return "nothing" if content is ABSENT else f"{len(content)} bytes"


def difference(found, wanted):
    if found is ABSENT or wanted is ABSENT:
        return ""
    return f", other ones from {next((i for i, (a, b) in enumerate(zip(found, wanted)) if a != b), min(len(found), len(wanted)))} on"


if __name__ == "__main__":
    state, root, other, seed, seconds = sys.argv[1:]
    worker = Worker(state, root, other, int(seed))
    try:
        worker.run(float(seconds))
    except Wrong as wrong:
        name = str(wrong).partition(" elsewhere")[0].partition(":")[0]
        told = [line for line in worker.history[:-12] if name in line or line.endswith("killed")][-12:] + worker.history[-12:]
        print(f"{os.path.basename(root)}: {wrong}\n  " + "\n  ".join(told))
        sys.exit(1)
    print(f"{os.path.basename(root)}: {worker.count} operations, {worker.kills} kills")
    with open(f"{state}-{os.path.basename(root)}", "wb") as file:
        pickle.dump(worker.files, file)
