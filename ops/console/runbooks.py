"""Pages for who is woken: dashboards link to them."""

from fastapi import APIRouter, HTTPException
from fastapi.responses import PlainTextResponse

from core.settings import ROOT

router = APIRouter(tags=["runbooks"])
_FOLDER = ROOT / "ops" / "runbooks"


@router.get("/runbooks/{page}", include_in_schema=False)
def runbook(page: str) -> PlainTextResponse:
    """What to do when an alert rings, as Markdown; `page`: RULE.md."""
    known = {path.name: path for path in _FOLDER.glob("*.md")}
    if page not in known:
        raise HTTPException(404, "There is no such page: each is called as a rule of alerts.toml, as in /runbooks/disk.md.")
    return PlainTextResponse(known[page].read_text(encoding="utf-8"))
