"""Starts a program so that it ends with its starter: the kernel signals it when the starter dies, in any way."""

from collections.abc import Sequence

from ops.local.accounts import Account


def bound_argv(argv: Sequence[str], *, account: Account | None = None, death_signal: str = "TERM") -> list[str]:
    """The command under `setpriv`: switched to the account, signalled when the starting thread is gone.

    setpriv replaces itself with the program, so the process id stays the one that was started.
    """
    drop = account.drop()[1:-1] if account else []
    return ["setpriv", "--pdeathsig", death_signal, *drop, "--", *argv]
