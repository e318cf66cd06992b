"""Dashboards for Grafana as code: `model` says what a panel is, a module each what a dashboard shows, and `rendered` makes the JSON that is
committed in `dashboards/` and provisioned from there."""

import json

from ops.grafana import completeness, markets, overview, storage, venue
from ops.grafana.layout import document
from ops.grafana.model import Dashboard

DASHBOARDS = (overview.DASHBOARD, venue.DASHBOARD, completeness.DASHBOARD, storage.DASHBOARD, markets.DASHBOARD)


def rendered(dashboard: Dashboard) -> str:
    """The text of its file."""
    return json.dumps(document(dashboard), indent=1, ensure_ascii=False) + "\n"
