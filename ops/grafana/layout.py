"""A dashboard as Grafana's JSON (the classic model, which versions 11 to 13 read and provision)."""

from typing import Any

from ops.grafana.model import POSTGRES, PROMETHEUS, Dashboard, Look, Panel, Prom, Target, Variable

SCHEMA_VERSION = 39
#: The version that panels are written for; without one, some take themselves for older ones and translate what is new already.
GRAFANA = "12.2.0"
COLUMNS = 24
#: Where pages of ops/runbooks/ are read: the console serves them. A text box of each dashboard, for those who read them elsewhere.
RUNBOOKS_AT = "http://127.0.0.1:8000/runbooks"

_LEGEND = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
_LINES = {"lineWidth": 1, "fillOpacity": 10, "showPoints": "auto", "spanNulls": False}
_NEWEST = {"calcs": ["lastNotNull"], "fields": "", "values": False}
#: What a kind of panel shows unless the panel says otherwise.
_OPTIONS: dict[str, dict[str, Any]] = {
    "timeseries": {"legend": _LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}},
    "stat": {"reduceOptions": _NEWEST, "colorMode": "background_solid", "graphMode": "none", "textMode": "auto", "justifyMode": "auto"},
    "gauge": {"reduceOptions": _NEWEST, "showThresholdMarkers": True, "showThresholdLabels": False},
    "table": {"showHeader": True, "cellHeight": "sm"},
    "state-timeline": {"legend": {**_LEGEND, "showLegend": False}, "mergeValues": True, "rowHeight": 0.9, "showValue": "never"},
    "candlestick": {"mode": "candles+volume", "candleStyle": "candles", "colorStrategy": "open-close", "includeAllFields": False},
    "heatmap": {
        "calculate": False,
        "color": {"mode": "scheme", "scheme": "Blues", "steps": 64, "scale": "exponential", "exponent": 0.5, "reverse": False},
        "rowsFrame": {"layout": "auto"},
        "cellGap": 1,
        "legend": {"show": True},
        "tooltip": {"mode": "single"},
    },
    "xychart": {"mapping": "manual", "legend": _LEGEND, "tooltip": {"mode": "single", "sort": "none"}},
}
_CUSTOM: dict[str, dict[str, Any]] = {
    "timeseries": _LINES,
    "table": {"align": "auto", "filterable": True},
    "state-timeline": {"fillOpacity": 80, "lineWidth": 0},
    "xychart": {"show": "points", "pointSize": {"fixed": 6}},
}


def document(dashboard: Dashboard) -> dict[str, Any]:
    """What is in its file: the same for the same code, so that a change of a file is a change of the code."""
    return {
        "uid": f"tapefarm-{dashboard.name}",
        "title": dashboard.title,
        "description": dashboard.says,
        "tags": ["tapefarm"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,  # one crosshair for all panels
        "timezone": "utc",
        "time": {"from": dashboard.since, "to": "now"},
        "timepicker": {"refresh_intervals": ["10s", "30s", "1m", "5m", "15m"]},
        "refresh": dashboard.refresh,
        "annotations": {"list": []},
        "links": [
            {"type": "dashboards", "title": "Tapefarm", "tags": ["tapefarm"], "asDropdown": True, "keepTime": True, "includeVars": False}
        ],
        "templating": {"list": [*map(_variable, dashboard.variables), _runbooks()]},
        "panels": _panels(dashboard),
    }


def scatter(x: str, *names: str) -> dict[str, Any]:
    """Options of an xychart: columns `names` over column `x`."""

    def column(name: str) -> dict[str, Any]:
        return {"matcher": {"id": "byName", "options": name}}

    first = {"matcher": {"id": "byIndex", "options": 0}}
    return {"series": [{"frame": first, "name": {"fixed": name}, "x": column(x), "y": column(name)} for name in names]}


def _panels(dashboard: Dashboard) -> list[dict[str, Any]]:
    """Row by row, panels from left to right; one that does not fit any more begins a new line."""
    made: list[dict[str, Any]] = []
    y = 0
    for row in dashboard.rows:
        place = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
        made.append({"id": len(made) + 1, "type": "row", "title": row.title, "collapsed": False, "panels": [], "gridPos": place})
        x, y, tallest = 0, y + 1, 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            place = {"x": x, "y": y, "w": panel.width, "h": panel.height}
            made.append({"id": len(made) + 1, "gridPos": place, **_panel(panel)})
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest
    return made


def _panel(panel: Panel) -> dict[str, Any]:
    look = panel.look.document()
    custom = {**_CUSTOM.get(panel.kind, {}), **look.pop("custom", {})}
    links = [{"title": f"Runbook {page}", "url": f"${{runbooks}}/{page}.md", "targetBlank": True} for page in panel.runbooks]
    sources = [PROMETHEUS if isinstance(target, Prom) else POSTGRES for target in panel.targets]
    return {
        "type": panel.kind,
        "pluginVersion": GRAFANA,
        "title": panel.title,
        "description": panel.says,
        "datasource": sources[0],
        "targets": [_target(target, chr(ord("A") + n)) for n, target in enumerate(panel.targets)],
        "fieldConfig": {
            "defaults": {**look, **({"custom": custom} if custom else {})},
            "overrides": [_override(name, told) for name, told in panel.columns.items()],
        },
        "options": {**_OPTIONS[panel.kind], **panel.options},
        **({"links": links} if links else {}),
    }


def _override(name: str, look: Look) -> dict[str, Any]:
    told = look.document()
    custom = told.pop("custom", {})
    properties = [*told.items(), *((f"custom.{part}", value) for part, value in custom.items())]
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": part, "value": value} for part, value in properties],
    }


def _target(target: Target, ref: str) -> dict[str, Any]:
    if isinstance(target, Prom):
        asked = {"instant": target.instant, "range": not target.instant, "format": target.format, "editorMode": "code"}
        return {"refId": ref, "datasource": PROMETHEUS, "expr": target.expr, "legendFormat": target.legend, **asked}
    asked = {"rawQuery": True, "editorMode": "code", "rawSql": target.statement}
    return {"refId": ref, "datasource": POSTGRES, "format": target.format, **asked}


def _variable(variable: Variable) -> dict[str, Any]:
    everything = {"text": ["All"], "value": ["$__all"]}
    return {
        "type": "query",
        "name": variable.name,
        "label": variable.label,
        "datasource": POSTGRES,
        "query": variable.choices.statement,
        "definition": variable.choices.statement,
        "refresh": 1,  # when the dashboard is opened
        "sort": 0,
        "regex": "",
        "multi": variable.several,
        "includeAll": variable.several,
        "current": everything if variable.several else {},
        "options": [],
        "hide": 0,
    }


def _runbooks() -> dict[str, Any]:
    chosen = {"text": RUNBOOKS_AT, "value": RUNBOOKS_AT}
    return {
        "type": "textbox",
        "name": "runbooks",
        "label": "Runbooks at",
        "query": RUNBOOKS_AT,
        "current": chosen,
        "options": [{**chosen, "selected": True}],
        "hide": 2,  # a variable of the address alone: ?var-runbooks=…
    }
