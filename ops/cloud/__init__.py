"""Firewalls that a cloud keeps before a machine: what is wanted (`rules`), how each provider says it, and how it is asked (`api`).

CloudError
├── Unsure      an answer was lost: what was asked may be done or not, so whoever asked looks again
└── Refused     the provider says no: its own words, and what to do
"""


class CloudError(Exception):
    """The provider was not asked, or has not done what was asked, in a sentence that says what to do; never with the token."""


class Unsure(CloudError):
    """An answer was lost on the way."""


class Refused(CloudError):
    """The provider will not do it."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status
