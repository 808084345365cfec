"""Signing in: each way to a token, tokens that expire, services that fail, and what people are told."""

import base64
import datetime
import errno
import json
import os
import pathlib
import signal
import ssl
import subprocess
import time

import pytest
from azure.storage.blob import AccountSasPermissions, BlobServiceClient, ResourceTypes, generate_account_sas

from identities import TENANT, Identities, az, certificate, token
from mounts import ACCOUNT, KEY, Mount, Server, binary, clean_environment, fails_with, wait_until


@pytest.fixture
def identities():
    running = Identities(KEY)
    yield running
    running.stop()


@pytest.fixture
def signing_in(server, tmp_path):
    """Mounts with these variables and options, as `mounting` does."""
    made = []

    def make(*options, server=server, **variables):
        # Nothing at the address of the real IMDS must be asked from a test.
        variables.setdefault("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1")
        place = tmp_path / f"mnt{len(made)}"
        mount = Mount(place, server, "--endpoint", server.endpoint, *options, credentials=variables)
        made.append(mount)
        return mount

    yield make
    for mount in made:
        mount.end()


def refused(server, tmp_path, *options, status=77, **variables) -> str:
    """What a mount that must not succeed says."""
    place = tmp_path / "refused"
    place.mkdir(exist_ok=True)
    variables.setdefault("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1")
    ended = subprocess.run(
        [binary(), "mount", "--foreground", "--endpoint", server.endpoint, "--journal-dir", tmp_path / "j", *options, place],
        env=clean_environment(**variables), capture_output=True, text=True, timeout=60,
    )
    assert ended.returncode == status, ended
    assert "  try: " in ended.stderr
    return ended.stderr


def application(identities) -> dict:
    return {"AZURE_AUTHORITY_HOST": identities.url, "AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": "app"}


def az_script(life=3600, before="") -> str:
    answer = json.dumps({"accessToken": token(KEY, life), "expires_on": int(time.time() + life), "tokenType": "Bearer"})
    return f"{before}\ncat <<'END'\n{answer}\nEND\n"


def works(mount, job):
    """Reads, writes, lists, and copies within the store."""
    outputs = mount.job(job)
    outputs.mkdir(exist_ok=True)
    (outputs / "a").write_bytes(b"by identity" * 1000)
    assert (outputs / "a").read_bytes() == b"by identity" * 1000
    (outputs / "a").rename(outputs / "b")
    assert os.listdir(outputs) == ["b"]
    (outputs / "b").unlink()


# Each way


@pytest.mark.parametrize("form, password", [("pem", None), ("pem", "locked"), ("pfx", None), ("pfx", "locked")])
def test_a_service_principal_with_a_certificate(form, password, signing_in, identities, job, tmp_path):
    file = certificate(tmp_path / "certificate", form=form, password=password)
    identities.certificate = file.parent / "only.pem"
    extra = {"AZURE_CLIENT_CERTIFICATE_PASSWORD": password} if password else {}
    mount = signing_in(AZURE_CLIENT_CERTIFICATE_PATH=str(file), **application(identities), **extra)
    works(mount, job)
    assert "service principal with a certificate" in mount.log()


def test_the_chain_of_a_certificate_goes_along_when_it_is_wanted(signing_in, identities, tmp_path):
    file = certificate(tmp_path / "certificate")
    identities.certificate = file.parent / "only.pem"
    signing_in(AZURE_CLIENT_CERTIFICATE_PATH=str(file), **application(identities))
    signing_in(
        AZURE_CLIENT_CERTIFICATE_PATH=str(file), AZURE_CLIENT_SEND_CERTIFICATE_CHAIN="true", **application(identities)
    )
    encoded = ssl.PEM_cert_to_DER_cert(identities.certificate.read_text())
    assert [head.get("x5c") for head in identities.heads] == [None, [base64.b64encode(encoded).decode()]]


def test_a_service_principal_with_a_secret(signing_in, identities, job):
    mount = signing_in("--auth", "spn", AZURE_CLIENT_SECRET=identities.SECRET, **application(identities))
    works(mount, job)
    assert "service principal with a secret" in mount.log()


def test_a_service_principal_by_options_alone(signing_in, identities, job, tmp_path):
    (tmp_path / "secret").write_text(identities.SECRET + "\n")
    options = ["--tenant-id", TENANT, "--client-id", "app", "--authority-host", identities.url]
    mount = signing_in("--auth", "spn", "--client-secret-file", os.path.relpath(tmp_path / "secret"), *options)
    works(mount, job)


