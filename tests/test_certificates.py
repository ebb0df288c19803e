"""The certificates that `--tls` makes."""

from __future__ import annotations

import ssl
import stat
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from internal_api import tls
from internal_api.certificates import Certificates, TlsError
from internal_api.tls import prepare

LOCAL = {"localhost", "127.0.0.1", "::1"}
LABELS = st.from_regex(r"[A-Za-z0-9_-]{1,63}", fullmatch=True)
HOSTS = st.lists(LABELS, min_size=1, max_size=3).map(".".join)
ADDRESSES = st.ip_addresses().map(str)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that is not there yet."""
    return tmp_path / "data" / "tls"


def openssl(*arguments: object) -> str:
    """What openssl says; it must not fail."""
    command = ("openssl", *map(str, arguments))
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return done.stdout


def names(certificate: Path) -> set[str]:
    """The hosts and addresses of a certificate, as openssl reads them."""
    told = openssl("x509", "-noout", "-ext", "subjectAltName", "-in", certificate)
    pairs = (pair.split(":", 1) for pair in told.splitlines()[1].strip().split(", "))
    return {name if kind == "DNS" else str(ip_address(name)) for kind, name in pairs}


def content(files: Certificates) -> dict[str, bytes]:
    """What is in each file."""
    return {field: path.read_bytes() for field, path in files._asdict().items()}


def changed(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    """Which files are not what they were."""
    return {field for field, old in before.items() if after[field] != old}


def assert_good(files: Certificates) -> None:
    """The authority signed both certificates, for either end, and each key fits."""
    for certificate, key in (
        (files.server, files.server_key),
        (files.client, files.client_key),
    ):
        for purpose in ("sslserver", "sslclient"):
            strictly = ("-x509_strict", "-purpose", purpose, "-CAfile", files.ca)
            openssl("verify", *strictly, certificate)
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.ca, files.ca_key)
    assert {path.name for path in files.ca.parent.iterdir()} == {
        path.name for path in files
    }


def test_new_set(folder: Path) -> None:
    """A new set is good, for this machine's names, and keys are their owner's."""
    files = prepare(folder)
    assert_good(files)
    assert names(files.server) == names(files.client) == LOCAL
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for key in (files.ca_key, files.server_key, files.client_key):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_set_is_used_again(folder: Path) -> None:
    """What is good stays as it is, also for a part of its names."""
    before = content(prepare(folder, ["one.example", "10.0.0.1", "fe80::1%eth0"]))
    for again in ([], ["10.0.0.1"], ["ONE.example", "fe80::1%lo"]):
        assert content(prepare(folder, again)) == before


def test_further_names(folder: Path) -> None:
    """For further names the server's certificate alone changes, and keeps the old."""
    before = content(prepare(folder, ["one.example"]))
    files = prepare(folder, ["two_2.example", "::2"])
    assert_good(files)
    assert changed(before, content(files)) == {"server"}
    assert names(files.server) == LOCAL | {"one.example", "two_2.example", "::2"}


def _remove(path: Path) -> None:
    path.unlink()


def _damage(path: Path) -> None:
    path.write_text("nonsense")


def _swap(path: Path) -> None:
    """Take the file of another set, which is a good one."""
    other = prepare(path.parents[1] / "other")
    path.write_bytes((other.ca.parent / path.name).read_bytes())


@pytest.mark.parametrize("harm", [_remove, _damage, _swap])
@pytest.mark.parametrize("field", Certificates._fields)
def test_damaged_set(field: str, harm: Callable[[Path], None], folder: Path) -> None:
    """If any file is missing, damaged or of another set, all are made anew."""
    files = prepare(folder)
    before = content(files)
    harm(getattr(files, field))
    assert_good(prepare(folder))
    assert changed(before, content(files)) == set(Certificates._fields)


@pytest.mark.parametrize("also", ["", ",DNS:*.example"])
def test_authority_that_is_none(also: str, folder: Path) -> None:
    """A certificate that trusts itself, whatever its names, is no set."""
    files = prepare(folder)
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")
    extensions = (
        *("-addext", f"subjectAltName=DNS:localhost{also}"),
        *("-addext", "basicConstraints=critical,CA:FALSE"),
    )
    own = ("-keyout", files.ca_key, "-out", files.ca, "-subj", "/CN=x", "-days", "99")
    openssl("req", "-x509", *key, *extensions, *own)
    for certificate, its_key in (
        (files.server, files.server_key),
        (files.client, files.client_key),
    ):
        certificate.write_bytes(files.ca.read_bytes())
        its_key.write_bytes(files.ca_key.read_bytes())
    assert_good(prepare(folder))


