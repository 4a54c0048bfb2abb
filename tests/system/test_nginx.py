"""The real nginx before the daemon, as deploy/ has it: results come through, and no address of one is in its logs."""

import asyncio
import gzip
import os
import re
import shutil
import signal
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from leadsync.simulator.hooks import Sending, astray, send
from tests.system.conftest import tool
from tests.system.house import NOBODY_LISTENS, House
from tests.system.mail import Mailbox, free_port, with_door

SAMPLE = Path(__file__).parents[2] / "deploy" / "nginx.conf"
SOON_S = 20.0
ONCE = Sending()
PUBLIC = "https://leads.example.com"

FRAME = """
{user}
daemon off;
master_process on;
pid {folder}/nginx.pid;
error_log {folder}/start.log;
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {sample}
}}
"""


@dataclass(frozen=True, slots=True)
class Proxy:
    """An nginx that serves the sample on a port of loopback, with a certificate that it has signed itself."""

    folder: Path
    port: int
    certificate: Path

    async def send(
        self, url: str, body: bytes, how: Sending = ONCE, headers: Mapping[str, str] | None = None
    ) -> list[int]:
        """Send a result to the public URL, as a vendor does, and trust this certificate alone."""
        there = url.replace(PUBLIC, f"https://127.0.0.1:{self.port}")
        context = ssl.create_default_context(cafile=self.certificate)
        return await send(there, body, how, headers=headers, context=context)

    def wrote(self) -> str:
        """All that it has logged, and what it has left in its folder."""
        return "".join(path.read_text("latin-1") for path in self.folder.rglob("*") if path.is_file())


@contextmanager
def proxied(folder: Path, door: int) -> Iterator[Proxy]:
    """Serve until the end."""
    nginx = tool("nginx")
    if not Path(nginx).is_file():
        pytest.skip("nginx is not installed (apt-get install nginx-light)")
    folder.mkdir()
    port, certificate = free_port(), folder / "cert.pem"
    signed = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=leads.example.com"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(certificate), "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([tool("openssl"), "req", *signed, *files], check=True, capture_output=True)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(FRAME.format(user=user, folder=folder, sample=sample(folder, port, door)))
    with subprocess.Popen([nginx, "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL) as process:
        try:
            deadline_s = time.monotonic() + SOON_S
            while not (folder / "nginx.pid").exists():
                assert process.poll() is None, (folder / "start.log").read_text()
                assert time.monotonic() < deadline_s
            yield Proxy(folder, port, certificate)
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait(SOON_S)


def sample(folder: Path, port: int, door: int) -> str:
    """The sample with the places of this test; nothing else of it is changed."""
    text = SAMPLE.read_text()
    for there, here in (
        ("listen 443 ssl http2;", f"listen 127.0.0.1:{port} ssl http2;"),
        ("listen [::]:443 ssl http2;", ""),
        ("server 127.0.0.1:8480;", f"server 127.0.0.1:{door};"),
        ("/etc/letsencrypt/live/leads.example.com/fullchain.pem", str(folder / "cert.pem")),
        ("/etc/letsencrypt/live/leads.example.com/privkey.pem", str(folder / "key.pem")),
        ("/var/log/nginx/leadsync.log", str(folder / "access.log")),
        ("/var/log/nginx/leadsync-error.log", str(folder / "error.log")),
    ):
        assert there in text, "the sample has changed, and this test has not"
        text = text.replace(there, here)
    return text


@pytest.fixture
def mailbox(tmp_path: Path) -> Mailbox:
    """A house with a door, whose store is made."""
    mailbox = with_door(House(tmp_path / "house", NOBODY_LISTENS))
    with mailbox.house.daemon() as daemon:
        assert daemon.saw("door.opened")
        daemon.send(signal.SIGTERM)
        assert daemon.end(SOON_S).code == 0
    return mailbox


def test_results_come_through_nginx(mailbox: Mailbox, tmp_path: Path) -> None:
    """Small and large ones, twice, compressed and slow; strangers are 404, and while the daemon is down it is 502."""
    url = {name: mailbox.url(name, base=PUBLIC) for name in ("small", "large", "gzip", "slow", "late", "huge")}
    large = b"x" * 20_000_000
    slow = Sending(piece_bytes=100, piece_wait_s=0.02)

    async def act(proxy: Proxy) -> list[list[int]]:
        with mailbox.house.daemon() as daemon:
            assert await asyncio.to_thread(daemon.saw, "door.opened")
            answers = [
                await proxy.send(url["small"], b"{}", Sending(copies=2)),
                await proxy.send(url["large"], large),
                await proxy.send(url["gzip"], gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"}),
                await proxy.send(url["slow"], b"y" * 1_000, slow),
                await proxy.send(astray(url["small"]), b"{}"),
                await proxy.send(f"{PUBLIC}/", b"{}"),
                await proxy.send(url["huge"], b"", headers={"X-Huge": "z" * 20_000}),
            ]
            daemon.send(signal.SIGTERM)
            assert (await asyncio.to_thread(daemon.end, SOON_S)).code == 0
        late = asyncio.create_task(proxy.send(url["late"], b"{}", Sending(tries_max=1_000, retry_wait_s=0.1)))
        with mailbox.house.daemon() as daemon:
            return [*answers, await late]

    with proxied(tmp_path / "nginx", mailbox.port) as proxy:
        *answers, late = asyncio.run(act(proxy))
    assert answers == [[200, 200], [200], [200], [200], [404], [404], [400]]
    assert (late[-1], set(late[:-1]) | {502}) == (200, {502})
    assert mailbox.digests().keys() == {"small", "large", "gzip", "slow", "late"}
    secrets = [each.rsplit(".", 1)[1] for each in url.values()]
    wrote = proxy.wrote()
    assert not [secret for secret in secrets if secret in wrote]
    shown = re.findall(r'"POST (\S+)" (\d+)', wrote)
    assert ("/hooks/async/***", "200") in shown
    assert ("/hooks/async/***", "404") in shown
    assert {path for path, _ in shown} == {"/hooks/async/***", "-"}


def test_the_samples_agree_with_the_defaults() -> None:
    """The proxies let in what the door lets in, and send it to where that listens."""
    caddy = SAMPLE.with_name("Caddyfile").read_text()
    for text, body_max in ((SAMPLE.read_text(), "client_max_body_size        64m;"), (caddy, "max_size 64MiB")):
        assert body_max in text
        assert "127.0.0.1:8480" in text


def test_caddy_can_read_its_sample() -> None:
    """Where there is a Caddy."""
    caddy = shutil.which("caddy") or pytest.skip("Caddy is not installed")
    sample = SAMPLE.with_name("Caddyfile")
    adapted = subprocess.run([caddy, "adapt", "--config", str(sample)], check=False, capture_output=True, text=True)
    assert adapted.returncode == 0, adapted.stderr
