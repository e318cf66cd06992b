"""Simulated venues over real sockets, with a ledger of everything they emitted; imports nothing of the farm."""
