"""The door to Redis: one way to connect, and the list of every key of ours.

All keys begin with KEY_PREFIX (default `tapefarm`), written P here.

| key | type | writer | reader | bound |
| --- | --- | --- | --- | --- |
| P:journal:<venue>:<channel>:<shard>:<replica> | stream | streamers, tasks.snapshots | tasks.writers | trimmed behind commit and archive; then maxmemory |
| P:archived | hash | tasks.archive | tasks.writers, tasks.maintenance | one field a stream |
| P:state:<journal stream> | string (msgpack, zstd) | tasks.writers | tasks.writers | one a stream that has books |
| P:appended:<streamer> | string | streamers | streamers | one a streamer |
| P:claim:<streamer> | string | streamers | streamers | one a streamer; expires |
| P:journals | set | streamers, tasks.snapshots, tasks.writers | tasks.writers, status | one member a stream |
| P:universe:<venue> | string (JSON) | tasks.metadata; streamers where it is lost | streamers | one a venue |
| P:shards:<venue>:<part>:<of> | hash (JSON) | streamers | streamers | one field a channel |
| P:resync:<journal stream> | set | tasks.writers | streamers | one member a symbol; expires |
| P:rotate:<journal stream> | string | tasks.writers | streamers | one a stream; expires |
| P:vital:<who> | string (JSON) | every process that reports | status, health | expires by itself |
| P:matched:watched | string (msgpack) | tasks.paper | tasks.writers | one; expires |
| P:matched:books | hash (msgpack) | tasks.writers | tasks.paper | one field a watched instrument; expires |
| P:matched:moved | stream (msgpack) | tasks.writers | tasks.paper | some 2,000 entries of numbers; expires |
| P:failures | hash | tasks.signals | watcher | one field a task |
| P:beat | string | beat | beat | one; expires |
| P:rung | hash | beat | console | one field an entry of the schedule |
| P:budget:<venue>:* | strings | core.budget | core.budget | expire within minutes |
| P:celery:* | kombu's own | Celery | Celery | messages expire; results are not kept |
"""

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

Client = redis.Redis
RedisError = redis.exceptions.RedisError
#: `maxmemory` is reached: Redis takes nothing more, but reads and forgets as before.
OutOfMemory = redis.exceptions.OutOfMemoryError


def connect(url: str, *, timeout_seconds: float) -> Client:
    """A client that answers or fails within the timeout: waiting and repeating is the caller's business."""
    return redis.Redis.from_url(
        url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=min(timeout_seconds, 5.0),
        socket_keepalive=True,
        health_check_interval=25,
        retry=Retry(NoBackoff(), 0),
    )
