"""The page that shows the API and tries it, with nothing loaded from elsewhere."""

import base64
import hashlib
import re

from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

from ops.console.security import POLICY

router = APIRouter()
_ASSETS = "/static-offline-docs"
_PAGE = bytes(
    get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Tapefarm API",
        swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{_ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{_ASSETS}/favicon.png",
    ).body
).decode()
#: The one script in the page, by its hash; no other is run.
_HASHES = [
    base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in re.findall(r"<script>(.*?)</script>", _PAGE, re.S)
]
_POLICY = POLICY.format(scripts="".join(f"; script-src 'self' 'sha256-{value}'" for value in _HASHES))


@router.get("/docs", include_in_schema=False)
async def docs() -> HTMLResponse:
    return HTMLResponse(_PAGE, headers={"content-security-policy": _POLICY})
