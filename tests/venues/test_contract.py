"""Every venue keeps the contract: found, not listed."""

import json
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.records import KINDS
from core.venue import INSTRUMENTS, Frames, Reply, Wanted
from venues import VENUES
from venues.errors import Unreadable

CHANNELS = [(venue, channel) for venue in VENUES.values() for channel in venue.channels]
POLLS = [(venue, poll) for venue in VENUES.values() for poll in venue.polls]
HISTORIES = [(venue, name, history) for venue in VENUES.values() for name, history in venue.histories.items()]
SYMBOLS = ["BTCUSDT", "1000PEPEUSDT", "币安人生USDT", "BTCUSDT_261225"]
#: Names that tell what they are of, where a poll goes by them.
OWN_SYMBOLS = {"deribit": ["ETH-PERPETUAL", "ETH_USDC-PERPETUAL", "ETH-25DEC26", "ETH-25DEC26-3000-C"]}
NOW_US = 1_795_300_000_000_000

each_channel = pytest.mark.parametrize(("venue", "channel"), CHANNELS, ids=[f"{v.name}-{c.name}" for v, c in CHANNELS])
each_history = pytest.mark.parametrize(("venue", "name", "history"), HISTORIES, ids=[f"{v.name}-{name}" for v, name, _ in HISTORIES])
each_poll = pytest.mark.parametrize(("venue", "poll"), POLLS, ids=[f"{v.name}-{p.name}" for v, p in POLLS])

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("eEsstabABTupqmflnqdatastream"), inner, max_size=8),
    max_leaves=12,
)
frame_bodies = st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode())
frames_lists = st.lists(frame_bodies | frame_bodies.map(lambda body: b'{"stream":"btcusdt@x","data":' + body + b"}"), max_size=8)


def test_a_venue_is_named_after_its_folder() -> None:
    assert VENUES
    assert all(venue.name == name and name.isidentifier() for name, venue in VENUES.items())


@each_channel
def test_addresses_and_requests_carry_every_symbol(venue, channel) -> None:
    assert channel.kind in {*KINDS, ""}
    url = venue.stream.url(venue.ws_url, channel, SYMBOLS)
    assert url.isascii() and " " not in url
    assert urlsplit(url).netloc == urlsplit(venue.ws_url).netloc
    names = list(channel.topics) or SYMBOLS
    for ask in (venue.stream.subscribe, venue.stream.unsubscribe):
        requests = ask(channel, names, 7)
        assert all(isinstance(json.loads(request), dict) for request in requests)
        # topics are given up with their connection, so that a venue need not name them
        assert names[-1].upper() in "".join(requests).upper() or (channel.topics and ask is venue.stream.unsubscribe)
        assert not ask(channel, [], 7)


@each_channel
def test_a_channel_can_be_found_and_has_sane_times(venue, channel) -> None:
    assert venue.channel(channel.name) is channel
    assert channel.first_frame_seconds > 0 and channel.idle_seconds > 0
    assert channel.instruments_per_connection > 0


@each_channel
@given(frames=frames_lists)
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_accounted_for(venue, channel, frames, batch, accounted) -> None:
    decoded = venue.decode(channel.name, batch(frames))
    assert accounted(decoded) == len(frames)
    places = [rejected.frame for rejected in decoded.rejected]
    assert places == sorted(set(places)) and all(0 <= place < len(frames) for place in places)
    assert all(rejected.reason and len(rejected.reason) <= 300 and "\0" not in rejected.reason for rejected in decoded.rejected)


@each_channel
@given(frame=frame_bodies)
@settings(max_examples=100, deadline=None)
def test_questions_about_any_frame_are_answered(venue, channel, frame) -> None:
    assert isinstance(venue.stream.subscription(frame), str)
    venue.stream.control(frame)


@each_channel
def test_a_batch_whose_count_is_wrong_is_rejected_whole(venue, channel) -> None:
    decoded = venue.decode(channel.name, Frames(b"{}\n{}", 3, np.zeros(3, np.int64), lines=True))
    assert [rejected.frame for rejected in decoded.rejected] == [0, 1, 2]