def test_workload_identity_and_a_token_that_is_rotated(signing_in, identities, job, tmp_path):
    (tmp_path / "federated").write_text("a.federated.token")
    identities.life = 2
    mount = signing_in(AZURE_FEDERATED_TOKEN_FILE=str(tmp_path / "federated"), **application(identities))
    works(mount, job)
    assert "workload identity" in mount.log()
    (tmp_path / "federated").write_text("the.next.token")
    identities.federated.add("the.next.token")
    time.sleep(2.5)
    # The last renewal with the old one is over.
    identities.federated = {"the.next.token"}
    works(mount, job)


def test_a_slow_identity_service_is_waited_for(signing_in, identities, job):
    identities.delay = 2
    works(signing_in("--auth", "msi", AZURE_POD_IDENTITY_AUTHORITY_HOST=identities.url), job)


@pytest.mark.parametrize(
    "options, query",
    [
        ([], ""),
        (["--client-id", "11-22"], "&client_id=11-22"),
        (["--object-id", "33-44"], "&object_id=33-44"),
        (["--resource-id", "/subscriptions/s/i"], "&msi_res_id=%2Fsubscriptions%2Fs%2Fi"),
    ],
)
def test_managed_identity(options, query, signing_in, identities, job):
    mount = signing_in("--auth", "msi", *options, AZURE_POD_IDENTITY_AUTHORITY_HOST=identities.url)
    works(mount, job)
    assert len(identities.asked) == 1, "one token serves the check and the mount"
    assert identities.asked[0].endswith("resource=https%3A%2F%2Fstorage.azure.com%2F" + query)


def test_managed_identity_of_app_service(signing_in, identities, job):
    mount = signing_in(
        "-o", "auth=msi,client_id=11-22", IDENTITY_ENDPOINT=f"{identities.url}/msi", IDENTITY_HEADER=identities.HEADER
    )
    works(mount, job)
    assert "api-version=2019-08-01" in identities.asked[0] and "client_id=11-22" in identities.asked[0]


def test_a_datastore_has_the_token_of_the_same_identity_or_its_own(signing_in, identities, server, tmp_path):
    """§5.7: two accounts to the mount, though the emulator has one."""
    account = BlobServiceClient(server.endpoint, credential=KEY)
    tables = ""
    for name, identity in [("same", ""), ("other", 'client-id = "11-22"\n')]:
        account.create_container(f"identity-of-{name}-{os.getpid()}").upload_blob("a", name.encode())
        tables += f'[datastores.{name}]\nendpoint = "{server.endpoint}"\nauth = "msi"\n{identity}'
        tables += f'container = "identity-of-{name}-{os.getpid()}"\n'
    (tmp_path / "config.toml").write_text(tables)
    mount = signing_in(
        "--auth", "msi", "--config", tmp_path / "config.toml", AZURE_POD_IDENTITY_AUTHORITY_HOST=identities.url
    )
    assert (mount.place / "datastores/same/a").read_bytes() == b"same"
    assert len(identities.asked) == 1
    # Asked for when somebody enters, and not before.
    assert (mount.place / "datastores/other/a").read_bytes() == b"other"
    assert len(identities.asked) == 2 and "client_id=11-22" in identities.asked[1]


def test_imds_is_not_asked_through_a_proxy(signing_in, job):
    running = Identities(KEY, address="127.0.0.2")
    try:
        mount = signing_in(
            "--auth", "msi", AZURE_POD_IDENTITY_AUTHORITY_HOST=running.url,
            http_proxy="http://127.0.0.1:1", no_proxy="127.0.0.1",
        )
        works(mount, job)
    finally:
        running.stop()


def test_the_azure_cli_which_is_slow_and_sees_no_secrets(signing_in, job, tmp_path):
    before = f"sleep 1; env > {tmp_path}/env; echo \"$@\" > {tmp_path}/arguments; read -t 1 line && exit 9"
    folder = az(tmp_path / "bin", az_script(before=before))
    mount = signing_in(
        "--auth", "azcli", PATH=f"{folder}:{os.environ['PATH']}",
        AZURE_STORAGE_KEY="hunter2", AZURE_CLIENT_SECRET="hunter3", AZURE_STORAGE_CONNECTION_STRING="",
    )
    works(mount, job)
    assert "--resource https://storage.azure.com/" in (tmp_path / "arguments").read_text()
    assert "hunter" not in (tmp_path / "env").read_text()


