"""What processes say beside data: what they ask a venue for, from which instruments nothing comes, what it answered or refused. Pure."""

import json
from collections.abc import Callable, Mapping, Sequence

from core import journal
from core.journal import Header
from db.evidence import Note, Place, Silent, Unread, Unwanted
from db.subscriptions import Wish

#: Why a stream ends that has nothing left to ask for.
GIVEN_UP = "no instruments"


def notes_of(place: Place, header: Header, known: Callable[[Sequence[str]], Mapping[str, int]]) -> list[Note]:
    """Of a session event. `known`: symbols -> ids of those that are registered; what is no instrument is told by a counted row
    of its own, and nothing is registered by being asked for."""
    context = header.context or {}
    found: list[Note] = []
    if header.type == journal.CONNECTED and "subscriptions" in context:
        found.append(Unwanted(place, tuple(context["subscriptions"]), header.first_us, listed=True))
    if removed := context.get("removed"):
        found.append(Unwanted(place, tuple(removed), header.first_us))
    if unproven := context.get("unproven"):
        cause = str(context.get("cause", "silent"))
        ids = known(list(unproven))
        since_us = header.first_us - int(float(context.get("seconds", 0)) * 1e6)
        found += [Silent(place, number, since_us, cause) for number in ids.values()]
        if strangers := [name for name in unproven if name not in ids]:
            found.append(_told(place, header, f"{cause}, and known as no instrument: {', '.join(strangers)}", strangers))
    if error := context.get("error"):
        found.append(_told(place, header, f"the venue answered a request with an error: {error}"))
    return found


def wishes_of(stream: str, header: Header) -> list[Wish]:
    """What a session event changes of what the stream asks for. An end by itself changes nothing: the farm goes on wanting it."""
    context, at_us = header.context or {}, header.first_us
    if header.type == journal.CONNECTED and "subscriptions" in context:
        return [Wish(stream, tuple(context["subscriptions"]), at_us, whole=True)]
    if header.type == journal.DISCONNECTED and context.get("cause") == GIVEN_UP:
        return [Wish(stream, (), at_us, whole=True)]
    changes = ((context.get("removed"), False), (context.get("added"), True))
    return [Wish(stream, tuple(names), at_us, asked=asked) for names, asked in changes if names]


def refusal(place: Place, header: Header) -> Unread:
    """A reply that never came is a counted row too, with the request in the place of the answer."""
    context = header.context or {}
    request = json.dumps({"path": context.get("path"), "params": context.get("params")}, ensure_ascii=False).encode()
    return Unread(place, header.connection_id, header.batch_no, -1, header.first_us, str(context.get("cause", "refused")), request)


def _told(place: Place, header: Header, reason: str, names: Sequence[str] = ()) -> Unread:
    raw = json.dumps(names, ensure_ascii=False).encode() if names else b""
    return Unread(place, header.connection_id, header.batch_no, -1, header.first_us, reason, raw)
