"""How the farm is, from three witnesses: the board (what processes say), the journal (what waits), the database (what is there)."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from core.board import Board
from core.journal import Journal, StreamName
from core.settings import Settings
from db import queries
from db.backups import facts, times
from tasks import machine
from venues import VENUES

#: A queue whose canary is older than this has nobody who consumes it (it is sent every minute).
CANARY_SECONDS = 180
#: An entry that has waited for so long is one that nobody writes, however few there are.
WAITING_SECONDS = 60.0
#: Waiting entries above which a stream is called behind.
BACKLOG_ENTRIES = 2_000


def survey(settings: Settings, board: Board, journal: Journal) -> dict[str, Any]:
    """{"streams": [...], "gaps_open", "quarantined", "reasons", "notices"} as ./farm status shows them; components are its own business.
    And what is behind some of the reasons: "programs" and "disks" (tasks/machine.py), "canaries" (queue -> seconds since it was consumed),
    "backups" (of hourly, daily and proof, what is known of the newest good one).

    A reason makes the farm unwell. A notice does not: what one replica lacks while another records it.
    """
    offsets = {row["stream"]: row for row in queries.rows(settings.database_url, "stream_offsets")}
    drains = board.vitals("drain")
    subscribed = _subscriptions(board)
    names = sorted({str(stream) for stream in journal.streams()} | set(offsets) | set(subscribed))
    watched = [StreamName.parse(name) for name in names if _recorded(name)]
    watched = [name for name in watched if str(name) in subscribed or name.replica in settings.replica_names]
    waiting = journal.waiting({name: offsets[str(name)]["last_id"] if str(name) in offsets else "0-0" for name in watched})
    streams = [
        _stream(name, waiting[name], offsets.get(str(name)), drains.get(f"drain:{name}", {}), subscribed.get(str(name))) for name in watched
    ]
    notices = _covered(streams) + _awaited(settings, streams)
    gaps = queries.rows(settings.database_url, "open_gaps")[0]
    canaries, programs, disks = _canaries(settings), machine.programs(settings.home), machine.disks(settings)
    backups = {subject: asdict(state) for subject, state in facts.states(settings).items()}
    reasons = [reason for stream in streams for reason in stream.pop("reasons")] + _unfed(settings, streams) + _unconsumed(canaries)
    more_reasons, more_notices = machine.judged(programs, disks)
    return {
        "streams": streams,
        "gaps_open": gaps["deaf"] + gaps["unsettled"],
        "quarantined": sum(row["quarantined"] for row in offsets.values()),
        "reasons": reasons + more_reasons,
        "notices": notices + more_notices + _unmade(backups),
        "programs": programs,
        "disks": disks,
        "canaries": canaries,
        "backups": backups,
    }


def _covered(streams: list[dict[str, Any]]) -> list[str]:
    """Takes away what is wrong with a replica while another records the same, and says it as notices."""
    notices = []
    live = [stream for stream in streams if stream["state"] == "live"]
    for stream in streams:
        others = [other["replica"] for other in live if _place(other) == _place(stream) and other is not stream]
        if others and stream["reasons"]:
            notices += [f"{reason}; replica {others[0]} records it, nothing is lost" for reason in stream["reasons"]]
            stream["reasons"] = []
    return notices


def _awaited(settings: Settings, streams: list[dict[str, Any]]) -> list[str]:
    """Replicas that are wanted of a place and have never been seen there."""
    there: dict[tuple[str, ...], set[str]] = {}
    for stream in streams:
        there.setdefault(_place(stream), set()).add(stream["replica"])
    return [
        f"{':'.join(place)}: replica {name} has not brought anything yet"
        for place, names in there.items()
        for name in settings.replica_names
        if name not in names
    ]


def _place(stream: dict[str, Any]) -> tuple[str, ...]:
    return stream["venue"], stream["channel"], stream["shard"]


def _recorded(name: str) -> bool:
    """Streams of sockets; what REST polls bring is judged by its tasks."""
    stream = StreamName.parse(name)
    return stream.venue in VENUES and any(channel.name == stream.channel for channel in VENUES[stream.venue].channels)


def _subscriptions(board: Board) -> dict[str, dict[str, Any]]:
    """stream name -> what its streamer says of it. A streamer reports as streamer:<venue>:<part>:<replica>."""
    found = {}
    for who, vital in board.vitals("streamer").items():
        _, venue, _, replica = who.split(":")
        for stream in vital.get("streams", []):
            found[str(StreamName(venue, stream["channel"], stream["shard"], replica))] = stream
    return found


def _stream(
    name: StreamName, waiting: tuple[int, float], offset: dict[str, Any] | None, drain: dict[str, Any], socket: dict[str, Any] | None
) -> dict[str, Any]:
    backlog, waited = waiting
    age = _data_age(offset, socket)
    reasons = []
    if socket is None:
        reasons.append(f"{name}: no streamer reports it")
    else:
        reasons += _silence(name, age, socket)
    if backlog > BACKLOG_ENTRIES:
        reasons.append(f"{name}: {backlog} journal entries wait to be written")
    if waited > WAITING_SECONDS:
        reasons.append(f"{name}: nothing is written, the oldest of {backlog} journal entries waits since {waited:.0f} s")
    return {
        "name": str(name),
        "venue": name.venue,
        "channel": name.channel,
        "shard": name.shard,
        "replica": name.replica,
        "instruments": (socket or {}).get("instruments", 0),
        "rows_per_s": drain.get("rows_per_s", 0.0),
        "last_data_age_s": None if age is None else round(age, 2),
        "backlog_entries": backlog,
        "waited_s": round(waited, 1),
        "lag_ms": {"p50": drain.get("p50_ms"), "p99": drain.get("p99_ms")},
        "state": "down" if socket is None else "silent" if reasons else "live",
        "reasons": reasons,
    }


def _silence(name: StreamName, age: float | None, socket: dict[str, Any]) -> list[str]:
    """A channel that has never spoken has the time that its first frame may take; some feeds speak once a day."""
    channel = VENUES[name.venue].channel(name.channel)
    if age is not None:
        return [f"{name}: no data for {age:.0f} s (allowed {channel.idle_seconds:.0f} s)"] if age > channel.idle_seconds else []
    waited = time.time() - socket["since_us"] / 1_000_000
    allowed = channel.first_frame_seconds
    return [f"{name}: no data ever, for {waited:.0f} s (allowed {allowed:.0f} s)"] if waited > allowed else []


def _data_age(offset: dict[str, Any] | None, socket: dict[str, Any] | None) -> float | None:
    """Seconds since the newest frame, as the socket or else the database knows it."""
    newest = (socket or {}).get("last_data_us") or 0
    if offset and offset["last_received_at"]:
        newest = max(newest, offset["last_received_at"].timestamp() * 1_000_000)
    return max(0.0, time.time() - newest / 1_000_000) if newest else None


def _unfed(settings: Settings, streams: list[dict[str, Any]]) -> list[str]:
    """Channels that farm.toml wants and that no stream brings."""
    fed = {(stream["venue"], stream["channel"]) for stream in streams}
    reasons = []
    for name, collect in settings.collect.items():
        channels = [channel.name for channel in VENUES[name].channels] if name in VENUES else []
        wanted = [channel for channel in channels if collect.channels is None or channel in collect.channels]
        lacking = settings.lacking(name, VENUES[name].login) if wanted else []
        if lacking:
            reasons.append(f"{name}: {' and '.join(lacking)} not set, so no socket is opened and only what REST tells is recorded")
        else:
            reasons += [f"{name}:{channel}: nothing has arrived yet" for channel in wanted if (name, channel) not in fed]
    return reasons


def _canaries(settings: Settings) -> dict[str, float]:
    """queue -> seconds since a task of it was carried out last; the youngest tells when the schedule rang last."""
    now = datetime.now(UTC)
    facts = queries.rows(settings.database_url, "facts", prefix="canary:")
    return {row["key"].partition(":")[2]: round((now - row["updated_at"]).total_seconds(), 1) for row in facts}


def _unmade(backups: Mapping[str, Mapping[str, Any]]) -> list[str]:
    works = {subject: "the last drill" if subject == times.PROOF else f"the last {subject} backup" for subject in backups}
    return [f"{works[subject]} failed: {state['trouble']}" for subject, state in backups.items() if state["trouble"]]


def _unconsumed(canaries: Mapping[str, float]) -> list[str]:
    return [f"queue {queue}: nobody has consumed it for {age:.0f} s" for queue, age in canaries.items() if age > CANARY_SECONDS]
