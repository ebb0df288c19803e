"""The inspector, looked at and clicked in a real browser."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from browser import CHROMIUM, DRIVER, browser
from processes import CHECK, TIMEOUT_S, Serve, Server, check, control, header
from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

pytestmark = [
    # One browser for all.
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="no chromium or chromedriver is installed"
    ),
]
ALLOWED = "/api/v4/internal/allowed"
MARKUP = "<img src=x onerror=document.title='run'><script>document.title='run'</script>"


class Page:
    """The page in a browser tab."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, server: Server, path: str = "/_standin/") -> None:
        """Load the page and wait until it is live."""
        self.driver.get(server.ready["url"] + path)
        self.wait_for("#state", "live")

    def all(self, selector: str) -> list[WebElement]:
        """What a CSS selector finds."""
        return self.driver.find_elements("css selector", selector)

    def one(self, selector: str) -> WebElement:
        """The only one that it finds, or the first."""
        return self.driver.find_element("css selector", selector)

    def text(self, selector: str = "body") -> str:
        """What can be read there."""
        return self.one(selector).text

    def until(self, done: Callable[[], object]) -> None:
        """Wait for something."""
        WebDriverWait(self.driver, TIMEOUT_S, 0.02).until(lambda _driver: done())

    def wait_for(self, selector: str, text: str) -> None:
        """Wait until something can be read."""

        def is_there() -> bool:
            # At once, for the page may replace it.
            script = """const found = document.querySelector(arguments[0]);
                return found?.checkVisibility() ? found.innerText : '';"""
            return text in self.driver.execute_script(script, selector)

        self.until(is_there)

    def fill(self, selector: str, text: str) -> None:
        """Replace what stands in a field."""
        self.one(selector).send_keys(Keys.CONTROL, "a")
        self.one(selector).send_keys(text or Keys.DELETE)

    def complaints(self) -> list[str]:
        """What the console says since the last question, and foreign requests."""
        script = """return performance.getEntriesByType('resource')
            .map((entry) => entry.name)
            .filter((name) => !name.startsWith(location.origin + '/'))"""
        said = [entry["message"] for entry in self.driver.get_log("browser")]
        return said + list(self.driver.execute_script(script))


