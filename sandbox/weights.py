"""Request weight per client address and UTC clock minute, with the refusals that follow from it."""

from dataclasses import dataclass


@dataclass
class Account:
    minute: int = 0
    used: int = 0
    refused: int = 0
    banned_until: float = 0.0


class Weights:
    """Over the limit means 429; asking on regardless means 418 for `ban_seconds`."""

    def __init__(self, limit: int, ban_seconds: float, patience: int = 10) -> None:
        self.limit, self.ban_seconds, self.patience = limit, ban_seconds, patience
        self._accounts: dict[str, Account] = {}

    def charge(self, address: str, weight: int, now: float) -> tuple[int, int, float]:
        """(status, used weight, seconds to wait) for one request; 200 when it may pass."""
        if len(self._accounts) > 10_000:
            self._accounts.clear()
        account = self._accounts.setdefault(address, Account())
        minute = int(now // 60)
        if account.minute != minute:
            account.minute, account.used, account.refused = minute, 0, 0
        if now < account.banned_until:
            return 418, account.used, account.banned_until - now
        account.used += weight  # refused requests cost weight too (probe of 2026-10)
        if account.used <= self.limit:
            return 200, account.used, 0.0
        account.refused += 1
        if account.refused > self.patience:
            account.banned_until = now + self.ban_seconds
            return 418, account.used, self.ban_seconds
        return 429, account.used, 60 - now % 60
