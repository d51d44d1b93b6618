"""Makes an e-mail of a notice: a template's first line is its subject, the rest its text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any, Final

from jinja2 import ChoiceLoader, FileSystemLoader, PackageLoader, StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from inventory.errors import InventoryError

_MAX_SUBJECT: Final = 200


class NotComposed(InventoryError):
    """A template cannot be used."""


class Composer:
    """Makes messages from templates: the site's own where there are some, else ours."""

    def __init__(self, sender: str, templates: Path | None) -> None:
        """Prepare; a template is read when it is needed, so that it can be mended while the program runs."""
        ours = PackageLoader("inventory.notices", "templates")
        loader = ours if templates is None else ChoiceLoader([FileSystemLoader(templates), ours])
        # A site's template is a text, and stays one: it reaches no more than it is given.
        self._templates = SandboxedEnvironment(
            loader=loader,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            autoescape=False,
        )
        self._sender = sender

    def compose(
        self,
        number: int,
        kind: str,
        facts: Mapping[str, Any],
        recipients: Sequence[str],
        made: datetime,
        listing: str | None,
    ) -> EmailMessage:
        """Return the message, the same each time, under an id of its own. Raises NotComposed."""
        try:
            # A notice that was kept before there were bridges does not say of what it is.
            text = self._templates.get_template(f"{kind}.txt").render({"devices": "hubs", **facts})
        except (TemplateError, OSError, ValueError, TypeError, ArithmeticError, LookupError) as error:
            raise NotComposed(f"template {kind}.txt: {type(error).__name__}: {error}") from error
        subject, _, body = text.partition("\n")
        message = EmailMessage(policy=SMTP)
        # Names come from files of strangers: none of them makes another header.
        message["Subject"] = " ".join(subject.split())[:_MAX_SUBJECT]
        message["From"] = self._sender
        message["To"] = ", ".join(recipients)
        message["Date"] = made
        message["Message-ID"] = f"<reflash-notice-{number}@{self._sender.partition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(body.lstrip("\n"))
        if listing is not None:
            name = f"{kind}-{number}.csv"
            message.add_attachment(listing.encode(), maintype="text", subtype="csv", filename=name)
        return message
