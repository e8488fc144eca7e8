"use strict";
// Shows the levels of a computation graph. Every level was laid out on its own; an expanded module pushes what stands
// in its rank aside by half of what it grew, and the ranks before and behind it, so that everything keeps its order.
const data = JSON.parse(document.getElementById("data").textContent);
const $ = id => document.getElementById(id);
const NS = "http://www.w3.org/2000/svg";
const svg = $("picture"), world = $("world"), panel = $("panel");
const PAD = 18, BAR = 30, plans = {down: data.down, right: data.right};
let sideways = !data.down;
data.levels = data.down || data.right;
const open = new Set();
let fitted = null, view = {x: 0, y: 0, k: 1}, selected = null, step = 0, timer = null, colour = "", shown = new Map(), size = {w: 1, h: 1};

function el(name, attributes, parent, text) {
  const made = document.createElementNS(NS, name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  if (text !== undefined) made.textContent = text;
  if (parent) parent.appendChild(made);
  return made;
}
function tag(name, parent, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  parent.appendChild(made);
  return made;
}

// --- places ---------------------------------------------------------------------------------------------------------

// The ranks in which boxes grew: only what stands in the same rank is pushed aside, all before and behind it along.
function ranksOf(items, grown) {
  const found = new Map(), at = box => Math.round(10 * (sideways ? box.x : box.y)) / 10;
  for (const g of grown) {
    const key = at(g);
    if (!found.has(key)) found.set(key, {at: key, deep: 0, half: 1, boxes: []});
    const rank = found.get(key);
    rank.deep = Math.max(rank.deep, sideways ? g.dw : g.dh);
    rank.boxes.push(sideways ? [g.y, g.dh] : [g.x, g.dw]);
  }
  for (const item of items) {
    const rank = found.get(at(item));
    if (rank) rank.half = Math.max(rank.half, (sideways ? item.w : item.h) / 2 + 1);
  }
  return [...found.values()];
}

function measure(key) {
  const level = data.levels[key], grown = [];
  const items = level.items.map(item => {
    if (item.k !== "module" || !open.has(item.id)) return {...item, cx: item.x, cy: item.y};
    const inner = measure(item.id);
    const w = Math.max(inner.w + 2 * PAD, item.w), h = inner.h + 2 * PAD + BAR;
    grown.push({x: item.x, y: item.y, dw: w - item.w, dh: h - item.h});
    return {...item, cx: item.x, cy: item.y, w, h, inner};
  });
  const ranks = ranksOf(level.items, grown);
  const move = (x, y) => {
    let along = sideways ? x : y, across = sideways ? y : x;
    const a = along, c = across;
    for (const rank of ranks) {
      if (a > rank.at + .5) along += rank.deep / 2; else if (a < rank.at - .5) along -= rank.deep / 2;
      if (Math.abs(a - rank.at) > rank.half) continue;
      for (const [at, wide] of rank.boxes) if (c > at + .5) across += wide / 2; else if (c < at - .5) across -= wide / 2;
    }
    return sideways ? [along, across] : [across, along];
  };
  let left = 0, top = 0, right = 1, bottom = 1;
  for (const item of items) {
    [item.cx, item.cy] = move(item.x, item.y);
    left = Math.min(left, item.cx - item.w / 2); right = Math.max(right, item.cx + item.w / 2);
    top = Math.min(top, item.cy - item.h / 2); bottom = Math.max(bottom, item.cy + item.h / 2);
  }
  const arrows = level.arrows.map(arrow => {
    const points = arrow.p.map(([x, y]) => move(x, y));
    const s = items[arrow.s], t = items[arrow.t];
    if (!arrow.b) points[0] = sideways ? [s.cx + s.w / 2, s.cy] : [s.cx, s.cy + s.h / 2];
    points[points.length - 1] = sideways ? [t.cx - t.w / 2, t.cy] : [t.cx, t.cy - t.h / 2];
    return {...arrow, points, at: arrow.at && move(...arrow.at)};
  });
  for (const arrow of arrows) if (arrow.b) leave(arrow, arrows);
  const reach = (x, y, wide, tall) => {
    left = Math.min(left, x - wide); right = Math.max(right, x + wide);
    top = Math.min(top, y - tall); bottom = Math.max(bottom, y + tall);
  };
  for (const arrow of arrows) {
    for (const [x, y] of arrow.points) reach(x, y, 0, 0);
    if (arrow.at) reach(...arrow.at, arrow.lw / 2, 10);
  }
  return columns({key, items, arrows, left, top, w: right - left, h: bottom - top});
}

// A branch leaves its trunk where that is after modules have opened: on a straight run of it, or where such a run ends.
function leave(branch, arrows) {
  const a = sideways ? 0 : 1, c = 1 - a, [at, across] = [branch.p[0][a], branch.p[0][c]];
  for (const trunk of arrows) {
    if (trunk.s !== branch.s || trunk.b || trunk.l) continue;
    const i = trunk.p.findIndex((from, k) => k + 1 < trunk.p.length && from[a] <= at && at <= trunk.p[k + 1][a]
      && (Math.abs(from[c] - across) < 1 && Math.abs(trunk.p[k + 1][c] - across) < 1 || from[a] === at && from[c] === across));
    if (i < 0) continue;
    const [from, to] = [trunk.points[i], trunk.points[i + 1]];
    if (Math.abs(from[c] - to[c]) < 1) branch.points[0][c] = from[c]; else branch.points[0] = from.slice();
    return;
  }
}

function path(points) {
  let d = `M${points[0][0]} ${points[0][1]}`;
  for (let i = 1; i < points.length; i++) {
    const [a, b] = points[i - 1], [x, y] = points[i];
    if (points[i][2] || Math.abs(sideways ? y - b : x - a) < .6) d += `L${x} ${y}`;
    else d += sideways ? `C${(a + x) / 2} ${b} ${(a + x) / 2} ${y} ${x} ${y}` : `C${a} ${(b + y) / 2} ${x} ${(b + y) / 2} ${x} ${y}`;
  }
  return d;
}

// --- drawing --------------------------------------------------------------------------------------------------------

function draw() {
  const focus = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.key : null;
  world.replaceChildren();
  shown = new Map();
  const whole = arrange();
  size = {w: whole.w, h: whole.h};
  paint(whole, world, -whole.left, -whole.top);
  mark();
  drawMap();
  if (focus && shown.has(focus)) shown.get(focus).focus();
}

function paint(level, parent, dx, dy) {
  const group = el("g", {transform: `translate(${dx} ${dy})`}, parent);
  const edges = el("g", {"class": "edges"}, group), boxes = el("g", {"class": "nodes"}, group), labels = el("g", {}, group);
  const taken = new Map();
  for (const arrow of level.arrows) {
    const points = arrow.points.slice(), [x, y, straight] = points[points.length - 1];
    points[points.length - 1] = sideways ? [x - 7, y] : [x, y - 7, straight];
    const keys = {"data-s": name(level.items[arrow.s]), "data-t": name(level.items[arrow.t])};
    el("path", {"class": "e", d: path(points), ...keys}, edges);
    el("path", {"class": "a", d: sideways ? `M${x} ${y}l-9 -4.5v9z` : `M${x} ${y}l-4.5 -9h9z`, ...keys}, edges);
    const said = labelOf(arrow, level, taken);
    if (said) {
      const behind = sideways ? null : el("rect", {"class": "bg"}, labels), [lx, ly] = arrow.at;
      const text = el("text", {"class": "l", x: lx, y: ly + (sideways ? -5 : 4), ...keys}, labels);
      said.split("\u2003").forEach((part, i) => el("tspan", {"class": {"→": "fw", "←": "bw"}[part[0]] || ""}, text, (i ? "\u2003" : "") + part));
      if (behind) {                        // the label interrupts its line
        const wide = text.getComputedTextLength() + 4;
        for (const [key, value] of Object.entries({x: lx - wide / 2, y: ly - 9, width: wide, height: 18})) behind.setAttribute(key, value);
      }
    }
  }
  for (const item of level.items) box(item, boxes);
}

const name = item => (item.k === "module" ? "m" : item.k === "port" ? "p" : "n") + item.id;

function box(item, parent) {
  const x = item.cx - item.w / 2, y = item.cy - item.h / 2, key = name(item);
  const classes = ["node", item.k, item.root ? "root" : "", item.bad ? "broken" : "", item.inner ? "open" : ""];
  // What opens and closes is a box beside the boxes in it, not around them; its name is what it says, with spaces.
  const title = item.k === "module" ? `${item.t}  ${item.inner ? "−" : "+"}` : item.t;
  const label = [item.k === "module" ? "module" : "", title.replace("  ", " "), ...(item.inner ? [] : item.r || [])].join(" ").trim();
  if (item.inner) parent = el("g", {"class": "frame"}, parent);
  const g = el("g", {"class": classes.filter(Boolean).join(" "), "data-key": key, tabindex: 0, role: "button", "aria-label": label}, parent);
  if (item.k === "module") g.setAttribute("aria-expanded", String(!!item.inner));
  if (item.bad) g.dataset.bad = "yes";
  const r = item.k === "leaf" ? Math.min(item.h / 2, 18) : item.k === "output" ? 14 : 7;
  if (item.k === "module" && !item.inner) el("rect", {"class": "b", x: x + 4, y: y + 4, width: item.w, height: item.h, rx: 6}, g);
  el("rect", {"class": "b", x, y, width: item.w, height: item.h, rx: r}, g);
  if (item.inner) {
    el("rect", {"class": "bar", x: x + 1, y: y + 1, width: item.w - 2, height: BAR - 4, rx: 6}, g);
    el("text", {"class": "t", x: item.cx, y: y + 19}, g, title);
    paint(item.inner, parent, x + (item.w - item.inner.w) / 2 - item.inner.left, y + BAR + PAD - item.inner.top);
  } else {
    const rows = item.r || [], top = item.cy - 8.5 * rows.length;
    el("text", {"class": "t", x: item.cx, y: top + 4.7}, g, `${title} `);
    rows.forEach((row, i) => {
      const what = /^grad /.test(row) ? "g" : /^tangent /.test(row) ? "t" : i === 0 && item.v ? "v" : "";
      el("text", {"class": what === "g" || what === "t" ? "s" : "r", x: item.cx, y: top + 17 * (i + 1) + 4.5, "data-row": what, "data-text": row}, g, `${row} `);
    });
  }
  if (!shown.has(key)) shown.set(key, g);
  const act = event => { event.stopPropagation(); if (!moved) choose(item); };
  g.addEventListener("click", act);
  g.addEventListener("keydown", event => {
    if (event.key === "Enter" && event.target === g) { event.preventDefault(); event.stopPropagation(); choose(item); }
  });
}

function choose(item) {
  if (item.k === "module") toggle(item.id);
  else reveal(item.id, false);
}

function toggle(key) {
  const before = shown.get("m" + key), was = before && before.getBoundingClientRect(), whole = unmoved();
  if (!open.delete(key)) open.add(key);
  draw();
  const frame = svg.getBoundingClientRect();
  if (whole && Math.min((frame.width - 40) / size.w, (frame.height - 40) / size.h) >= READABLE) { fit(); return; }
  const now = shown.get("m" + key);
  if (was && now) {                      // what was clicked stays where it is
    const is = now.getBoundingClientRect();
    view.x += was.left + was.width / 2 - is.left - is.width / 2;
    view.y += was.top - is.top;
    place();
  }
}

// --- what is lit, passed, coloured ----------------------------------------------------------------------------------

function home(id) {                      // the box that stands for a node: itself, or the outermost closed module around it
  if (shown.has("n" + id)) return "n" + id;
  let best = null;
  for (let key = data.nodes[id] ? data.nodes[id].home : ""; key; key = data.levels[key].parent) if (shown.has("m" + key) && !open.has(key)) best = "m" + key;
  return best;
}

function mark() {
  for (const g of world.querySelectorAll(".lit,.passed,.selected")) g.classList.remove("lit", "passed", "selected");
  for (const [key, g] of shown) tint(key, g);
  if (selected !== null) { const key = home(selected); if (key) shown.get(key).classList.add("selected"); }
  data.steps.slice(step > forward() ? forward() : 0, Math.max(0, step - 1)).forEach(s => { const key = home(s.n); if (key) shown.get(key).classList.add("passed"); });
  unveil();
  const now = data.steps[step - 1];
  if (!now) return;
  const target = home(now.n);
  if (target) shown.get(target).classList.add("lit");
  const lit = new Set(now.way ? data.nodes[now.n].in.map(([id]) => home(id)) : now.sends.map(s => home(s.to)));
  for (const part of world.querySelectorAll(`[data-t="${CSS.escape(target || "")}"]`)) {
    if (lit.has(part.dataset.s) || lit.has(part.dataset.s.replace(/^p/, "n"))) part.classList.add("lit");
  }
}

function amount(key) {
  const ids = key[0] === "m" ? Object.keys(data.nodes).filter(id => inside(id, key.slice(1))) : [key.slice(1)];
  const values = ids.map(id => (data.nodes[id] && data.nodes[id].c[colour]) || 0);
  const adds = colour === "time" || colour === "memory" || colour === "nan";
  return adds ? values.reduce((a, b) => a + b, 0) : Math.max(0, ...values);
}
function inside(id, key) {
  for (let at = data.nodes[id].home; at; at = data.levels[at].parent) if (at === key) return true;
  return false;
}
function tint(key, g) {
  const rects = [...g.children].filter(c => c.classList.contains("b"));
  if (!colour || key[0] === "p" || g.classList.contains("open")) { rects.forEach(r => r.style.fill = ""); return; }
  const value = amount(key), part = tint.most > 0 && value > 0 ? Math.log1p(999 * value / tint.most) / Math.log(1000) : 0;
  const hue = colour === "nan" ? 0 : 28;
  rects.forEach(r => r.style.fill = part ? `hsl(${hue} 90% 55% / ${(.08 + .72 * part).toFixed(2)})` : "var(--bg)");
  g.dataset.amount = value;
}
function recolour() {
  tint.most = colour ? Math.max(0, ...[...shown.keys()].filter(k => k[0] !== "p").map(amount)) : 0;
  mark();
}

// --- the side panel -------------------------------------------------------------------------------------------------

function rows(parent, pairs) {
  const list = tag("dl", parent);
  for (const [word, text] of pairs) { tag("dt", list, word); tag("dd", list, text); }
}
function histogram(parent, bars) {
  const counts = bars.slice(0, -2), most = Math.max(...counts), chart = el("svg", {viewBox: "0 0 256 78", width: "100%", role: "img",
    "aria-label": `histogram from ${bars.at(-2)} to ${bars.at(-1)}`});
  counts.forEach((n, i) => el("rect", {x: 16 * i + 1, y: 60 - 58 * n / most, width: 14, height: 58 * n / most}, chart));
  el("text", {x: 0, y: 74}, chart, bars.at(-2));
  el("text", {x: 256, y: 74, style: "text-anchor:end"}, chart, bars.at(-1));
  parent.appendChild(chart);
}
function show(id) {
  const node = data.nodes[id], held = document.activeElement, action = panel.contains(held) ? held.dataset.action : null;
  panel.replaceChildren();
  panel.hidden = false;
  const close = tag("button", panel, "×", "close");
  close.setAttribute("aria-label", "Close");
  close.onclick = hide;
  tag("h2", panel, node.f || node.s);
  rows(panel, node.d.length ? node.d : [["kind", node.k]]);
  for (const [key, title] of [["v", "Value"], ["t", "Tangent"], ["g", "Gradient"]]) {
    if (!node[key] || key === "v" && !computed(Number(id))) continue;
    tag("h3", panel, title);
    const [there, all] = arrived(Number(id));
    if (key === "g" && there < all) { tag("div", panel, there ? `${there} of ${all} contributions have arrived` : "has not arrived yet"); continue; }
    rows(panel, node[key]);
    if (node[key + "m"]) matrix(panel, node[key + "m"], "", title.toLowerCase());
    if (node[key + "h"]) histogram(panel, node[key + "h"]);
  }
  const own = data.steps.map((s, i) => String(s.n) === String(id) ? i : -1).filter(i => i >= 0), back = own.find(i => !data.steps[i].way);
  const at = own.includes(step - 1) ? step - 1 : back === undefined ? own.length ? own[0] : -1 : back;
  if (at >= 0) {
    tag("h3", panel, data.steps[at].way ? `Forward pass: step ${at + 1} of ${forward()}` : `Backward pass: step ${at + 1 - forward()} of ${data.steps.length - forward()}`);
    if (step === at + 1) tell(panel, data.steps[at]);
    else tag("button", panel, "Go to this step", "go").onclick = () => { play(false); goTo(at + 1, true); };
    const group = tag("span", panel, "", "group");
    for (const [action, sign, label] of [["back", "◀", "Step back"], ["play", timer ? "‖ Pause" : "▶ Play", timer ? "Pause" : "Play"], ["forth", "▶", "Step forth"]]) {
      const button = tag("button", group, sign);
      button.dataset.action = action;
      button.setAttribute("aria-label", label);
      button.disabled = action === "back" ? step === 0 : step === data.steps.length && action === "forth";
      button.onclick = () => { actions[action](); if (action === "play") show(selected); };
    }
  }
  if (node.line) {
    tag("h3", panel, node.line.split(/[\\/]/).pop());
    const lines = data.sources[node.line], at = node.line.split(":").pop();
    if (lines) { const pre = tag("pre", panel); pre.tabIndex = 0; for (const [n, text] of lines) tag(String(n) === at ? "b" : "span", pre, `${String(n).padStart(4)}  ${text}\n`); }
  }
  if (node.in.length) tag("h3", panel, "Operands");
  for (const [source, symbol, partial] of node.in) go(source, partial ? `${symbol}   ∂${node.s}/∂${symbol} = ${partial}` : symbol);
  if (node.out.length) tag("h3", panel, "Used by");
  for (const user of node.out.slice(0, 40)) go(user, data.nodes[user].f || data.nodes[user].s);
  const again = action && panel.querySelector(`[data-action=${action}]:enabled`);
  if (again) again.focus();
}
function go(id, text) { tag("button", panel, text, "go").onclick = () => reveal(id, true); }
function hide() { panel.hidden = true; selected = null; mark(); }

function unfold(id) {
  let changed = false;
  for (let key = data.nodes[id].home; key; key = data.levels[key].parent) if (!open.has(key)) { open.add(key); changed = true; }
  if (changed) draw();
}
function reveal(id, centre) {
  if (!data.nodes[id]) return;
  selected = id;
  unfold(id);
  mark();
  show(id);
  if (centre) focusOn(home(id));
}
function focusOn(key) {
  const g = key && shown.get(key);
  if (!g) return;
  const is = g.getBoundingClientRect(), frame = svg.getBoundingClientRect();
  view.x += frame.left + frame.width / 2 - is.left - is.width / 2;
  view.y += frame.top + frame.height / 2 - is.top - is.height / 2;
  place();
}

// --- moving and zooming ---------------------------------------------------------------------------------------------

function place() { world.setAttribute("transform", `translate(${view.x} ${view.y}) scale(${view.k})`); placeMap(); }
function zoom(factor, x, y) {
  const frame = svg.getBoundingClientRect();
  x = x === undefined ? frame.width / 2 : x - frame.left;
  y = y === undefined ? frame.height / 2 : y - frame.top;
  const k = Math.max(.02, Math.min(8, view.k * factor));
  view = {x: x - (x - view.x) * k / view.k, y: y - (y - view.y) * k / view.k, k};
  place();
}
function fit() {
  const frame = svg.getBoundingClientRect();
  let k = Math.min((frame.width - 40) / size.w, (frame.height - 40) / size.h, 1.6);
  const readable = document.body.classList.contains("slides") ? 0 : Math.min(READABLE, sideways ? (frame.height - 40) / size.h : (frame.width - 40) / size.w);
  if (k < .85 * readable) k = readable;  // a long graph begins at its first row, at a size at which it can be read
  k = Math.max(k, .02);
  const tall = size.h * k > frame.height - 40, wide = size.w * k > frame.width - 40;
  fitted = null;
  view = {x: wide ? 20 : (frame.width - size.w * k) / 2, y: tall ? 20 : (frame.height - size.h * k) / 2, k};
  fitted = {...view};
  place();
}

const fingers = new Map();
let moved = false, start = null;
svg.addEventListener("pointerdown", event => { fingers.set(event.pointerId, event); moved = false; start = [event.clientX, event.clientY]; });
addEventListener("pointermove", event => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  const others = [...fingers.values()].filter(f => f.pointerId !== event.pointerId);
  if (others.length === 1) {
    const o = others[0], was = Math.hypot(before.clientX - o.clientX, before.clientY - o.clientY);
    zoom(Math.hypot(event.clientX - o.clientX, event.clientY - o.clientY) / Math.max(was, 1), (event.clientX + o.clientX) / 2, (event.clientY + o.clientY) / 2);
    moved = true;
  } else if (moved || Math.hypot(event.clientX - start[0], event.clientY - start[1]) > 4) {
    moved = true;
    svg.classList.add("drag");
    view.x += event.clientX - before.clientX;
    view.y += event.clientY - before.clientY;
    place();
  }
  fingers.set(event.pointerId, event);
});
for (const end of ["pointerup", "pointercancel"]) addEventListener(end, event => { fingers.delete(event.pointerId); svg.classList.remove("drag"); });
svg.addEventListener("wheel", event => { event.preventDefault(); zoom(Math.exp(-event.deltaY * (event.deltaMode ? .05 : .0015)), event.clientX, event.clientY); }, {passive: false});

