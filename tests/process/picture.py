"""Makes the picture of the inspector in the README: `make picture`."""

from __future__ import annotations

import base64
import contextlib
import http.client
import tempfile
import time
from pathlib import Path

from browser import browser
from processes import Server, header
from selenium.webdriver import Chrome

PICTURE = Path(__file__).parents[2] / "docs" / "inspector.png"
WIDTH, HEIGHT = 1280, 1112
INTERNAL = "/api/v4/internal/"
SEED = {
    "users": [
        {"username": "ada", "name": "Ada Lovelace"},
        {"username": "grace", "name": "Grace Hopper"},
    ],
    "groups": [{"full_path": "gnuwget", "members": {"ada": "maintainer"}}],
    "projects": [
        {
            "full_path": "gnuwget/wget2",
            "members": {"rubi": "developer", "grace": "reporter"},
            "protected_branches": [
                {"name": "main"},
                {"name": "release/*", "push": "no_one"},
                {"name": "next", "push": "developer"},
            ],
        }
    ],
    "subscriptions": [
        {"namespace": "customers", "plan_code": "premium", "start_date": "2022-01-01"}
    ],
}
PUSH = {"action": "git-receive-pack", "project": "gnuwget/wget2", "protocol": "ssh"}
TO_MAIN = f"{'570e7b2a' * 5} {'1b12f15a' * 5} refs/heads/main"
REQUESTS = (
    ("GET", "check", {}),
    ("GET", "discover?key_id=7", {}),
    ("POST", "allowed", {**PUSH, "key_id": "11", "changes": "_any"}),
    ("POST", "pre_receive", {"gl_repository": "project-3"}),
    ("POST", "post_receive", {"gl_repository": "project-3", "identifier": "user-1"}),
    ("GET", "authorized_keys?key=AAAAnobodys", {}),
    ("GET", "kubernetes/agent_info", {}),
    ("POST", "two_factor_config", {"key_id": 7}),
    ("POST", "lfs_authenticate", {"project": "gnuwget/wget2", "key_id": 7}),
    ("POST", "allowed", {**PUSH, "username": "grace", "changes": "_any"}),
    ("POST", "allowed", {**PUSH, "key_id": "7", "changes": TO_MAIN}),
)
FAULTS = [
    {"match": {"path": f"{INTERNAL}check"}, "times": 1, "status": 500},
    {"match": {"path": f"{INTERNAL}post_receive"}, "times": 3, "delay": 1.5},
    {"match": {"path": "/-/*"}, "drop": True},
]


def use(server: Server) -> None:
    """Let some requests come, and others fail."""
    headers = header(server.data) | header(server.data, "kas")
    server.call("POST", "/_standin/v1/seed", SEED, {})
    for method, path, body in REQUESTS[:4]:
        server.call(method, INTERNAL + path, body, headers)
    server.call("PUT", "/_standin/v1/faults", FAULTS, {})
    server.call("GET", f"{INTERNAL}check", {}, headers)
    with contextlib.suppress(http.client.RemoteDisconnected):
        server.call("GET", "/-/liveness", {}, {})
    for method, path, body in REQUESTS[4:]:
        server.call(method, INTERNAL + path, body, headers)


def take(driver: Chrome, url: str) -> bytes:
    """The whole page, with the newest request opened."""
    size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.get(url)
    driver.find_element("id", "tab-projects").click()
    time.sleep(2)
    driver.find_element("css selector", "summary").click()
    time.sleep(1)
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    return base64.b64decode(shot["data"])


def main() -> None:
    """Serve, use, look."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "server", ["--seed", "demo"])
        try:
            use(server)
            with browser() as driver:
                picture = take(driver, f"{server.ready['url']}/_standin/")
        finally:
            server.stop()
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_bytes(picture)


if __name__ == "__main__":
    main()
