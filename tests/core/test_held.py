"""What of the journal waits for the archive, as Redis itself counts it."""

from core import redisdb
from core.held import Held, earlier
from core.journal import START, Journal, StreamName, event_fields

STREAM, OTHER = StreamName("v", "c"), StreamName("v", "c", "1")


def append(journal: Journal, count: int) -> None:
    for number in range(count):
        journal.append([(STREAM, event_fields("heartbeat", "c", number, 1))])


def test_what_was_trimmed_is_counted(redis_client: redisdb.Client, key_prefix: str) -> None:
    journal, held = Journal(redis_client, key_prefix), Held(redis_client, key_prefix)
    append(journal, 5)
    found = held.stretches({STREAM: (START, "+"), OTHER: (START, "+")}, 3)
    assert set(found) == {STREAM}
    assert (len(found[STREAM].entries), found[STREAM].added, found[STREAM].trimmed) == (3, 5, 0)
    journal.trim({STREAM: found[STREAM].entries[1][0].decode()})
    again = held.stretches({STREAM: (found[STREAM].entries[2][0].decode(), "+")}, 9)[STREAM]
    assert (len(again.entries), again.added, again.trimmed) == (2, 5, 2)
    journal.trim({STREAM: again.last_id})
    assert held.stretches({STREAM: (START, "+")}, 9)[STREAM] == ([], 5, 5, again.last_id)


def test_many_streams_are_asked_in_turns(redis_client: redisdb.Client, key_prefix: str) -> None:
    streams = [StreamName("v", "c", str(number)) for number in range(50)]
    Journal(redis_client, key_prefix).append([(stream, event_fields("heartbeat", "c", 1, 1)) for stream in streams])
    assert list(Held(redis_client, key_prefix).stretches(dict.fromkeys(streams, (START, "+")), 1)) == streams


def test_where_nothing_was_told_nothing_is_archived(redis_client: redisdb.Client, key_prefix: str) -> None:
    held = Held(redis_client, key_prefix)
    held.tell({STREAM: "5-1"})
    assert held.archived([STREAM, OTHER]) == {STREAM: "5-1", OTHER: START}
    assert held.archived([]) == {}
    assert (earlier("9-1", "10-0"), earlier(START, "1-1")) == ("9-1", START)
    assert 0 < held.share() < 1
