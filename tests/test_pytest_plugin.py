"""The pytest plugin, in the test suites of others."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

# What the tests of the suites below ask with.
CONFTEST = """
import json
import urllib.request

import pytest

@pytest.fixture
def username(internal_api):
    def ask(key_id):
        url = f"{internal_api.url}/api/v4/internal/discover?key_id={key_id}"
        request = urllib.request.Request(url, headers=internal_api.headers())
        with urllib.request.urlopen(request) as answer:
            found = json.load(answer)
        return found and found["username"]

    return ask
"""


@pytest.fixture(autouse=True)
def suite(pytester: pytest.Pytester) -> None:
    """A suite, all of whose warnings are errors."""
    pytester.makeconftest(CONFTEST)
    # Python 3.12 takes `?1` for a name; 3.12.4 no longer does.
    ignored = "ignore:Binding .* is a named parameter:DeprecationWarning"
    pytester.makeini(f"[pytest]\nfilterwarnings =\n    error\n    {ignored}")


def test_each_test_begins_anew(pytester: pytest.Pytester) -> None:
    """All tests share a server, and none sees what another one left."""
    pytester.makepyfile("""
        import pytest

        servers = set()

        @pytest.mark.parametrize("turn", range(3))
        def test_turn(internal_api, username, turn):
            servers.add(internal_api.url)
            assert len(servers) == 1
            assert internal_api.requests() == []
            assert username(11) == "root"
            internal_api.seed({"users": [{"username": "rubi", "state": "banned"}]})
            internal_api.fail(500, path="*/discover")
            with pytest.raises(OSError):
                username(7)

        def test_server_of_the_session(internal_api_server, internal_api):
            assert internal_api_server is internal_api
    """)
    pytester.runpytest("-p", "no:randomly").assert_outcomes(passed=4)


def test_seed_and_bind_are_overridden(pytester: pytest.Pytester) -> None:
    """A suite has its own seed, and a socket if it likes."""
    pytester.makepyfile("""
        import http.client
        import socket

        import pytest

        @pytest.fixture(scope="session")
        def internal_api_seed():
            return {"users": [{"username": "ada"}]}

        @pytest.fixture(scope="session")
        def internal_api_bind(tmp_path_factory):
            return f"unix:{tmp_path_factory.mktemp('api')}/api.sock"

        def test_socket(internal_api):
            connection = http.client.HTTPConnection("localhost")
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(str(internal_api.socket_path))
            path = "/api/v4/internal/discover?username=ada"
            connection.request("GET", path, headers=internal_api.headers())
            assert b'"username":"ada"' in connection.getresponse().read()
            connection.close()
    """)
    pytester.runpytest().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("fixture", "value", "reason"),
    [
        ("seed", "{'user': []}", "*SeedError: seed: *user*"),
        ("bind", "'nowhere'", "*ListenError: cannot listen on 'nowhere'*"),
        ("tls", "Tls(Path('no.pem'))", "*FileNotFoundError:*'no.pem'"),
    ],
)
def test_what_cannot_be_served_is_an_error(
    pytester: pytest.Pytester, fixture: str, value: str, reason: str
) -> None:
    """What a fixture is overridden with is used, and what is wrong with it is said."""
    pytester.makepyfile(f"""
        from pathlib import Path

        import pytest
        from internal_api.certificates import Tls

        @pytest.fixture(scope="session")
        def internal_api_{fixture}():
            return {value}

        def test_never_begins(internal_api):
            pass
    """)
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(reason)


def test_assertion_points_to_the_test(pytester: pytest.Pytester) -> None:
    """What failed is the line of the test, with the requests that there were."""
    pytester.makepyfile("""
        def test_other_key(internal_api, username):
            username(7)
            internal_api.assert_called("*/discover", key_id=11)
    """)
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            '>*internal_api.assert_called("*/discover", key_id=11)',
            "E*key_id=11 was asked 0x, expected 1x or more; all requests:",
            'E*200  GET /api/v4/internal/discover*{"key_id":"7"}',
        ]
    )


def test_processes_of_xdist_share_nothing(pytester: pytest.Pytester) -> None:
    """Tests that run at once do not see each other."""
    pytester.makepyfile("""
        import pytest

        @pytest.mark.parametrize("turn", range(8))
        def test_turn(internal_api, username, turn):
            for _ in range(10):
                username(7)
            internal_api.assert_called("*/discover", 10)
            print(f"at {internal_api.url};")
    """)
    result = pytester.runpytest_subprocess("-n2", "-rP", "-p", "no:randomly")
    result.assert_outcomes(passed=8)
    assert len(set(re.findall("at http:.*;", result.stdout.str()))) == 2


def test_other_suites_pay_nothing() -> None:
    """Where no test asks for a server, nothing of it is imported."""
    code = (
        "import sys, internal_api.pytest_plugin; print(*(name for name in sys.modules"
        " if name.startswith(('internal_api', 'falcon', 'greenlet', 'gunicorn'))))"
    )
    imported = subprocess.run(
        (sys.executable, "-c", code), capture_output=True, check=True, text=True
    ).stdout
    assert imported.split() == ["internal_api", "internal_api.pytest_plugin"]


def test_fixtures_are_listed(pytester: pytest.Pytester) -> None:
    """`pytest --fixtures` says what each fixture is for."""
    result = pytester.runpytest("--fixtures")
    for name in ("", "_server", "_seed", "_bind", "_tls"):
        lines = [f"internal_api{name}* -- *pytest_plugin.py:*", "    [A-Z]*[.]"]
        result.stdout.fnmatch_lines(lines, consecutive=True)