@each_channel
def test_no_frames_make_no_rows(venue, channel) -> None:
    assert venue.decode(channel.name, Frames(b"", 0, np.zeros(0, np.int64), lines=True)).rows == {}


@each_poll
def test_requests_stay_within_the_budget(venue, poll) -> None:
    assert venue.poll(poll.name) is poll
    symbols = OWN_SYMBOLS.get(venue.name, SYMBOLS)
    requests = poll.requests(symbols, NOW_US)
    told = unquote(
        " ".join(f"{request.path} {json.dumps([dict(request.params), request.body], ensure_ascii=False)}" for request in requests)
    )
    assert requests and (poll.about != INSTRUMENTS or all(symbol in told for symbol in symbols))
    for request in requests:
        assert request.poll == poll.name and request.path.startswith("/")
        assert 0 <= request.weight <= venue.limits.weight_per_minute // 10
        assert json.loads(json.dumps(dict(request.params))) == dict(request.params)
    if poll.every_seconds:
        per_minute = (
            sum(request.weight for request in requests) / len(SYMBOLS if poll.about == INSTRUMENTS else [0]) * 60 / poll.every_seconds
        )
        assert per_minute * (200 if poll.about == INSTRUMENTS else 1) <= venue.limits.weight_per_minute / 2


@each_poll
@given(body=frame_bodies)
@settings(max_examples=100, deadline=None)
def test_any_reply_is_parsed_or_called_bad(venue, poll, body) -> None:
    try:
        decoded = poll.parse(Reply(poll.name, {"symbol": "BTCUSDT"}, body, NOW_US))
    except Unreadable as exc:
        reason = str(exc)
    else:
        reason = "parsed"
        assert not (decoded.complete and decoded.rejected)
    assert 0 < len(reason) <= 300


@each_poll
def test_a_reply_of_another_shape_is_bad(venue, poll) -> None:
    for body in (b"", b"{}", b"null", b'{"code":-1121,"msg":"Invalid symbol."}'):
        with pytest.raises(Unreadable):
            poll.parse(Reply(poll.name, {"symbol": "BTCUSDT"}, body, NOW_US))


@each_history
def test_a_history_is_of_something_that_is_recorded(venue, name, history) -> None:
    """Its pages are replies of a poll, and their rows those of the channel."""
    assert name in {part.name for part in (*venue.channels, *venue.polls)}
    assert venue.poll(history.poll).queue == "backfill" or history.poll == name
    kinds = [channel.kind for channel in venue.channels if channel.name == name]
    assert history.kind in (kinds or KINDS)
    assert (bool(KINDS[history.kind].sequence) or not history.numbered) and history.numbered == (history.locate is not None)
    assert bool(venue.archive_url) or not history.archived


@each_history
def test_a_page_is_asked_for_within_a_share_of_the_budget(venue, name, history) -> None:
    requests = [history.request("BTCUSDT", NOW_US, last) for last in (NOW_US, NOW_US + 86_400_000_000)]
    requests += [history.locate("BTCUSDT", NOW_US)] if history.locate else []
    for request in requests:
        assert request.poll == history.poll
        assert 0 < request.weight <= min(venue.limits.weight_per_minute, venue.limits.burst or venue.limits.weight_per_minute) / 10


@each_history
@given(body=frame_bodies)
@settings(max_examples=100, deadline=None)
def test_any_page_is_read_or_called_bad_and_never_goes_back(venue, name, history, body) -> None:
    request = history.request("BTCUSDT", NOW_US, NOW_US + 3_600_000_000)
    try:
        page = history.read(Reply(request.poll, request.params, body, NOW_US))
    except Unreadable:
        return
    assert page.rows >= 0 and (page.ended or page.follow is not None or page.reached > NOW_US)


@pytest.mark.parametrize("venue", VENUES.values(), ids=list(VENUES))
def test_the_choice_of_instruments_fails_clearly_on_nothing(venue) -> None:
    assert venue.universe.requests(Wanted(10))
    with pytest.raises(ValueError, match="no such option"):
        venue.universe.requests(Wanted(10, {"nonsense": 1}))
    with pytest.raises(Unreadable):
        venue.universe.rank([], Wanted(10))