def test_the_chain_takes_the_first_that_is_there(signing_in, identities, job, tmp_path):
    folder = az(tmp_path / "bin", az_script())
    mount = signing_in(PATH=f"{folder}:{os.environ['PATH']}")
    assert "signed in as Azure CLI" in mount.log()
    works(mount, job)
    other = signing_in(PATH=f"{folder}:{os.environ['PATH']}", AZURE_POD_IDENTITY_AUTHORITY_HOST=identities.url)
    assert "signed in as managed identity" in other.log()


def test_the_method_may_come_from_the_environment_and_wins_over_a_key(signing_in, identities, job):
    mount = signing_in(
        AZURE_STORAGE_AUTH_TYPE="MSI", AZURE_STORAGE_KEY=KEY, AZURE_POD_IDENTITY_AUTHORITY_HOST=identities.url
    )
    assert "signed in as managed identity" in mount.log()
    works(mount, job)


# Time


def test_a_mount_outlives_its_tokens_many_times(signing_in, identities, job):
    identities.life = 2
    mount = signing_in("--auth", "msi", "--attr-ttl", "0s", AZURE_POD_IDENTITY_AUTHORITY_HOST=identities.url)
    outputs = mount.job(job)
    outputs.mkdir(exist_ok=True)
    end, count = time.monotonic() + 12, 0
    while time.monotonic() < end:
        (outputs / f"f{count % 5}").write_text(f"round {count}")
        assert (outputs / f"f{count % 5}").read_text() == f"round {count}"
        count += 1
    # Renewed at half to four fifths of two seconds, and by one at a time.
    assert 6 <= len(identities.tokens) <= 16
    assert "EACCES" not in mount.log()


def test_a_short_lapse_of_the_identity_service_is_not_noticed(signing_in, identities, job):
    identities.life = 8
    mount = signing_in("--auth", "msi", AZURE_POD_IDENTITY_AUTHORITY_HOST=identities.url)
    outputs = mount.job(job)
    outputs.mkdir(exist_ok=True)
    time.sleep(4)
    identities.fault = (500, {"error": "server_error"})
    start = time.monotonic()
    while time.monotonic() < start + 2.5:
        before = time.monotonic()
        (outputs / "a").write_text("while it is down")
        assert time.monotonic() - before < 2
    identities.fault = None
    time.sleep(4)
    works(mount, job)


def test_after_a_lapse_that_outlives_the_token_calls_go_on_by_themselves(signing_in, identities, job):
    identities.life = 2
    mount = signing_in("--auth", "spn", AZURE_CLIENT_SECRET=identities.SECRET, **application(identities))
    outputs = mount.job(job)
    outputs.mkdir(exist_ok=True)
    (outputs / "a").write_text("before")
    identities.fault = (503, {"error": "temporarily_unavailable"})
    time.sleep(3)
    started = subprocess.Popen(["cat", outputs / "a"], stdout=subprocess.PIPE)
    time.sleep(2)
    assert started.poll() is None, "it waits"
    identities.fault = None
    assert started.communicate(timeout=40)[0] == b"before"
    works(mount, job)


