"""One firewall as it is wanted: look, say what would change it, change it, look again. Run twice it changes nothing."""

from types import ModuleType
from typing import Any

import tenacity

from ops.cloud import CloudError, Unsure, digitalocean, hetzner
from ops.cloud.api import Api
from ops.cloud.rules import Call, Wanted

PROVIDERS: dict[str, ModuleType] = {"digitalocean": digitalocean, "hetzner": hetzner}
#: So often an answer may be lost, each time behind the retries of a single request.
_LOOKS = 3
_SHOWN_TRIES = 10


def planned(provider: ModuleType, api: Api | None, wanted: Wanted) -> list[Call]:
    """What would be sent; without a way to look, as if there were none of this name."""
    found: list[Call] = provider.calls(provider.find(api, wanted.name) if api else None, wanted)
    return found


def ensured(provider: ModuleType, api: Api, wanted: Wanted) -> tuple[list[Call], bool]:
    """(what was sent, whether any machine stands behind it). Raises CloudError."""
    sent: list[Call] = []
    for attempt in tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(Unsure),
        stop=tenacity.stop_after_attempt(_LOOKS),
        wait=tenacity.wait_random_exponential(max=5),
        sleep=api.sleep,
        reraise=True,
    ):
        with attempt:
            for call in planned(provider, api, wanted):
                sent.append(call)
                provider.send(api, call)
    found = _shown(provider, api, wanted)
    provider.settle(api, found)
    return sent, provider.protects(found)


def _shown(provider: ModuleType, api: Api, wanted: Wanted) -> dict[str, Any]:
    """As it is listed afterwards, which may lag behind."""
    for _ in range(_SHOWN_TRIES):
        found: dict[str, Any] | None = provider.find(api, wanted.name)
        if found is not None and not provider.calls(found, wanted):
            return found
        api.sleep(1.0)
    raise CloudError(f"{provider.NAME} took it and shows something else: somebody changes {wanted.name} at the same time; run this again.")
