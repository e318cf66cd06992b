"""quotes_vs_cryptofeed, trades_vs_cryptofeed: our journal into the tables, against the other tool's frames into its own.

Both get the same frames on the same server, one after the other. Ours includes the journal and the offsets; the other parses text
and inserts from memory. It lives in a virtual environment of its own, made on first use.
"""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import make_url

from bench import frames
from bench.backlog import backlog
from bench.children import Failed, started
from bench.drain import drain_rate
from bench.figures import Bar, Figure, paired_ratio, spread, thousands
from bench.servers import CHECKOUT, Lab

QUOTES = Bar("quotes_vs_cryptofeed", "ratio", 6.0, at_least=True)
TRADES = Bar("trades_vs_cryptofeed", "ratio", 8.0, at_least=True)
#: channel -> (bar, the other tool's table)
KINDS = {"bookTicker": (QUOTES, "ticker"), "aggTrade": (TRADES, "trades")}
ROWS = 300_000
PAIRS = 5
#: Frames handed over at a time; which is best for it is tried first, on a share of the frames.
GROUPS = (100, 1_000, 10_000)
TRIAL_SHARE = 5
VENV = CHECKOUT / ".farm" / "bench-venv"
PINS = Path(__file__).with_name("cryptofeed.txt")
SCRIPT = Path(__file__).with_name("cryptofeed_script.py")
DATABASE = "cryptofeed"
INSTALL_SECONDS = 600
DEADLINE_SECONDS = 180.0


def environment(lab: Lab) -> Path:
    """The Python of the other tool's virtual environment."""
    python, stamp = VENV / "bin" / "python", VENV / "pins.txt"
    if stamp.exists() and stamp.read_bytes() == PINS.read_bytes():
        return python
    lab.say("installing cryptofeed into a virtual environment of its own")
    install = [
        str(python),
        "-m",
        "pip",
        "install",
        "--require-hashes",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
        "-r",
        str(PINS),
    ]
    for argv in ([sys.executable, "-m", "venv", "--clear", str(VENV)], install):
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
        if done.returncode:
            raise Failed(f"cryptofeed cannot be installed, so nothing can be compared with it: {done.stderr.strip()[-500:]}")
    stamp.write_bytes(PINS.read_bytes())
    return python


class Peer:
    def __init__(self, lab: Lab, python: Path) -> None:
        self._lab, self._python = lab, python
        url = make_url(lab.servers.database_url)
        self._server = [str(value) for value in (url.query["host"], url.query["port"], url.username, DATABASE)]
        with closing(lab.connect()) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
                cursor.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0")

    def rate(self, table: str, texts: list[bytes], group: int) -> float:
        path = self._lab.folder / "frames.txt"
        path.write_bytes(b"\n".join(texts))
        # -I: the folder of the script is not searched for modules; one there is called like the tool.
        argv = [str(self._python), "-I", str(SCRIPT), table, str(path), str(group), *self._server]
        with started("cryptofeed", argv, self._lab.folder, {"PATH": "/usr/bin:/bin"}) as child:
            done = child.line(DEADLINE_SECONDS)
        if done["rows"] != len(texts):
            raise Failed(f"cryptofeed stored {done['rows']} of {len(texts)} rows")
        return float(done["rows"] / done["seconds"])

    def best_group(self, table: str, texts: list[bytes]) -> int:
        return max(GROUPS, key=lambda group: self.rate(table, texts, group))


def measure(lab: Lab, *, rows: int = ROWS, pairs: int = PAIRS) -> list[Figure]:
    peer = Peer(lab, environment(lab))
    return [_compare(lab, peer, channel, rows, pairs) for channel in KINDS]


def _compare(lab: Lab, peer: Peer, channel: str, rows: int, pairs: int) -> Figure:
    bar, table = KINDS[channel]
    received = frames.market_us(rows)
    texts = frames.SOURCES[channel]()(received)
    load = backlog(lab, channel, texts, received)
    group = peer.best_group(table, texts[: rows // TRIAL_SHARE])
    ours, theirs = [], []
    for number in range(1, pairs + 1):
        theirs.append(peer.rate(table, texts, group))
        ours.append(drain_rate(lab, load))
        lab.say(f"{channel} pair {number}/{pairs}: cryptofeed {thousands(theirs[-1])}, drain {thousands(ours[-1])} rows/s")
    how = (
        f"median of {pairs} pairs, alternated, the same {rows:,} {channel} frames on the same server, all rows counted in both: "
        f"one drain from the journal to the last commit {spread(ours, thousands)} rows/s; cryptofeed 2.4.1, Binance futures handler and "
        f"Postgres backend on uvloop, its tables, {group} frames an insert (the best of {', '.join(map(str, GROUPS))}): "
        f"{spread(theirs, thousands)} rows/s"
    )
    return bar.figure(paired_ratio(ours, theirs), how)
