"""What the farm knows of itself: how far it has read, which sockets lived when, what is missing, what could not be read."""

from sqlalchemy import BigInteger, Column, Float, Identity, Index, Integer, LargeBinary, Table, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP

from db.tables import metadata

_AT = TIMESTAMP(timezone=True)


def _place() -> list[Column]:  # type: ignore[type-arg]
    return [
        Column("venue", Text, nullable=False, comment="folder name below venues/"),
        Column("channel", Text, nullable=False, comment="the venue's name of the feed"),
        Column("shard", Text, nullable=False, comment="which share of the instruments"),
    ]


def _count(name: str, meaning: str) -> Column:  # type: ignore[type-arg]
    return Column(name, BigInteger, nullable=False, server_default=text("0"), comment=meaning)


stream_offsets = Table(
    "stream_offsets",
    metadata,
    Column("stream", Text, primary_key=True, comment="venue:channel:shard:replica of the journal"),
    *_place(),
    Column("last_id", Text, nullable=False, comment="journal id of the last entry whose rows are committed"),
    Column(
        "connections",
        JSONB,
        nullable=False,
        server_default=text("'{}'"),
        comment="last batch number and life of the connections still of interest",
    ),
    _count("entries", "journal entries read, repeats included"),
    _count("frames", "frames read"),
    _count("rows", "rows written; a row that was there already is in `repeated`"),
    _count("repeated", "rows whose natural key was there already, and frames of repeated batches"),
    _count("ignored", "frames known and left out on purpose"),
    _count("quarantined", "frames that could not be read"),
    _count("lost", "frames that the farm itself shed, each told in data_gaps"),
    Column("last_event_at", _AT, comment="venue's clock of the newest row"),
    Column("last_received_at", _AT, comment="our clock at the newest frame"),
    Column("heard_from", _AT, comment="our clock at the first frame ever"),
    Column("heard_to", _AT, comment="our clock at the newest entry: up to then it is known what this replica heard and what it missed"),
    Column("updated_at", _AT, nullable=False, comment="our clock at the last commit"),
    comment="how far each journal stream has been written, in the transaction of its rows",
)

sessions = Table(
    "sessions",
    metadata,
    Column("connection_id", Text, primary_key=True, comment="made by the streamer for each socket"),
    *_place(),
    Column("replica", Text, nullable=False, server_default=text("'a'"), comment="which of the streamers that record the same"),
    Column("connected_at", _AT, nullable=False, comment="our clock when the socket opened"),
    Column("proven_at", _AT, comment="our clock at the first data frame"),
    Column("ended_at", _AT, comment="our clock when the socket was known to be deaf"),
    Column("cause", Text, comment="why it ended"),
    Index("sessions_place", "venue", "channel", "connected_at"),
    comment="the life of every socket",
)

outages = Table(
    "outages",
    metadata,
    Column("outage_id", BigInteger, Identity(), primary_key=True, comment="number of the outage"),
    *_place(),
    Column("replica", Text, nullable=False, comment="which of the streamers that record the same"),
    Column("cause", Text, nullable=False, comment="disconnected, frozen, lost, journal, sequence"),
    Column("first_missing", BigInteger, comment="first number of the connection that did not come; absent where only a loss is known"),
    Column("last_missing", BigInteger, comment="last number of the connection that did not come; absent likewise"),
    Column("event_from", _AT, comment="venue's clock of the last row before"),
    Column("event_to", _AT, comment="venue's clock of the first row after; absent while it lasts"),
    Column("received_from", _AT, comment="our clock at the last frame before"),
    Column("received_to", _AT, comment="our clock at the first frame after; absent while it lasts"),
    Column("frames", BigInteger, comment="how many frames were shed, where it is known"),
    Column("detail", Text, comment="what happened, in words"),
    Column("found_at", _AT, nullable=False, server_default=text("now()"), comment="our clock"),
    Index("outages_place", "venue", "channel", "shard", "received_to"),
    comment="what each replica missed of a whole shard; what none of them heard is in data_gaps",
)

