"""What nothing can be faster than: an empty Falcon route."""

from __future__ import annotations

import falcon


class Empty:
    """A resource that does nothing."""

    def on_post(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Answer nothing."""
        resp.data = b"{}"


application: falcon.App[falcon.Request, falcon.Response] = falcon.App()
application.add_route("/api/v4/internal/allowed", Empty())
