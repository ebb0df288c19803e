"""A real sshd that asks a running server who a key belongs to."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from processes import TIMEOUT_S, Server

if TYPE_CHECKING:
    from processes import Serve

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
pytestmark = [
    pytest.mark.skipif(SSHD is None, reason="sshd is not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="sshd needs root to log people in"),
]
KEY_TYPES = {
    11: ("-t", "ed25519"),
    12: ("-t", "rsa", "-b", "2048"),
    13: ("-t", "ecdsa"),
}
# What `gitlab-shell-authorized-keys-check` does: sshd gives it the key as Base64.
KEYS_COMMAND = """
import base64, json, sys, urllib.error, urllib.parse, urllib.request

secret = base64.b64encode(open({secret_file!r}, "rb").read()).decode()
query = urllib.parse.urlencode({{"key": sys.argv[1]}})
request = urllib.request.Request(
    {url!r} + "/api/v4/internal/authorized_keys?" + query,
    headers={{"Gitlab-Shared-Secret": secret}},
)
try:
    answer = json.load(urllib.request.urlopen(request))
except urllib.error.HTTPError as error:
    print("# No key was found:", error.code)
else:
    print('restrict,command="echo Welcome, key-%d" %s' % (answer["id"], answer["key"]))
"""
# `/usr/bin/env`, as sshd runs only what lies where nobody but root may write.
SSHD_CONFIG = """
HostKey {folder}/host_key
AuthorizedKeysFile none
AuthorizedKeysCommand /usr/bin/env {python} -I {folder}/keys_command.py %k
AuthorizedKeysCommandUser {user}
AuthenticationMethods publickey
PermitRootLogin yes
UsePAM no
PidFile none
LogLevel VERBOSE
"""


class Login(NamedTuple):
    """What a client saw, and what sshd wrote."""

    status: int
    printed: str
    log: str


def make_key(path: Path, *options: str) -> str:
    """Make a key without a passphrase; its public line."""
    subprocess.run(
        ["ssh-keygen", "-q", "-N", "", "-f", path, *options],
        check=True,
        timeout=TIMEOUT_S,
    )
    return path.with_suffix(".pub").read_text()


def configure(folder: Path, server: Server) -> None:
    """Write what sshd needs to ask the server."""
    make_key(folder / "host_key", *KEY_TYPES[11])
    (folder / "keys_command.py").write_text(
        KEYS_COMMAND.format(
            url=server.ready["url"], secret_file=server.ready["shell_secret_file"]
        )
    )
    (folder / "sshd_config").write_text(
        SSHD_CONFIG.format(folder=folder, python=sys.executable, user=getpass.getuser())
    )


def log_in(folder: Path, key: Path) -> Login:
    """Log in with a key, to an sshd of one's own at the other end of a pipe."""
    log = folder / "sshd.log"
    sshd = f"{SSHD} -i -f {folder}/sshd_config -E {log}"
    options = {
        "ProxyCommand": sshd,
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "IdentityFile": str(key),
        "BatchMode": "yes",
        "StrictHostKeyChecking": "no",
        "UserKnownHostsFile": "/dev/null",
    }
    words = [word for pair in options.items() for word in ("-o", "=".join(pair))]
    done = subprocess.run(
        ["ssh", "-F", "none", *words, f"{getpass.getuser()}@sshd", "discover"],
        check=False,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT_S,
    )
    return Login(done.returncode, done.stdout + done.stderr, log.read_text())


def test_known_keys_log_in(serve: Serve, tmp_path: Path) -> None:
    """Keys of every type log in as whom the server says; another key is refused."""
    # Where sshd leaves its rights behind; packages make it when the service starts.
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    keys = [
        {"id": number, "user": "git", "key": make_key(tmp_path / str(number), *options)}
        for number, options in KEY_TYPES.items()
    ]
    make_key(tmp_path / "unknown", *KEY_TYPES[11])
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps({"users": [{"username": "git"}], "keys": keys}))
    configure(tmp_path, serve("--seed", seed))

    for number in KEY_TYPES:
        login = log_in(tmp_path, tmp_path / str(number))
        assert login.status == 0, login
        assert f"Welcome, key-{number}\n" in login.printed
    login = log_in(tmp_path, tmp_path / "unknown")
    assert login.status == 255, login
    assert "Permission denied (publickey)" in login.printed
