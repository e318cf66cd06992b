"""The login of one connection, pure: whether subscriptions wait for its answer, and when it is to be renewed."""

from math import inf

from core.venue import Control

#: A login that is not answered for so long is taken for refused: what needs none is recorded all the same.
PATIENCE_SECONDS = 5.0


class Login:
    def __init__(self, *, expected: bool) -> None:
        self.pending = expected
        self.in_force = False
        self._renewal, self._renew_at = "", inf

    def answered(self, control: Control, now: float) -> None:
        self.pending = False
        self.in_force = self.in_force or control.login is True
        self._renewal, self._renew_at = (control.renewal, now + control.renew_seconds) if control.renewal else ("", inf)

    def given_up(self, waited_seconds: float) -> bool:
        if not self.pending or waited_seconds < PATIENCE_SECONDS:
            return False
        self.pending = False
        return True

    def renewal(self, now: float) -> str:
        """What is to be sent now so that the login lasts; empty: nothing."""
        if now < self._renew_at:
            return ""
        self._renew_at = inf
        return self._renewal
