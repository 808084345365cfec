"""Stand-ins for identity services: IMDS, App Service, the login service, and an `az`."""

import base64
import contextlib
import datetime
import hashlib
import hmac
import http.server
import json
import pathlib
import subprocess
import threading
import time
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

TENANT = "22222222-2222-2222-2222-222222222222"
RESOURCE = "https://storage.azure.com/"


def unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def padded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def token(key, life, tenant=TENANT, audience=RESOURCE, now=None) -> str:
    """As the emulator wants it: HS256 with the account's key."""
    now = time.time() if now is None else now
    claims = {"iss": f"https://sts.windows.net/{tenant}/", "aud": audience, "nbf": now - 60, "exp": now + life}
    text = unpadded(b'{"alg":"HS256","typ":"JWT"}') + "." + unpadded(json.dumps(claims).encode())
    return text + "." + unpadded(hmac.digest(base64.b64decode(key), text.encode(), hashlib.sha256))


class Identities:
    """One server for all of them. `fault` is (status, JSON) in place of tokens; `delay` seconds come before each answer."""

    SECRET = "the-secret-of-the-application"
    HEADER = "the-header-of-the-instance"

    def __init__(self, key, address="127.0.0.1"):
        self.key, self.life, self.fault, self.delay = key, 3600, None, 0
        self.tenant, self.clock_offset = TENANT, 0
        #: What it gives tokens for.
        self.resource = RESOURCE
        #: Those that are taken.
        self.federated = {"a.federated.token"}
        self.certificate = None
        #: What was asked, and every token that was given.
        self.asked, self.tokens = [], []
        #: Heads of the assertions that were shown.
        self.heads = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                outer.asked.append(self.path)
                query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
                place = urllib.parse.urlsplit(self.path).path
                if place == "/metadata/identity/oauth2/token":
                    good = self.headers["Metadata"] == "true" and query.get("api-version") == "2018-02-01"
                else:
                    good = place == "/msi" and self.headers["X-IDENTITY-HEADER"] == outer.HEADER
                if not good or query.get("resource") != outer.resource:
                    return self.answer(400, {"error": "invalid_request", "error_description": "Bad request"})
                self.give(lambda text, life: {"access_token": text, "expires_in": str(life), "token_type": "Bearer"})

            def do_POST(self):
                outer.asked.append(self.path)
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                fields = dict(urllib.parse.parse_qsl(body))
                problem = outer.problem(self.path, fields)
                if problem:
                    return self.answer(401, {"error": "invalid_client", "error_description": problem + "\r\nTrace ID: 1"})
                self.give(lambda text, life: {"access_token": text, "expires_in": life, "token_type": "Bearer"})

            def give(self, form):
                if outer.fault:
                    return self.answer(*outer.fault)
                now = time.time() + outer.clock_offset
                text = token(outer.key, outer.life, outer.tenant, outer.resource, now)
                outer.tokens.append(text)
                self.answer(200, form(text, outer.life))

            def answer(self, status, value):
                time.sleep(outer.delay)
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self.url = f"http://{address}:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    # What the login service checks

    def problem(self, path, fields):
        if path != f"/{TENANT}/oauth2/v2.0/token":
            return "AADSTS90002: Tenant not found."
        if fields.get("scope") != RESOURCE + ".default" or fields.get("grant_type") != "client_credentials":
            return "AADSTS70011: The scope is not valid."
        if fields.get("client_id") != "app":
            return "AADSTS700016: Application not found."
        if "client_secret" in fields:
            return None if fields["client_secret"] == self.SECRET else "AADSTS7000215: Invalid client secret provided."
        if fields.get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer":
            return "AADSTS900144: The assertion type is missing."
        assertion = fields["client_assertion"]
        if self.certificate is None:
            return None if assertion in self.federated else "AADSTS70021: No matching federated identity record found."
        return self.assertion_problem(assertion)

    def assertion_problem(self, assertion):
        head, claims, signature = assertion.split(".")
        header, values = json.loads(padded(head)), json.loads(padded(claims))
        self.heads.append(header)
        certificate = x509.load_pem_x509_certificate(pathlib.Path(self.certificate).read_bytes())
        thumbprint = unpadded(certificate.fingerprint(hashes.SHA256()))
        if header["alg"] != "PS256" or header["typ"] != "JWT" or header["x5t#S256"] != thumbprint:
            return f"AADSTS700027: The certificate is not registered: {header}"
        certificate.public_key().verify(
            padded(signature), f"{head}.{claims}".encode(), padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()
        )
        now = time.time()
        good = values["aud"] == f"{self.url}/{TENANT}/oauth2/v2.0/token" and values["iss"] == values["sub"] == "app"
        return None if good and values["nbf"] <= now < values["exp"] <= now + 660 and values["jti"] else f"claims: {values}"


def certificate(folder, days=2, password=None, form="pem") -> pathlib.Path:
    """A self-signed one with its key; beside it `only.pem` without the key."""
    folder.mkdir(exist_ok=True)
    key, only, both = folder / "key.pem", folder / "only.pem", folder / f"both.{form}"
    private = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "app")])
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    signed = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
        .serial_number(1).not_valid_before(end - datetime.timedelta(days=9)).not_valid_after(end)
        .sign(private, hashes.SHA256())
    )
    only.write_bytes(signed.public_bytes(Encoding.PEM))
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    if form == "pfx":
        openssl("pkcs12", "-export", "-inkey", key, "-in", only, "-out", both, "-passout", f"pass:{password or ''}")
    elif password:
        openssl("pkcs8", "-topk8", "-in", key, "-out", folder / "locked.pem", "-passout", f"pass:{password}")
        both.write_bytes((folder / "locked.pem").read_bytes() + only.read_bytes())
    else:
        both.write_bytes(key.read_bytes() + only.read_bytes())
    return both


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=30)


def az(folder, script) -> pathlib.Path:
    """A directory for PATH with an `az` of ours in it."""
    folder.mkdir(exist_ok=True)
    program = folder / "az"
    program.write_text("#!/bin/bash\n" + script)
    program.chmod(0o755)
    return folder
