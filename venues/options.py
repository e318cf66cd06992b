"""A venue's own options of its universe ([venues.NAME.universe] in farm.toml), checked with a sentence for what cannot be used."""

from collections.abc import Mapping
from typing import Any


def checked(options: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """`known` (name -> default) with what `options` changes; a value must be of its default's type, a list of texts where that is a
    tuple. Raises ValueError."""
    if unknown := sorted(set(options) - set(known)):
        raise ValueError(f"{', '.join(unknown)}: no such option; there are: {', '.join(known) or 'none'}")
    chosen = dict(known)
    for name, value in options.items():
        default = known[name]
        if isinstance(default, tuple):
            if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
                raise ValueError(f"{name} = {value!r}: give a list of texts")
            chosen[name] = tuple(value)
        elif isinstance(default, float) and isinstance(value, int | float) and not isinstance(value, bool):
            chosen[name] = float(value)
        elif type(value) is not type(default):
            raise ValueError(f"{name} = {value!r}: give a value like {default!r}")
        else:
            chosen[name] = value
    return chosen
