"""The page in a real browser on a running farm: every part shows what the database holds, fits its window, and stays small.

TAPEFARM_ARTEFACTS names a folder for the pictures of each part, narrow and wide, light and dark; else they lie in the test's own.
"""

import json
import os
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from ops.local.errors import LocalError
from tests.end_to_end.browser import chromium
from tests.end_to_end.conftest import Venue, eventually
from venues import VENUES

NAMES = ("deribit", "kalshi", "polymarket")
SECTIONS = ("alive", "rates", "missing", "lag", "disk", "tasks", "alerts", "market", "options", "pairs", "paper")
CHARTS = ("rates", "instrument", "chain", "traded")
VIEWS = [(width, scheme) for width in (390, 1440) for scheme in ("light", "dark")]
TAILS = [f"{a}/{b}" for a in ("yes", "no", "void") for b in ("yes", "no", "void") if a != b or a == "void"]
#: What lies outside of the window and not within something that scrolls.
OVERFLOWING = """() => {
  const wide = document.documentElement.clientWidth + 1;
  const clips = (one) => { for (let up = one.parentElement; up; up = up.parentElement) if (getComputedStyle(up).overflowX !== "visible") return true; };
  return [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().width && one.getBoundingClientRect().right > wide
    && !clips(one)).map((one) => `${one.tagName} ${one.className} ${one.textContent.slice(0, 40)}`).slice(0, 5);
}"""
#: Sections that lie over each other, and headings that something covers.
OVERLAPPING = """() => {
  const boxes = [...document.querySelectorAll("section")].map((one) => [one.id, one.getBoundingClientRect()]);
  return boxes.flatMap(([a, one], at) => boxes.slice(at + 1).filter(([, other]) => one.left < other.right - 1 && other.left < one.right - 1
    && one.top < other.bottom - 1 && other.top < one.bottom - 1).map(([b]) => `${a} and ${b}`));
}"""
#: Of a chart: pixels of its canvas that are not empty.
PAINTED = """(name) => {
  const canvas = document.querySelector(`[data-chart="${name}"] canvas`);
  if (!canvas) return 0;
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let painted = 0;
  for (let at = 3; at < data.length; at += 4) painted += data[at] > 0;
  return painted;
}"""

