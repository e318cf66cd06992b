"""The application: one value a process, made of settings."""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from pydantic import BaseModel

from core.settings import Settings
from ops.cli.errors import AWAY
from ops.console import completeness, docs, health, keeping, market, metrics, options, page, pairs, paper, runbooks, running, status
from ops.console.farm import Farm
from ops.console.look import Late
from ops.console.security import Door
from ops.report.status import told

DESCRIPTION = "What the farm holds, what it lacks, and how it is. Read only."


class Sentence(BaseModel):
    """What there is not, or who is away."""

    detail: str


def create(knobs: Settings) -> FastAPI:
    """What is served. `app.state.farm` is what endpoints ask."""
    # Its own pages would load what the policy of the door forbids: ops.console.docs has one that keeps to it.
    app: FastAPI = FastAPIOffline(docs_url=None, redoc_url=None, title="Tapefarm", description=DESCRIPTION)
    app.state.farm = Farm(knobs)
    for kind in (*AWAY, Late):
        app.add_exception_handler(kind, _away)
    app.add_middleware(Door, knobs=knobs)
    for part in (health, status, completeness, keeping, running, market, options, pairs, paper, runbooks, metrics, docs):
        app.include_router(part.router, responses={code: {"model": Sentence} for code in (404, 503)})
    page.install(app, app.state.farm)
    return app


def _away(_: Request, exc: Exception) -> JSONResponse:
    """A database or a Redis that is away is a sentence."""
    return JSONResponse({"detail": told(exc)}, status_code=503)
