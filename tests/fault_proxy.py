"""A proxy in front of a real PostgreSQL that loses connections at the chosen message of the protocol.

    with FaultProxy(server) as proxy:
        config = proxy.config(database.config)          # for whatever shall go through it
        proxy.arm("after", b"COMMIT")                   # the next COMMIT is done, its answer is lost
        proxy.arm("before", b"COPY", nth=3, times=2)    # the third and fourth COPY from now on never arrive
        proxy.arm("silence_before", b"COMMIT")          # half-open: nothing is said any more, nothing is closed
        proxy.slow(delay_seconds=0.01, chunk_bytes=1)
        proxy.drop_all()
        proxy.done["after"]                             # how often it did so

Messages that can be chosen are the client's simple queries (`Q`, the driver sends nothing else) by what they begin with,
and the end of COPY's data (`c`), which is named COPYDONE here.
"""

import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from fix_postgres import Server

from logging_module.config import LoggingConfig

Fault = Literal["before", "after", "silence_before", "silence_after", "hold"]

_CANCEL, _SSL, _GSS = 80877102, 80877103, 80877104
_ENDS_ANSWER = b"ZG"  # ReadyForQuery, CopyInResponse


class _Rule:
    def __init__(self, fault: Fault, match: bytes, nth: int, times: int) -> None:
        self.fault, self.match, self.wait, self.times = fault, match, nth - 1, times


