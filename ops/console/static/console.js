// The page in the browser: what the server tells replaces what is shown. Nothing is appended, so nothing grows.
import { draw } from "./charts.js";
import { picker } from "./picker.js";

const CHOSEN = ["gaps", "instrument", "chain"];
// Behind an answer that was a refusal the browser does not try again by itself.
const AGAIN_MS = 5000;

const shown = new Map(); // part -> its HTML, as told last
const waiting = new Map(); // part -> its newest event, until the next frame is painted: in a tab that nobody sees, none is
const chosen = Object.fromEntries(CHOSEN.map((name) => [name, part(name)?.dataset.about ?? ""]));
let source = null;
let again = 0;
let frame = 0;

function part(name) {
  return document.querySelector(`[data-part="${name}"]`);
}

function connect() {
  clearTimeout(again);
  source?.close();
  const keys = CHOSEN.filter((name) => chosen[name]).map((name) => `key=${encodeURIComponent(`${name}:${chosen[name]}`)}`);
  source = new EventSource(`/live?${keys.join("&")}`);
  source.onopen = () => told("good", "live");
  source.onerror = () => {
    told("bad", "not live");
    if (source.readyState === EventSource.CLOSED) again = setTimeout(connect, AGAIN_MS);
  };
  source.onmessage = (message) => take(JSON.parse(message.data));
}

function told(kind, word) {
  const link = document.getElementById("link");
  link.className = `state ${kind}`;
  link.firstElementChild.textContent = word;
}

function take(event) {
  const at = event.key.indexOf(":");
  const name = at < 0 ? event.key : event.key.slice(0, at);
  if (at >= 0 && event.key.slice(at + 1) !== chosen[name]) return; // of what was chosen before
  waiting.set(name, event);
  frame ||= requestAnimationFrame(paint);
}

function paint() {
  frame = 0;
  document.getElementById("now").textContent = `${new Date().toISOString().slice(11, 19)} UTC`;
  for (const [name, event] of waiting) show(name, event);
  waiting.clear();
}

function show(name, event) {
  const element = part(name);
  if (shown.get(name) !== event.html) {
    shown.set(name, event.html);
    replace(element, event.html);
    mark();
  }
  draw(name, event.chart);
  document.documentElement.dataset.events = String(Number(document.documentElement.dataset.events ?? 0) + 1);
}

// Whoever reads or has the keyboard in it stays where he is.
function replace(element, html) {
  const scrolls = [...element.querySelectorAll(".scroll")].map((one) => [one.scrollLeft, one.scrollTop]);
  const open = [...element.querySelectorAll("details")].map((one) => one.open);
  const reachable = () => [...element.querySelectorAll("a, button, summary, [tabindex]")];
  const focus = reachable().indexOf(document.activeElement);
  element.innerHTML = html;
  element.querySelectorAll(".scroll").forEach((one, place) => {
    if (scrolls[place]) [one.scrollLeft, one.scrollTop] = scrolls[place];
  });
  element.querySelectorAll("details").forEach((one, place) => (one.open = open[place] ?? false));
  if (focus >= 0) reachable()[focus]?.focus({ preventScroll: true });
}

function mark() {
  for (const cell of document.querySelectorAll("a.cell.chosen")) cell.classList.remove("chosen");
  if (chosen.gaps) document.querySelector(`a.cell[data-about="${CSS.escape(chosen.gaps)}"]`)?.classList.add("chosen");
}

function choose(name, about) {
  chosen[name] = about;
  shown.delete(name);
  waiting.delete(name);
  const element = part(name);
  element.innerHTML = about ? '<p class="empty">Is being looked up …</p>' : "";
  draw(name, null);
  const address = new URL(location.href);
  if (about) address.searchParams.set(name, about);
  else address.searchParams.delete(name);
  history.replaceState(null, "", address);
  mark();
  connect();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-choose]");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    choose(link.dataset.choose, link.dataset.about);
  }
  const close = event.target.closest("[data-close]");
  if (close) choose(close.dataset.close, "");
});
document.getElementById("chain").addEventListener("change", (event) => choose("chain", event.target.value));
addEventListener("pagehide", () => source?.close());
addEventListener("pageshow", (event) => event.persisted && connect());

picker(document.getElementById("pick"), document.getElementById("found"), (number) => choose("instrument", String(number)));
for (const [name, chart] of Object.entries(JSON.parse(document.getElementById("charts").textContent))) draw(name, chart);
mark();
connect();
