"""`reflash pki`: certificates for a first set-up, where a site has no authority of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from station.cli.common import UsageError
from station.domain.counted import counted

if TYPE_CHECKING:
    from station.certificates.issuing import Issued

app = typer.Typer(
    help="Make certificates for a first set-up. A site's own authority is better: it watches over its key, and over all of them.",
    no_args_is_help=True,
)

Authority = Annotated[
    Path, typer.Argument(help="The authority's folder. It belongs on none of the computers.")
]
Days = Annotated[int, typer.Option(min=1, max=397, help="How long it is good.")]
_TAKES: Final = (
    "an authority that the site has already is better: it watches over its key, and over all that it issued"
)


@app.command()
def authority(
    folder: Annotated[Path, typer.Argument(help="Where authority.pem and authority.key are made.")],
    site: Annotated[str, typer.Option(help="The site's name.")],
) -> None:
    """Make an authority for a site: its certificate goes to each computer, its key stays where nobody else comes.

    Example: reflash pki authority /media/stick/authority --site site-1
    """
    from station.certificates.issuing import make_authority  # noqa: PLC0415 - the others need no cryptography

    _tell(make_authority(folder, site, datetime.now(UTC)))
    typer.echo(f"keep this folder off the computers that it is for; {_TAKES}")


@app.command()
def issue(
    authority: Authority,
    kind: Annotated[str, typer.Argument(help="station, consumer, broker, screen or inventory.")],
    name: Annotated[
        str, typer.Argument(help="Of a server what its visitors call it; else as in the access list.")
    ],
    also: Annotated[
        list[str] | None, typer.Option(help="What else a server is called: a name or an address.")
    ] = None,
    site: Annotated[str | None, typer.Option(help="Of a station, as in its configuration.")] = None,
    into: Annotated[Path, typer.Option(help="Where NAME.pem and NAME.key are made.")] = Path(),
    days: Days = 397,
) -> None:
    """Make a key and a certificate. Nothing that is there is written over.

    Example: reflash pki issue /media/stick/authority station bench-1 --site site-1
    """
    from station.certificates.issuing import Profile  # noqa: PLC0415 - as above
    from station.certificates.issuing import issue as make  # noqa: PLC0415

    if kind not in set(Profile):
        raise UsageError(f"{kind} is no kind of certificate; there are {', '.join(Profile)}")
    _tell(
        make(
            authority,
            into,
            Profile(kind),
            name,
            site=site,
            also=also or (),
            now=datetime.now(UTC),
            days=days,
        )
    )


@app.command()
def renew(
    authority: Authority,
    former: Annotated[Path, typer.Argument(help="The certificate that ends.")],
    new: Annotated[Path, typer.Argument(help="The file to make.")],
    days: Days = 397,
) -> None:
    """Make a certificate for the same key and names with a new term: the key stays where it is.

    Example: reflash pki renew /media/stick/authority bench-1.pem bench-1-2027.pem
    """
    from station.certificates.issuing import renew as make  # noqa: PLC0415 - as above

    _tell(make(authority, former, new, datetime.now(UTC), days))


@app.command()
def revoke(
    authority: Authority,
    which: Annotated[str, typer.Argument(help="The name that it was issued under, or its file.")],
) -> None:
    """Take back every certificate of a key that is lost: they stand in revoked.pem from then on.

    That list lies in the authority's folder, and goes to whoever is shown certificates: a broker, say.

    Example: reflash pki revoke /media/stick/authority bench-1
    """
    from station.certificates.taking_back import take_back  # noqa: PLC0415 - as above

    taken = take_back(authority, which, datetime.now(UTC))
    for name in taken.names:
        typer.echo(f"taken back: {name}")
    typer.echo(
        f"{taken.file} has {counted(taken.held, 'certificate')} now; it does nothing here: put it to the broker, and to "
        "all that have mqtt.revoked_file, and restart or reload them"
    )


def _tell(issued: Issued) -> None:
    typer.echo(f"{issued.certificate}: good until {issued.ends:%Y-%m-%d}")
    if issued.key is not None:
        typer.echo(f"{issued.key}: its key, for its owner alone")
