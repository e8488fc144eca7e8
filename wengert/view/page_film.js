// --- a training as a film: a slider over its steps, the loss, and a line between two classes -------------------------------

let frame = 0, reel = null;
function labelOf(arrow, level, taken) {  // of several edges between the same two boxes each its own
  if (!data.film || !arrow.l) return arrow.l;
  const key = `${level.items[arrow.s].id}>${level.items[arrow.t].id}`, at = taken.get(key) || 0;
  taken.set(key, at + 1);
  return (data.film.frames[frame].labels[key] || [])[at] || "";
}
function setFrame(number) {
  frame = Math.max(0, Math.min(data.film.frames.length - 1, number));
  const now = data.film.frames[frame];
  for (const id in now.nodes) {
    const node = data.nodes[id];
    for (const key of Object.keys(node)) if (/^[vtg][mh]?$/.test(key)) delete node[key];
    Object.assign(node, now.nodes[id]);
  }
  for (const levels of [plans.down, plans.right]) for (const key in levels || {}) for (const item of levels[key].items) {
    if (item.k !== "module" && item.k !== "port") item.r = now.rows[item.id];
  }
  data.steps = now.steps;
  plan();
  draw();
  recolour();
  goTo(step);
  if (!panel.hidden && selected !== null) show(selected);
  const slider = $("frame"), loss = data.film.losses[frame], text = `step ${data.film.steps[frame]}` + (Number.isFinite(loss) ? `, loss ${loss.toPrecision(4)}` : "");
  slider.value = frame;
  slider.setAttribute("aria-valuetext", text);
  $("when").textContent = text;
  moveMarks();
}
function run(on) {
  if (reel) clearInterval(reel);
  reel = null;
  if (on) {
    if (frame === data.film.frames.length - 1) setFrame(0);
    reel = setInterval(() => { setFrame(frame + 1); if (frame === data.film.frames.length - 1) run(false); }, 250);
  }
  $("run").textContent = reel ? "‖ Pause" : "▶ Train";
}
const W = 280, H = 170, EDGE = 22;
function scale(values, from, to) {
  const low = Math.min(...values), high = Math.max(...values), span = high - low || 1;
  return value => from + (value - low) / span * (to - from);
}
let curve = null, plane = null;
function openFilm() {
  const film = data.film, side = $("film");
  side.hidden = false;
  tag("h2", side, "Training");
  const slider = tag("input", side);
  Object.assign(slider, {id: "frame", type: "range", min: 0, max: film.frames.length - 1, value: 0});
  slider.setAttribute("aria-label", "Step of the training");
  slider.oninput = () => { run(false); setFrame(Number(slider.value)); };
  const row = tag("div", side, undefined, "row"), button = tag("button", row, "▶ Train");
  button.id = "run";
  button.onclick = () => run(!reel);
  tag("span", row, "").id = "when";
  const known = film.losses.map((loss, i) => [film.steps[i], loss]).filter(pair => Number.isFinite(pair[1]));
  if (known.length > 1) curve = openCurve(side, known);
  if (film.places) plane = openPlane(side, film);
  setFrame(0);
}
function chart(side, label) {
  const made = el("svg", {viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": label}, side);
  el("path", {"class": "axis", d: `M${EDGE} 6V${H - EDGE}H${W - 4}`}, made);
  return made;
}
function openCurve(side, known) {
  const made = chart(side, `the loss from ${known[0][1].toPrecision(3)} to ${known.at(-1)[1].toPrecision(3)}`);
  const x = scale(known.map(p => p[0]), EDGE, W - 10), y = scale(known.map(p => p[1]), H - EDGE, 12);
  el("path", {"class": "curve", d: "M" + known.map(([a, b]) => `${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("L")}, made);
  el("text", {x: EDGE + 12, y: 16}, made, `loss, at most ${Math.max(...known.map(p => p[1])).toPrecision(3)}`);
  el("text", {x: W - 60, y: H - 6}, made, `step ${known.at(-1)[0]}`);
  return {x, y, dot: el("circle", {"class": "now", r: 4.5}, made)};
}
function openPlane(side, film) {
  const made = chart(side, "the points of two classes, and the line between them"), [xs, ys] = [0, 1].map(i => film.places.map(p => p[i]));
  const x = scale(xs, EDGE + 8, W - 14), y = scale(ys, H - EDGE - 8, 14), first = Math.max(...film.classes);
  film.places.forEach(([a, b], i) => el("circle", {"class": film.classes[i] === first ? "one" : "other", cx: x(a), cy: y(b), r: 4}, made));
  const range = values => [Math.min(...values), Math.max(...values)];
  return {x, y, xs: range(xs), ys: range(ys), line: el("path", {"class": "between"}, made)};
}
function moveMarks() {
  const film = data.film, loss = film.losses[frame];
  if (curve && Number.isFinite(loss)) { curve.dot.setAttribute("cx", curve.x(film.steps[frame])); curve.dot.setAttribute("cy", curve.y(loss)); }
  if (!plane) return;
  const [a, b, c] = film.lines[frame], ends = [];
  const pad = .05, [l, r] = plane.xs, [low, high] = plane.ys, dx = pad * (r - l), dy = pad * (high - low);
  const box = {l: l - dx, r: r + dx, low: low - dy, high: high + dy};
  if (b) for (const x of [box.l, box.r]) { const y = -(a * x + c) / b; if (y >= box.low && y <= box.high) ends.push([x, y]); }
  if (a) for (const y of [box.low, box.high]) { const x = -(b * y + c) / a; if (x >= box.l && x <= box.r) ends.push([x, y]); }
  plane.line.setAttribute("d", ends.length > 1 ? `M${plane.x(ends[0][0])} ${plane.y(ends[0][1])}L${plane.x(ends[1][0])} ${plane.y(ends[1][1])}` : "");
  plane.line.dataset.shown = String(ends.length > 1);
}
