"""What a Python test does to the stand-in, through the fixture of the plugin."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from webtest import TestApp

from internal_api.config import ConfigError
from internal_api.seed_document import SeedError
from internal_api.standin.clock import ClockError
from internal_api.standin.faults import FaultError
from internal_api.testing import serving

if TYPE_CHECKING:
    from internal_api.testing import InternalApi

CHECK = "/api/v4/internal/check"
DISCOVER = "/api/v4/internal/discover"
AGENT_INFO = "/api/v4/internal/kubernetes/agent_info"
ADA = {"users": [{"username": "ada"}]}


def ask(
    api: InternalApi, path: str, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    """Status and JSON of an answer over HTTP; GitLab Shell asks unless told."""
    headers = api.headers() if headers is None else headers
    request = urllib.request.Request(api.url + path, headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_reset_takes_everything_back(internal_api: InternalApi) -> None:
    """After a reset state, requests, faults and clock are as at the start."""
    internal_api.seed(ADA)
    internal_api.fail(503, path=CHECK)
    internal_api.clock("2030-01-01", frozen=True)
    assert ask(internal_api, CHECK)[0] == 503
    assert ask(internal_api, f"{DISCOVER}?username=ada")[1]["username"] == "ada"
    internal_api.reset()
    assert ask(internal_api, f"{DISCOVER}?username=ada") == (200, None)
    assert ask(internal_api, CHECK)[0] == 200
    assert [entry["path"] for entry in internal_api.requests()] == [DISCOVER, CHECK]
    assert abs(internal_api.clock() - datetime.now(UTC)).total_seconds() < 60


def test_reset_goes_back_to_what_the_fixture_was_given(
    internal_api: InternalApi,
) -> None:
    """A snapshot that a request saves does not change what tests begin with."""
    app = TestApp(internal_api.app)
    internal_api.seed(ADA)
    app.put("/_standin/v1/snapshots/seeded", status=204)
    internal_api.reset()
    assert ask(internal_api, f"{DISCOVER}?username=ada") == (200, None)


def test_seeds_of_every_kind(tmp_path: Path) -> None:
    """A seed is a mapping, a path or a name, and there may be several."""
    path = tmp_path / "grace.yml"
    path.write_text("users: [{username: grace}]")
    with serving(tmp_path / "data", ["demo", path]) as api:
        api.seed(ADA, str(path))
        for name in ("ada", "grace", "rubi"):
            found = ask(api, f"{DISCOVER}?username={name}")[1]
            assert found["username"] == name
        api.reset()
        assert ask(api, f"{DISCOVER}?username=ada") == (200, None)
        assert ask(api, f"{DISCOVER}?username=grace")[1]["username"] == "grace"


def test_mistake_in_a_seed_names_the_key(internal_api: InternalApi) -> None:
    """Nothing of a seed with a mistake is loaded, and the error says where it is."""
    with pytest.raises(SeedError, match=r"users\[1\]"):
        internal_api.seed({"users": [{"username": "ada"}, {}]})
    assert ask(internal_api, f"{DISCOVER}?username=ada") == (200, None)


@pytest.mark.parametrize("client", ["shell", "shared-secret"])
def test_headers_authenticate(internal_api: InternalApi, client: str) -> None:
    """The header of a client opens its routes."""
    assert ask(internal_api, CHECK, {})[0] == 401
    assert ask(internal_api, CHECK, internal_api.headers(client))[0] == 200


def test_headers_of_kas(internal_api: InternalApi) -> None:
    """The header of kas opens its routes, beside the token of an agent."""
    agent = {"Authorization": "Bearer demo-agent-token"}
    assert ask(internal_api, AGENT_INFO, agent)[0] == 401
    headers = internal_api.headers("kas") | agent
    assert ask(internal_api, AGENT_INFO, headers)[1]["agent_name"] == "production"


def test_config_names_server_and_secret(internal_api: InternalApi) -> None:
    """The configuration of GitLab Shell names the URL and the file of the secret."""
    config = yaml.safe_load(internal_api.config("gitlab-shell"))
    assert config["gitlab_url"] == internal_api.url
    assert Path(config["secret_file"]).read_text() == internal_api.secret


def test_config_of_a_client_that_cannot_dial(tmp_path: Path) -> None:
    """The agent server cannot dial a socket, and is given no configuration for one."""
    with serving(tmp_path / "data", bind=f"unix:{tmp_path}/api.sock") as api:
        assert api.url in api.config("gitaly")
        with pytest.raises(ConfigError, match="kas cannot dial"):
            api.config("kas")


def test_fail(internal_api: InternalApi) -> None:
    """Requests fail as often as they are to, those only that are meant."""
    internal_api.fail(500, path=DISCOVER, parameters={"key_id": 7}, times=1, body="no")
    assert ask(internal_api, f"{DISCOVER}?key_id=11")[0] == 200
    with pytest.raises(json.JSONDecodeError):
        ask(internal_api, f"{DISCOVER}?key_id=7")
    assert ask(internal_api, f"{DISCOVER}?key_id=7")[0] == 200
    statuses = [entry["status"] for entry in internal_api.requests(DISCOVER)]
    assert statuses == [200, 500, 200]


@pytest.mark.parametrize(
    "rule", [{}, {"status": 99}, {"drop": True, "status": 500}, {"sleep": 1}]
)
def test_fault_that_cannot_be(internal_api: InternalApi, rule: dict[str, Any]) -> None:
    """A fault that does nothing, contradicts itself or is none is refused."""
    with pytest.raises(FaultError):
        internal_api.fail(**rule)


def test_clock(internal_api: InternalApi) -> None:
    """The clock shows what it is set to, and goes on from there."""
    noon = datetime(2030, 1, 1, 12, tzinfo=UTC)
    assert internal_api.clock(noon, frozen=True) == noon
    assert internal_api.clock() == noon
    assert internal_api.clock(advance=60) == datetime(2030, 1, 1, 12, 1, tzinfo=UTC)
    assert internal_api.clock("2030-01-01T13:00:00+01:00") == noon
    assert internal_api.clock(frozen=False) >= noon


@pytest.mark.parametrize("change", [{"now": "noon"}, {"now": "1900-01-01T00:00:00"}])
def test_time_that_cannot_be(internal_api: InternalApi, change: dict[str, Any]) -> None:
    """A time that is none, or that the clock cannot show, is refused."""
    with pytest.raises(ClockError):
        internal_api.clock(**change)


def test_requests(internal_api: InternalApi) -> None:
    """Requests are found by path, verb, status and parameters, without secrets."""
    ask(internal_api, f"{DISCOVER}?key_id=7")
    ask(internal_api, f"{DISCOVER}?key_id=11&secret_token=wrong", {})
    ask(internal_api, CHECK)
    found = internal_api.requests

    def keys(entries: list[dict[str, Any]]) -> list[str]:
        return [entry["parameters"].get("key_id") for entry in entries]

    assert keys(found()) == ["7", "11", None]
    assert keys(found("*/discover")) == ["7", "11"]
    assert keys(found(status=401)) == ["11"]
    assert keys(found(DISCOVER, key_id=7)) == ["7"]
    assert keys(found(secret_token="wrong")) == ["11"]
    assert found(method="POST") == []
    assert keys(found(CHECK, method="get")) == [None]
    assert found(key_id="11")[0]["parameters"]["secret_token"] == "[REDACTED]"


def test_assert_called(internal_api: InternalApi) -> None:
    """It holds for what was asked, so often and with such parameters."""
    for key in (7, 7, 11):
        ask(internal_api, f"{DISCOVER}?key_id={key}")
    internal_api.assert_called(DISCOVER)
    internal_api.assert_called(DISCOVER, 3)
    internal_api.assert_called(DISCOVER, times=2, key_id=7, status=200)
    internal_api.assert_called("*/check", times=0)


@pytest.mark.parametrize(
    ("times", "parameters", "said"),
    [
        (None, {"key_id": 8}, "discover key_id=8 was asked 0x, expected 1x or more"),
        (2, {"key_id": 7}, "discover key_id=7 was asked 1x, expected 2x"),
        (0, {}, "discover was asked 1x, expected 0x"),
        (None, {"status": 401}, "status=401 was asked 0x, expected 1x or more"),
    ],
)
def test_assert_called_says_what_was_asked(
    internal_api: InternalApi, times: int | None, parameters: dict[str, Any], said: str
) -> None:
    """What was asked instead is in the message, without secrets."""
    ask(internal_api, f"{DISCOVER}?key_id=7")
    with pytest.raises(AssertionError) as failed:
        internal_api.assert_called(DISCOVER, times, **parameters)
    message = str(failed.value)
    assert said in message
    assert re.search(rf'200  GET {DISCOVER}  .* ms  {{"key_id":"7"}}', message)


def test_assert_called_tells_no_secret(internal_api: InternalApi) -> None:
    """Neither what was asked nor what was expected gives a secret away."""
    ask(internal_api, f"{DISCOVER}?secret_token=asked")
    with pytest.raises(AssertionError) as failed:
        internal_api.assert_called(DISCOVER, secret_token="expected-one")
    message = str(failed.value)
    assert message.count("[REDACTED]") == 2
    assert "asked" not in message.replace("was asked", "")
    assert "expected-one" not in message


def test_assert_called_when_nothing_was_asked(internal_api: InternalApi) -> None:
    """A client that asked nothing is told so."""
    with pytest.raises(AssertionError, match="all requests: none"):
        internal_api.assert_called(CHECK)


def test_in_process(internal_api: InternalApi) -> None:
    """The application answers without a socket, from the same state and journal."""
    app = TestApp(internal_api.app)
    internal_api.seed(ADA)
    headers = internal_api.headers()
    found = app.get(DISCOVER, {"username": "ada"}, headers=headers).json
    assert found == ask(internal_api, f"{DISCOVER}?username=ada")[1]
    internal_api.fail(503, delay=0.001, times=1)
    app.get(CHECK, headers=headers, status=503)
    internal_api.assert_called(DISCOVER, 2)