// --- search ---------------------------------------------------------------------------------------------------------

let hits = [], at = 0;
function search() {
  const text = $("search").value.trim().toLowerCase(), list = $("results");
  list.replaceChildren();
  hits = !text ? [] : Object.entries(data.nodes).filter(([, n]) => `${n.s} ${n.o} ${n.f || ""} ${n.home} ${n.line || ""}`.toLowerCase().includes(text)).slice(0, 50);
  at = 0;
  hits.forEach(([id, node], i) => {
    const row = tag("li", list, node.f || node.s);
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", String(i === at));
    if (node.home) tag("small", row, `  ${node.home}`);
    row.onclick = () => found(i);
  });
  if (text && !hits.length) {
    const none = tag("li", list, "nothing found");
    none.setAttribute("role", "option");
    none.setAttribute("aria-disabled", "true");
  }
  list.hidden = !text;
}
function found(i) {
  if (!hits[i]) return;
  $("results").hidden = true;
  reveal(hits[i][0], true);
  const g = shown.get(home(hits[i][0]));
  (g || svg).focus({preventScroll: true});
}
$("search").addEventListener("input", search);
$("search").addEventListener("keydown", event => {
  if (event.key === "Enter") found(at);
  else if (event.key === "Escape") { $("search").value = ""; search(); svg.focus(); }
  else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    at = Math.max(0, Math.min(hits.length - 1, at + (event.key === "ArrowDown" ? 1 : -1)));
    [...$("results").children].forEach((row, i) => row.setAttribute("aria-selected", String(i === at)));
  }
});