class FaultProxy:
    """Forwards connections on a loopback port to a server, and does to them what it was armed for.

    Attributes:
        port: of 127.0.0.1.
        messages: the queries that came by (and COPYDONE), in order of arrival.
        hit: those of them that something was done to.
        done: how often each fault was done; also "connections", "dropped" and "COMMIT" (forwarded).
    """

    host = "127.0.0.1"

    def __init__(self, server: Server) -> None:
        self._upstream = server
        self._lock = threading.Lock()
        self._rules: list[_Rule] = []
        self._links: list[_Link] = []
        self.delay_seconds = 0.0
        self.chunk_bytes = 1 << 16
        self.silent = False
        self.messages: list[bytes] = []
        self.hit: list[bytes] = []
        self.done: Counter[str] = Counter()
        self._released = threading.Event()
        self._listener = socket.create_server((self.host, 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name="fault proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        self.release()
        self.drop_all()
        for link in list(self._links):
            link.join()

    def config(self, config: LoggingConfig) -> LoggingConfig:
        """The same database through this proxy."""
        return config.model_copy(update={"postgres_host": self.host, "postgres_port": self.port})

    def arm(self, fault: Fault, match: bytes = b"", *, nth: int = 1, times: int = 1) -> None:
        """Do a fault to messages that are still to come.

        Args:
            fault: "before" drops the connection instead of forwarding the message; "after" forwards it, waits for
                the server's whole answer, and drops the connection instead of giving that to the client. With
                "silence_" nothing is closed: the connection says nothing any more, in both directions. "hold" lets
                the message wait for `release`.
            match: what the message begins with; any message where empty.
            nth: which of the matching messages is the first.
            times: how many matching messages in a row, from that one on.
        """
        with self._lock:
            self._rules.append(_Rule(fault, match, nth, times))

    def disarm(self) -> None:
        """Forget the faults that were not done yet."""
        with self._lock:
            self._rules.clear()

    @property
    def armed(self) -> int:
        """How many faults are still to be done."""
        with self._lock:
            return sum(rule.times for rule in self._rules)

    def slow(self, *, delay_seconds: float = 0.0, chunk_bytes: int = 1 << 16) -> None:
        """From now on write pieces of so many bytes, and wait before each."""
        self.delay_seconds, self.chunk_bytes = delay_seconds, chunk_bytes

    def silence(self) -> None:
        """All connections go silent without being closed; new ones are accepted and get no answer."""
        self.silent = True
        for link in list(self._links):
            link.silent = True

    def release(self) -> None:
        """What was held goes on."""
        self._released.set()

    def wait_for_release(self) -> None:
        """Until `release`."""
        self._released.wait()

    def heal(self) -> None:
        """New connections are served again; the silent ones are dropped on both sides."""
        self.silent = False
        for link in list(self._links):
            if link.silent:
                link.drop()

    def drop_all(self) -> None:
        """Drop all connections, whatever they are doing."""
        for link in list(self._links):
            link.drop()
            self.count("dropped")

    def count(self, what: str) -> None:
        """One more of something done."""
        with self._lock:
            self.done[what] += 1

    def fault_for(self, message: bytes) -> Fault | None:
        """What to do to a message that came; it counts as done."""
        with self._lock:
            self.messages.append(message)
            for rule in self._rules:
                if message.startswith(rule.match):
                    if rule.wait:
                        rule.wait -= 1
                        continue
                    rule.times -= 1
                    if not rule.times:
                        self._rules.remove(rule)
                    self.done[rule.fault] += 1
                    self.hit.append(message)
                    return rule.fault
            if message.startswith(b"COMMIT"):
                self.done["COMMIT"] += 1
        return None

    def forget(self, link: "_Link") -> None:
        """A connection ended."""
        with self._lock:
            self._links.remove(link)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.count("connections")
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = _Link(self, client, self._connect)
            link.silent = self.silent
            with self._lock:
                self._links.append(link)
            link.start()

    def _connect(self) -> socket.socket:
        server = self._upstream
        if server.host.startswith("/"):
            upstream = socket.socket(socket.AF_UNIX)
            upstream.connect(str(Path(server.host) / f".s.PGSQL.{server.port}"))
            return upstream
        return socket.create_connection((server.host, server.port))


class _Gone(Exception):
    """One side of the connection has ended."""


class _Link:
    """One connection through the proxy: a thread for each direction."""

    def __init__(self, proxy: FaultProxy, client: socket.socket, connect: Callable[[], socket.socket]) -> None:
        self._proxy, self._client, self._connect = proxy, client, connect
        self._server: socket.socket | None = None
        self._dropped = threading.Event()
        self._at_answer: Fault | None = None
        self.silent = False
        self._thread = threading.Thread(target=self._run, name="fault proxy link", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def drop(self) -> None:
        self._dropped.set()
        for side in (self._client, self._server):
            if side is not None:
                try:
                    side.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # that side ended before

    def _run(self) -> None:
        answers: threading.Thread | None = None
        try:
            startup = self._startup()
            self._server = self._connect()
            if self._dropped.is_set():
                raise _Gone
            answers = threading.Thread(target=self._answers, name="fault proxy answers", daemon=True)
            answers.start()
            self._send(self._server, startup)
            self._questions()
        except (_Gone, OSError):
            pass
        finally:
            self._hold()
            self.drop()
            if answers is not None:
                answers.join()
            for side in (self._client, self._server):
                if side is not None:
                    side.close()
            self._proxy.forget(self)

    def _startup(self) -> bytes:
        """The first packet that is no request for encryption; those are refused."""
        while True:
            head = self._receive(self._client, 8)
            length, code = struct.unpack("!ii", head)
            if code not in {_SSL, _GSS}:
                return head + self._receive(self._client, length - 8)
            self._send(self._client, b"N")

    def _questions(self) -> None:
        assert self._server is not None
        while True:
            kind, packet = self._packet(self._client)
            if kind in b"Qc":
                message = packet[5:-1] if kind == b"Q" else b"COPYDONE"
                fault = self._proxy.fault_for(message)
                if fault in {"before", "silence_before"}:
                    self.silent |= fault == "silence_before"
                    raise _Gone
                if fault == "hold":
                    self._proxy.wait_for_release()
                    fault = None
                self._at_answer = fault
            self._send(self._server, packet)

    def _answers(self) -> None:
        assert self._server is not None
        try:
            while True:
                kind, packet = self._packet(self._server)
                fault = self._at_answer
                if fault is not None:
                    if kind not in _ENDS_ANSWER:
                        continue
                    self.silent |= fault == "silence_after"
                    raise _Gone
                self._send(self._client, packet)
        except (_Gone, OSError):
            self._hold()
            self.drop()

    def _packet(self, side: socket.socket) -> tuple[bytes, bytes]:
        head = self._receive(side, 5)
        (length,) = struct.unpack("!i", head[1:])
        return head[:1], head + self._receive(side, length - 4)

    def _receive(self, side: socket.socket, count: int) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            part = side.recv(count - len(parts))
            if self.silent or not part:
                raise _Gone
            parts += part
        return bytes(parts)

    def _send(self, side: socket.socket, data: bytes) -> None:
        at = 0
        while at < len(data):
            delay_seconds, chunk_bytes = self._proxy.delay_seconds, self._proxy.chunk_bytes
            if delay_seconds:
                time.sleep(delay_seconds)
            if self.silent:
                raise _Gone
            side.sendall(data[at : at + chunk_bytes])
            at += chunk_bytes

    def _hold(self) -> None:
        """A silent connection keeps both sides open until somebody drops it."""
        if self.silent:
            self._dropped.wait()