def test_a_stuck_identity_service_can_be_interrupted(signing_in, identities, job):
    identities.life = 2
    mount = signing_in("--auth", "msi", AZURE_POD_IDENTITY_AUTHORITY_HOST=identities.url)
    outputs = mount.job(job)
    outputs.mkdir(exist_ok=True)
    (outputs / "a").write_text("a")
    identities.delay = 15
    time.sleep(2.5)
    reader = subprocess.Popen(["cat", outputs / "a"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    reader.send_signal(signal.SIGINT)
    assert reader.wait(5) != 0
    identities.delay = 0


def test_a_no_is_eacces_until_somebody_mends_it(signing_in, server, identities, job):
    identities.life = 2
    mount = signing_in("--auth", "spn", AZURE_CLIENT_SECRET=identities.SECRET, **application(identities))
    outputs = mount.job(job)
    outputs.mkdir(exist_ok=True)
    (outputs / "a").write_text("a")
    file = open(outputs / "b", "w")
    file.write("written meanwhile")
    identities.fault = (401, {"error": "invalid_client", "error_description": "AADSTS7000222: The secret is expired."})
    time.sleep(2.5)
    with fails_with(errno.EACCES):
        (outputs / "a").read_text()
    assert "AADSTS7000222" in mount.log() and "az ad app credential reset" in mount.log()
    with fails_with(errno.EACCES):
        file.close()
    identities.fault = None
    time.sleep(5)
    assert (outputs / "a").read_text() == "a"
    # What could not be sent goes up behind, as after any failure.
    assert mount.drain() == 0
    assert server.bytes(f"job-{job}", "$JobOutput/b") == b"written meanwhile"


def test_a_token_that_the_store_refuses_is_renewed(signing_in, own_server, identities, job):
    mount = signing_in("--auth", "msi", server=own_server, AZURE_POD_IDENTITY_AUTHORITY_HOST=identities.url)
    outputs = mount.job(job, "JobPreview")
    outputs.mkdir(exist_ok=True)
    (outputs / "kept").write_bytes(b"a" * 100_000)
    time.sleep(5.5)
    # For the store the first token is over; the mount does not know.
    own_server.control("PUT", "clock", 7200)
    identities.clock_offset = 7200
    works(mount, job)
    assert (outputs / "kept").read_bytes() == b"a" * 100_000
    assert len(identities.tokens) == 2


# A SAS


def sas(seconds, permission="rwdlac") -> str:
    now = datetime.datetime.now(datetime.timezone.utc)
    return generate_account_sas(
        ACCOUNT, KEY, ResourceTypes(service=True, container=True, object=True),
        AccountSasPermissions.from_string(permission), now + datetime.timedelta(seconds=seconds), protocol="https,http",
    )


def test_a_new_sas_in_the_file_is_taken(signing_in, job, tmp_path):
    file = tmp_path / "sas"
    file.write_text(sas(4))
    mount = signing_in("--sas-file", os.path.relpath(file))
    outputs = mount.job(job)
    outputs.mkdir(exist_ok=True)
    (outputs / "a").write_text("a")
    assert "the SAS expires at" in mount.log()
    time.sleep(4)
    with fails_with(errno.EACCES):
        (outputs / "a").read_text()
    assert "the SAS expired at" in mount.log()
    fresh = sas(3600)
    file.write_text("?" + fresh + "\n")
    assert (outputs / "a").read_text() == "a"
    works(mount, job)
    assert "a new SAS was taken from" in mount.log()
    assert fresh.split("sig=")[1] not in mount.log()


def test_a_new_container_url_in_the_file_is_taken_and_another_containers_is_not(server, tmp_path, job):
    server.service.create_container(f"job-{job}")
    file = tmp_path / "url"
    url = f"{server.endpoint}/job-{job}?"
    file.write_text(url + sas(3))
    mount = Mount(tmp_path / "mnt", server, "--container-url-file", file, credentials={"LC_ALL": "C"})
    try:
        name = mount / f"jobs/{job}/JobOutput/a"
        name.parent.mkdir(exist_ok=True)
        name.write_text("a")
        time.sleep(3)
        file.write_text(f"{server.endpoint}/another?" + sas(3600))
        with fails_with(errno.EACCES):
            name.read_text()
        assert "it no longer has a SAS for" in mount.log()
        file.write_text(url + sas(3600))
        assert name.read_text() == "a"
    finally:
        mount.end()


# What people are told


def test_without_anything_each_link_says_why(server, tmp_path):
    said = refused(server, tmp_path, PATH="/usr/bin:/bin")
    assert "service principal: neither AZURE_CLIENT_SECRET" in said
    assert "workload identity: AZURE_FEDERATED_TOKEN_FILE is not set" in said
    assert "managed identity (IMDS): IMDS at http://127.0.0.1:1 does not answer" in said
    assert "Azure CLI: az cannot be run" in said
    assert "az login" in said and "--auth" in said


def test_a_wrong_secret(server, identities, tmp_path):
    said = refused(server, tmp_path, AZURE_CLIENT_SECRET="hunter2", **application(identities))
    assert "AADSTS7000215" in said and "not its id" in said and "Trace" not in said
    assert "hunter2" not in said


def test_a_wrong_tenant(server, identities, tmp_path):
    identities.tenant = "11111111-2222-3333-4444-555555555555"
    said = refused(server, tmp_path, "--auth", "msi", AZURE_POD_IDENTITY_AUTHORITY_HOST=identities.url)
    assert "refuses the token" in said and "Issuer validation failed" in said
    assert f"it takes tokens of the tenant {TENANT}" in said and "--tenant-id" in said


def test_a_tenant_that_is_not_there(server, identities, tmp_path):
    variables = application(identities) | {"AZURE_TENANT_ID": "nowhere.example.com"}
    said = refused(server, tmp_path, AZURE_CLIENT_SECRET="x", **variables)
    assert "AADSTS90002" in said and "nowhere.example.com" in said


@pytest.mark.parametrize("case", ["missing", "no key", "locked", "expired", "pfx"])
def test_an_unreadable_certificate(case, server, identities, tmp_path):
    folder = tmp_path / "certificate"
    file = {
        "missing": lambda: tmp_path / "nowhere.pem",
        "no key": lambda: certificate(folder).parent / "only.pem",
        "locked": lambda: certificate(folder, password="pass"),
        "expired": lambda: certificate(folder, days=-1),
        "pfx": lambda: certificate(folder, form="pfx", password="pass"),
    }[case]()
    said = refused(server, tmp_path, AZURE_CLIENT_CERTIFICATE_PATH=str(file), **application(identities))
    words = {
        "missing": "No such file", "no key": "no certificate with a private key", "locked": "password is missing",
        "expired": "has expired", "pfx": "password is missing",
    }
    assert words[case] in said and str(file) in said
    assert identities.asked == []


def test_a_method_that_lacks_something_and_methods_that_contradict(server, tmp_path):
    (tmp_path / "key").write_text(KEY)
    assert "AZURE_CLIENT_SECRET" in refused(server, tmp_path, "--auth", "spn", status=64)
    assert "AZURE_FEDERATED_TOKEN_FILE" in refused(server, tmp_path, "--auth", "workload", status=64)
    assert "no account key" in refused(server, tmp_path, "--auth", "key", status=64)
    assert "exclude" in refused(server, tmp_path, "--auth", "msi", "--key-file", tmp_path / "key", status=64)
    assert "AZURE_STORAGE_AUTH_TYPE" in refused(server, tmp_path, AZURE_STORAGE_AUTH_TYPE="password", status=64)
    said = refused(server, tmp_path, "--auth", "spn", "--client-secret-file", "/dev/fd/9", AZURE_TENANT_ID="t", AZURE_CLIENT_ID="c", status=64)
    assert "/dev/fd/9 is read again for each token, and must stay" in said
    assert "is not public" in refused(server, tmp_path, "--auth", "anonymous")


def test_doctor_says_which_identity_it_used(server, identities, tmp_path):
    def findings(**variables):
        ended = subprocess.run(
            [binary(), "doctor", "--json", "--endpoint", server.endpoint, "--journal-dir", tmp_path],
            env=clean_environment(**variables), capture_output=True, text=True, timeout=30,
        )
        return {finding["check"]: finding for finding in json.loads(ended.stdout)["findings"]}

    found = findings(AZURE_POD_IDENTITY_AUTHORITY_HOST=identities.url)
    assert found["identity"]["level"] == "ok" and "managed identity (IMDS)" in found["identity"]["finding"]
    assert found["store"]["level"] == "ok"
    identities.fault = (400, {"error": "invalid_request", "error_description": "Identity not found"})
    found = findings(AZURE_POD_IDENTITY_AUTHORITY_HOST=identities.url, AZURE_STORAGE_AUTH_TYPE="msi")
    assert found["identity"]["level"] == "problem" and "Identity not found" in found["identity"]["finding"]
    assert found["identity"]["remedies"]


def test_no_token_secret_or_assertion_is_in_logs_or_process_lists(signing_in, identities, job, tmp_path):
    file = certificate(tmp_path / "certificate", password="hunter2")
    identities.certificate, identities.life = file.parent / "only.pem", 2
    mount = signing_in(
        "--log-level", "trace", AZURE_CLIENT_CERTIFICATE_PATH=str(file), AZURE_CLIENT_CERTIFICATE_PASSWORD="hunter2",
        **application(identities),
    )
    works(mount, job)
    time.sleep(2.5)
    identities.fault = (401, {"error": "invalid_client", "error_description": "AADSTS700027: No."})
    with fails_with(errno.EACCES):
        os.listdir(mount.job("another"))
    texts = [mount.log(), json.dumps(mount.status()), pathlib.Path("/proc/self/mountinfo").read_text()]
    texts.append(pathlib.Path(f"/proc/{mount.process.pid}/cmdline").read_bytes().decode())
    assert identities.tokens
    for text in texts:
        assert "hunter2" not in text and "Bearer" not in text and "client_assertion" not in text
        assert not any(token.split(".")[2] in text for token in identities.tokens)
