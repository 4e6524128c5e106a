"""One HTTP POST to a webhook, trusting nobody: checked address, no redirect, one deadline for all, a bounded answer.

The URL is the credential. It is in no message of an error here, nor in any repr.
"""

import http.client
import io
import ipaddress
import json
import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 20.0
MOST_BYTES = 65_536


class NotSent(Exception):
    """There was no answer. `final`: trying again is of no use."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


@dataclass(frozen=True)
class Answer:
    """What a server said: headers by lower-case name, and the beginning of the body."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def post(
    url: str, body: Any, *, allow_private: bool = False, timeout_seconds: float = TIMEOUT_SECONDS, method: str = "POST"
) -> Answer:
    """Send JSON and read the answer; redirects are answers like others, and proxies are not used.

    Args:
        url: https; http only within the own network.
        body: JSON values; None sends none.
        allow_private: addresses of the own machine and network may be spoken to.
        timeout_seconds: for looking up, connecting, sending and the whole answer together, except the look-up.
        method: of HTTP.

    Raises:
        NotSent: with a reason that does not hold the URL.
    """
    if any(char <= " " or char > "~" for char in url):
        raise NotSent("the URL holds characters that none may hold", final=True)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise NotSent("the URL is none", final=True) from None
    if parts.scheme not in {"https", "http"} or not host:
        raise NotSent("the URL does not begin with https://", final=True)
    if parts.scheme == "http" and not allow_private:
        raise NotSent(
            "the URL is not https (RADIOLOG_WEBHOOK_ALLOW_PRIVATE permits it in your own network)", final=True
        )
    deadline = time.monotonic() + timeout_seconds
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    data = b"" if body is None else json.dumps(body, ensure_ascii=True).encode()
    head = f"{method} {target} HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}\r\nUser-Agent: radiolog\r\n"
    head += "Accept: application/json\r\nConnection: close\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(data)}\r\n\r\n"
    try:
        with _connected(host, port, parts.scheme == "https", deadline, allow_private=allow_private) as channel:
            channel.settimeout(_left(deadline))
            channel.sendall(head.encode("ascii") + data)
            return _answer(channel, deadline, method)
    except TimeoutError:
        raise NotSent(f"no whole answer within {timeout_seconds:g} s") from None
    except ssl.SSLCertVerificationError:
        raise NotSent("its certificate is not valid for that name") from None
    except ssl.SSLError:
        raise NotSent("TLS failed") from None
    except http.client.HTTPException:
        raise NotSent("the answer is no HTTP") from None
    except OSError as error:
        raise NotSent(f"the connection failed: {error.strerror or type(error).__name__}") from None


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public Internet, also when it is wrapped in an IPv6 one."""
    found: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if found in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        found = inner or found
    return found.is_global and not found.is_multicast


def _connected(host: str, port: int, secure: bool, deadline: float, *, allow_private: bool) -> socket.socket:
    """A connection to an address that was checked: what is connected to is never looked up again."""
    try:
        addresses = [info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        raise NotSent("the host name is unknown") from None
    permitted = [str(address) for address in addresses if allow_private or is_public(str(address))]
    if not permitted:
        raise NotSent("the host is in a private network (RADIOLOG_WEBHOOK_ALLOW_PRIVATE permits that)", final=True)
    last: OSError = OSError("no address")
    for address in permitted:
        try:
            channel = socket.create_connection((address, port), _left(deadline))
        except OSError as error:
            last = error
            continue
        if not secure:
            return channel
        try:
            return ssl.create_default_context().wrap_socket(channel, server_hostname=host)
        except BaseException:
            channel.close()
            raise
    raise last


def _answer(channel: socket.socket, deadline: float, method: str) -> Answer:
    response = http.client.HTTPResponse(_Until(channel, deadline), method=method)  # type: ignore[arg-type]
    try:
        response.begin()
        body = response.read(MOST_BYTES)
    except http.client.IncompleteRead as error:
        body = error.partial
    finally:
        response.close()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)


class _Until:
    """A socket as HTTPResponse wants it, on which no read goes on behind the deadline."""

    def __init__(self, channel: socket.socket, deadline: float) -> None:
        self._channel, self._deadline = channel, deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reads(self._channel, self._deadline))


class _Reads(io.RawIOBase):
    def __init__(self, channel: socket.socket, deadline: float) -> None:
        super().__init__()
        self._channel, self._deadline = channel, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._channel.settimeout(_left(self._deadline))
        return self._channel.recv_into(buffer)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
