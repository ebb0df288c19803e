"""The configuration that makes a client talk to an instance.

Sources: `config.yml.example` of GitLab Shell, `config.toml.example` of Gitaly and
`pkg/kascfg/config_example.yaml` of the agent server.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from internal_api.certificates import ForClients
from internal_api.config import Config, ConfigError
from internal_api.listeners import Address, UnixAddress

# kas insists on a Redis of its own; this is where one usually is.
REDIS = "127.0.0.1:6379"


def gitlab_shell(config: Config, address: Address, tls: ForClients | None) -> str:
    """`config.yml` of GitLab Shell and gitlab-sshd.

    Raises:
        ConfigError: No such client can talk to an instance that is served so.
    """
    lines = [
        "user: git",
        f"gitlab_url: {url(config, address, tls)}",
        f"secret_file: {_quoted(config.shell_secret_path)}",
    ]
    if isinstance(address, UnixAddress) and config.relative_url_root:
        lines.append(f"gitlab_relative_url_root: {config.relative_url_root}")
    if tls:
        _check_nothing_is_shown("GitLab Shell", tls)
        lines += ["http_settings:", f"  ca_file: {_quoted(tls.ca_file)}"]
    return _text(lines)


def gitaly(config: Config, address: Address, tls: ForClients | None) -> str:
    """What Gitaly's `config.toml` says about GitLab."""
    lines = [
        "[gitlab]",
        f'url = "{url(config, address, tls)}"',
        f"secret_file = {_quoted(config.shell_secret_path)}",
    ]
    if isinstance(address, UnixAddress) and config.relative_url_root:
        lines.append(f'relative_url_root = "{config.relative_url_root}"')
    if tls:
        lines += ["", "[gitlab.http-settings]", f"ca_file = {_quoted(tls.ca_file)}"]
    if tls and tls.certificate and tls.key:
        lines += ["", "[tls]", f"certificate_path = {_quoted(tls.certificate)}"]
        lines += [f"key_path = {_quoted(tls.key)}"]
    return _text(lines)


def kas(config: Config, address: Address, tls: ForClients | None) -> str:
    """The configuration of the agent server, all that it insists on.

    Raises:
        ConfigError: The address is a socket, which kas cannot dial, or it would have
            to show a certificate.
    """
    if isinstance(address, UnixAddress):
        raise ConfigError(f"kas cannot dial {address}: give it HOST:PORT")
    if tls:
        _check_nothing_is_shown("kas", tls)
    secret = f"authentication_secret_file: {_quoted(config.kas_secret_path)}"
    lines = [
        "gitlab:",
        f"  address: {url(config, address, tls)}",
        f"  {secret}",
        *([f"  ca_certificate_file: {_quoted(tls.ca_file)}"] if tls else []),
        *("redis:", "  server:", f"    address: {REDIS}"),
        *("api:", "  listen:", f"    {secret}"),
        *("private_api:", "  listen:", f"    {secret}"),
    ]
    return _text(lines)


CLIENTS: Mapping[str, Callable[[Config, Address, ForClients | None], str]] = {
    "gitlab-shell": gitlab_shell,
    "gitaly": gitaly,
    "kas": kas,
}


def url(config: Config, address: Address, tls: ForClients | None) -> str:
    """Where the instance is; the clients decode it once.

    A relative root is part of it, but of a socket, where it has its own setting.

    Raises:
        ConfigError: The port is not known yet, or no client speaks TLS there.
    """
    if isinstance(address, UnixAddress):
        if tls:
            raise ConfigError(f"no client speaks TLS to {address}: give it HOST:PORT")
        return f"http+unix://{quote(str(Path(address.path).absolute()), safe='')}"
    if address.port == 0:
        raise ConfigError(f"{address}: which port was picked, the server tells")
    scheme = "https" if tls else "http"
    return f"{scheme}://{address.for_clients()}{config.relative_url_root}"


def _check_nothing_is_shown(client: str, tls: ForClients) -> None:
    if tls.certificate:
        raise ConfigError(f"{client} cannot show a certificate: --tls auto asks none")


def _quoted(path: Path) -> str:
    """An absolute path as text of JSON, which YAML and TOML read alike."""
    return json.dumps(str(path.absolute()), ensure_ascii=False)


def _text(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"
