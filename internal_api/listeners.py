"""The sockets that `serve` listens on."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import re
import socket
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from internal_api.config import ConfigError

BACKLOG = 2048
MOST_PATH_BYTES = 107
MOST_PORT = 65535
DIAL_TIMEOUT_S = 1.0
_TCP = re.compile(r"(?:\[(?P<ipv6>[^\]]+)\]|(?P<host>[^:\[\]/]+)):(?P<port>\d{1,5})")
_UNIX = re.compile(r"unix:(?P<path>[^\0]+?)(?::(?P<mode>[0-7]{3,4}))?")


class ListenError(ConfigError):
    """An address that cannot be listened on."""


class TcpAddress(NamedTuple):
    """A host and a port; port 0 picks a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        """Write it as in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def for_clients(self) -> TcpAddress:
        """The address for clients on this machine, where it means all addresses."""
        loopback = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
        return TcpAddress(loopback.get(self.host, self.host), self.port)

    def listen(self) -> socket.socket:
        """Listen on the first address of the host, IPv4 before IPv6.

        Raises:
            OSError: In use, not an address of this machine, or unknown.
        """
        # As bytes: Python would load its tables of Unicode for a text.
        host = self.host.encode()
        found = socket.getaddrinfo(host, self.port, type=socket.SOCK_STREAM)
        family, _, _, _, address = min(found, key=lambda info: info[0])
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return _listening(listener, address)


class UnixAddress(NamedTuple):
    """The path of a socket and its mode; without one, as the umask has it."""

    path: str
    mode: int | None = None

    def __str__(self) -> str:
        """Write it as an option."""
        return f"unix:{self.path}"

    def listen(self) -> socket.socket:
        """Listen on the path; take the place of a socket that nobody serves.

        Raises:
            ListenError: The path is too long or taken.
            OSError: The socket cannot be made.
        """
        if (length := len(os.fsencode(self.path))) > MOST_PATH_BYTES:
            text = f"{length} bytes, a socket's path has at most {MOST_PATH_BYTES}"
            raise ListenError(f"cannot listen on {self}: {text}")
        self._remove_dead_socket()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with _mode(self.mode):
            return _listening(listener, self.path)

    def _remove_dead_socket(self) -> None:
        try:
            mode = os.lstat(self.path).st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(mode):
            raise ListenError(f"cannot listen on {self}: it exists and is no socket")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(DIAL_TIMEOUT_S)
            code = client.connect_ex(self.path)
        if code != errno.ECONNREFUSED:
            raise ListenError(f"cannot listen on {self}: another server is there")
        Path(self.path).unlink()


class Listener:
    """A socket that listens on an address.

    Raises:
        ListenError: The address cannot be had.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        try:
            self._socket = address.listen()
        except OSError as error:
            reason = error.strerror or str(error)
            raise ListenError(f"cannot listen on {address}: {reason}") from error
        self._name = self._socket.getsockname()
        self._file = self.path.stat() if self.path else None
        self._owner = os.getpid()

    def hand_over(self) -> int:
        """Give the descriptor away: whoever takes it closes it."""
        return self._socket.detach()

    @property
    def path(self) -> Path | None:
        """The absolute path of a unix socket."""
        if isinstance(self.address, UnixAddress):
            return Path(self.address.path).absolute()
        return None

    @property
    def bound(self) -> Address:
        """Its address, with the port that was picked."""
        if isinstance(self.address, UnixAddress):
            return self.address
        return TcpAddress(self.address.host, self._name[1])

    @property
    def is_exposed(self) -> bool:
        """Whether other machines may reach it."""
        if isinstance(self.address, UnixAddress):
            return False
        address = ipaddress.ip_address(self._name[0])
        # Before Python 3.13 an IPv4 address in IPv6's form is not looked at.
        return not (getattr(address, "ipv4_mapped", None) or address).is_loopback

    def url(self, scheme: str, root: str) -> str | None:
        """Where a client on this machine finds it; None for a unix socket."""
        address = self.bound
        if isinstance(address, UnixAddress):
            return None
        return f"{scheme}://{address.for_clients()}{root}"

    def close(self) -> None:
        """Close the socket; the process that made its file removes it.

        The file of another server that took the place stays.
        """
        self._socket.close()
        if self._file and self.path and os.getpid() == self._owner:
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(self.path.stat(), self._file):
                    self.path.unlink()


def parse(text: str) -> Address:
    """Read `HOST:PORT`, `[IPV6]:PORT`, `unix:PATH` or `unix:PATH:MODE`.

    Raises:
        ListenError: It is none of these.
    """
    if unix := _UNIX.fullmatch(text):
        mode = unix["mode"]
        return UnixAddress(unix["path"], int(mode, 8) if mode else None)
    if (tcp := _TCP.fullmatch(text)) and int(tcp["port"]) <= MOST_PORT:
        return TcpAddress(tcp["ipv6"] or tcp["host"], int(tcp["port"]))
    forms = "HOST:PORT, [IPV6]:PORT, unix:PATH or unix:PATH:MODE"
    raise ListenError(f"cannot listen on {text!r}: expected {forms}")


@contextlib.contextmanager
def listening(addresses: Sequence[Address]) -> Iterator[list[Listener]]:
    """Listen on every address, or on none.

    Raises:
        ListenError: One of them cannot be had.
    """
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(contextlib.closing(Listener(address)))
            for address in addresses
        ]


def _listening(
    listener: socket.socket, address: str | tuple[Any, ...]
) -> socket.socket:
    try:
        listener.bind(address)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


@contextlib.contextmanager
def _mode(mode: int | None) -> Iterator[None]:
    """Give files made meanwhile this mode."""
    if mode is None:
        yield
        return
    before = os.umask(0o777 & ~mode)
    try:
        yield
    finally:
        os.umask(before)


Address = TcpAddress | UnixAddress
