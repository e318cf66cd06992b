// Charts: one a place, kept while what it shows moves on. Each update brings all of its points, of which the server keeps a bounded number.
import uPlot from "./vendor/uplot/uPlot.esm.js";

const HEIGHT = 190;
const stepped = uPlot.paths.stepped({ align: 1 });
const utc = (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC");
const DAY = 86400;

// The hour of the day, or over days the day.
function times(plot, seconds) {
  const span = plot.scales.x.max - plot.scales.x.min;
  const [from, to] = span > 3 * DAY ? [5, 10] : span > 600 ? [11, 16] : [11, 19];
  return seconds.map((one) => new Date(one * 1000).toISOString().slice(from, to));
}

const figure = (value) => (value == null ? "–" : value.toLocaleString("en", { maximumFractionDigits: 6 }));

// What is particular to a chart: `time` of x, `zero` when y begins there, `series` by name.
const KINDS = {
  rates: { time: true, zero: true, unit: "rows/s" },
  instrument: { time: true, paths: stepped },
  chain: { time: false, label: "strike", unit: "%", series: { bid: { points: true }, ask: { points: true } } },
  traded: { time: true, paths: stepped, unit: "$", area: true },
};
const held = new Map(); // name -> {plot, names, chart}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function options(kind, names, width) {
  const axis = { stroke: colour("dim"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  const series = names.map((name, place) => {
    const more = kind.series?.[name] ?? {};
    const stroke = colour(`s${(place % 4) + 1}`);
    return {
      label: name,
      stroke,
      width: more.points ? 0 : 1.5,
      paths: more.points ? () => null : kind.paths,
      points: { show: Boolean(more.points), size: 5, fill: stroke },
      fill: kind.area ? `${stroke}22` : undefined,
      spanGaps: !kind.time,
      value: (_, value) => figure(value),
    };
  });
  return {
    width,
    height: HEIGHT - 28,
    tzDate: utc,
    padding: [8, 8, 0, 0],
    cursor: { drag: { x: false, y: false }, points: { size: 6 } },
    scales: { x: { time: kind.time }, y: { range: (_, low, high) => spanned(low, high, kind.zero) } },
    axes: [
      { ...axis, size: 24, space: 64, ...(kind.time ? { values: times } : { values: (_, values) => values.map(figure) }) },
      { ...axis, size: 62, values: (_, values) => values.map(figure) },
    ],
    series: [kind.time ? { label: "UTC", value: "{HH}:{mm}:{ss}" } : { label: kind.label, value: (_, value) => figure(value) }, ...series],
  };
}

function spanned(low, high, zero) {
  if (low == null || high == null) return [0, 1];
  const room = (high - low) * 0.1 || Math.abs(high) * 0.01 || 1;
  return [zero ? 0 : low - room, high + room];
}

export function draw(name, chart) {
  const place = document.querySelector(`[data-chart="${name}"]`);
  if (!place) return;
  const known = held.get(name);
  if (!chart || chart.data[0].length === 0) {
    known?.plot.destroy();
    held.delete(name);
    return;
  }
  if (known && known.names.join() === chart.names.join()) {
    known.chart = chart;
    known.plot.setData(chart.data);
    return;
  }
  known?.plot.destroy();
  const plot = new uPlot(options(KINDS[name], chart.names, width(place)), chart.data, place);
  held.set(name, { plot, names: chart.names, chart });
}

function width(place) {
  const style = getComputedStyle(place.parentElement);
  return Math.max(200, place.parentElement.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight));
}

new ResizeObserver(() => {
  for (const [name, { plot }] of held) {
    const wanted = width(document.querySelector(`[data-chart="${name}"]`));
    if (plot.width !== wanted) plot.setSize({ width: wanted, height: HEIGHT - 28 });
  }
}).observe(document.querySelector("main"));

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const [name, { plot, chart }] of [...held]) {
    plot.destroy();
    held.delete(name);
    draw(name, chart);
  }
});
