"""A Redis with TLS, and certificates: an authority of its own, the server's for `localhost`, and a client's."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.redis_server import RedisServer


class TlsServer(RedisServer):
    """It takes clients with a certificate of its authority only, unless `any_client`; beside it is a plain port."""

    def __init__(self, folder: Path, *, any_client: bool = False) -> None:
        self.tls_port = free_port()
        self.authority, self.certificate, self.key = (folder / name for name in ("ca.crt", "client.crt", "client.key"))
        _make_certificates(folder)
        files = {"cert": "server.crt", "key": "server.key", "ca-cert": "ca.crt"}
        options = [word for name, file in files.items() for word in (f"--tls-{name}-file", str(folder / file))]
        clients = "no" if any_client else "yes"
        super().__init__("--tls-port", str(self.tls_port), *options, "--tls-auth-clients", clients)

    @property
    def tls_url(self) -> str:
        """With all that it takes to be let in."""
        return f"{self.bare_url}?{self.trusting}&ssl_certfile={self.certificate}&ssl_keyfile={self.key}"

    @property
    def bare_url(self) -> str:
        return f"rediss://localhost:{self.tls_port}/0"

    @property
    def trusting(self) -> str:
        """The option that names the authority."""
        return f"ssl_ca_certs={self.authority}"


def tls_server(folder: Path, *, any_client: bool = False) -> TlsServer:
    """It runs; the test is skipped where openssl is missing, or the server was built without TLS."""
    if shutil.which("openssl") is None:
        pytest.skip("certificates are made with openssl, which is not there")
    server = TlsServer(folder, any_client=any_client)
    try:
        server.start()
    except RuntimeError as error:
        if "tls" in str(error).lower():
            pytest.skip("this server was built without TLS")
        raise
    return server


def _make_certificates(folder: Path) -> None:
    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    new = ("-newkey", "rsa:2048", "-nodes")
    # What Python asks of certificates from 3.13 on is there.
    may = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=authority", "-days", "2", *may)
    (folder / "names").write_text("subjectAltName=DNS:localhost\nauthorityKeyIdentifier=keyid\n")
    for name in ("server", "client"):
        openssl("req", *new, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.crt", *signed)
