"""What has to be right before anything is started: servers of the user's own answer, alerts can be judged and sent."""

from collections.abc import Mapping
from contextlib import closing

from core import redisdb
from core.settings import ROOT, Settings
from db import engine
from ops.alerting import rules
from ops.cli import programs
from ops.cli.errors import AWAY, Refused

REDIS_SECONDS = 5.0


def require_answers(knobs: Settings, given: Mapping[str, str]) -> None:
    """Raises Refused, telling the variable; its value may hold a password."""
    if "DATABASE_URL" in given and programs.use_database(knobs):
        try:
            engine.connect(knobs.database_url, name="tapefarm up").close()
        except AWAY as exc:
            raise Refused(
                f"DATABASE_URL names a PostgreSQL that does not answer ({_brief(exc)}): start it, correct it, or unset it."
            ) from exc
    if "REDIS_URL" in given:
        try:
            with closing(redisdb.connect(knobs.redis_url, timeout_seconds=REDIS_SECONDS)) as client:
                client.ping()
        except (*AWAY, ValueError) as exc:
            raise Refused(f"REDIS_URL names a Redis that does not answer ({_brief(exc)}): start it, correct it, or unset it.") from exc


def require_alerts(knobs: Settings) -> None:
    """What calls for help can be read, and who is told can be sent to. Raises SettingsError."""
    rules.read(ROOT / knobs.alerts_toml)
    if knobs.alert_urls:
        from ops.alerting import delivery  # half a second of plugins

        delivery.check(knobs.alert_urls)


def _brief(exc: Exception) -> str:
    return (str(exc).strip() or type(exc).__name__).splitlines()[0]
