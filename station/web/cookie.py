"""The cookie that a browser keeps a session's secret in: out of reach of scripts, and sent with this server's own requests alone."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response


@dataclass(frozen=True, slots=True)
class Cookie:
    """RFC 6265bis: with TLS its name has `__Host-` before it, so that no other host can set it."""

    is_secure: bool
    called: str = "session"
    """Browsers send it to every port of a host: two programs there call theirs by two names."""

    @property
    def name(self) -> str:
        """What it is called."""
        return f"__Host-{self.called}" if self.is_secure else self.called

    def give(self, answer: Response, secret: str) -> None:
        """Have the browser keep it, until it is closed or the session ends."""
        answer.set_cookie(
            self.name, secret, httponly=True, secure=self.is_secure, samesite="strict", path="/"
        )

    def take(self, answer: Response) -> None:
        """Have the browser forget it."""
        answer.delete_cookie(self.name, httponly=True, secure=self.is_secure, samesite="strict", path="/")
