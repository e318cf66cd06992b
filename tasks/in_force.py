"""Versions and settings in force, as facts of the database: what a farm was when it wrote its rows. No secret is among them."""

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, fields
from importlib import metadata
from typing import Any

from core.settings import Settings
from db import queries

#: Packages whose release matters to what is recorded.
_PACKAGES = ("celery", "msgspec", "numpy", "redis", "sqlalchemy")


def tell(settings: Settings, redis_version: str) -> None:
    """Each fact is written when it is another one: `updated_at` says since when it is so."""
    for key, value in (("versions", versions(settings, redis_version)), ("settings", in_force(settings))):
        queries.run(settings.database_url, "record_in_force", key=key, value=json.dumps(value, default=str, sort_keys=True))


def versions(settings: Settings, redis_version: str) -> dict[str, Any]:
    found = queries.rows(settings.database_url, "versions")[0]
    return {**found, "redis": redis_version, "python": platform.python_version(), **{name: metadata.version(name) for name in _PACKAGES}}


def in_force(settings: Settings) -> dict[str, Any]:
    """Of the environment those that are no secret, and all of farm.toml."""
    told = {spec.name.upper(): getattr(settings, spec.name) for spec in fields(settings) if spec.metadata.get("secret") is False}
    collect = {name: {**asdict(what), "universe": _plain(what.universe)} for name, what in settings.collect.items()}
    return {
        **told,
        "venues": collect,
        "storage": {name: asdict(kept) for name, kept in settings.kept.items()},
        "paper": asdict(settings.paper),
    }


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    return dict(options)
