// Draws the charts, sorts and filters the tables of runs, and compares the runs that are ticked.
// Everything that it shows is in the page: nothing is fetched.

const dark = matchMedia("(prefers-color-scheme: dark)");
let printing = false; // paper is white
const isDark = () => dark.matches && !printing;

function config() {
  const [soft, grid, line] = isDark() ? ["#a2a7b0", "#2b3038", "#333841"] : ["#5b6069", "#e6e6e0", "#dfdfd9"];
  const colors = isDark()
    ? ["#5ab4ee", "#ff9150", "#3ecfa3", "#e38ac6", "#e0bd4a", "#a8b0ff", "#ff8a8a", "#8fd8e8"]
    : ["#0072b2", "#d55e00", "#009e73", "#b0478f", "#a67c00", "#5b5bd6", "#c0392b", "#2a7f92"];
  return {
    background: "transparent", font: "system-ui, sans-serif", view: { stroke: null },
    axis: { labelColor: soft, titleColor: soft, gridColor: grid, domainColor: line, tickColor: line, labelFontSize: 12,
      titleFontSize: 12, titleFontWeight: "normal" },
    legend: { labelColor: soft, titleColor: soft, orient: "bottom", labelLimit: 220 },
    range: { category: colors, ramp: { scheme: isDark() ? "plasma" : "viridis" } },
    rule: { color: soft }, text: { color: soft, fontSize: 11 }, line: { color: soft }, tick: { color: soft },
    mark: { color: colors[0] }, circle: { color: colors[0] }, point: { color: colors[0] },
  };
}

async function draw(place, spec) {
  place.querySelector(".drawn")?.remove();
  const inner = document.createElement("div");
  inner.className = "drawn";
  inner.style.width = "100%";
  inner.setAttribute("aria-hidden", "true"); // the label of `place` tells it
  place.append(inner);
  const options = { renderer: "svg", actions: false, config: config(), tooltip: { theme: isDark() ? "dark" : "light" } };
  await window.vegaEmbed(inner, spec, options);
}

// --- charts are drawn when they come near the screen, and all of them before printing ---

const waiting = new Map();
const watch = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) show(entry.target);
}, { rootMargin: "400px" });

function show(place) {
  watch.unobserve(place);
  const spec = waiting.get(place);
  return spec ? draw(place, spec()) : Promise.resolve();
}

function plan(place, spec) {
  waiting.set(place, spec);
  watch.observe(place);
}

function redraw(forPaper) {
  printing = forPaper;
  waiting.forEach((_, place) => show(place));
}

addEventListener("beforeprint", () => redraw(true));
addEventListener("afterprint", () => redraw(false));
dark.addEventListener("change", () => waiting.forEach((_, place) => watch.observe(place)));

// --- learning curves of one run by fold, or of several runs ---

function curves(lane, runs, which) { // null where none of them has any
  const names = which === "loss" ? ["train_loss", "val_loss"] : [`val_${lane.metric}`];
  const values = runs.flatMap((run) => names.flatMap((name) => (lane.runs[run].curves[name] ?? []).map(
    ([fold, epoch, value]) => ({ run, fold: String(fold), epoch, value, part: name === "train_loss" ? "training" : "validation" }))));
  if (!values.length) return null;
  const by = runs.length > 1 ? "run" : "fold";
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json", width: "container", height: 240, data: { values },
    mark: { type: "line", strokeWidth: runs.length > 1 ? 1.2 : 1.8, opacity: runs.length > 1 ? 0.75 : 1, interpolate: "linear",
      point: values.length === runs.length },
    encoding: {
      x: { field: "epoch", type: "quantitative", axis: { tickMinStep: 1 } },
      y: { field: "value", type: "quantitative", title: null, scale: { zero: false } },
      color: { field: by, type: "nominal", scale: { domain: by === "run" ? runs : undefined } },
      detail: [{ field: "fold" }, { field: "run" }],
      strokeDash: which === "loss"
        ? { field: "part", legend: null, scale: { domain: ["validation", "training"], range: [[1, 0], [3, 3]] } } : undefined,
      tooltip: ["run", "fold", "epoch", "part", "value"].map((field) => ({ field })),
    },
  };
}

// --- comparing ---

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function table(head, rows) {
  const made = element("table"), top = element("tr");
  head.forEach((title, i) => top.append(element("th", title, { scope: "col", ...(i ? { class: "n" } : {}) })));
  made.append(element("thead"), element("tbody"));
  made.tHead.append(top);
  for (const [first, ...cells] of rows) {
    const row = element("tr");
    row.append(element("th", first, { scope: "row" }), ...cells.map((cell) => element("td", cell, { class: "n" })));
    made.tBodies[0].append(row);
  }
  const around = element("div", undefined, { class: "scroll", tabindex: "0", role: "region", "aria-label": head.join(", ") });
  around.append(made);
  return around;
}

const digits = (value) => (Math.abs(value) < 100 ? value.toFixed(4) : value.toFixed(2));
const signed = (value) => (value > 0 ? "+" : "") + digits(value);

