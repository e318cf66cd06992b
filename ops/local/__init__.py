"""The embedded runtime: PostgreSQL with TimescaleDB and Redis on a bare Debian machine, without Docker.

Nothing of the host is changed: packages are unpacked into a folder of their own and patched to run from there.
"""
