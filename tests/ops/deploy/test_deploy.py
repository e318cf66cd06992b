"""ops/deploy.sh on a Debian host: what it makes, that again changes nothing, upgrades without a hole, ways back. Real programs record a
simulated venue meanwhile, into a real Redis and TimescaleDB.

One host has one life, so this is one test of several chapters.
"""

import json
import re

import pytest

from celeryconfig import QUEUES
from core.settings import ROOT, Settings
from ops.deploy.host import others_of
from tests.debian_root import MAKING_SECONDS
from tests.ops.deploy.conftest import Host, eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(MAKING_SECONDS + 1500)]

HEALTH = ("--health-from", "192.0.2.0/24")
HEAD = (ROOT / "migrations/HEAD").read_text().strip()
MIGRATION = """
from alembic import op

revision, down_revision, branch_labels, depends_on = "0099", "{before}", None, None


def upgrade() -> None:
    op.execute("{sql}")
"""
UNITS = {"tapefarm-streamer@binance-a.service", "tapefarm-streamer@binance-b.service", *others_of(Settings())}
PROGRAMS = {"streamer-binance", "streamer-binance-b", "beat", "flower", "console", "watcher", *(f"worker-{queue}" for queue in QUEUES)}


def test_the_life_of_a_host(host: Host) -> None:
    dry_run_changes_nothing(host)
    first_installation_records(host)
    secrets_are_private(host)
    again_changes_nothing(host)
    upgrade_leaves_no_hole(host)
    way_back(host)
    failed_migration_switches_nothing(host)
    newer_database_bars_the_way_back(host)
    nothing_was_lost(host)


def dry_run_changes_nothing(host: Host) -> None:
    before = host.tree()
    said = host.deploy("--dry-run", *HEALTH)
    assert host.tree() == before
    assert host.calls == []
    for words in ("--no-install-recommends ufw", "useradd", "write /etc/tapefarm/tapefarm.env", "make the release", "ufw allow 22/tcp"):
        assert f"would {words}" in said or f"would run: {words}" in said or words in said, said


def first_installation_records(host: Host) -> None:
    host.deploy(*HEALTH)
    assert set(host.starts()) == UNITS, host.log()
    eventually(lambda: host.count("quotes") > 100, host.log)
    walls = [call for call in host.calls if call.startswith("ufw")]
    port = re.search(r"FARM_HEALTH_PORT=(\d+)", host.read("etc/tapefarm/tapefarm.env"))
    assert port
    assert walls[0] == "ufw allow 22/tcp", "before anything is closed"
    assert f"ufw allow proto tcp from 192.0.2.0/24 to any port {port[1]}" in walls
    assert walls[-1] == "ufw --force enable"


def secrets_are_private(host: Host) -> None:
    tree = host.tree()
    for name in ("tapefarm.env", "servers.env"):
        assert tree[f"etc/tapefarm/{name}"][:3] == ("0o100600", 0, 0)
    assert tree["etc/tapefarm/keys/backup.age"][0] == "0o100400"
    assert tree["etc/tapefarm/keys/backup.age"][1] == tree["etc/tapefarm/keys"][1] != 0, "the account's own, for the drill"
    owned = {path for path, (_, uid, *_) in tree.items() if uid != 0 and path.startswith("opt/")}
    assert not owned, "no program may change its own code"
    told = json.loads(host.root.run("tapefarm", "status", "--json", check=False).stdout)
    assert {row["name"] for row in told["components"] if row["state"] == "running"} == PROGRAMS, told["reasons"]
    assert {stream["replica"] for stream in told["streams"]} == {"a", "b"}, "the farm's commands, with its settings"


def again_changes_nothing(host: Host) -> None:
    before, starts = host.tree(), host.starts()
    host.deploy(*HEALTH)
    assert host.tree() == before
    assert host.starts() == starts


def upgrade_leaves_no_hole(host: Host) -> None:
    before, starts, seen = host.current, host.starts(), len(host.calls)
    host.write("README.md", "# Another version\n")
    host.deploy(*HEALTH)
    assert host.current != before
    assert host.starts() == {name: times + 1 for name, times in starts.items()}
    restarts = [call for call in host.calls[seen:] if call.startswith("systemctl restart")]
    assert restarts[:2] == [f"systemctl restart tapefarm-streamer@binance-{replica}.service" for replica in "ab"]
    assert "tapefarm-worker@writers.service" in restarts[2]


def way_back(host: Host) -> None:
    newer, starts = host.current, host.starts()
    host.deploy("--rollback")
    assert host.current != newer
    assert "Another version" not in host.read(f"opt/tapefarm/releases/{host.current}/README.md")
    assert host.starts() == {name: times + 1 for name, times in starts.items()}


def failed_migration_switches_nothing(host: Host) -> None:
    before, starts = host.current, host.starts()
    host.write("migrations/versions/0099_more.py", MIGRATION.format(before=HEAD, sql="SELECT no_such_function()"))
    host.write("migrations/HEAD", "0099\n")
    said = host.deploy(*HEALTH, check=False)
    assert "no_such_function" in said
    assert said.endswith("status 1")
    assert (host.current, host.starts()) == (before, starts)


def newer_database_bars_the_way_back(host: Host) -> None:
    host.write("migrations/versions/0099_more.py", MIGRATION.format(before=HEAD, sql="SELECT 1"))
    host.deploy(*HEALTH)
    now, starts = host.current, host.starts()
    said = host.deploy("--rollback", check=False)
    assert "The database is at migration 0099" in said
    assert said.endswith("status 1")
    assert (host.current, host.starts()) == (now, starts)


def nothing_was_lost(host: Host) -> None:
    for kind, verdict in host.verdicts().items():
        assert (verdict.missing, verdict.duplicate, verdict.surplus, verdict.different) == (0, 0, 0, 0), (kind, verdict.examples)
        assert verdict.emitted == verdict.stored > 0
    assert host.count("data_gaps") == 0
