"""What nothing can be faster than: an empty Falcon route."""

from __future__ import annotations

import falcon


class Empty:
    """A resource that does nothing."""

    def on_post(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Answer nothing."""
        resp.data = b"{}"

    on_get = on_post


application: falcon.App[falcon.Request, falcon.Response] = falcon.App()
for path in ("allowed", "kubernetes/agent_info", "kubernetes/usage_metrics"):
    application.add_route(f"/api/v4/internal/{path}", Empty())
