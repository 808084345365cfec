"""The requests of rAzureBatch 0.7.0, the client below doAzureParallel 0.8.0, as they were recorded: headers, signatures and tokens."""

import base64
import datetime
import hashlib
import hmac
import http.client
import urllib.parse

VERSION = "2016-05-31"


class Client:
    """Host style only: the account is in the name of the host, and stands once in what is signed."""

    def __init__(self, endpoint, account, key):
        self.address, self.account, self.key = urllib.parse.urlsplit(endpoint).netloc, account, base64.b64decode(key)
        self.host = f"{account}.blob.localhost:{self.address.rpartition(':')[2]}"

    def sign(self, text):
        return base64.b64encode(hmac.new(self.key, text.encode(), hashlib.sha256).digest()).decode()

    def send(self, method, path, query=(), body=b"", headers=(), token=None):
        """`query` goes as it is, empty values included; `token` in place of a signature."""
        headers, query = dict(headers), dict(query)
        headers["x-ms-version"] = VERSION
        headers["x-ms-date"] = datetime.datetime.now(datetime.timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")
        target = urllib.parse.quote(path)
        if token is None:
            headers["Authorization"] = f"SharedKey {self.account}:{self.sign(self.string_to_sign(method, target, query, body, headers))}"
        parameters = [f"{name}={urllib.parse.quote(value, safe='')}" for name, value in query.items()]
        if token is not None:
            parameters.append(token)
        connection = http.client.HTTPConnection(self.address, timeout=20)
        connection.putrequest(method, target + ("?" + "&".join(parameters) if parameters else ""), skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", self.host)
        for name, value in headers.items():
            connection.putheader(name, value)
        if method == "PUT" or body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, data

    def string_to_sign(self, method, target, query, body, headers):
        canonical = "".join(f"{name}:{headers[name]}\n" for name in sorted(h for h in headers if h.startswith("x-ms-")))
        resource = f"/{self.account}{target}" + "".join(f"\n{name}:{query[name]}" for name in sorted(query))
        length = str(len(body)) if body else ""
        return f"{method}\n\n\n{length}\n\n{headers.get('Content-Type', '')}\n\n\n\n\n\n\n{canonical}{resource}"

    # What the package does

    def create_container(self, name):
        return self.send("PUT", f"/{name}", {"restype": "container"})

    def upload(self, container, name, data, type="application/octet-stream"):
        return self.send("PUT", f"/{container}/{name}", body=data, headers={"x-ms-blob-type": "BlockBlob", "Content-Type": type})

    def list(self, container, prefix="", token=None):
        return self.send("GET", f"/{container}", {"restype": "container", "comp": "list", "prefix": prefix}, token=token)

    def token(self, container, permission, start=None, end=None):
        """A day before and two days after. The minutes are the hour on a dial of twelve: a slip in the format."""
        now = datetime.datetime.now(datetime.timezone.utc)
        times = [start or now - datetime.timedelta(days=1), end or now + datetime.timedelta(days=2)]
        start, end = [time.strftime("%Y-%m-%dT%H:%I:%SZ") for time in times]
        fields = [permission, start, end, f"/blob/{self.account}/{container}", "", "", "", VERSION, "", "", "", "", ""]
        signature = self.sign("\n".join(fields))
        return urllib.parse.urlencode({"sv": VERSION, "sr": "c", "sig": signature, "st": start, "se": end, "sp": permission})


def block_id(index):
    """Padded on the right: 1 and 10 are one."""
    return str(index).ljust(8, "0")
