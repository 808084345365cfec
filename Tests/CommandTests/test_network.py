"""The way to the store: TLS, proxies, and what is said when something stands in it."""

import datetime
import filecmp
import json
import re
import socket
import subprocess
import threading
import urllib.request

import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from network import DAY, HOST, NOW, Authority, Front, Tinyproxy
from program import KEY, emulator, is_mounted, outputfs, wait_until

PASSWORD = "pr0xy-pass-word"


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def key_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("key") / "key"
    file.write_text(KEY)
    return file


@pytest.fixture(scope="session")
def store_port(server):
    return int(server.endpoint.rsplit(":", 1)[1])


@pytest.fixture(scope="session")
def secured(authority, store_port):
    """TLS in front of the emulator, for localhost and this machine's name."""
    front = Front(store_port, authority.issue("localhost", HOST))
    yield front
    front.stop()


@pytest.fixture
def store(key_file):
    """What doctor finds of the store at an endpoint."""

    def ask(endpoint, *options, **environment):
        ended = outputfs("doctor", "--account", "farm", "--endpoint", endpoint, "--key-file", key_file, "--json", *options,
                         **environment)
        findings = json.loads(ended.out)["findings"]
        (finding,) = [finding for finding in findings if finding["check"] in ("store", "arguments")]
        return finding

    return ask


@pytest.fixture
def refusal(key_file, place, tmp_path):
    """How mount ends that cannot reach its store: within seconds, with words and a remedy."""

    def ask(endpoint, *options, **environment):
        ended = outputfs(
            "mount", "--account", "farm", "--endpoint", endpoint, "--key-file", key_file, "--retry-deadline", "1s",
            "--journal-dir", tmp_path / "spool", *options, place, **environment,
        )
        assert ended.status != 0 and not is_mounted(place)
        assert re.search(r"^outputfs: .+\n  try: .+", ended.err), ended.err
        return ended

    return ask


# TLS