@pytest.fixture(scope="module")
def chrome() -> Iterator[Chrome]:
    """The browser."""
    with browser() as driver:
        yield driver


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server of the tests that need none of their own."""
    folder = tmp_path_factory.mktemp("inspector")
    server = Server(folder / "server", ["--seed", "demo"])
    yield server
    server.kill()


@pytest.fixture
def server(shared: Server) -> Server:
    """A server of the demo seed that nobody has asked yet."""
    assert control(shared, "POST", "reset") == (204, None)
    return shared


@pytest.fixture
def page(chrome: Chrome, serve: Serve) -> Iterator[Page]:  # noqa: ARG001
    """A page that is left before its server ends; nothing may be wrong then."""
    chrome.get_log("browser")
    page = Page(chrome)
    yield page
    complaints = page.complaints()
    chrome.execute_script("sessionStorage.clear()")
    # What the page asks for ends with it.
    chrome.get("about:blank")
    assert complaints == []


def test_shows_what_the_database_holds(page: Page, server: Server) -> None:
    """Each tab has what the database holds, and a search finds part of it."""
    seed = {"namespace": "acme", "plan_code": "gold", "start_date": "2022-01-01"}
    assert control(server, "POST", "seed", {"subscriptions": [seed]})[0] == 200
    page.open(server)
    shown = {
        "users": ["Dede Eichmann", "admin@example.com", "active", "on"],
        "keys": ["SHA256:HUWWMnl4PZ4/W2hx4QU+e1B3srv1PlTOg8E7e/atvjk", "ed25519 256"],
        "projects": ["gnuwget/wget2", "root admin", "rubi developer", "main"],
        "groups": ["test_group", "GNU Wget", "public"],
        "agents": ["production", "gnuwget/wget2", "rubi"],
        "subscriptions": ["acme", "gold", "2022-01-01"],
    }
    assert [tab.text for tab in page.all("[role=tab]")] == [
        "Users 5",
        "Keys 2",
        "Projects 3",
        "Groups 8",
        "Agents 1",
        "Subscriptions 1",
    ]
    for name, texts in shown.items():
        page.one(f"#tab-{name}").click()
        for text in texts:
            page.wait_for("#panel", text)
    page.one("#tab-groups").click()
    page.wait_for("#panel", "GNU Wget")
    page.fill("#search", "INITECH")
    page.until(lambda: len(page.all("#panel tbody tr")) == 1)
    assert "initech" in page.text("#panel")
    page.fill("#search", "nowhere")
    page.wait_for("#panel", "Nothing here.")


def test_tabs_are_used_by_keyboard(page: Page, server: Server) -> None:
    """Arrow keys go from tab to tab, and round."""
    page.open(server)
    page.one("#tab-users").send_keys(Keys.ARROW_LEFT)
    page.until(lambda: page.all("#tab-subscriptions[aria-selected=true]"))
    page.wait_for("#panel", "Nothing here.")
    page.driver.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    page.until(lambda: page.all("#tab-users[aria-selected=true]"))
    page.wait_for("#panel", "Dede Eichmann")


def test_journal_is_live(page: Page, server: Server) -> None:
    """A request shows up by itself, newest on top, and opens to all about it."""
    page.open(server)
    assert check(server) == 401
    page.wait_for("#rows li:first-child", "no JWT; no shared secret, or a wrong one")
    push = {"action": "git-receive-pack", "project": "gnuwget/wget2", "key_id": "7"}
    change = f"{'1' * 40} {'2' * 40} refs/heads/main"
    body = {**push, "protocol": "ssh", "changes": change, "id": 2**60}
    assert server.call("POST", ALLOWED, body, header(server.data)) == 401
    newest = "#rows li:first-child"
    page.wait_for(newest, "protected branch 'main': developers may not push")
    assert "POST /api/v4/internal/allowed" in page.text(newest)
    assert page.text(f"{newest} .status") == "401"
    page.one(f"{newest} summary").click()
    page.wait_for(newest, "You are not allowed to push code to protected branches")
    opened = page.text(f"{newest} .opened")
    assert f'"id": {2**60}' in opened
    assert '"project": "gnuwget/wget2"' in opened
    assert "by shell JWT" in opened
    page.one(f"{newest} summary").send_keys(Keys.ENTER)
    page.until(lambda: not page.one(f"{newest} .opened").is_displayed())


def test_journal_is_filtered_and_paused(page: Page, server: Server) -> None:
    """A filter leaves some paths; a pause lets nothing in until it ends."""
    page.open(server)
    check(server)
    server.call("GET", "/-/liveness", {}, {})
    page.wait_for("#shown", "2")
    page.fill("#filter", "LIVE")
    page.wait_for("#shown", "1 of 2")
    assert [row.text for row in page.all(".path") if row.is_displayed()] == [
        "GET /-/liveness"
    ]
    page.fill("#filter", "")
    page.wait_for("#shown", "2")
    page.one("#pause").click()
    page.wait_for("#state", "paused")
    check(server)
    # Otherwise it would be there at once.
    time.sleep(0.5)
    assert page.text("#shown") == "2"
    page.one("#pause").click()
    page.wait_for("#shown", "3")


def test_fault_and_reset(page: Page, server: Server) -> None:
    """A button fails the next request, and another one sets all of it back."""
    page.open(server)
    page.fill("#fault-path", CHECK)
    page.fill("#fault-value", "503")
    page.one("#fail").click()
    page.wait_for("#rules", "0 of 1")
    assert [check(server) for _ in range(2)] == [503, 401]
    page.wait_for("#rows", "fault: status 503")
    page.wait_for("#rules", "1 of 1")
    assert page.text("#rows li:last-child .status") == "503"
    users = [{"username": "ada"}]
    control(server, "POST", "seed", {"users": users})
    page.wait_for("#tab-users", "6")
    page.one("#reset").click()
    page.one("#keep").click()
    assert control(server, "GET", "requests/count") == (200, {"count": 2})
    page.one("#reset").click()
    page.one("#do-reset").click()
    page.wait_for("#said", "The seeded state is back.")
    assert page.all("#rows li") == []
    assert "No request fails." in page.text("#rules")
    page.wait_for("#tab-users", "5")
    assert control(server, "GET", "requests/count") == (200, {"count": 0})
    assert check(server) == 401
    page.wait_for("#shown", "1")


@pytest.mark.parametrize(
    ("kind", "value", "rule"),
    [
        ("drop", None, {"drop": True, "times": 1}),
        ("delay", "0.2", {"delay": 0.2, "times": 1}),
    ],
)
def test_other_faults(
    page: Page, server: Server, kind: str, value: str | None, rule: Any
) -> None:
    """The form asks for every kind of fault, for any path too, and clears them."""
    page.open(server)
    page.fill("#fault-path", "")
    page.one(f"#fault-kind option[value={kind}]").click()
    if value is None:
        assert not page.one("#fault-value").is_displayed()
    else:
        page.fill("#fault-value", value)
    page.one("#fail").click()
    page.wait_for("#rules", "any path")
    (found,) = control(server, "GET", "faults")[1]["faults"]
    assert found == {**rule, "match": {}, "acted": 0}
    page.one("#clear").click()
    page.wait_for("#rules", "No request fails.")
    assert control(server, "GET", "faults") == (200, {"faults": []})


def test_dropped_connection_has_no_status(page: Page, server: Server) -> None:
    """A request that was dropped is told from one that was answered."""
    page.open(server)
    control(server, "PUT", "faults", {"drop": True, "times": 1})
    with pytest.raises(http.client.RemoteDisconnected):
        check(server)
    page.wait_for("#rows", "fault: the connection is dropped")
    assert page.text("#rows .status") == "drop"
    page.one("#rows summary").click()
    page.wait_for("#rows .opened", "Answer: none, the connection was dropped")


def test_what_others_do_is_seen(page: Page, server: Server) -> None:
    """A reset, faults and a frozen clock show up, whoever made them."""
    page.open(server)
    check(server)
    page.wait_for("#shown", "1")
    control(server, "POST", "reset")
    control(server, "PUT", "faults", {"status": 502, "match": {"path": "/x/*"}})
    control(server, "PUT", "clock", {"now": "2030-01-02T03:04:05Z", "frozen": True})
    page.wait_for("#clock", "2030-01-02 03:04:05 UTC")
    page.wait_for("#frozen", "frozen")
    page.wait_for("#rules", "/x/*")
    page.until(lambda: not page.all("#rows li"))


def test_markup_of_requests_is_text(page: Page, server: Server) -> None:
    """What a request holds is shown as it came, and never run."""
    page.open(server)
    body = {"project": MARKUP, MARKUP: MARKUP, "__proto__": {"hidden": True}}
    server.call("POST", f"/{quote(MARKUP, safe='')}", body, {"X": "y"})
    server.call("POST", ALLOWED, {**body, "username": MARKUP}, header(server.data))
    seed = {"users": [{"username": "ada", "name": MARKUP}]}
    assert control(server, "POST", "seed", seed)[0] == 200
    page.wait_for("#shown", "2")
    for summary in page.all("#rows summary"):
        summary.click()
    page.wait_for("#rows li:last-child", "POST /<img src=x onerror=")
    page.wait_for("#rows li:first-child .opened", "document.title='run'")
    page.wait_for("#rows li:first-child .opened", "__proto__")
    page.wait_for("#panel", MARKUP)
    assert page.all("main img, main script") == []
    assert page.driver.title == "Inspector · gitlab-internal-api"


def test_token_is_asked_for_and_kept(page: Page, serve: Serve) -> None:
    """The token of the address is used and hidden; without it the page asks."""
    server = serve("--bind", "0.0.0.0:0", "--control-token", "let-me-in")
    server.ready["url"] = f"http://127.0.0.1:{server.address[1]}"
    page.open(server, "/_standin/?token=let-me-in")
    url = f"{server.ready['url']}/_standin/"
    assert page.driver.current_url == url
    page.driver.refresh()
    page.wait_for("#state", "live")
    assert page.complaints() == []
    page.driver.execute_script("sessionStorage.clear()")
    page.driver.refresh()
    page.wait_for("#state", "locked")
    page.wait_for("#locked", "Control token")
    page.one("#token").send_keys("wrong ⚿", Keys.ENTER)
    page.wait_for("#wrong", "This is not the token.")
    page.one("#token").send_keys("let-me-in", Keys.ENTER)
    page.wait_for("#state", "live")
    assert all("401" in said for said in page.complaints())


def test_below_a_root_and_without_a_slash(page: Page, serve: Serve) -> None:
    """The page finds its server wherever that is."""
    server = serve("--relative-url-root", "/gitlab", "--memory", "--seed", "demo")
    page.open(server, "/_standin")
    page.wait_for("#panel", "Dede Eichmann")
    page.one("#fail").click()
    page.wait_for("#rules", ALLOWED)


def test_server_that_comes_back(page: Page, serve: Serve) -> None:
    """The page says when nobody answers, and goes on with the next server."""
    server = serve()
    page.open(server)
    for _ in range(3):
        check(server)
    page.wait_for("#shown", "3")
    address = "{}:{}".format(*server.address)
    server.kill()
    page.wait_for("#state", "no connection")
    page.wait_for("#shown", "3")
    server = serve("--bind", address)
    check(server)
    page.wait_for("#state", "live")
    page.wait_for("#shown", "1")
    assert all("ERR_" in said for said in page.complaints())


def test_narrow_page_needs_no_sideways_scrolling(page: Page, server: Server) -> None:
    """On a phone everything fits into the width."""
    check(server)
    size = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        page.open(server)
        for tab in page.all("[role=tab]"):
            tab.click()
            page.until(lambda: page.all("#panel tbody tr, #nothing"))
            width = page.driver.execute_script("return document.body.scrollWidth")
            assert width <= 360
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
