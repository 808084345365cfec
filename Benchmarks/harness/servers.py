"""The two servers: nginx with a static file, and the emulator in memory. Each counts what it is asked for."""

import base64
import contextlib
import dataclasses
import hashlib
import hmac
import http.client
import json
import pathlib
import re
import socket
import string
import subprocess
import time
import urllib.parse
from collections import Counter
from collections.abc import Iterator

from .processes import Process, children

CONTAINER = "bench"
# Of the account that every emulator has: no secret.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclasses.dataclass(frozen=True)
class Network:
    """What lies between a server and its clients, made by the emulator."""

    latency: int = 0
    """Milliseconds before each answer."""
    rate: int = 0
    """Bytes per second of each connection; 0: as fast as it goes."""

    @property
    def is_slow(self) -> bool:
        return self.latency > 0 or self.rate > 0

    @property
    def rules(self) -> list[dict]:
        rules = []
        if self.latency:
            rules.append({"effect": "delay", "milliseconds": self.latency})
        if self.rate:
            rules.append({"effect": "bodyRate", "bytesPerSecond": self.rate})
        return rules


@dataclasses.dataclass
class Counts:
    """Asked of a server during a trial."""

    by_operation: dict[str, int]
    sent: int
    received: int


class Nginx:
    """Serves `directory`/www/account/bench/stream.bin."""

    def __init__(self, directory: pathlib.Path):
        self.directory = directory
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}/account"
        self.blob = directory / "www/account" / CONTAINER / "stream.bin"
        self.blob.parent.mkdir(parents=True)
        self.log_position = 0

    def start(self) -> None:
        listings = self.directory / "www/listings"
        listings.mkdir()
        (listings / "container").touch()
        (listings / "containers.xml").write_text(
            f"<EnumerationResults><Containers><Container><Name>{CONTAINER}</Name></Container></Containers><NextMarker/>"
            "</EnumerationResults>"
        )
        (listings / "none.xml").write_text("<EnumerationResults><Blobs/><NextMarker/></EnumerationResults>")
        (listings / "blobs.xml").write_text(
            "<EnumerationResults><Blobs><Blob><Name>stream.bin</Name><Properties>"
            f"<Etag>{self.etag()}</Etag><Last-Modified>{self.last_modified()}</Last-Modified>"
            f"<Content-Length>{self.blob.stat().st_size}</Content-Length><BlobType>BlockBlob</BlobType>"
            "</Properties></Blob></Blobs><NextMarker/></EnumerationResults>"
        )
        template = string.Template((pathlib.Path(__file__).parent.parent / "nginx.conf.in").read_text())
        configuration = self.directory / "nginx.conf"
        configuration.write_text(template.substitute(directory=self.directory, port=self.port))
        # Workers run as somebody else.
        for part in [self.directory, *self.directory.glob("www/**/*")]:
            part.chmod(0o755)
        command = ["nginx", "-c", str(configuration), "-p", str(self.directory)]
        self.process = Process.start(command, stderr=subprocess.DEVNULL)
        wait_for_port(self.port, self.process)

    def etag(self) -> str:
        status = self.blob.stat()
        return f"{int(status.st_mtime):x}-{status.st_size:x}"

    def last_modified(self) -> str:
        return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(int(self.blob.stat().st_mtime)))

    @property
    def pids(self) -> list[int]:
        return [self.process.pid, *children(self.process.pid)]

    def reset_counts(self) -> None:
        self.log_position = (self.directory / "access.log").stat().st_size

    def counts(self) -> Counts:
        with open(self.directory / "access.log") as log:
            log.seek(self.log_position)
            lines = [line.split() for line in log]
        by_operation = dict(Counter(line[0] for line in lines))
        return Counts(by_operation, sent=sum(int(line[2]) for line in lines), received=0)

    @contextlib.contextmanager
    def slowed_to(self, network: Network) -> Iterator[None]:
        if network.is_slow:
            raise ValueError("nginx is as fast as it is")
        yield

    def stop(self) -> None:
        self.process.stop()


