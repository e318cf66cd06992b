"""What each command's `--help` and docs/commands.md say beyond its docstring: its place, examples, and what its exit status tells."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from venues import VENUES

RUN, LOOK, PROVE, KEEP, TRADE = "Run it", "Look at it", "Prove it", "Keep and bring back", "Pairs and paper trading"

#: What is so for every command.
STATUSES: Mapping[int, str] = {
    0: "done, and all is well",
    1: "not done, or not well: a sentence on stderr says why",
    2: "wrongly asked: an option, a name or a setting cannot be used; nothing was done",
    130: "interrupted by Ctrl-C; what was asked of the farm goes on",
}


@dataclass(frozen=True, slots=True)
class Page:
    """`patterns` become what is typed behind ./farm; `one`: what exit status 1 tells, where that is more than a failure."""

    panel: str
    patterns: tuple[str, ...]
    one: str = ""

    @property
    def examples(self) -> list[str]:
        return [pattern.format_map(_names()) for pattern in self.patterns]


@functools.cache
def _names() -> Mapping[str, str]:
    """Of venues that there are: an example is something that can be typed."""
    first = next((VENUES[name] for name in sorted(VENUES) if VENUES[name].histories), None)
    a, b, *_ = [*(name for name in sorted(VENUES) if VENUES[name].question), "A", "B"]
    if first is None:
        return {"venue": "VENUE", "channel": "CHANNEL", "past": "CHANNEL", "a": a, "b": b}
    return {"venue": first.name, "channel": first.channels[-1].name, "past": next(iter(first.histories)), "a": a, "b": b}


_ITS_OWN = "the status is the program's own"
PAGES: Mapping[str, Page] = {
    "up": Page(RUN, ("up", "up --venues {venue} --rate 2000", "up --live")),
    "down": Page(RUN, ("down", "down --timeout 300")),
    "restart": Page(RUN, ("restart",)),
    "status": Page(RUN, ("status", "status --watch", "status --json"), "the farm is not healthy; the reasons are told"),
    "doctor": Page(RUN, ("doctor", "doctor --json"), "a check failed; warnings alone leave it at 0"),
    "logs": Page(RUN, ("logs worker-writers", "logs streamer-{venue} -f -n 200")),
    "alert": Page(RUN, ("alert test", "alert list --json", "alert rules --measures"), "`test`: a place did not take the message"),
    "secrets keygen": Page(RUN, ("secrets keygen",)),
    "secrets encrypt": Page(
        RUN,
        ("secrets encrypt", "secrets encrypt --passphrase"),
        "nothing was sealed: .env.age is newer, or nobody is named who may open it",
    ),
    "secrets decrypt": Page(
        RUN, ("secrets decrypt", "secrets decrypt --identity age.key --force"), "it is not opened, or .env says something else"
    ),
    "secrets edit": Page(RUN, ("secrets edit",), "nothing was changed: the editor failed, or what you wrote cannot be taken"),
    "firewall": Page(
        RUN,
        (
            "firewall --provider hetzner --ssh-from 203.0.113.7/32 --dry-run",
            "firewall --provider hetzner --ssh-from 203.0.113.7/32 --health-from 198.51.100.0/24 --apply-to role=tapefarm",
            "firewall --provider digitalocean --ssh-from 2001:db8::/48 --apply-to 3164494",
        ),
        "the provider has not done it; its words are told",
    ),
    "tail": Page(LOOK, ("tail {venue}", "tail {venue} {channel} 'BTC*'", "tail {venue} {channel} --json -n 100")),
    "psql": Page(LOOK, ("psql", 'psql -c "select * from marketdata.ingestion_stats"', "psql --write"), _ITS_OWN),
    "load": Page(
        LOOK,
        (
            "load trades {venue} --from 2026-11-03 --to 2026-11-04",
            "load bars_1s {venue} --from 2026-11-03 --to 2026-11-04 --holes mask --out bars.parquet",
        ),
        "hours lack something and --holes is raise",
    ),
    "storage": Page(LOOK, ("storage", "storage --json")),
    "coverage": Page(
        PROVE,
        ("coverage", "coverage {venue} {channel} 'ETH*' --from 2026-11-17 --to 2026-11-18", "coverage --matrix", "coverage --replicas"),
    ),
    "verify": Page(PROVE, ("verify", "verify --json --timeout 120"), "not all that was sent is stored as it was sent"),
    "chaos": Page(PROVE, ("chaos --core", "chaos --only redis-restart", "chaos --list"), "something was lost, or stands there twice"),
    "bench": Page(PROVE, ("bench", "bench lag_500_p99 idle_cpu --json"), "a figure does not meet its bar"),
    "test": Page(PROVE, ("test", "test tests/core -x"), _ITS_OWN),
    "backfill": Page(
        KEEP,
        ("backfill {venue} {past} --from 2026-11-01", "backfill --list", "backfill --cancel 7"),
        "the job ended without bringing all of it",
    ),
    "export": Page(KEEP, ("export", "export --kind trades --venue {venue} --from 2026-11-01 --to 2026-11-07")),
    "backup": Page(
        KEEP, ("backup --list", "backup --now daily", "backup --drill"), "it could not be made, or does not bring back all of it"
    ),
    "restore": Page(KEEP, ("restore daily-20261122T031500.000Z.dump --into again --verify",), "--verify: it is not what was recorded"),
    "rebuild": Page(
        KEEP, ("rebuild --into again --compare", "rebuild --into again --venue {venue} --from 2026-11-01"), "--compare: not equal"
    ),
    "match list": Page(TRADE, ("match list", "match list --state confirmed --json")),
    "match show": Page(TRADE, ("match show 12",)),
    "match confirm": Page(TRADE, ("match confirm 12 --tail void/yes --note 'both by AP'",)),
    "match reject": Page(TRADE, ("match reject 12 --reason 'another deadline'",)),
    "match suspend": Page(TRADE, ("match suspend 12 --reason 'the rules are disputed'",)),
    "match import": Page(TRADE, ("match import pairs.yaml",), "a pair of the file was refused"),
    "match export": Page(TRADE, ("match export pairs.yaml",)),
    "match propose": Page(TRADE, ("match propose {a} {b}",)),
    "paper status": Page(TRADE, ("paper status", "paper status --json"), "something is halted"),
    "paper halt": Page(TRADE, ("paper halt", "paper halt pair 12 --reason 'disputed'")),
    "paper resume": Page(TRADE, ("paper resume", "paper resume venue {a}")),
    "paper report": Page(TRADE, ("paper report --from 2026-11-01", "paper report --json")),
    "paper replay": Page(TRADE, ("paper replay --from 2026-11-20 --to 2026-11-21",)),
    "audit": Page(TRADE, ("audit verify", "audit verify --json"), "the chain is broken, or money does not add up"),
}
#: Of commands that have commands.
PANELS = {"match": TRADE, "paper": TRADE, "secrets": RUN}


def commands(group: Any, *before: str) -> Iterator[tuple[str, Any]]:
    """(name, command) of each that does something, below a group."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *before, name)
        else:
            yield " ".join((*before, name)), command


