// Choosing an instrument: what is typed is looked for on the server, which answers with a few.
const LIMIT = 20;
const PAUSE_MS = 200;

export function picker(input, list, chosen) {
  let found = [];
  let at = -1;
  let timer = 0;
  let asking = null;

  function close() {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    at = -1;
  }

  function render(words) {
    list.replaceChildren(
      ...found.map((one, place) => {
        const item = document.createElement("li");
        item.id = `found-${place}`;
        item.role = "option";
        item.dataset.number = one.instrument_id;
        item.append(one.title ?? one.symbol);
        const more = document.createElement("small");
        const symbol = one.title ? ` · ${one.symbol.length > 30 ? `${one.symbol.slice(0, 18)}…${one.symbol.slice(-8)}` : one.symbol}` : "";
        more.textContent = `${one.venue}${symbol} · ${one.contract_type ?? one.status}${one.recorded ? "" : " · not recorded now"}`;
        item.append(more);
        return item;
      }),
    );
    if (found.length === 0) {
      const none = document.createElement("li");
      none.textContent = `No instrument has “${words}” in its symbol or question.`;
      list.append(none);
    }
    at = -1;
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
  }

  async function ask() {
    const words = input.value.trim();
    asking?.abort();
    if (!words) return close();
    asking = new AbortController();
    try {
      const answer = await fetch(`/api/market/instruments?limit=${LIMIT}&q=${encodeURIComponent(words)}`, { signal: asking.signal });
      if (!answer.ok) return close();
      found = (await answer.json()).instruments;
      render(words);
    } catch (error) {
      if (error.name !== "AbortError") close();
    }
  }

  function move(step) {
    if (list.hidden || found.length === 0) return;
    at = (at + step + found.length) % found.length;
    [...list.children].forEach((item, place) => item.setAttribute("aria-selected", String(place === at)));
    list.children[at].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", `found-${at}`);
  }

  function take(place) {
    if (!found[place]) return;
    input.value = "";
    close();
    chosen(found[place].instrument_id);
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE_MS);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") move(1);
    else if (event.key === "ArrowUp") move(-1);
    else if (event.key === "Enter") take(Math.max(at, 0));
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });
  list.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    take([...list.children].indexOf(event.target.closest("li")));
  });
  input.addEventListener("blur", close);
}