class Emulator:
    """`outputfs emulator`, in memory, with the container made."""

    def __init__(self, binary: str):
        command = [binary, "emulator", "--listen", "127.0.0.1:0", "--control"]
        self.process = Process.start(command, stdout=subprocess.PIPE, text=True)
        greeting = self.process.popen.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", greeting)
        if not found:
            raise RuntimeError(f"the emulator said: {greeting}")
        self.port = int(found[1])
        self.endpoint = f"http://127.0.0.1:{self.port}/{ACCOUNT}"
        self.token = account_sas()
        self.made = 0
        self.make_container(CONTAINER)

    @property
    def pids(self) -> list[int]:
        return [self.process.pid]

    def url(self, blob: str, container: str = CONTAINER) -> str:
        return f"{self.endpoint}/{container}/{blob}?{self.token}"

    def listing(self, prefix: str) -> str:
        """The address of the List Blobs requests that a reader of this directory needs."""
        query = {"restype": "container", "comp": "list", "delimiter": "/", "prefix": prefix, "include": "metadata"}
        return f"{self.endpoint}/{CONTAINER}?{urllib.parse.urlencode(query)}&{self.token}"

    @contextlib.contextmanager
    def container(self) -> Iterator[str]:
        """A container for one trial's writes; it and all that was written go at the end."""
        self.made += 1
        name = f"written-{self.made}"
        self.make_container(name)
        try:
            yield name
        finally:
            self.ask("DELETE", f"/{ACCOUNT}/{name}?restype=container&{self.token}")

    def make_container(self, name: str) -> None:
        self.expect(201, "PUT", f"/{ACCOUNT}/{name}?restype=container&{self.token}")

    def populate(self, container: str, prefix: str, count: int, size: int) -> None:
        """Makes blobs of one size at once, named by seven digits."""
        wanted = {"account": ACCOUNT, "container": container, "prefix": prefix, "count": count, "size": size}
        self.expect(201, "POST", "/-/populate", json.dumps(wanted))

    @contextlib.contextmanager
    def slowed_to(self, network: Network) -> Iterator[None]:
        self.expect(204, "PUT", "/-/faults", json.dumps(network.rules))
        try:
            yield
        finally:
            self.expect(204, "DELETE", "/-/faults")

    def expect(self, wanted: int, method: str, path: str, body: str = "") -> None:
        status, _, answer = self.ask(method, path, body)
        if status != wanted:
            raise RuntimeError(f"{method} {path.partition('?')[0]}: {status} {answer[:200].decode(errors='replace')}")

    def ask(self, method: str, path: str, body: str = "") -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, path, body, {"Content-Length": str(len(body)), "x-ms-version": "2021-12-02"})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def stored_bytes(self, container: str, blob: str) -> int:
        """-1 where there is none."""
        status, headers, _ = self.ask("HEAD", f"/{ACCOUNT}/{container}/{blob}?{self.token}")
        return int(headers["Content-Length"]) if status == 200 else -1

    def etag(self, container: str, blob: str) -> str:
        _, headers, _ = self.ask("HEAD", f"/{ACCOUNT}/{container}/{blob}?{self.token}")
        return headers["ETag"]

    def stored_count(self, container: str) -> int:
        """How many blobs there are; at most 5,000 are seen."""
        _, _, page = self.ask("GET", f"/{ACCOUNT}/{container}?restype=container&comp=list&{self.token}")
        return page.count(b"<Blob>")

    def reset_counts(self) -> None:
        self.ask("DELETE", "/-/counters")

    def counts(self) -> Counts:
        operations = json.loads(self.ask("GET", "/-/counters")[2])
        return Counts(
            {name: operation["requests"] for name, operation in operations.items()},
            sent=sum(operation["bytesSent"] for operation in operations.values()),
            received=sum(operation["bytesReceived"] for operation in operations.values()),
        )

    def stop(self) -> None:
        self.process.stop()


def account_sas() -> str:
    """A token for everything in the account, for a day."""
    fields = {
        "sv": "2021-12-02",
        "ss": "b",
        "srt": "sco",
        "sp": "rwdlac",
        "se": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400)),
    }
    # Start, addresses, protocol and encryption scope are left empty.
    signed = [ACCOUNT, fields["sp"], fields["ss"], fields["srt"], "", fields["se"], "", "", fields["sv"], "", ""]
    digest = hmac.new(base64.b64decode(KEY), "\n".join(signed).encode(), hashlib.sha256).digest()
    return urllib.parse.urlencode({**fields, "sig": base64.b64encode(digest).decode()})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port: int, process: Process) -> None:
    for _ in range(200):
        process.check("the server")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"nothing answers on port {port}")
