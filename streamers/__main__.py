"""python -m streamers VENUE [--shard k/n] [--replica a] [--channels x,y]: run until SIGTERM, flush, leave."""

import argparse
import gc
import sys
from collections.abc import Sequence

import uvloop

from core import counts, log, settings
from core.settings import SettingsError
from streamers.errors import SpoolBusy
from streamers.sharding import Share
from streamers.supervisor import Options, Supervisor
from venues import VENUES

#: Containers made before the collector looks: a few seconds' worth of batches, which leave no cycles behind.
GC_THRESHOLD = 20_000


async def _run(venue: str, options: Options, knobs: settings.Settings) -> int:
    return await Supervisor(VENUES[venue], knobs, options).run()


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m streamers", description="Record a venue's sockets into the journal until SIGTERM.")
    parser.add_argument("venue", choices=sorted(VENUES))
    parser.add_argument("--shard", type=_share, default=Share(), metavar="k/n", help="take part k of n of the instruments")
    parser.add_argument("--replica", default="a", help="a second process recording the same is 'b'")
    parser.add_argument("--channels", help="the venue's channel names, separated by commas; default: as in farm.toml")
    return parser.parse_args(argv)


def _share(text: str) -> Share:
    try:
        return Share.parse(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None


def _role(venue: str, options: Options) -> str:
    """By which it counts."""
    part, of = options.share
    return "-".join(["streamer", venue, *([] if of == 1 else [f"{part}of{of}"]), options.replica])


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _arguments(argv)
    channels = tuple(arguments.channels.split(",")) if arguments.channels else None
    unknown = set(channels or ()) - {channel.name for channel in VENUES[arguments.venue].channels}
    if unknown:
        sys.stderr.write(f"{arguments.venue} has no channel {', '.join(sorted(unknown))}\n")
        return 2
    try:
        knobs = settings.load()
        log.configure(knobs.log_level, knobs.log_format)
        options = Options(arguments.shard, arguments.replica, channels)
        counts.begin(knobs.metrics, _role(arguments.venue, options))
        # What the imports made stays; looking through it again and again was a tenth of the receiving thread's time.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)
        return uvloop.run(_run(arguments.venue, options, knobs))
    except (SettingsError, SpoolBusy) as exc:
        sys.stderr.write(f"{exc}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
