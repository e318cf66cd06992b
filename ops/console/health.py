"""Is it alive, is it ready, is it well: for those who restart programs, send traffic, or wake people."""

from datetime import UTC, datetime

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from core import redisdb
from db import queries
from ops.cli.errors import AWAY
from ops.console.farm import Asked
from ops.console.look import Late
from ops.report.components import components
from ops.report.health import endpoints
from ops.report.status import REDIS_SECONDS, told

router = APIRouter(tags=["health"])


class Endpoints(BaseModel):
    ws: str
    rest: str


class Component(BaseModel):
    name: str
    state: str = Field(description="running, or what the supervisor says instead")
    pid: int | None
    restarts: int = Field(description="by itself, since the supervisor began")
    since: float | None = Field(description="seconds of the epoch; null while it does not run")


class Written(BaseModel):
    rows: int | None = Field(description="null while nothing is known of so long ago")
    seconds: float = Field(description="the true length of the time: the counts are kept by the minute")


class ChannelHealth(BaseModel):
    venue: str
    channel: str
    instruments: int
    rows_5m: Written
    rows_60m: Written
    last_data_age_s: float | None = Field(description="null: never, or only polls bring it")
    backlog_entries: int
    backlog_s: float = Field(description="how long the oldest entry of the journal waits to be written")


class Health(BaseModel):
    state: str = Field(description="healthy or unhealthy")
    reasons: list[str] = Field(description="why it is unhealthy")
    notices: list[str] = Field(description="what is wrong and does not make it so")
    looked_at: datetime
    endpoints: dict[str, Endpoints]
    components: list[Component]
    channels: list[ChannelHealth]
    gaps_open: dict[str, int] = Field(description="by venue")
    quarantined: int


class State(BaseModel):
    state: str


class Ready(BaseModel):
    state: str
    reasons: list[str]


@router.get("/health/live")
async def live() -> State:
    """The server turns; nothing is said of the farm."""
    return State(state="live")


@router.get("/health/ready", responses={503: {"model": Ready}})
def ready(farm: Asked, response: Response) -> Ready:
    """200 when database and Redis answer."""
    reasons = []
    redis = redisdb.connect(farm.knobs.redis_url, timeout_seconds=REDIS_SECONDS)
    for ask in (redis.ping, lambda: queries.rows(farm.url, "facts", prefix="ready")):
        try:
            ask()
        except AWAY as exc:
            reasons.append(told(exc))
    redis.close()
    response.status_code = 503 if reasons else 200
    return Ready(state="unready" if reasons else "ready", reasons=reasons)


@router.get("/health", responses={503: {"model": Health}})
@router.get("/api/health", responses={503: {"model": Health}})
def health(farm: Asked, response: Response) -> Health:
    """200 only when the farm is healthy; it is looked at again when what was seen is a second old, and waited for when it is five."""
    try:
        found = Health.model_validate(farm.health.get().value)
    except Late as exc:
        found = _blind(farm, exc)
    response.status_code = 200 if found.state == "healthy" else 503
    return found


def _blind(farm: Asked, exc: Late) -> Health:
    """Redis answers or fails within seconds, and so do the programs' states: it is the database that lets wait."""
    rows, reasons, notices = components(farm.knobs.home, farm.knobs)
    return Health(
        state="unhealthy",
        reasons=[*reasons, f"PostgreSQL does not answer: a look at the farm has not ended for {exc.seconds:.0f} s"],
        notices=notices,
        looked_at=datetime.now(UTC),
        endpoints={name: Endpoints(**urls) for name, urls in endpoints(farm.knobs).items()},
        components=[Component(**row) for row in rows],
        channels=[],
        gaps_open={},
        quarantined=0,
    )
