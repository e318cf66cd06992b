"""Faults against a farm of their own, one after another and in a storm, with the sandbox's ledger as judge."""
