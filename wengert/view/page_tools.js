// --- legend and small map ------------------------------------------------------------------------------------------

function legend() {
  const kinds = new Set(), list = $("legend");
  for (const key in data.levels) for (const item of data.levels[key].items) {
    kinds.add(item.k);
    if (item.root) kinds.add("root");
    if (item.bad) kinds.add("broken");
  }
  const words = {leaf: "leaf: collects a gradient", constant: "constant", operation: "operation", output: "one of its results",
    module: "module: opens", port: "from or to outside", root: "result", broken: "NaN or Inf"};
  for (const kind in words) {
    if (!kinds.has(kind)) continue;
    const row = tag("li", list), chart = el("svg", {width: 22, height: 16, "class": "wg", "aria-hidden": "true"}, row);
    el("rect", {"class": "b", x: 1.5, y: 1.5, width: 19, height: 13, rx: kind === "leaf" || kind === "output" ? 6 : 3}, el("g", {"class": kind}, chart));
    row.append(words[kind]);
  }
}
const small = $("map");
let places = [];                         // of the boxes, but for frames, in the picture's own measure
function drawMap() {                     // the whole as small boxes, and the part that the window shows
  small.replaceChildren();
  places = [];
  small.setAttribute("viewBox", `-8 -8 ${size.w + 16} ${size.h + 16}`);
  const k = view.k, frame = svg.getBoundingClientRect();
  for (const g of shown.values()) {
    const rect = [...g.children].filter(c => c.classList.contains("b")).at(-1), is = rect.getBoundingClientRect();
    const at = {x: (is.left - frame.left - view.x) / k, y: (is.top - frame.top - view.y) / k, width: is.width / k, height: is.height / k};
    el("rect", {...at, "class": g.classList.contains("open") ? "frame" : "box"}, small);
    if (!g.classList.contains("open")) places.push(at);
  }
  el("rect", {id: "here"}, small);
  placeMap();
}
function placeMap() {
  const frame = svg.getBoundingClientRect(), here = $("here"), k = view.k;
  const all = -view.x / k <= 0 && -view.y / k <= 0 && (frame.width - view.x) / k >= size.w && (frame.height - view.y) / k >= size.h;
  small.classList.toggle("off", all);
  if (!all && small.parentNode.tagName === "MAIN") settleMap(frame);
  if (!here) return;
  for (const [key, value] of Object.entries({x: -view.x / k, y: -view.y / k, width: frame.width / k, height: frame.height / k})) here.setAttribute(key, value);
}
function settleMap(frame) {              // into the corner where it covers the least
  const {width, height} = small.getBoundingClientRect(), far = {x: frame.width - width - 10, y: frame.height - height - 10};
  const covers = (x, y) => places.filter(p => {
    const [l, t] = [view.x + p.x * view.k, view.y + p.y * view.k];
    return l < x + width && x < l + p.width * view.k && t < y + height && y < t + p.height * view.k;
  }).length;
  const corners = [[far.x, 10], [far.x, far.y], [10, far.y], [10, 10]].map(([x, y]) => ({x, y, n: covers(x, y)}));
  const best = corners.reduce((a, b) => b.n < a.n ? b : a);
  small.style.left = `${best.x}px`;
  small.style.top = `${best.y}px`;
}
function houseMap() {                    // in a narrow window it stands below the picture, which has no corner to spare
  const narrow = innerWidth <= NARROW;
  (narrow ? $("legend").parentNode : svg.parentNode).insertBefore(small, narrow ? $("legend") : $("film"));
  if (narrow) small.style.left = small.style.top = "";
}
function goThere(event) {
  if (event.type === "pointermove" && !event.buttons) return;
  event.preventDefault();
  event.stopPropagation();
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(small.getScreenCTM().inverse()), frame = svg.getBoundingClientRect();
  view.x = frame.width / 2 - at.x * view.k;
  view.y = frame.height / 2 - at.y * view.k;
  place();
}
for (const kind of ["pointerdown", "pointermove"]) small.addEventListener(kind, goThere);

// --- buttons and keys -----------------------------------------------------------------------------------------------

function all(on) { open.clear(); if (on) for (const key in data.levels) if (key) open.add(key); draw(); recolour(); fit(); }
const actions = {
  expand: () => all(true), collapse: () => all(false), "in": () => zoom(1.3), out: () => zoom(1 / 1.3), fit,
  first: () => { play(false); goTo(0); }, back: () => { play(false); goTo(step - 1, true); },
  forth: () => { play(false); goTo(step + 1, true); }, play: () => play(!timer),
  turn, slides: () => slides(!document.body.classList.contains("slides")), quiz: () => quiz(!asked.on),
};
for (const id in actions) $(id).addEventListener("click", actions[id]);
$("slider").addEventListener("input", () => { play(false); goTo(Number($("slider").value), true); });
$("colour").addEventListener("change", () => { colour = $("colour").value; recolour(); });
const keys = {
  "+": "in", "=": "in", "-": "out", "0": "fit", e: "expand", c: "collapse", n: "forth", p: "back", " ": "play", Home: "first", s: "slides", t: "turn", q: "quiz",
};
addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.id !== "slider") return;
  if (event.target.id === "slider" && !document.body.classList.contains("slides") && /^(Arrow|Home|End)/.test(event.key)) return;
  if (event.target.tagName === "BUTTON" && (event.key === " " || event.key === "Enter")) return;
  if (event.key === "/") { event.preventDefault(); $("search").focus(); return; }
  const large = document.body.classList.contains("slides");
  if (event.key === "Escape") { if (large) slides(false); else if (asked.on) quiz(false); else hide(); return; }
  const turn = large && {ArrowRight: "forth", ArrowDown: "forth", PageDown: "forth", ArrowLeft: "back", ArrowUp: "back", PageUp: "back"}[event.key];
  if (turn) { event.preventDefault(); if (!$(turn).disabled) actions[turn](); return; }
  const arrow = {ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60]}[event.key];
  if (arrow && event.target.id !== "text") { event.preventDefault(); view.x += arrow[0]; view.y += arrow[1]; place(); return; }
  if (event.key === "End" && data.steps.length) { event.preventDefault(); play(false); goTo(data.steps.length, true); return; }
  const id = keys[event.key];
  if (id && !$(id).disabled && !$(id).hidden) { event.preventDefault(); actions[id](); }
});
addEventListener("resize", () => { houseMap(); fit(); });
new ResizeObserver(() => { if (unmoved()) fit(); else placeMap(); }).observe(svg);

function scaleOf(levels) {              // how large the picture can be, closed as it is at first
  const frame = svg.getBoundingClientRect(), {w, h} = levels[""];
  return Math.min((frame.width - 40) / w, (frame.height - 40) / h, 1);
}
function turn() {                        // from downwards to rightwards, and back
  sideways = !sideways;
  data.levels = sideways ? plans.right : plans.down;
  draw();
  recolour();
  fit();
}
function settleTurn() {                  // rightwards where that is clearly larger
  if (!plans.down || !plans.right) { $("turn").hidden = true; return; }
  sideways = scaleOf(plans.right) > 1.25 * scaleOf(plans.down);
  data.levels = sideways ? plans.right : plans.down;
}
settleTurn();
for (const key in data.levels) if (key && key.split("#")[0].split(".").length < data.depth) open.add(key);
plan();
legend();
houseMap();
if (data.film) openFilm();
draw();
goTo(0);
fit();
document.body.dataset.ready = "yes";