function difference(lane, first, second) {
  const [a, b] = [lane.runs[first], lane.runs[second]];
  if (a.rows !== b.rows || a.folds.length !== b.folds.length) return [];
  const off = a.folds.map((score, fold) => score - b.folds[fold]);
  const mean = off.reduce((sum, value) => sum + value, 0) / off.length;
  const spread = Math.sqrt(off.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(off.length - 1, 1) / off.length);
  const rows = off.map((value, fold) => [`fold ${fold}`, digits(a.folds[fold]), digits(b.folds[fold]), signed(value)]);
  const error = off.length > 1 ? ` ± ${digits(spread)} (standard error)` : "";
  rows.push(["mean of the folds", ...[a, b].map((one) => digits(one.folds.reduce((x, y) => x + y, 0) / one.folds.length)),
    `${signed(mean)}${error}`]);
  const known = lane.verdicts.find(([x, y]) => (x === first && y === second) || (x === second && y === first));
  const said = element("p", known ? known[2] : "Whether this is more than luck: ");
  if (!known) said.append(element("code", `groundwork compare ${first} ${second}`));
  return [element("h3", "Folds, pair by pair"), said, table(["", first, second, "difference"], rows)];
}

function compare(section, lane) {
  const panel = section.querySelector(".compare");
  const runs = [...section.querySelectorAll("table.runs tbody tr")]
    .filter((row) => row.querySelector("input:checked")).map((row) => row.dataset.run);
  const drawn = runs.length ? runs : [lane.shown];
  for (const place of section.querySelectorAll("[data-curves]")) {
    place.setAttribute("aria-label", `${place.dataset.curves} of ${drawn.join(", ")} by epoch`);
    place.previousElementSibling.querySelector(".soft").textContent = place.dataset.curves === "loss"
      ? `of ${drawn.join(", ")}; dashed: training` : `of ${drawn.join(", ")}`;
    const spec = curves(lane, drawn, place.dataset.curves);
    place.parentElement.hidden = spec === null;
    if (spec) plan(place, () => spec);
    else waiting.delete(place);
  }
  panel.hidden = runs.length < 2;
  if (panel.hidden) return;
  const keys = [...new Set(runs.flatMap((run) => Object.keys(lane.runs[run].settings)))].sort();
  const differing = keys.map((key) => [key, ...runs.map((run) => lane.runs[run].settings[key] ?? "–")])
    .filter(([, ...values]) => new Set(values).size > 1);
  const none = element("p", "The same settings.", { class: "soft" });
  panel.replaceChildren(
    ...(runs.length === 2 ? difference(lane, ...runs) : []),
    element("h3", "Settings that differ", { class: "below" }),
    differing.length ? table(["", ...runs], differing) : none,
  );
}

// --- sorting and filtering ---

function sortable(made) {
  const heads = [...made.tHead.rows[0].cells];
  const body = made.tBodies[0], first = [...body.rows];
  heads.forEach((head, column) => head.querySelector("button")?.addEventListener("click", () => {
    // The first click sorts upwards, the second downwards, the third restores the order of the scores.
    const next = { ascending: "descending", descending: null }[head.getAttribute("aria-sort")];
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    if (next === null) return body.append(...first);
    const way = next ?? "ascending";
    head.setAttribute("aria-sort", way);
    const sign = way === "ascending" ? 1 : -1;
    const keys = new Map(first.map((row) => [row, key(row.cells[column])]));
    body.append(...[...first].sort((a, b) => order(keys.get(a), keys.get(b), sign)));
  }));
}

function key(cell) {
  const text = cell?.dataset.value ?? cell?.textContent.trim() ?? "";
  const number = Number(text.replaceAll(",", ""));
  return text === "" || text === "–" ? null : Number.isNaN(number) ? text : number;
}

function order(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null); // empty cells stay below
  if (typeof a === typeof b) return sign * (typeof a === "number" ? a - b : a.localeCompare(b));
  return sign * (typeof a === "number" ? -1 : 1);
}

for (const section of document.querySelectorAll("section[data-lane]")) {
  const lane = JSON.parse(section.querySelector("script.lane").textContent);
  const runs = section.querySelector("table.runs"), rows = [...runs.tBodies[0].rows];
  sortable(runs);
  runs.addEventListener("change", () => compare(section, lane));
  const texts = new Map(rows.map((row) => [row, [row.textContent, ...Object.entries(
    lane.runs[row.dataset.run]?.settings ?? {}).map(([name, value]) => `${name}=${value}`)].join(" ").toLowerCase()]));
  const filter = section.querySelector(".filter"), status = section.querySelector("[role=status]");
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) row.hidden = !words.every((word) => texts.get(row).includes(word));
    status.textContent = words.length ? `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows` : "";
  });
  for (const place of section.querySelectorAll(".chart")) {
    const spec = place.querySelector('script[type="application/json"]');
    if (spec) plan(place, () => JSON.parse(spec.textContent));
  }
  compare(section, lane);
}
document.documentElement.dataset.ready = "yes";
