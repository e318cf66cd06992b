"""Pairs: one question listed on two simulated venues, with books that follow a script and an edge that is known."""

from sandbox.pairs.arena import Arena, open_arena

__all__ = ["Arena", "open_arena"]