pytestmark = [
    pytest.mark.skipif(not set(NAMES) <= set(VENUES), reason="a folder of theirs is deleted"),
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    farm = Venue(tmp_path_factory.mktemp("page"), "deribit")
    try:
        farm.up("--venues", ",".join(NAMES), "--rate", "60", "--pairs", "3")
        yield farm
    finally:
        farm.run("down")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    try:
        program = chromium()
    except LocalError as exc:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no browser: {exc}")
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=str(program), args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def url(farm: Venue) -> str:
    return f"http://127.0.0.1:{farm.port('console')}"


@pytest.fixture
def opened(browser: Browser, url: str) -> Iterator[Callable[..., Page]]:
    """(width, scheme) -> the page with every part told. That it asked nobody else and met no error is seen to at the end."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(width: int = 1440, scheme: Any = "light", path: str = "/") -> Page:
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme))
        page = contexts[-1].new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith((url, "data:")) else complaints.append(asked.url))
        page.goto(f"{url}{path}")
        page.wait_for_selector("#link.good")
        eventually(lambda: not page.get_by_text("Is being looked up").count(), lambda: page.locator("main").inner_text())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints


def told(url: str, path: str, **asked: Any) -> Any:
    answer = requests.get(f"{url}/api/{path}", params=asked, timeout=30)
    assert answer.ok, answer.text
    return answer.json()


def cells(page: Page, part: str, column: int) -> list[str]:
    return page.locator(f'[data-part="{part}"] tbody tr td:nth-child({column})').all_inner_texts()


@pytest.fixture(scope="module")
def traded(farm: Venue, url: str) -> list[int]:
    """Pairs that a person has confirmed, of which the paper engine holds something."""
    eventually(lambda: farm.run("match", "propose", "kalshi", "polymarket").returncode == 0 and told(url, "pairs")["pairs"])
    tails = [word for tail in TAILS for word in ("--tail", tail)]
    proposed = [pair["pair_id"] for pair in told(url, "pairs")["pairs"]]
    confirmed = [number for number in proposed if farm.run("match", "confirm", str(number), "--by", "script", *tails).returncode == 0]
    assert confirmed
    eventually(lambda: any(pair["best"] for pair in told(url, "pairs")["pairs"]))
    return confirmed


@pytest.fixture(scope="module")
def missed(farm: Venue, url: str) -> int:
    """A gap that a job has filled, or is at."""
    farm.misbehave("skip", channel="trades", count=2)
    found = eventually(lambda: [gap for gap in told(url, "gaps", venue="deribit", channel="trades")["gaps"] if gap["backfill"]])
    return int(found[0]["gap_id"])


def test_what_is_alive_and_coming_in_is_what_the_farm_says(farm: Venue, url: str, opened: Callable[..., Page]) -> None:
    page = opened()
    status = farm.status()
    assert cells(page, "alive", 1) == [one["name"] for one in status["components"]]
    eventually(lambda: page.locator("#alive .verdict .state").inner_text() == "healthy", lambda: page.locator("#alive").inner_text())
    assert set(cells(page, "lag", 1)) >= {f"{stream['venue']} {stream['channel']}" for stream in status["streams"]}
    figures = page.locator("#rates dt").all_inner_texts()
    assert figures == [*sorted({stream["venue"] for stream in status["streams"]}), "all venues"]
    assert len(cells(page, "tasks", 1)) == len(told(url, "tasks")["schedule"])
    eventually(lambda: any("ago" in text for text in cells(page, "tasks", 4)))
    # It goes on by itself.
    before = page.evaluate("document.documentElement.dataset.events")
    eventually(lambda: int(page.evaluate("document.documentElement.dataset.events")) > int(before) + 3)


def test_a_gap_is_shown_with_its_backfill(farm: Venue, url: str, missed: int, opened: Callable[..., Page]) -> None:
    page = opened()
    page.get_by_text("All gaps of the last day").click()
    row = page.locator('[data-part="gaps"] tbody tr', has=page.get_by_role("cell", name=str(missed), exact=True))
    eventually(lambda: row.locator("progress").count() == 1, lambda: page.locator("#gaps").inner_text())
    filled = [["filled"]]
    eventually(lambda: farm.psql(f"SELECT state FROM data_gaps WHERE gap_id = {missed}") == filled)
    eventually(lambda: "filled" in row.inner_text(), row.inner_text)
    assert row.locator("progress").get_attribute("value") == "1.0000"
    assert f"{missed}" in farm.psql(f"SELECT gap_id FROM data_gaps WHERE gap_id = {missed}")[0]
    # Another page at this address shows the same; and it can be closed.
    other = opened(path="/?" + page.url.partition("?")[2])
    eventually(lambda: other.locator('[data-part="gaps"] progress').count() >= 1)
    other.get_by_role("button", name="close").click()
    eventually(lambda: not other.locator('[data-part="gaps"] *').count())
    # The strip has a cell an hour, of each channel that becomes rows.
    strips = page.locator(".strip:not(.head)")
    eventually(strips.count, lambda: page.locator("#missing").inner_text())
    assert page.locator(".strip:not(.head) .cell").count() == 24 * strips.count()


def test_an_instrument_is_found_by_keyboard_and_shown_live(farm: Venue, opened: Callable[..., Page]) -> None:
    page = opened()
    page.locator("#pick").focus()
    page.keyboard.type("ETH-PERP")
    page.wait_for_selector("#found li")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    heading = page.locator('[data-part="instrument"] h3')
    eventually(lambda: "ETH-PERPETUAL" in heading.inner_text() if heading.count() else False)
    ((number,),) = farm.psql("SELECT instrument_id FROM instruments WHERE symbol = 'ETH-PERPETUAL'")
    assert f"instrument={number}" in page.url
    trades = page.locator('[data-part="instrument"] .tall tbody tr')
    eventually(lambda: trades.count() > 0)
    shown = page.evaluate("""() => [...document.querySelectorAll('[data-part="instrument"] .tall tbody tr')].map((row) =>
      [...row.children].map((cell) => cell.textContent.replace(/\\u2009/g, "")))""")
    stored = farm.psql(
        "SELECT to_char(event_at AT TIME ZONE 'UTC', 'HH24:MI:SS'), CASE side WHEN 1 THEN 'bought' ELSE 'sold' END, price, quantity "
        f"FROM trades WHERE instrument_id = {number}"
    )
    assert {(at, side, Decimal(price), Decimal(amount)) for at, side, price, amount in shown} <= {
        (at, side, Decimal(price), Decimal(amount)) for at, side, price, amount in stored
    }
    best = page.locator(".figure.bid dd").inner_text().replace("\u2009", "")
    assert farm.psql(f"SELECT count(*) FROM quotes WHERE instrument_id = {number} AND bid_price = {best}") != [["0"]]
    asks = [Decimal(text.replace("\u2009", "")) for text in page.locator(".book tr.ask td:first-child").all_inner_texts()]
    assert asks == sorted(asks) and len(asks) > 1


def test_a_chain_shows_each_strike_with_its_smile(farm: Venue, url: str, opened: Callable[..., Page]) -> None:
    page = opened()
    keys = page.locator("#chain option").evaluate_all("(all) => all.map((one) => one.value)")
    page.locator("#chain").select_option(keys[1])
    venue, base, at, unit = keys[1].split("|")
    rows = page.locator('[data-part="chain"] tbody tr')
    found = farm.psql(
        "SELECT count(DISTINCT attributes->>'strike') FROM instruments WHERE contract_type = 'option' "
        f"AND venue = '{venue}' AND base_asset = '{base}' AND expires_at = '{at}' AND price_unit = '{unit}'"
    )
    eventually(lambda: [[str(rows.count())]] == found, lambda: (rows.count(), found))
    eventually(lambda: page.evaluate(PAINTED, "chain") > 500)
    assert told(url, "options/chain", venue=venue, base=base, expires_at=at)["told"] > 0


def test_pairs_and_positions_are_those_of_the_database(farm: Venue, url: str, traded: list[int], opened: Callable[..., Page]) -> None:
    page = opened()
    eventually(lambda: {int(text) for text in cells(page, "matched", 1)} == set(traded), lambda: page.locator("#pairs").inner_text())
    eventually(lambda: farm.psql("SELECT count(*) FROM open_positions") != [["0"]])

    def agrees() -> bool:
        held = farm.psql("SELECT pair_id, outcome, round(cost, 2) FROM open_positions ORDER BY cost DESC, position")
        shown = list(zip(cells(page, "traded", 1), cells(page, "traded", 3), cells(page, "traded", 5), strict=True))
        return [(pair, outcome, f"${Decimal(cost):,.2f}") for pair, outcome, cost in held] == shown

    eventually(agrees, lambda: page.locator("#paper").inner_text())
    page.get_by_text("Report, as of").click()
    # Its second line ages: capital is bound for longer from second to second.
    capacity = farm.run("paper", "report").stdout.splitlines()[2]
    eventually(lambda: page.locator("#paper pre").inner_text().splitlines()[2] == capacity, lambda: page.locator("#paper pre").inner_text())


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_it_fits_and_no_chart_is_empty(
    farm: Venue, traded: list[int], missed: int, width: int, scheme: str, opened: Callable[..., Page], tmp_path: Path
) -> None:
    folder = Path(os.environ.get("TAPEFARM_ARTEFACTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    page = opened(width, scheme, "/?gaps=day")
    eventually(lambda: page.locator('[data-part="gaps"] progress').count())
    for name in CHARTS:
        eventually(lambda name=name: page.evaluate(PAINTED, name) > 500, lambda name=name: f"the chart of {name} is empty")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OVERFLOWING) == []
    assert page.evaluate(OVERLAPPING) == []
    page.screenshot(path=folder / f"page-{width}-{scheme}.png", full_page=True)
    for name in SECTIONS:
        page.locator(f"section#{name}").screenshot(path=folder / f"{name}-{width}-{scheme}.png")


def test_every_control_is_reached_by_the_keyboard(opened: Callable[..., Page]) -> None:
    page = opened()
    wanted = {"Skip to the content", "Alive", "Paper", "All gaps of the last day", "pick", "chain", "API"}
    for _ in range(200):
        page.keyboard.press("Tab")
        wanted.discard(str(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()")))
        if not wanted:
            return
    raise AssertionError(f"not reached: {wanted}")


def test_a_page_that_is_open_for_long_stays_small(browser: Browser, url: str) -> None:
    """Events as fast as they are taken: what is shown is told anew some hundred times."""
    events = recorded(url)
    context = browser.new_context()
    page = context.new_page()
    body = "retry: 50\n\n" + "".join(f"data: {event}\n\n" for _ in range(20) for event in events)
    page.route("**/live*", lambda route: route.fulfill(content_type="text/event-stream", body=body))
    page.goto(url)
    protocol = context.new_cdp_session(page)
    protocol.send("Performance.enable")

    def after(count: int) -> dict[str, float]:
        eventually(lambda: int(page.evaluate("document.documentElement.dataset.events || 0")) >= count)
        protocol.send("HeapProfiler.collectGarbage")
        return {one["name"]: one["value"] for one in protocol.send("Performance.getMetrics")["metrics"]}

    first, last = after(100), after(700)
    assert last["Nodes"] < first["Nodes"] * 1.2 + 500
    assert last["JSEventListeners"] < first["JSEventListeners"] + 20
    assert last["JSHeapUsedSize"] < first["JSHeapUsedSize"] + 4_000_000
    assert page.evaluate("document.querySelectorAll('.uplot').length") <= len(CHARTS)
    context.close()


def recorded(url: str) -> list[str]:
    """Events of every part as the farm tells them, and each once more with another figure in it, so that no two in a row are the same."""
    found: dict[str, str] = {}
    with requests.get(f"{url}/live", stream=True, timeout=60) as answer:
        for line in answer.iter_lines():
            if line.startswith(b"data: "):
                event = json.loads(line[6:])
                found[event["key"]] = line[6:].decode()
            if len(found) >= 9:
                break
    changed = [json.dumps({**(event := json.loads(text)), "html": f"{event['html']}<p>.</p>"}) for text in found.values()]
    return [*found.values(), *changed]
