"""Writes R's serialization by hand: an opinion on the format that shares nothing with the program."""

import gzip
import struct


class Writer:
    """One file. `version` 3 writes names as R does since 3.5: as text that is made from a sequence of numbers."""

    def __init__(self, version=2):
        self.version = version
        self.symbols = {}
        self.out = bytearray(b"X\n")
        self.int(version), self.int(0x030602), self.int(0x020300 if version == 2 else 0x030500)
        if version == 3:
            self.int(5)
            self.out += b"UTF-8"

    def int(self, value):
        self.out += struct.pack(">i", value)

    def characters(self, text):
        data = text.encode()
        self.int(0x40009 if data.isascii() else 0x8009), self.int(len(data))
        self.out += data

    def symbol(self, name):
        if name in self.symbols:
            return self.int(self.symbols[name] << 8 | 0xFF)
        self.symbols[name] = len(self.symbols) + 1
        self.int(1), self.characters(name)

    def strings(self, values):
        self.int(16), self.int(len(values))
        for value in values:
            self.characters(value)

    def attributes(self, **values):
        for name, value in values.items():
            self.int(0x402), self.symbol(name)
            value() if callable(value) else self.strings(value)
        self.int(0xFE)

    def sequence_as_text(self, first, count):
        """ALTREP: deferred_string over compact_intseq."""
        self.int(238)
        for name in ["deferred_string", "base"]:
            self.int(2), self.symbol(name)
        self.int(2), self.int(13), self.int(1), self.int(16), self.int(0xFE)
        self.int(2)
        self.int(238)
        for name in ["compact_intseq", "base"]:
            self.int(2), self.symbol(name)
        self.int(2), self.int(13), self.int(1), self.int(13), self.int(0xFE)
        self.int(14), self.int(3)
        self.out += struct.pack(">ddd", count, first, 1)
        self.int(0xFE)
        # The rest of the state: how numbers are written.
        self.int(13), self.int(1), self.int(0)
        self.int(0xFE)

    def value(self, value):
        if value is None:
            self.int(0xFE)
        elif isinstance(value, Failure):
            self.int(0x313), self.int(2)
            self.strings([value.message])
            if value.call:
                # A call without arguments.
                self.int(6), self.symbol(value.call), self.int(0xFE)
            else:
                self.int(0xFE)
            self.attributes(names=["message", "call"], **{"class": ["simpleError", "error", "condition"]})
        elif isinstance(value, str):
            self.strings([value])
        elif isinstance(value, float):
            self.int(14), self.int(1)
            self.out += struct.pack(">d", value)
        elif isinstance(value, list):
            self.int(19), self.int(len(value))
            for element in value:
                self.value(element)
        else:
            raise TypeError(value)


class Failure:
    """What an iteration leaves that failed."""

    def __init__(self, message, call="f"):
        self.message, self.call = message, call


def result(values, first=1, version=2, compressed=True):
    """A chunk's result: a list named by the numbers of its iterations."""
    writer = Writer(version)
    writer.int(0x213), writer.int(len(values))
    for value in values:
        writer.value(value)
    if version == 3:
        writer.attributes(names=lambda: writer.sequence_as_text(first, len(values)))
    else:
        writer.attributes(names=[str(first + number) for number in range(len(values))])
    return packed(writer.out, compressed)


def string(text, version=2):
    writer = Writer(version)
    writer.strings([text])
    return packed(writer.out)


def environment(version=2, **variables):
    """Of a job, as a table of one chain, with a token in it."""
    writer = Writer(version)
    writer.int(4), writer.int(0)
    # What encloses it is the global environment; no frame, for it has a table.
    writer.int(253), writer.int(0xFE)
    writer.int(19), writer.int(1)
    for name, value in {"inputs": "sig=SECRETSIGNATURE", **variables}.items():
        writer.int(0x402), writer.symbol(name), writer.value(value)
    writer.int(0xFE)
    writer.int(0xFE)
    return packed(writer.out)


def metadata(chunk_size=1, mode="stop", combine="TRUE", packages="", version=2):
    packages = f"<packages>{packages}</packages>" if packages else ""
    return string(
        f"<metadata><enableCloudCombine>{combine}</enableCloudCombine><chunkSize>{chunk_size}</chunkSize>{packages}"
        f"<errorHandling>{mode}</errorHandling><wait>FALSE</wait></metadata>",
        version,
    )


def packed(data, compressed=True):
    return gzip.compress(bytes(data), mtime=0) if compressed else bytes(data)


def names_and_numbers(data):
    """Reads a list of numbers, strings, NULLs and errors back: names, and one value each."""
    data = gzip.decompress(data)
    return Reader(data).result()


class Reader:
    def __init__(self, data):
        self.data, self.at, self.symbols = data, 0, []
        assert self.take(2) == b"X\n"
        self.version = self.int()
        self.int(), self.int()
        if self.version == 3:
            self.take(self.int())

    def take(self, count):
        self.at += count
        assert self.at <= len(self.data)
        return self.data[self.at - count:self.at]

    def int(self):
        return struct.unpack(">i", self.take(4))[0]

    def result(self):
        flags = self.int()
        assert flags == 0x213
        values = [self.item() for _ in range(self.int())]
        attributes = self.item()
        assert self.at == len(self.data)
        return attributes["names"], values

    def item(self):
        flags = self.int()
        kind = flags & 0xFF
        if kind == 0xFE:
            return None
        if kind == 0xFF:
            return self.symbols[(flags >> 8) - 1]
        if kind == 1:
            self.symbols.append(self.item())
            return self.symbols[-1]
        if kind == 9:
            return self.take(self.int()).decode()
        if kind == 14:
            return struct.unpack(">d", self.take(8 * self.int()))[0]
        if kind == 16:
            return [self.item() for _ in range(self.int())]
        if kind == 6:
            name = self.item()
            assert self.item() is None
            return name
        if kind == 2:
            name, value = self.item(), self.item()
            return {name: value, **(self.item() or {})}
        if kind == 19:
            value = [self.item() for _ in range(self.int())]
            attributes = self.item() if flags & 0x200 else None
            return Failure(value[0][0], value[1]) if attributes and "class" in attributes else value
        raise AssertionError(f"type {kind}")
