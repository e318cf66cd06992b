"""The cloud's firewall before a machine, at DigitalOcean or Hetzner: SSH, the health port and HTTPS from given networks, nothing else.

`./farm firewall` is the same as `.venv/bin/python ops/firewall.py`. What ufw does on the machine (ops/deploy.sh) stays: either may be wrong alone.
"""

import json
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

if not __package__:  # as `python ops/firewall.py`, which puts this folder before the standard library
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import typer

from ops.cli.console import err, out
from ops.cli.errors import Refused, sentence
from ops.cloud import ensure, rules
from ops.cloud.api import Api
from ops.cloud.rules import Wanted


class Provider(StrEnum):
    DIGITALOCEAN = "digitalocean"
    HETZNER = "hetzner"


Sources = list[str]


def firewall(
    provider: Annotated[Provider, typer.Option("--provider", help="Whose firewall; the token is DIGITALOCEAN_TOKEN or HCLOUD_TOKEN.")],
    ssh_from: Annotated[Sources, typer.Option("--ssh-from", help="A network that may log in, as CIDR. Repeat it.")] = [],  # noqa: B006
    health_from: Annotated[Sources, typer.Option("--health-from", help="A network that may ask how the farm is. Repeat it.")] = [],  # noqa: B006
    https_from: Annotated[
        Sources, typer.Option("--https-from", help="A network that reaches the TLS proxy, on 80 and 443. Repeat it.")
    ] = [],  # noqa: B006
    apply_to: Annotated[
        list[str], typer.Option("--apply-to", help="A machine's id, or a tag (DigitalOcean) or label selector (Hetzner). Repeat it.")
    ] = [],  # noqa: B006
    name: Annotated[str, typer.Option("--name", help="The firewall's name at the provider.")] = "tapefarm",
    ssh_port: Annotated[int, typer.Option("--ssh-port", min=1, max=65535)] = 22,
    health_port: Annotated[int, typer.Option("--health-port", min=1, max=65535)] = 8080,
    anywhere: Annotated[bool, typer.Option("--anywhere", help="Let --ssh-from be the whole internet.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be sent, as JSON, and send nothing.")] = False,
    api_url: Annotated[str | None, typer.Option("--api-url", hidden=True)] = None,
) -> None:
    """Set the cloud's firewall before a machine: who gets in.

    All other rules of that name are replaced; machines stay. Run again it changes nothing. With --dry-run and without a token nobody is asked,
    and the payload is that of a new one.
    """
    behind = ensure.PROVIDERS[provider]
    try:
        incoming = rules.incoming(ssh_from, health_from, https_from, ssh_port=ssh_port, health_port=health_port, anywhere=anywhere)
    except rules.RuleError as exc:
        raise Refused(str(exc), status=2) from None
    wanted = Wanted(
        name, incoming, tuple(int(one) for one in apply_to if one.isdigit()), tuple(one for one in apply_to if not one.isdigit())
    )
    token = os.environ.get(behind.TOKEN, "").strip()
    if not token and not dry_run:
        raise Refused(f"{behind.NAME} is asked with a token: put one that may read and write into {behind.TOKEN}.", status=2)
    api = Api(api_url or behind.URL, token, what=behind.NAME) if token else None
    if dry_run or api is None:
        _print_plan(ensure.planned(behind, api, wanted), behind.NAME, asked=api is not None)
        return
    sent, protects = ensure.ensured(behind, api, wanted)
    for line in rules.told(incoming):
        out.print(line, markup=False)
    out.print(f"{name} at {behind.NAME}: {'changed' if sent else 'unchanged'}", markup=False)
    if not protects:
        err.print("No machine stands behind it yet: name one by --apply-to.", style="yellow", markup=False)


def _print_plan(calls: list[rules.Call], provider: str, *, asked: bool) -> None:
    print(json.dumps([{"method": call.method, "path": call.path, "body": call.body} for call in calls], indent=2))
    if not asked:
        err.print(f"Without a token {provider} was not asked: this makes a new one.", markup=False)


def main() -> None:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)  # typer's own tracebacks show values, a token among them
    app.command()(firewall)
    try:
        app()
    except Exception as exc:
        known = sentence(exc)
        if known is None:
            raise
        err.print(known[0], markup=False)
        sys.exit(known[1])


if __name__ == "__main__":
    main()
