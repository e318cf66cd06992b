"""Simulated venues in a process of their own, smaller or larger than those of `./farm up`, and the truth about pairs of their markets."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import requests

from ops.local.ports import free_port
from tests.end_to_end.conftest import CHECKOUT, eventually
from venues import VENUES

#: The venues that list pairs, as they stand in a pair: market a is of the first.
NAMES = ("kalshi", "polymarket")
#: Every state besides "both yes" and "both no": a script has read that they may come.
TAILS = [f"{a}/{b}" for a in ("yes", "no", "void") for b in ("yes", "no", "void") if a != b or a == "void"]


class Arena:
    """`played`: options of the sandbox and their values."""

    def __init__(self, root: Path, played: Mapping[str, object], names: Sequence[str] = NAMES) -> None:
        self.root, self.port, self.names = root, free_port(), names
        options = [word for name, value in played.items() for word in (f"--{name}", str(value))]
        words = [sys.executable, "-m", "sandbox", "--root", str(root), "--port", str(self.port), "--venues", ",".join(names), *options]
        self.process = subprocess.Popen(words, cwd=CHECKOUT)
        eventually(self.pairs)

    @property
    def environ(self) -> dict[str, str]:
        """By which a farm takes them for the real ones."""
        urls = {f"{name.upper()}_WS_URL": f"ws://127.0.0.1:{self.port}/{name}" for name in self.names}
        urls |= {f"{name.upper()}_REST_URL": f"http://127.0.0.1:{self.port}/{name}" for name in self.names}
        pasts = [name for name in self.names if VENUES[name].archive_url]
        urls |= {f"{name.upper()}_ARCHIVE_URL": f"http://127.0.0.1:{self.port}/{name}/history" for name in pasts}
        return {**urls, "KALSHI_KEY_ID": "sandbox", "KALSHI_PRIVATE_KEY_FILE": str(self.root / "keys" / "kalshi.pem")}

    def pairs(self) -> list[dict[str, Any]]:
        try:
            found: list[dict[str, Any]] = requests.get(f"http://127.0.0.1:{self.port}/control/pairs", timeout=20).json()["pairs"]
        except requests.ConnectionError:
            assert self.process.poll() is None, "the sandbox has ended"
            return []
        return found

    def act(self, do: str, pairs: list[dict[str, Any]]) -> None:
        body = {"do": do, "pairs": [pair["pair"] for pair in pairs]}
        answer = requests.post(f"http://127.0.0.1:{self.port}/control/pairs", json=body, timeout=20)
        assert answer.ok, answer.text

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(30)


def confirmations(pairs: Sequence[Mapping[str, Any]], rules: Mapping[str, str]) -> dict[str, Any]:
    """What `./farm match import` takes. `rules`: market -> hash of its rules, as the farm has read them."""

    def side(pair: Mapping[str, Any], name: str) -> dict[str, str]:
        market = pair[name]["market"]
        return {"venue": name, "market": market, "yes_is": pair[name]["symbol"], "rules_sha256": rules[market]}

    entries = [{"a": side(pair, NAMES[0]), "b": side(pair, NAMES[1]), "tails": TAILS, "notes": pair["kind"]} for pair in pairs]
    return {"version": 1, "pairs": entries}