data_gaps = Table(
    "data_gaps",
    metadata,
    Column("gap_id", BigInteger, Identity(), primary_key=True, comment="number of the gap"),
    *_place(),
    Column("instrument_id", Integer, comment="instruments.instrument_id; absent: every instrument of the shard"),
    Column(
        "cause",
        Text,
        nullable=False,
        comment="sequence, disconnected, frozen, lost, journal, silent, not subscribed, book, witness, planned pause",
    ),
    Column("first_missing", BigInteger, comment="first id of the venue that is not there; absent where only a loss is known"),
    Column("last_missing", BigInteger, comment="last id of the venue that is not there; absent likewise"),
    Column("event_from", _AT, comment="venue's clock of the last row before"),
    Column("event_to", _AT, comment="venue's clock of the first row after; absent while open"),
    Column("received_from", _AT, comment="our clock at the last frame before"),
    Column("received_to", _AT, comment="our clock at the first frame after; absent while open"),
    Column("frames", BigInteger, comment="how many frames were shed, where it is known"),
    Column(
        "state",
        Text,
        nullable=False,
        server_default=text("'open'"),
        comment="open: still deaf; missing: over, not looked after; filling: a backfill is at it; filled: the rows are there; "
        "partly filled; unfillable; planned: the venue paused",
    ),
    Column("detail", Text, comment="what happened, in words"),
    Column(
        "evidence",
        JSONB,
        nullable=False,
        server_default=text("'[]'"),
        comment="each change of state since: when, to what, why, and what was found",
    ),
    Column("found_at", _AT, nullable=False, server_default=text("now()"), comment="our clock"),
    Column("outage_id", BigInteger, comment="outages.outage_id: what of it no replica heard; absent where it is about one instrument"),
    Index("data_gaps_place", "venue", "channel", "state", "found_at"),
    Index("data_gaps_outage", "outage_id", postgresql_where=text("outage_id IS NOT NULL")),
    comment="what the farm lacks: when, why, and which ids",
)

planned_pauses = Table(
    "planned_pauses",
    metadata,
    Column("pause_id", BigInteger, Identity(), primary_key=True, comment="number of the pause"),
    Column("venue", Text, nullable=False, comment="folder name below venues/"),
    Column(
        "since_at",
        _AT,
        nullable=False,
        comment="when it begins, venue's clock; where it was only seen to be so, our clock at the first look",
    ),
    Column("until_at", _AT, comment="when it ends, likewise; absent while nobody knows"),
    Column("reason", Text, nullable=False, comment="the venue's word"),
    Column("told_at", _AT, nullable=False, comment="our clock at the reply that said so last"),
    UniqueConstraint("venue", "since_at", "reason"),
    comment="times in which a venue does not trade and says so: a gap within one is planned",
)

witnesses = Table(
    "witnesses",
    metadata,
    Column("venue", Text, primary_key=True, comment="folder name below venues/"),
    Column("channel", Text, primary_key=True, comment="the venue's name of the feed that is held against another source"),
    Column("instrument_id", Integer, primary_key=True, autoincrement=False, comment="instruments.instrument_id"),
    Column("hour", _AT, primary_key=True, comment="its beginning; our clock at the look, or the venue's where a time was compared"),
    Column("subject", Text, primary_key=True, comment="book: its top against one that REST tells; volume: of trades against candles"),
    Column("looks", Integer, nullable=False, comment="how often both were compared"),
    Column("agreed", Integer, nullable=False, comment="of them those in which both said the same"),
    Column(
        "disagreed", Integer, nullable=False, comment="those that prove ours wrong; the rest was too near to a change to prove anything"
    ),
    Column("agreed_at", _AT, comment="the same clock at the last that agreed"),
    Column("disagreed_at", _AT, comment="the same clock at the last that disagreed"),
    Column("detail", Text, comment="what the last that disagreed said"),
    comment="what independent sources said of what is stored: samples, counted by the hour",
)

_ALIVE = text("state IN ('queued', 'running')")

