"""What is let in: the same for every provider, and comparable whatever order, grouping or spelling a provider gives it back in. Pure."""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

EVERYWHERE = ("0.0.0.0/0", "::/0")


class RuleError(ValueError):
    """A source or port that cannot be used."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`ports`: "22", "8000-8010", or "" for all (and for icmp). `sources`: of what comes in; of what goes out its destinations."""

    direction: str
    protocol: str
    ports: str
    sources: tuple[str, ...]
    name: str = ""

    def atoms(self) -> set[tuple[str, str, str, str]]:
        return {(self.direction, self.protocol, self.ports, network) for network in self.sources}


@dataclass(frozen=True, slots=True)
class Wanted:
    """`machines`: ids; `labels`: a tag of DigitalOcean, a label selector of Hetzner."""

    name: str
    rules: tuple[Rule, ...]
    machines: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """One request that changes something."""

    method: str
    path: str
    body: dict[str, object]


def incoming(
    ssh_from: Sequence[str],
    health_from: Sequence[str],
    https_from: Sequence[str],
    *,
    ssh_port: int,
    health_port: int,
    anywhere: bool,
) -> tuple[Rule, ...]:
    """Raises RuleError."""
    ssh = networks(ssh_from, "--ssh-from")
    if not ssh:
        raise RuleError("Nobody could log in any more: name at least one --ssh-from (your address, with /32 behind it).")
    if not anywhere and is_everywhere(ssh):
        raise RuleError("--ssh-from lets the whole internet try to log in: name your networks, or say --anywhere if that is meant.")
    found = [Rule("in", "tcp", str(ssh_port), ssh, "SSH")]
    if health := networks(health_from, "--health-from"):
        found.append(Rule("in", "tcp", str(health_port), health, "health"))
    if https := networks(https_from, "--https-from"):
        # 80 too: certificates are proven over it, and it sends on to 443.
        found += [Rule("in", "tcp", port, https, name) for port, name in (("80", "HTTP to HTTPS"), ("443", "HTTPS"))]
    if len({rule.ports for rule in found}) < len(found):
        raise RuleError("SSH, the health port and HTTPS (80, 443) need ports of their own: who may use one would get into the other.")
    return tuple(found)


def networks(given: Iterable[str], option: str) -> tuple[str, ...]:
    """Sorted, each once, as CIDR. Raises RuleError."""
    found = set()
    for text in given:
        try:
            found.add(ipaddress.ip_network(text.strip()))
        except ValueError:
            raise RuleError(f"{option} {text!r} is no network{_perhaps(text)}: write an address, or CIDR like 203.0.113.0/24.") from None
    return tuple(str(network) for network in sorted(found, key=lambda one: (one.version, one.network_address.packed, one.prefixlen)))


def _perhaps(text: str) -> str:
    try:
        return f" (its network is {ipaddress.ip_network(text.strip(), strict=False)})"
    except ValueError:
        return ""


def normal(network: str) -> str:
    """As a provider may spell it: without a length, or with an address that is not the first of its network."""
    try:
        return str(ipaddress.ip_network(network, strict=False))
    except ValueError:
        return network


def is_everywhere(sources: Iterable[str]) -> bool:
    """Also when it is cut into pieces."""
    every = [ipaddress.ip_network(one) for one in sources]
    fours = ipaddress.collapse_addresses([one for one in every if isinstance(one, ipaddress.IPv4Network)])
    sixes = ipaddress.collapse_addresses([one for one in every if isinstance(one, ipaddress.IPv6Network)])
    return any(one.prefixlen == 0 for one in fours) or any(one.prefixlen == 0 for one in sixes)


def told(rules: Iterable[Rule]) -> list[str]:
    return [f"{rule.name or rule.protocol}: {rule.protocol} {rule.ports or 'all'} from {', '.join(rule.sources)}" for rule in rules]