@pytest.mark.parametrize("days_left", [-1, 29])
def test_old_set(days_left: int, folder: Path) -> None:
    """What has expired, or does so within a month, is made anew, all of it."""
    files = prepare(folder, ["one.example"])
    before = content(files)
    # Another date is all that changes: the same name, the same key.
    sign = ("-signkey", files.ca_key, "-days", days_left, "-out", files.ca)
    openssl("x509", "-in", files.ca, *sign)
    openssl("verify", "-no_check_time", "-CAfile", files.ca, files.server)
    assert_good(prepare(folder, ["one.example"]))
    assert changed(before, content(files)) == set(Certificates._fields)


@pytest.mark.parametrize("moment", range(1, len(Certificates._fields)))
def test_killed_while_it_makes_one(
    moment: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever part of a new set is in place when the process ends, the next mends."""
    files = prepare(folder)
    files.ca.unlink()
    moved = count()
    replace = Path.replace

    def end(path: Path, target: Path) -> Path:
        if next(moved) == moment:
            raise KeyboardInterrupt
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", end)
        patch.setattr(tls.shutil, "rmtree", lambda *_, **__: None)
        with pytest.raises(KeyboardInterrupt):
            prepare(folder)
    assert_good(prepare(folder))


def test_racing_makers(folder: Path) -> None:
    """Of several who make one at once, all end with one set, for all their names."""
    together = Barrier(4)

    def make(number: int) -> Certificates:
        together.wait()
        return prepare(folder, [f"host-{number}"])

    with ThreadPoolExecutor(4) as makers:
        (files,) = set(makers.map(make, range(4)))
    assert_good(files)
    assert names(files.server) == LOCAL | {f"host-{n}" for n in range(4)}


def test_pair_fits_whoever_changes_it(folder: Path) -> None:
    """Who loads the server's two files while it gets further names is not hindered."""
    files = prepare(folder)
    old = files.server.read_bytes()
    prepare(folder, ["one.example"])
    assert files.server.read_bytes() != old
    files.server.write_bytes(old)
    assert_good(files)


@settings(max_examples=10, deadline=None)
@given(st.sets(HOSTS | ADDRESSES, max_size=5))
def test_any_names(tmp_path_factory: pytest.TempPathFactory, hosts: set[str]) -> None:
    """Every host and address gets into the certificate, and is found there again."""
    folder = tmp_path_factory.mktemp("tls")
    before = content(prepare(folder, hosts))
    assert content(prepare(folder, hosts)) == before
    assert names(folder / "server.pem") == LOCAL | {host.lower() for host in hosts}


@given(
    st.text().filter(lambda text: not text.isascii())
    | st.sampled_from(
        [
            "",
            "a b",
            "a,b",
            "a,DNS:b",
            "a\n",
            "*.a",
            ".a",
            "a..b",
            "$a",
            "x" * 254,
            "1/2",
        ]
    )
)
def test_no_name(text: str) -> None:
    """What is no host is refused before anything is made."""
    with pytest.raises(TlsError) as failure:
        prepare(Path("/nowhere"), [text])
    assert str(failure.value) == f"{text!r} cannot stand in a certificate"


@pytest.mark.parametrize(
    ("machine", "found"), [("Build-7.local", {"build-7.local"}), ("(none)", set())]
)
def test_name_of_the_machine(
    machine: str, found: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that has no usable name has none, which is no error."""
    monkeypatch.setattr("socket.gethostname", lambda: machine)
    assert tls.machine_names() == found


def test_without_openssl(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without openssl nothing is made, which is one line; a set that is good serves."""
    prepare(folder)
    monkeypatch.setenv("PATH", "")
    prepare(folder)
    with pytest.raises(TlsError) as failure:
        prepare(folder.parent / "new")
    assert str(failure.value) == "openssl, which makes certificates, is not there"
    assert not list((folder.parent / "new").iterdir())


def test_openssl_that_fails(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What openssl says is told in one line."""
    program = tmp_path / "openssl"
    program.write_text("#!/bin/sh\necho 'req: Unknown option: -CA\nhelp' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(TlsError) as failure:
        prepare(folder)
    reason = "req: Unknown option: -CA"
    assert str(failure.value) == f"openssl cannot make a certificate: {reason}"
    assert not list(folder.iterdir())