backfills = Table(
    "backfills",
    metadata,
    Column("backfill_id", BigInteger, Identity(), primary_key=True, comment="number of the job"),
    Column("venue", Text, nullable=False, comment="folder name below venues/"),
    Column("channel", Text, nullable=False, comment="channel or poll whose past is read again"),
    Column("instruments", ARRAY(Text), nullable=False, comment="symbols, in the order they are read"),
    Column("from_at", _AT, nullable=False, comment="venue's clock: nothing older is looked for"),
    Column("to_at", _AT, nullable=False, comment="venue's clock: nothing younger is looked for"),
    Column("first_number", BigInteger, comment="first of the ids that are wanted; absent: all of the time"),
    Column("last_number", BigInteger, comment="last of the ids that are wanted; absent likewise"),
    Column("gap_id", BigInteger, comment="gap that asked for it; absent: asked for by hand"),
    Column("state", Text, nullable=False, server_default=text("'queued'"), comment="queued, running, done, partly, failed, cancelled"),
    Column("position", JSONB, nullable=False, server_default=text("'{}'"), comment="where it goes on"),
    Column("progress", Float(53), nullable=False, server_default=text("'0'"), comment="share of the way, 0 to 1"),
    _count("rows", "rows that pages brought, those that were there already included"),
    _count("requests", "pages asked for"),
    _count("lacking", "ids asked for that are not to be had, and rows of pages that could not be stored"),
    Column("reason", Text, comment="why it is not all there, or waits"),
    Column("asked_at", _AT, nullable=False, server_default=text("now()"), comment="our clock"),
    Column("due_at", _AT, nullable=False, server_default=text("now()"), comment="our clock: not taken up before"),
    Column("heartbeat_at", _AT, comment="our clock at its last step"),
    Column("ended_at", _AT, comment="our clock when it was over"),
    Index("backfills_due", "due_at", postgresql_where=_ALIVE),
    Index("backfills_gap", "gap_id", unique=True, postgresql_where=_ALIVE),
    comment="jobs that read the past again, and how far they are",
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("quarantine_id", BigInteger, Identity(), primary_key=True, comment="number of the frame"),
    *_place(),
    Column("connection_id", Text, nullable=False, comment="socket it came by"),
    Column("batch_no", BigInteger, nullable=False, comment="batch of that socket"),
    Column("frame_no", Integer, nullable=False, comment="place in the batch; -1: the whole entry"),
    Column("received_at", _AT, nullable=False, comment="our clock"),
    Column("reason", Text, nullable=False, comment="why it could not be read"),
    Column("raw", LargeBinary, nullable=False, comment="the frame as sent, cut at 1 MiB (the journal archive has the whole)"),
    UniqueConstraint("connection_id", "batch_no", "frame_no"),
    Index("quarantine_place", "venue", "channel", "received_at"),
    comment="frames that could not be read, kept whole",
)

collector_status = Table(
    "collector_status",
    metadata,
    Column("stream", Text, primary_key=True, comment="venue:channel:shard:replica"),
    Column("state", Text, nullable=False, comment="live, silent, down"),
    Column("instruments", Integer, comment="instruments subscribed"),
    Column("rows_per_second", Integer, comment="over the last minute"),
    Column("backlog_entries", Integer, comment="journal entries not yet committed"),
    Column("checked_at", _AT, nullable=False, comment="our clock"),
    comment="the last health check of each stream",
)

platform_health_logs = Table(
    "platform_health_logs",
    metadata,
    Column("checked_at", _AT, primary_key=True, comment="our clock"),
    Column("venue", Text, primary_key=True, server_default=text("''"), comment="folder name below venues/; empty: the farm as a whole"),
    Column("healthy", Integer, nullable=False, comment="1 healthy, 0 not"),
    Column("reasons", JSONB, nullable=False, comment="why not, in sentences"),
    Column("figures", JSONB, nullable=False, comment="rows, backlog, memory, disk at that moment"),
    comment="one row a minute for the farm and one for each venue: was it well, and why not",
)

alerts = Table(
    "alerts",
    metadata,
    Column("rule", Text, primary_key=True, comment="its name in alerts.toml"),
    Column("subject", Text, primary_key=True, comment="what it is about: a venue, a stream, a queue, a program, a folder"),
    Column("since_at", _AT, primary_key=True, comment="our clock at the look that found the measure above its bound"),
    Column("severity", Text, nullable=False, comment="info, warning, critical"),
    Column("fired_at", _AT, nullable=False, comment="our clock when it had lasted long enough"),
    Column("ended_at", _AT, comment="our clock when it was over; absent while it lasts"),
    Column("value", Float(53), nullable=False, comment="the measure, at the last look that found it above its bound"),
    Column("words", Text, nullable=False, comment="the same in words"),
    Column("messages", Integer, nullable=False, comment="how often somebody was told, of its end too"),
    Column("last_sent_at", _AT, comment="our clock at the last of them; absent where quiet hours held it back"),
    comment="what the watcher called for help about; what fires now it knows without this table",
)

system_metadata = Table(
    "system_metadata",
    metadata,
    Column("key", Text, primary_key=True, comment="name of the fact"),
    Column("value", JSONB, nullable=False, comment="the fact"),
    Column("updated_at", _AT, nullable=False, server_default=text("now()"), comment="our clock"),
    comment="facts about this farm: edition, versions and settings in force, heartbeats of the queues",
)