@pytest.mark.parametrize("variable", [None, "CURL_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_store_with_an_authority_of_its_own_is_trusted_by_that_file(variable, secured, authority, store):
    options = [] if variable else ["--ca-file", authority.file]
    environment = {variable: str(authority.file)} if variable else {}
    finding = store(f"https://localhost:{secured.port}/farm", *options, **environment)
    assert finding["level"] == "ok", finding


def test_files_go_both_ways_over_tls(secured, authority, key_file, place, tmp_path):
    ended = outputfs(
        "mount", "--account", "farm", "--endpoint", f"https://localhost:{secured.port}/farm", "--key-file", key_file,
        "--journal-dir", tmp_path / "spool", "-o", f"ca_file={authority.file}", place,
    )
    assert ended.status == 0, ended.err
    try:
        (place / "containers/tls").mkdir()
        content = bytes(range(256)) * 60_000
        (place / "containers/tls/f").write_bytes(content)
        # What was kept is dead all at once, as after a restart of whatever stands between.
        secured.drop()
        assert (place / "containers/tls/f").read_bytes() == content
        (place / "containers/tls/g").write_bytes(b"after")
    finally:
        assert outputfs("unmount", place).status == 0


def test_an_unknown_authority_is_refused_with_the_option_that_helps(secured, refusal):
    ended = refusal(f"https://localhost:{secured.port}/farm")
    assert ended.status == 69
    assert "nobody whom this machine trusts" in ended.err and "--ca-file" in ended.err


def test_the_authorities_of_a_file_are_the_only_ones(secured, tmp_path, refusal):
    other = Authority(tmp_path / "other", "Another Authority")
    assert "--ca-file" in refusal(f"https://localhost:{secured.port}/farm", "--ca-file", other.file).err


def test_a_certificate_for_another_name_is_refused(secured, authority, refusal):
    ended = refusal(f"https://127.0.0.1:{secured.port}/farm", "--ca-file", authority.file)
    assert ended.status == 69 and "is for another name" in ended.err


@pytest.mark.parametrize("begin, end, words", [(-2, -1, "has expired"), (1, 2, "is not valid yet")])
def test_a_certificate_of_another_time_is_refused(begin, end, words, authority, store_port, refusal):
    front = Front(store_port, authority.issue("localhost", begin=NOW + begin * DAY, end=NOW + end * DAY))
    try:
        ended = refusal(f"https://localhost:{front.port}/farm", "--ca-file", authority.file)
    finally:
        front.stop()
    assert ended.status == 69 and words in ended.err and "date" in ended.err


def test_https_to_a_port_without_tls_says_so(server, refusal):
    # One that waits for the rest of a request, and one that answers at once.
    ended = refusal(server.blob_endpoint.replace("http:", "https:"), "--connect-timeout", "1s")
    assert ended.status == 69
    assert "does not answer in TLS" in ended.err and f"try: {server.blob_endpoint}" in ended.err
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def answer():
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                connection.recv(1 << 16)

        threading.Thread(target=answer, daemon=True).start()
        ended = refusal(f"https://127.0.0.1:{port}/farm")
    assert ended.status == 69
    assert "does not speak TLS" in ended.err and f"try: http://127.0.0.1:{port}/farm" in ended.err


def test_http_to_a_port_with_tls_says_so(secured, refusal):
    ended = refusal(f"http://localhost:{secured.port}/farm")
    assert ended.status == 69
    assert f"try: https://localhost:{secured.port}/farm" in ended.err


def test_http_leaves_this_machine_only_when_asked(store, key_file):
    with emulator("--listen", "0.0.0.0:0") as open_server:
        endpoint = f"http://{HOST}:{open_server.endpoint.rsplit(':', 1)[1]}/farm"
        refused = store(endpoint)
        assert refused["level"] == "problem"
        assert "not encrypted" in refused["finding"]
        assert any("--allow-http" in remedy for remedy in refused["remedies"])
        assert store(endpoint, "--allow-http")["level"] == "ok"
        assert store(endpoint, "-o", "allow_http")["level"] == "ok"


def test_an_unreadable_file_of_certificates_is_named(tmp_path, refusal):
    (tmp_path / "der").write_bytes(b"\x30\x82")
    for name, words in (("none", "No such file"), ("der", "no certificate in PEM")):
        ended = refusal("https://localhost:1/farm", "--ca-file", tmp_path / name)
        assert ended.status == 78 and str(tmp_path / name) in ended.err and words in ended.err


# Addresses


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_an_address_of_ipv6_is_an_endpoint(store_port, authority, store):
    plain = Front(store_port, family=socket.AF_INET6, address="::1")
    secured = Front(store_port, authority.issue("::1"), family=socket.AF_INET6, address="::1")
    try:
        assert store(f"http://[::1]:{plain.port}/farm")["level"] == "ok"
        assert store(f"https://[::1]:{secured.port}/farm", "--ca-file", authority.file)["level"] == "ok"
        # A name with both families, of which only one answers.
        assert store(f"http://localhost:{plain.port}/farm")["level"] == "ok"
    finally:
        plain.stop()
        secured.stop()


def test_a_name_that_does_not_resolve_and_a_port_where_nobody_listens(refusal):
    unknown = refusal("https://nosuchaccount.invalid")
    assert unknown.status == 69 and "is not known" in unknown.err and "getent hosts nosuchaccount.invalid" in unknown.err
    silent = refusal("http://127.0.0.1:1/farm")
    assert silent.status == 69 and "does not answer" in silent.err and "--proxy" in silent.err


# Proxies


@pytest.fixture
def through(secured, tmp_path):
    """A proxy that lets through to the store; what it is given."""
    made = []

    def make(*, ports=None, **more):
        made.append(Tinyproxy(tmp_path, ports or [secured.port], **more))
        return made[-1]

    yield make
    for proxy in made:
        proxy.stop()


@pytest.mark.parametrize("way", ["--proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_the_store_is_reached_through_a_proxy(way, through, secured, authority, store):
    proxy = through()
    options = ["--proxy", proxy.url] if way == "--proxy" else []
    environment = {} if way == "--proxy" else {way: proxy.url}
    endpoint = f"https://{HOST}:{secured.port}/farm"
    assert store(endpoint, "--ca-file", authority.file, *options, **environment)["level"] == "ok"
    assert proxy.passed() > 0


@pytest.mark.parametrize("no_proxy", [HOST, "*", f"example.com, {HOST}"])
def test_no_proxy_and_loopback_go_directly(no_proxy, through, secured, authority, store):
    proxy = through()
    proxied = {"HTTPS_PROXY": proxy.url}
    assert store(f"https://{HOST}:{secured.port}/farm", "--ca-file", authority.file, NO_PROXY=no_proxy, **proxied)["level"] == "ok"
    assert store(f"https://localhost:{secured.port}/farm", "--ca-file", authority.file, **proxied)["level"] == "ok"
    assert proxy.passed() == 0


def test_a_proxy_gets_user_and_password_from_file_or_environment(through, secured, authority, store, tmp_path, refusal):
    proxy = through(user="me", password=PASSWORD)
    endpoint, trust = f"https://{HOST}:{secured.port}/farm", ("--ca-file", authority.file)
    (tmp_path / "credentials").write_text(f"me:{PASSWORD}\n")
    given = store(endpoint, *trust, "--proxy", proxy.url, "--proxy-credentials-file", tmp_path / "credentials")
    assert given["level"] == "ok", given
    with_user = proxy.url.replace("//", f"//me:{PASSWORD}@")
    assert store(endpoint, *trust, HTTPS_PROXY=with_user)["level"] == "ok"
    for options, environment in (
        (["--proxy", proxy.url], {}),
        ([], {"HTTPS_PROXY": proxy.url.replace("//", "//me:wrong-word@")}),
    ):
        ended = refusal(endpoint, *trust, *options, **environment)
        assert ended.status == 77 and "proxy wants a user" in ended.err and "--proxy-credentials-file" in ended.err
        assert "wrong-word" not in ended.err
    refused = refusal(endpoint, *trust, "--proxy", with_user)
    assert refused.status == 64 and "--proxy-credentials-file" in refused.err and PASSWORD not in refused.err


def test_a_proxy_that_does_not_let_through_is_told_from_the_store(through, secured, authority, refusal):
    proxy = through(ports=[1])
    ended = refusal(f"https://{HOST}:{secured.port}/farm", "--ca-file", authority.file, "--proxy", proxy.url)
    assert ended.status == 69 and "the proxy does not let us through" in ended.err and "HTTP 403" in ended.err


def test_a_proxy_of_unknown_name_is_told_from_the_store(secured, refusal):
    ended = refusal(f"https://{HOST}:{secured.port}/farm", "--proxy", "http://nosuchproxy.invalid:3128")
    assert ended.status == 69 and "name of the proxy is not known" in ended.err


def test_a_proxy_that_dies_is_waited_for(through, secured, authority, key_file, place, tmp_path):
    proxy = through()
    ended = outputfs(
        "mount", "--account", "farm", "--endpoint", f"https://{HOST}:{secured.port}/farm", "--key-file", key_file,
        "--ca-file", authority.file, "--proxy", proxy.url, "--journal-dir", tmp_path / "spool", "--memory", "64M", place,
    )
    assert ended.status == 0, ended.err
    try:
        (place / "containers/proxied").mkdir()
        (tmp_path / "f").write_bytes(bytes(range(251)) * 400_000)
        # By other processes: what this one had open, a child that starts the proxy would close, and wait for that.
        for source, copy in ((tmp_path / "f", place / "containers/proxied/f"), (place / "containers/proxied/f", tmp_path / "g")):
            before = proxy.passed()
            copying = subprocess.Popen(["cp", source, copy])
            wait_until(lambda: proxy.passed() > before or copying.poll() is not None)
            proxy.kill()
            proxy.start()
            assert copying.wait(60) == 0
        assert filecmp.cmp(tmp_path / "f", tmp_path / "g", shallow=False)
        assert proxy.passed() > 0
    finally:
        assert outputfs("unmount", place).status == 0


def test_a_proxy_over_tls_sees_our_certificate(through, authority, secured, store, refusal, tmp_path):
    proxy = through()
    front = Front(proxy.port, authority.issue("localhost"), clients=authority.file)
    mine = authority.issue("me")
    arguments = [f"https://{HOST}:{secured.port}/farm", "--ca-file", authority.file, "--proxy", f"https://localhost:{front.port}"]
    try:
        assert store(*arguments, "--proxy-certificate-file", mine)["level"] == "ok"
        assert proxy.passed() > 0
        assert refusal(*arguments).status == 69
    finally:
        front.stop()


# Credentials and clocks


def test_a_wrong_account_at_an_endpoint_is_a_sentence(server, refusal):
    ended = refusal(f"{server.endpoint}/frm")
    assert ended.status in (66, 69, 77) and "/frm" in ended.err


def container_url(endpoint, container, signed=None, minutes=60):
    """A container's URL with a token, which may have been made for another one."""
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
    permission = ContainerSasPermissions.from_string("racwdl")
    token = generate_container_sas("farm", signed or container, account_key=KEY, permission=permission, expiry=end)
    return f"{endpoint}/{container}?{token}"


def test_a_token_of_another_container_is_a_sentence(server, place, tmp_path):
    url = container_url(server.blob_endpoint, "job-mine", signed="job-other")
    ended = outputfs("mount", "--journal-dir", tmp_path / "spool", place, JOB_CONTAINER_URL=url)
    assert ended.status == 77 and "job-mine refuses the credentials" in ended.err
    assert "one of another does not fit" in ended.err and "sig=" not in ended.err


@pytest.fixture
def late_server():
    """A store whose clock is 20 minutes ahead of this machine's."""
    with emulator("--control") as running:
        body = json.dumps(1200).encode()
        request = urllib.request.Request(f"{running.endpoint}/-/clock", data=body, method="PUT")
        urllib.request.urlopen(request, timeout=10).read()
        yield running


def test_a_clock_that_is_wrong_is_said_to_be(late_server, place, tmp_path):
    # For our clock the token lives for another ten minutes, for the store's it ended ten ago.
    url = container_url(late_server.blob_endpoint, "job-late", minutes=10)
    ended = outputfs("mount", "--journal-dir", tmp_path / "spool", place, JOB_CONTAINER_URL=url)
    assert ended.status == 77
    assert "this machine's clock is 20 minutes behind the store's" in ended.err and "timedatectl" in ended.err


def test_with_a_key_a_wrong_clock_is_corrected_and_said(late_server, place, tmp_path):
    ended = outputfs(
        "mount", "--journal-dir", tmp_path / "spool", "--log-file", tmp_path / "log", place,
        AZURE_STORAGE_CONNECTION_STRING=late_server.connection_string,
    )
    assert ended.status == 0, ended.err
    assert outputfs("unmount", place).status == 0
    assert "this machine's clock is 20 minutes behind the store's" in (tmp_path / "log").read_text()


def test_limits_are_checked_and_kept(secured, authority, store):
    endpoint = f"https://localhost:{secured.port}/farm"
    limits = ["--max-connections", "2", "--max-requests", "50", "--max-download", "1M", "--max-upload", "64K/s"]
    assert store(endpoint, "--ca-file", authority.file, *limits)["level"] == "ok"
    for option, value in (("--max-connections", "0"), ("--max-requests", "0"), ("--stall-timeout", "1ms")):
        refused = store(endpoint, option, value)
        assert refused["level"] == "problem" and option in refused["finding"]
