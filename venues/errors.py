"""Why a frame or a reply cannot be read.

Unreadable
├── BadFrame      malformed: torn JSON, a wrong type, a number that is not one
├── UnknownFrame  well-formed, but of no shape we know
└── BadReply      a REST answer that is not what its endpoint documents
"""


class Unreadable(Exception):
    """It is kept whole in quarantine with this reason."""


class BadFrame(Unreadable):
    """malformed frame"""


class UnknownFrame(Unreadable):
    """frame of an unknown shape"""


class BadReply(Unreadable):
    """reply that is not what its endpoint documents"""
