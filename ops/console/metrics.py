"""`GET /metrics`, for Prometheus; core/metrics.py lists what there is."""

from fastapi import APIRouter, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from ops.console.exposition import exposition
from ops.console.farm import Asked
from ops.console.look import Late

router = APIRouter(tags=["metrics"])


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(farm: Asked) -> Response:
    """For Prometheus. 200 also when the farm is unwell: then `tapefarm_healthy` is 0 and what cannot be told is left out."""
    try:
        text = farm.metrics.get().value
    except Late:
        text = exposition(farm.knobs, None)
    return Response(text, media_type=CONTENT_TYPE_LATEST)
