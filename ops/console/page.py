"""The page: made on the server, and kept up to date by what `/live` tells."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles

from ops.cli.errors import AWAY
from ops.console import sections, trading
from ops.console.farm import Farm
from ops.console.live import MOST_PAGES, Hub, Page, Stream
from ops.console.look import Late, Look
from ops.console.parts import Parts, Shown

router = APIRouter(include_in_schema=False)

STATIC = Path(__file__).parent / "static"
#: How old each part may be.
SHOWN = {
    "alive": Shown(2, sections.alive),
    "rates": Shown(2, sections.rates),
    "lag": Shown(2, sections.lag),
    "alerts": Shown(5, sections.alerts),
    "missing": Shown(30, sections.missing),
    "disk": Shown(300, sections.disk),
    "tasks": Shown(5, sections.tasks),
    "matched": Shown(3, trading.matched),
    "traded": Shown(5, trading.traded),
    "gaps": Shown(2, sections.gaps),
    "instrument": Shown(1, trading.instrument),
    "chain": Shown(3, trading.chain),
}
#: Those that are about what a person has chosen.
CHOSEN = ("gaps", "instrument", "chain")
STANDING = [name for name in SHOWN if name not in CHOSEN]
#: The first answer waits so long for parts that nobody has made lately; what comes later is told by `/live`.
FIRST_SECONDS = 0.15
#: What can be chosen changes when venues list something new.
YOUNG_SECONDS, OLD_SECONDS = 30.0, 600.0
Key = Annotated[str | None, Query(max_length=200)]


def install(app: FastAPI, farm: Farm) -> None:
    app.state.hub = Hub(Parts(farm, SHOWN))
    app.state.choices = Look(lambda: _choices(farm), young_seconds=YOUNG_SECONDS, old_seconds=OLD_SECONDS, patience_seconds=FIRST_SECONDS)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.include_router(router)


@router.get("/")
def page(request: Request, gaps: Key = None, instrument: Key = None, chain: Key = None) -> HTMLResponse:
    """What was chosen stands in the address, so that it can be kept and shared."""
    hub: Hub = request.app.state.hub
    known: dict[str, Any] = {"chains": [], "instrument": None}
    with suppress(*AWAY, Late):  # each part says so by itself
        known = request.app.state.choices.get().value
    first = known["chains"][0]["key"] if known["chains"] else None
    chosen = {"gaps": gaps, "instrument": instrument or known["instrument"], "chain": chain or first}
    keys = [*STANDING, *(f"{name}:{about}" for name, about in chosen.items() if about)]
    made = hub.parts.within(keys, FIRST_SECONDS)
    shown = {key.partition(":")[0]: one for key, one in made.items()}
    html = hub.parts.templates.get_template("page.html").render(shown=shown, chosen=chosen, chains=known["chains"])
    return HTMLResponse(html)


def _choices(farm: Farm) -> dict[str, Any]:
    number = trading.first_instrument(farm)
    return {"chains": trading.chains(farm), "instrument": None if number is None else str(number)}


@router.get("/live")
async def live(request: Request, key: Annotated[list[str] | None, Query(max_length=8)] = None) -> Response:
    """Events of every part, and of what is chosen by `key`: name:what."""
    hub: Hub = request.app.state.hub
    chosen = [one for one in key or [] if one.partition(":")[0] in CHOSEN and len(one) <= 220]
    if len(hub.pages) >= MOST_PAGES:
        raise HTTPException(503, f"{MOST_PAGES} pages are open already: close one.", {"Retry-After": "30"})
    return Stream(hub, Page([*STANDING, *chosen]))
