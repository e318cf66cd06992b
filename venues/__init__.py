"""VENUES: every sub-folder whose package holds a VENUE, found by name; deleting a folder deletes the venue."""

from importlib import import_module
from pkgutil import iter_modules

from core.venue import Venue

VENUES: dict[str, Venue] = {}
for _module in iter_modules(__path__):
    if _module.ispkg:
        _venue = import_module(f"{__name__}.{_module.name}").VENUE
        VENUES[_venue.name] = _venue
