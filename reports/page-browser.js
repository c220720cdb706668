// The sample browser: what is chosen, and what follows from it.

const byId = (id) => document.getElementById(id);
const THEMES = ["", "light", "dark"];

function setTheme(name) {
  if (name) document.documentElement.dataset.theme = name;
  else delete document.documentElement.dataset.theme;
  byId("theme").textContent = `Theme: ${name || "system"}`;
}
setTheme("");
byId("theme").addEventListener("click", () => {
  const now = document.documentElement.dataset.theme || "";
  setTheme(THEMES[(THEMES.indexOf(now) + 1) % THEMES.length]);
});

const data = JSON.parse(byId("data").textContent);
const { samples, systems } = data;
const ANY = "any";
const VERDICTS = { win: "win", tie: "tie", loss: "loss", missing: "no answer", flip: "the orders disagree" };
const ORDERS = {
  run: "as in the run", loss: "largest loss first", gain: "largest gain first",
  low: `${data.sign < 0 ? "highest" : "lowest"} ${data.score} first`, length: "longest instruction first",
};
const candidates = systems.flatMap((system, place) => (system.role === "candidate" ? [place] : []));
const defaults = { search: "", split: ANY, judge: "0", verdict: ANY, group: ANY, order: "run",
  system: candidates.length > 1 ? ANY : String(candidates.length ? candidates[0] : 0) };
const fields = Object.fromEntries(Object.keys(defaults).map((name) => [name, byId(name)]));
let view = [], at = -1, compared = 0;

function fill(select, options) {
  for (const [value, text] of options) {
    const option = make("option", "", text);
    option.value = value;
    select.append(option);
  }
}
fill(fields.split, [[ANY, "all"], ...data.splits.map((name, place) => [place, name])]);
fill(fields.system, [...(candidates.length > 1 ? [[ANY, "any candidate"]] : []),
  ...systems.map((system, place) => [place, system.name])]);
fill(fields.judge, data.judges.map((name, place) => [place, name]));
fill(fields.verdict, [[ANY, "any"], ...Object.entries(VERDICTS)]);
fill(fields.group, [[ANY, "any"], ["some", "some"], ...data.groups.map((group, bit) => [bit, group.title])]);
fill(fields.order, Object.entries(ORDERS));
for (const label of document.querySelectorAll(".judged")) label.hidden = !data.judges.length;

/** Places of the systems in question: the chosen one, or all candidates. */
const asked = () => (fields.system.value === ANY ? candidates : [Number(fields.system.value)]);

/** Whether a system has an output with a score on this sample. */
const scored = (sample, place) => Boolean(sample[6][place]) && sample[6][place][1] !== null;

function score(sample, places) {
  const found = places.flatMap((place) => (scored(sample, place) ? [sample[6][place][1]] : []));
  return found.length ? found.reduce((sum, value) => sum + value, 0) / found.length : null;
}

/** How much better the score is than the positive control's, the mean over the places; null without a pair. */
function difference(sample, places) {
  let sum = 0, count = 0;
  for (const place of places) {
    const other = systems[place].reference;
    if (scored(sample, place) && scored(sample, other)) {
      sum += data.sign * (sample[6][place][1] - sample[6][other][1]);
      count++;
    }
  }
  return count ? sum / count : null;
}

function judgedAs(output, judge, wanted) {
  const judgement = output[4][judge];
  if (!judgement) return false;
  const [value, verdicts] = judgement;
  if (wanted === "flip") return new Set(verdicts.map((verdict) => verdict[1])).size > 1;
  return wanted === "missing" ? value === null : value !== null && verdictWord(value) === wanted;
}

const searched = new Map();
function holds(sample, words) {
  if (!searched.has(sample)) {
    const texts = sample[6].map((output) => (output ? output[0] : ""));
    searched.set(sample, [...sample.slice(2, 6), ...texts].join("\n").toLowerCase());
  }
  const text = searched.get(sample);
  return words.every((word) => text.includes(word));
}

function matches(sample, chosen) {
  if (chosen.split !== ANY && sample[1] !== Number(chosen.split)) return false;
  if (chosen.verdict !== ANY || chosen.group !== ANY) {
    const fits = chosen.places.some((place) => {
      const output = sample[6][place];
      if (!output) return false;
      if (chosen.verdict !== ANY && !judgedAs(output, Number(chosen.judge), chosen.verdict)) return false;
      if (chosen.group === "some") return output[3] !== 0;
      return chosen.group === ANY || (output[3] & (1 << Number(chosen.group))) !== 0;
    });
    if (!fits) return false;
  }
  return !chosen.words.length || holds(sample, chosen.words);
}