def apply(group: Any) -> None:
    """Give each command its examples, and each its place in the list; a command without a page has none."""
    order = list(PAGES)
    for name, command in commands(group):
        if name in PAGES:
            command.epilog = epilog(name)
    for name, command in group.commands.items():
        panel = PANELS.get(name) or (PAGES[name].panel if name in PAGES else None)
        command.rich_help_panel = panel
    group.commands = dict(sorted(group.commands.items(), key=lambda item: _place(item[0], order)))


def _place(name: str, order: list[str]) -> int:
    return next((place for place, one in enumerate(order) if one.split(" ")[0] == name), len(order))


def epilog(name: str) -> str:
    """As typer wants it: brackets are markup."""
    page = PAGES[name]
    lines = ["Examples:" if len(page.examples) > 1 else "Example:", *(f"  ./farm {example}" for example in page.examples)]
    if page.one:
        lines.append(f"Exit status 1: {page.one}." if page.one != _ITS_OWN else f"{page.one[0].upper()}{page.one[1:]}.")
    return "\n".join(line.replace("[", r"\[") for line in lines)


def document(group: Any) -> str:
    """docs/commands.md."""
    lines = [_HEAD]
    lines += [f"| {status} | {meaning} |\n" for status, meaning in STATUSES.items()]
    found = dict(commands(group))
    for panel in dict.fromkeys(page.panel for page in PAGES.values()):
        lines.append(f"\n## {panel}\n\n| command | what it does | exit status 1 |\n| --- | --- | --- |\n")
        for name, page in PAGES.items():
            if page.panel == panel:
                examples = "<br>".join(f"`./farm {example}`".replace("|", r"\|") for example in page.examples)
                lines.append(f"| {examples} | {first_line(found[name])} | {page.one} |\n")
    return "".join(lines)


def first_line(command: Any) -> str:
    return " ".join(str(command.help).partition("\n\n")[0].split())


_HEAD = """\
# Commands

Generated from `ops/cli/`; a test holds it to them. `./farm` alone lists the commands, `./farm NAME --help` tells all of one. Results go to stdout,
progress and failures to stderr; `--json` makes one document of the result (of `tail`, one a line).

`./farm --install-completion` teaches bash, zsh or fish to complete commands, options, venues, channels and the names of programs;
`--show-completion` prints what it would install. bash takes `./farm` as it stands; zsh and fish call `farm`, so link it into a folder of your `PATH`.

| exit status | of every command |
| --- | --- |
"""
