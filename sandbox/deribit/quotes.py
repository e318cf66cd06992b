"""The quote channel: templates, since it is by far the busiest."""

from typing import TYPE_CHECKING

import numpy as np

from sandbox.deribit import wire
from sandbox.emission import Channel

if TYPE_CHECKING:
    from sandbox.deribit.troubles import Troubles


class QuoteChannel(Channel):
    troubles: "Troubles"

    def payloads(self, batch: np.ndarray) -> list[bytes]:
        frames = [wire.nulled(payload) for payload in super().payloads(batch)]
        return self.troubles.disguised("quote", batch, frames)
