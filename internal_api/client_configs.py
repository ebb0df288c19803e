"""The configuration that makes a client talk to an instance.

Sources: `config.yml.example` of GitLab Shell, `config.toml.example` of Gitaly and
`pkg/kascfg/config_example.yaml` of the agent server.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from internal_api.config import Config, ConfigError
from internal_api.listeners import Address, UnixAddress

# kas insists on a Redis of its own; this is where one usually is.
REDIS = "127.0.0.1:6379"


def gitlab_shell(config: Config, address: Address, certfile: Path | None) -> str:
    """`config.yml` of GitLab Shell and gitlab-sshd."""
    lines = [
        "user: git",
        f"gitlab_url: {_url(config, address, certfile)}",
        f"secret_file: {_quoted(config.shell_secret_path)}",
    ]
    if isinstance(address, UnixAddress) and config.relative_url_root:
        lines.append(f"gitlab_relative_url_root: {config.relative_url_root}")
    if certfile:
        lines += ["http_settings:", f"  ca_file: {_quoted(certfile)}"]
    return _text(lines)


def gitaly(config: Config, address: Address, certfile: Path | None) -> str:
    """What Gitaly's `config.toml` says about GitLab."""
    lines = [
        "[gitlab]",
        f'url = "{_url(config, address, certfile)}"',
        f"secret_file = {_quoted(config.shell_secret_path)}",
    ]
    if isinstance(address, UnixAddress) and config.relative_url_root:
        lines.append(f'relative_url_root = "{config.relative_url_root}"')
    if certfile:
        lines += ["", "[gitlab.http-settings]", f"ca_file = {_quoted(certfile)}"]
    return _text(lines)


def kas(config: Config, address: Address, certfile: Path | None) -> str:
    """The configuration of the agent server, all that it insists on.

    Raises:
        ConfigError: The address is a socket, which kas cannot dial.
    """
    if isinstance(address, UnixAddress):
        raise ConfigError(f"kas cannot dial {address}: give it HOST:PORT")
    secret = f"authentication_secret_file: {_quoted(config.kas_secret_path)}"
    lines = [
        "gitlab:",
        f"  address: {_url(config, address, certfile)}",
        f"  {secret}",
        *([f"  ca_certificate_file: {_quoted(certfile)}"] if certfile else []),
        *("redis:", "  server:", f"    address: {REDIS}"),
        *("api:", "  listen:", f"    {secret}"),
        *("private_api:", "  listen:", f"    {secret}"),
    ]
    return _text(lines)


CLIENTS: Mapping[str, Callable[[Config, Address, Path | None], str]] = {
    "gitlab-shell": gitlab_shell,
    "gitaly": gitaly,
    "kas": kas,
}


def _url(config: Config, address: Address, certfile: Path | None) -> str:
    """Where the instance is; the clients decode it once.

    A relative root is part of it, but of a socket, where it has its own setting.
    """
    if isinstance(address, UnixAddress):
        return f"http+unix://{quote(str(Path(address.path).absolute()), safe='')}"
    if address.port == 0:
        raise ConfigError(f"{address}: which port was picked, the server tells")
    scheme = "https" if certfile else "http"
    return f"{scheme}://{address.for_clients()}{config.relative_url_root}"


def _quoted(path: Path) -> str:
    """An absolute path as text of JSON, which YAML and TOML read alike."""
    return json.dumps(str(path.absolute()), ensure_ascii=False)


def _text(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"
