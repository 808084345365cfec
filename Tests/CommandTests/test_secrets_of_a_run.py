"""Every secret that a run uses, looked for in everything that the run leaves or shows: §5.4."""

import contextlib
import datetime
import json
import os
import pathlib
import resource
import signal
import subprocess
import urllib.parse
import urllib.request

import pytest
from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas

from network import HOST, Authority, Front, Tinyproxy
from program import KEY, binary, clean_environment, emulator, is_mounted, outputfs, wait_until

PROXY_PASSWORD = "pr0xy:w/ord%42"


@pytest.fixture(scope="module")
def faulty():
    """An emulator that fails when told to."""
    with emulator("--control") as running:
        yield running


@pytest.fixture
def way(faulty, tmp_path):
    """Endpoint, and the arguments and environment by which it is reached: through a proxy with a password, over TLS."""
    authority = Authority(tmp_path / "ca")
    front = Front(int(faulty.endpoint.rsplit(":", 1)[1]), authority.issue(HOST))
    proxy = Tinyproxy(tmp_path, [front.port], user="me", password="word")
    quoted = urllib.parse.quote(PROXY_PASSWORD, safe="")
    with_password = f"http://me:{quoted}@127.0.0.1:{proxy.port}"
    yield f"https://{HOST}:{front.port}/farm", ["--ca-file", authority.file], proxy, with_password
    proxy.stop()
    front.stop()


def token():
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    permission = ContainerSasPermissions.from_string("racwdl")
    return generate_container_sas("farm", "job-secrets", account_key=KEY, permission=permission, expiry=end)


def forms(secret):
    """As it could be written down: as it is, and percent-encoded once or twice."""
    once = urllib.parse.quote(secret, safe="")
    return {secret, once, urllib.parse.quote(once, safe=""), urllib.parse.unquote(secret)}


def files_below(*places):
    for place in places:
        for path in sorted(pathlib.Path(place).rglob("*")):
            with contextlib.suppress(OSError):
                if path.is_file():
                    yield path


def processes():
    """The command lines of all processes."""
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield f"{process}/cmdline", (process / "cmdline").read_bytes()


@pytest.mark.parametrize("credential", ["key", "connection string", "container url"])
def test_no_secret_of_a_run_is_anywhere(credential, faulty, way, place, tmp_path):
    endpoint, options, proxy, with_password = way
    sas = token()
    secrets = {"proxy": PROXY_PASSWORD}
    # The right word is in the proxy's own file; the wrong one is refused at first, and looked for as well.
    environment = {"HTTPS_PROXY": with_password}
    if credential == "container url":
        secrets["signature"] = urllib.parse.parse_qs(sas)["sig"][0]
        environment["JOB_CONTAINER_URL"] = f"{endpoint}/job-secrets?{sas}"
    else:
        secrets["key"] = KEY
        environment["AZURE_STORAGE_CONNECTION_STRING"] = f"AccountName=farm;AccountKey={KEY};BlobEndpoint={endpoint};"
        if credential == "key":
            environment = {"HTTPS_PROXY": with_password, "AZURE_STORAGE_KEY": KEY}
            options = ["--account", "farm", "--endpoint", endpoint, *options]
    container = BlobServiceClient.from_connection_string(faulty.connection_string, retry_total=0).get_container_client("job-secrets")
    with contextlib.suppress(Exception):
        container.create_container()
    container.upload_blob("$JobOutput/there", b"there", overwrite=True)

    log, cache, journal = tmp_path / "log", tmp_path / "cache", tmp_path / "journal"
    common = ["--log-level", "trace", "--log-file", log, "--cache-dir", cache, "--journal-dir", journal,
              "--retry-deadline", "1s", "--commit-deadline", "1s", *options]
    texts = {}
    refused = outputfs("mount", *common, place, **environment)
    assert refused.status == 77, refused.err
    texts["refused mount"] = (refused.out + refused.err).encode()
    environment["HTTPS_PROXY"] = f"http://me:word@127.0.0.1:{proxy.port}"
    texts["doctor"] = str(outputfs("doctor", "--json", *[o for o in options], **environment)).encode()
    ended = outputfs("mount", *common, place, **environment)
    assert ended.status == 0, ended.err
    texts["mount"] = (ended.out + ended.err).encode()
    try:
        folder = place / "jobs/secrets/JobOutput"
        assert (folder / "there").read_bytes() == b"there"
        (folder / "new").write_bytes(b"new")
        os.rename(folder / "new", folder / "renamed")
        for error in ("403", "500"):
            code = {"403": "AuthenticationFailed", "500": "InternalError"}[error]
            rule = [{"effect": "status", "status": int(error), "code": code}]
            control(faulty, rule)
            for failing in (lambda: (folder / "bad").write_bytes(b"bad"), lambda: os.unlink(folder / "renamed")):
                with contextlib.suppress(OSError):
                    failing()
            control(faulty, [])
        proxy.kill()
        with contextlib.suppress(OSError):
            (folder / "lost").write_bytes(b"lost")
        texts |= dict(processes())
        texts["status"] = outputfs("status", place, "--json").out.encode()
        texts["status in words"] = outputfs("status", place).out.encode()
        texts["mounts"] = pathlib.Path("/proc/self/mountinfo").read_bytes()
        texts["recover"] = str(outputfs("recover", "--list", "--journal-dir", journal)).encode()
        proxy.start()
    finally:
        control(faulty, [])
        texts["unmount"] = str(outputfs("unmount", place, "--timeout", "10s", "--lazy")).encode()
    texts |= {str(path): path.read_bytes() for path in files_below(cache, journal)}
    texts["log"] = log.read_bytes()
    assert len(texts["log"]) > 200 and b"bad" in texts["log"]
    for name, secret in secrets.items():
        for form in forms(secret):
            for where, text in texts.items():
                # The emulator of the tests was given its key on the command line, as its help says one may.
                if where == f"/proc/{faulty.process.pid}/cmdline" or b"--account\0farm:" in text:
                    continue
                assert form.encode() not in text, f"{name} in {where}"
    for where, text in texts.items():
        assert b"SharedKey farm:" not in text and b"sig=" not in text.replace(b"sig=\xe2\x80\xa6", b""), where


def control(server, rules):
    body = json.dumps(rules).encode()
    request = urllib.request.Request(f"{server.endpoint}/-/faults", data=body, method="PUT")
    urllib.request.urlopen(request, timeout=10).read()


def test_no_core_is_dumped_of_a_mount_that_crashes(server, place, tmp_path):
    """A dump would hold the key; where the kernel pipes dumps to a collector, a limit of 0 would not help."""
    if resource.getrlimit(resource.RLIMIT_CORE)[1] != resource.RLIM_INFINITY and os.geteuid() != 0:
        pytest.skip("no core may be dumped here anyway")
    environment = clean_environment(
        AZURE_STORAGE_CONNECTION_STRING=server.connection_string,
        # Swift's own handler would end the process by another way.
        SWIFT_BACKTRACE="enable=no",
    )
    command = [binary(), "mount", "--foreground", "--journal-dir", tmp_path / "spool", place]
    unlimited = ["bash", "-c", 'ulimit -c unlimited; exec "$@"', "bash"]
    process = subprocess.Popen(
        unlimited + command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path
    )
    try:
        wait_until(lambda: is_mounted(place), 20)
    finally:
        process.send_signal(signal.SIGSEGV)
        _, status = os.waitpid(process.pid, 0)
        process.returncode = -signal.SIGSEGV
    assert os.WTERMSIG(status) == signal.SIGSEGV and not os.WCOREDUMP(status)
    assert not list(tmp_path.glob("core*"))
