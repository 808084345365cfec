"""The two servers: nginx with a static file, and the emulator in memory. Each counts what it is asked for."""

import base64
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

from .processes import Process, children

CONTAINER = "bench"
# Of the account that every emulator has: no secret.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclasses.dataclass
class Counts:
    """Asked of a server during a trial."""

    requests: int
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
        self.process = Process(subprocess.Popen(command, stderr=subprocess.DEVNULL))
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
        return Counts(requests=len(lines), sent=sum(int(line[2]) for line in lines), received=0)

    def stop(self) -> None:
        self.process.stop()


class Emulator:
    """`outputfs emulator`, in memory, with the container made."""

    def __init__(self, binary: str):
        command = [binary, "emulator", "--listen", "127.0.0.1:0", "--control"]
        self.process = Process(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        greeting = self.process.popen.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", greeting)
        if not found:
            raise RuntimeError(f"the emulator said: {greeting}")
        self.port = int(found[1])
        self.endpoint = f"http://127.0.0.1:{self.port}/{ACCOUNT}"
        self.token = account_sas()
        self.ask("PUT", f"/{ACCOUNT}/{CONTAINER}?restype=container&{self.token}")

    @property
    def pids(self) -> list[int]:
        return [self.process.pid]

    def url(self, blob: str) -> str:
        return f"{self.endpoint}/{CONTAINER}/{blob}?{self.token}"

    def ask(self, method: str, path: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, headers={"Content-Length": "0", "x-ms-version": "2021-12-02"})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def delete(self, blob: str) -> None:
        self.ask("DELETE", f"/{ACCOUNT}/{CONTAINER}/{blob}?{self.token}")

    def properties(self, blob: str) -> tuple[int, str] | None:
        """Length and MD5 of a blob, or None where there is none."""
        status, headers, _ = self.ask("HEAD", f"/{ACCOUNT}/{CONTAINER}/{blob}?{self.token}")
        return (int(headers["Content-Length"]), headers.get("Content-MD5", "")) if status == 200 else None

    def reset_counts(self) -> None:
        self.ask("DELETE", "/-/counters")

    def counts(self) -> Counts:
        operations = json.loads(self.ask("GET", "/-/counters")[2]).values()
        return Counts(
            requests=sum(operation["requests"] for operation in operations),
            sent=sum(operation["bytesSent"] for operation in operations),
            received=sum(operation["bytesReceived"] for operation in operations),
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