function ordered(found, order, places) {
  const keys = {
    loss: (sample) => difference(sample, places),
    gain: (sample) => { const gain = difference(sample, places); return gain === null ? null : -gain; },
    low: (sample) => score(sample, places),
    length: (sample) => -sample[7],
  };
  if (!keys[order]) return found;
  const keyed = found.map((sample) => [keys[order](sample), sample]).filter(([key]) => key !== null);
  return keyed.sort((one, other) => one[0] - other[0]).map(([, sample]) => sample);
}

function drawRow(row, sample) {
  const places = asked(), value = score(sample, places), change = difference(sample, places);
  const short = (text) => visible(text.slice(0, 200).replace(/\s+/g, " "));
  const one = make("div", "one", short(sample[3])), two = make("div", "one two", short(sample[4] || sample[5]));
  one.dir = two.dir = "auto";
  row.replaceChildren(
    one, make("div", "num", value === null ? "–" : value.toFixed(1)),
    two, make("div", change === null ? "num flat" : `num ${tone(change)}`, change === null ? "" : signed(change)));
}

const list = windowedList(byId("list"), byId("rows"), drawRow, choose);

function choose(place, keepAddress) {
  at = view.length ? Math.max(0, Math.min(view.length - 1, place)) : -1;
  list.select(at);
  draw();
  if (at >= 0 && !keepAddress) history.replaceState(null, "", `#sample=${view[at][0]}`);
}

function draw() {
  const pane = byId("detail");
  if (at < 0) pane.replaceChildren(make("p", "empty", "No sample fits these filters."));
  else drawDetail(pane, data, view[at], fields.system.value === ANY ? -1 : Number(fields.system.value),
    BASES[compared], nextBase);
}

function nextBase() {
  compared = (compared + 1) % BASES.length;
  draw();
  byId("differences")?.focus();
}

/** Filter and sort again; the sample in view stays if it still fits. */
function refresh(wanted = view[at]) {
  const words = fields.search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const chosen = { words, places: asked() };
  for (const name of ["split", "judge", "verdict", "group"]) chosen[name] = fields[name].value;
  view = ordered(samples.filter((sample) => matches(sample, chosen)), fields.order.value, chosen.places);
  const number = (count) => count.toLocaleString("en");
  byId("count").textContent = view.length === samples.length ? `${number(view.length)} samples`
    : `${number(view.length)} of ${number(samples.length)} samples`;
  at = view.indexOf(wanted);
  if (at < 0) at = view.length ? 0 : -1;
  if (at <= 0) byId("list").scrollTop = 0;
  list.show(view, at);
  draw();
}

function reset(changes = {}) {
  for (const [name, value] of Object.entries({ ...defaults, ...changes })) fields[name].value = value;
}

/** Show the sample of the address, whatever the filters were. */
function followAddress() {
  const match = location.hash.match(/^#sample=([\w-]+)$/);
  const wanted = match && samples.find((sample) => sample[0] === match[1]);
  if (!wanted) return;
  if (!view.includes(wanted)) reset();
  refresh(wanted);
  byId("samples").scrollIntoView();
}

let typing = 0;
fields.search.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(refresh, 100);
});
for (const name of Object.keys(fields)) if (name !== "search") fields[name].addEventListener("change", () => refresh());
byId("controls").addEventListener("submit", (event) => event.preventDefault());
byId("reset").addEventListener("click", () => { reset(); refresh(); });
byId("help-open").addEventListener("click", () => byId("help").showModal());
window.addEventListener("hashchange", followAddress);
for (const button of document.querySelectorAll(".count"))
  button.addEventListener("click", () => {
    const system = systems.findIndex((found) => found.name === button.dataset.system);
    const group = data.groups.findIndex((found) => found.name === button.dataset.group);
    reset({ system: String(system), group: String(group) });
    refresh();
    byId("samples").scrollIntoView();
    byId("list").focus({ preventScroll: true });
  });

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
  const field = event.target.closest("input, select, textarea");
  if (event.key === "Escape") {
    if (field) field.blur();
    else { reset(); refresh(); }
    return;
  }
  if (field) return;
  const inList = event.target === byId("list");
  const page = Math.max(1, Math.floor(byId("list").clientHeight / ROW_HEIGHT) - 1);
  const steps = inList ? { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -at, End: view.length } : {};
  const step = { ...steps, j: 1, k: -1 }[event.key];
  if (step !== undefined) choose(at + step);
  else if (event.key === "/") fields.search.focus();
  else if (event.key === "d") nextBase();
  else if (event.key === "?") byId("help").showModal();
  else return;
  event.preventDefault();
});

reset();
byId("browser").hidden = false;
refresh();
followAddress();
document.documentElement.dataset.ready = "yes";
performance.mark("ready");
