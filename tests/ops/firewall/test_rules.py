"""Who is let in, before anybody is asked: what would lock everybody out, or let everybody in, is refused."""

import pytest

from ops.cloud import rules
from ops.cloud.rules import Rule, RuleError


def incoming(*ssh: str, health: tuple[str, ...] = (), https: tuple[str, ...] = (), **more: object) -> tuple[Rule, ...]:
    options = {"ssh_port": 22, "health_port": 8080, "anywhere": False} | more
    return rules.incoming(ssh, health, https, **options)  # type: ignore[arg-type]


def test_what_is_named_is_let_in_and_nothing_else() -> None:
    assert incoming("203.0.113.7", "2001:db8::/48", "10.0.0.0/8", health=("198.51.100.0/24",)) == (
        Rule("in", "tcp", "22", ("10.0.0.0/8", "203.0.113.7/32", "2001:db8::/48"), "SSH"),
        Rule("in", "tcp", "8080", ("198.51.100.0/24",), "health"),
    )


def test_the_tls_proxy_needs_both_ports() -> None:
    found = incoming("10.0.0.0/8", https=rules.EVERYWHERE)
    assert [(rule.ports, rule.sources) for rule in found[1:]] == [("80", rules.EVERYWHERE), ("443", rules.EVERYWHERE)]


@pytest.mark.parametrize(
    "ssh", [("0.0.0.0/0",), ("::/0",), ("10.0.0.0/8", "0.0.0.0/0"), ("0.0.0.0/1", "128.0.0.0/1"), ("::/2", "4000::/2", "8000::/1")]
)
def test_the_whole_internet_logs_in_only_where_that_is_said(ssh: tuple[str, ...]) -> None:
    with pytest.raises(RuleError, match="--anywhere"):
        incoming(*ssh)
    assert incoming(*ssh, anywhere=True)


@pytest.mark.parametrize(
    ("ssh", "more", "told"),
    [
        ((), {}, "Nobody could log in"),
        ((), {"anywhere": True}, "Nobody could log in"),
        (("me.example.org",), {}, "is no network: write an address"),
        (("203.0.113.7/24",), {}, r"its network is 203\.0\.113\.0/24"),
        (("",), {}, "is no network"),
        (("10.0.0.0/8",), {"health": ("10.0.0.300",)}, "--health-from"),
        (("10.0.0.0/8",), {"https": ("x",)}, "--https-from"),
        (("10.0.0.0/8",), {"health": ("::/0",), "health_port": 22}, "ports of their own"),
        (("10.0.0.0/8",), {"https": ("::/0",), "ssh_port": 443}, "ports of their own"),
    ],
)
def test_what_would_lock_out_or_is_no_network(ssh: tuple[str, ...], more: dict[str, object], told: str) -> None:
    with pytest.raises(RuleError, match=told):
        incoming(*ssh, **more)


def test_ssh_may_be_where_nothing_else_is() -> None:
    assert incoming("10.0.0.0/8", ssh_port=443)[0].ports == "443"
