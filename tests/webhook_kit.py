"""A webhook on loopback that answers as a test says, and remembers what it was told."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[["Hook"], None]


class Hook(BaseHTTPRequestHandler):
    """One request."""

    server: "_Server"

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.bodies.append(json.loads(data))
            self.server.paths.append(self.path)
            behaviour = self.server.script.pop(0) if len(self.server.script) > 1 else self.server.script[0]
        behaviour(self)

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.paths.append(self.path)
        self.answer(200)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Silent."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, script: list[Behaviour]) -> None:
        super().__init__(("127.0.0.1", 0), Hook)
        self.lock = threading.Lock()
        self.script = script
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/api/webhooks/1/s3cret-token"

    def handle_error(self, *_: Any) -> None:
        """The other side went away: what these tests are about."""


def says(status: int, body: bytes = b"", **headers: str) -> Behaviour:
    return lambda hook: hook.answer(status, body, **headers)


def hangs(hook: Hook) -> None:
    hook.server.ended.wait(60)


def closes(hook: Hook) -> None:
    hook.connection.shutdown(socket.SHUT_RDWR)


def drips(hook: Hook) -> None:
    """A byte of a header now and then: each is in time, the whole is not."""
    hook.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    for _ in range(200):
        if hook.server.ended.wait(0.1):
            return
        hook.wfile.write(b"x")
    hook.wfile.write(b"\r\n\r\n")


def floods(hook: Hook) -> None:
    """10 MB, and it notices whether all were taken."""
    hook.send_response(200)
    hook.send_header("Content-Length", str(10_000_000))
    hook.end_headers()
    for _ in range(1000):
        hook.wfile.write(b"x" * 10_000)


def garbles(hook: Hook) -> None:
    hook.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")


@contextmanager
def webhook(*script: Behaviour) -> Iterator[_Server]:
    """A webhook that behaves as told, one behaviour a request; the last one stays."""
    server = _Server(list(script) or [says(204)])
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
