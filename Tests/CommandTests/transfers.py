"""What the suites of the transfer commands share: an emulator with its control interface, and a run of the program."""

import contextlib
import json
import subprocess
import urllib.request

from azure.storage.blob import BlobServiceClient

from program import binary, clean_environment, emulator, outputfs, wait_until


class Faulty:
    """An emulator that fails, holds and counts on request."""

    def __init__(self, running):
        self.running = running
        self.connection_string = running.connection_string
        self.service = BlobServiceClient.from_connection_string(self.connection_string, retry_total=0)

    def control(self, method, path, value=None):
        body = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(f"{self.running.endpoint}/-/{path}", data=body, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def faults(self, *rules):
        self.control("PUT", "faults", list(rules))

    @contextlib.contextmanager
    def holding(self, operation, **rule):
        """Requests of this kind wait until the block is left."""
        self.faults({"operation": operation, "effect": "hold", **rule})
        try:
            yield
        finally:
            self.faults()
            # Those that were held are on their way out: the next ones are not to be taken for them.
            wait_until(lambda: self.held() == 0, what="that nothing is held")

    def held(self) -> int:
        return self.control("GET", "held")

    @contextlib.contextmanager
    def counted(self):
        """Gives a dictionary that holds, behind the block, its requests by operation."""
        requests = {}
        self.control("DELETE", "counters")
        yield requests
        requests.update({name: counts["requests"] for name, counts in self.control("GET", "counters").items()})

    def start(self, *arguments, **environment):
        """The program, running."""
        return subprocess.Popen(
            [binary(), *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env=clean_environment(AZURE_STORAGE_CONNECTION_STRING=self.connection_string, **environment),
        )

    def run(self, *arguments, **environment):
        return outputfs(*arguments, AZURE_STORAGE_CONNECTION_STRING=self.connection_string, **environment)


@contextlib.contextmanager
def faulty_emulator():
    with emulator("--control") as running:
        faulty = Faulty(running)
        yield faulty
        faulty.service.close()
