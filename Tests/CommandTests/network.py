"""What stands between a mount and its store in the network tests: TLS with certificates of their own, and real proxies."""

import contextlib
import datetime
import ipaddress
import pathlib
import signal
import socket
import ssl
import subprocess
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from program import wait_until

NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
# Resolves to this machine and is not called loopback, so that it is reached through a proxy.
HOST = socket.gethostname()


class Authority:
    """A certificate authority with one directory of PEM files."""

    def __init__(self, directory: pathlib.Path, name="Test Authority"):
        self.directory = directory
        directory.mkdir(exist_ok=True)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._builder(self.name, self.key, NOW - DAY, NOW + 30 * DAY)
        certificate = certificate.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.file = directory / "ca.pem"
        self._write(self.file, certificate.sign(self.key, hashes.SHA256()))

    def _builder(self, subject, key, begin, end):
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
        )

    def _write(self, file, certificate, key=None):
        text = certificate.public_bytes(serialization.Encoding.PEM)
        if key is not None:
            text += key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        file.write_bytes(text)

    def issue(self, *hosts, begin=NOW - DAY, end=NOW + DAY) -> pathlib.Path:
        """A certificate for these hosts with its key, in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
        names = []
        for host in hosts:
            try:
                names.append(x509.IPAddress(ipaddress.ip_address(host)))
            except ValueError:
                names.append(x509.DNSName(host))
        certificate = self._builder(subject, key, begin, end)
        certificate = certificate.add_extension(x509.SubjectAlternativeName(names), critical=False)
        file = self.directory / f"{certificate._serial_number}.pem"
        self._write(file, certificate.sign(self.key, hashes.SHA256()), key)
        return file


class Front:
    """Accepts connections, with TLS where it is given a certificate, and passes bytes on to an address of this machine."""

    def __init__(self, target_port, certificate=None, clients=None, family=socket.AF_INET, address="0.0.0.0"):
        self.target_port = target_port
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate)
        if clients:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(clients)
        self.connections = 0
        self.open = set()
        self.listener = socket.create_server((address, 0), family=family)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection):
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            target = socket.create_connection(("127.0.0.1", self.target_port))
        except (OSError, ssl.SSLError):
            connection.close()
            return
        self.connections += 1
        self.open |= {connection, target}
        threading.Thread(target=self._copy, args=[target, connection], daemon=True).start()
        self._copy(connection, target)

    def _copy(self, source, sink):
        with contextlib.suppress(OSError, ssl.SSLError, ValueError):
            while piece := source.recv(65536):
                sink.sendall(piece)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
            self.open.discard(end)

    def drop(self):
        """Every connection that there is dies."""
        for end in list(self.open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def stop(self):
        self.listener.close()
        self.drop()


class Tinyproxy:
    """A real proxy of a distribution. `connect_ports`: where CONNECT may go to."""

    def __init__(self, directory, connect_ports, user=None, password=None):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = pathlib.Path(directory) / f"tinyproxy-{self.port}.log"
        self.file = pathlib.Path(directory) / f"tinyproxy-{self.port}.conf"
        lines = [f"Port {self.port}", "Listen 127.0.0.1", "Timeout 60", "MaxClients 200", "LogLevel Connect",
                 f'LogFile "{self.log}"', *(f"ConnectPort {port}" for port in connect_ports)]
        if user:
            lines.append(f"BasicAuth {user} {password}")
        self.file.write_text("\n".join(lines) + "\n")
        self.start()

    def start(self):
        self.process = subprocess.Popen(["tinyproxy", "-d", "-c", self.file], stdout=subprocess.DEVNULL)

        def answers():
            assert self.process.poll() is None, f"tinyproxy ended with {self.process.returncode}"
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True

        wait_until(answers, 10, "that tinyproxy listens")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def passed(self) -> int:
        """How many CONNECTs and requests it has passed on."""
        return self.log.read_text().count("Established connection to host") if self.log.exists() else 0

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.kill()
