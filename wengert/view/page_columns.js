// --- columns ----------------------------------------------------------------------------------------------------------
// A level far taller than the window is set in columns, like the lines of a text: broken between ranks, and a line that
// goes on in another column runs below its own, up beside it and into the other from above. A graph that can be read in
// one column, and any on a narrow window, stays in one.

const LANE = 8, GUTTER = 26, TALL = 620, READABLE = .55, SMALL = .65, NARROW = 700;
let broken = false;

function arrange() {
  const frame = svg.getBoundingClientRect();
  broken = false;
  const whole = measure(""), k = level => Math.min((frame.width - 40) / level.w, (frame.height - 40) / level.h);
  broken = !sideways && frame.width >= NARROW && k(whole) < SMALL;
  if (!broken) return whole;
  const set = measure("");
  if (k(set) > 1.25 * k(whole)) return set;
  broken = false;
  return measure("");
}

function columns(level) {
  const frame = svg.getBoundingClientRect(), aspect = frame.width / Math.max(frame.height, 1);
  const score = (w, h) => Math.abs(Math.log(w / h / aspect));
  if (!broken || aspect < 1 || level.h < TALL || level.w / level.h > .8 * aspect) return level;
  let best = null, least = score(level.w, level.h) - .2;
  for (let count = 2; count <= 12; count++) {
    const cut = cuts(level, count);
    if (cut.length < count) break;
    const set = plan_columns(level, cut), now = score(set.w, set.h);
    if (now < least) { best = set; least = now; }
  }
  return best ? set_in(level, best) : level;
}

function spans(level) {                  // from where to where the ranks reach, downwards
  const found = [];
  for (const [top, bottom] of level.items.map(i => [i.cy - i.h / 2, i.cy + i.h / 2]).sort((a, b) => a[0] - b[0])) {
    const last = found.at(-1);
    if (last && top <= last[1] + 1) last[1] = Math.max(last[1], bottom); else found.push([top, bottom]);
  }
  return found;
}
function cuts(level, count) {            // the ranks in at most so many columns, the highest as low as can be
  const ranks = spans(level);
  const fill = most => ranks.reduce((found, rank) => {
    const last = found.at(-1);
    if (last && rank[1] - last[0] <= most) last[1] = rank[1]; else found.push(rank.slice());
    return found;
  }, []);
  let low = Math.max(...ranks.map(([a, b]) => b - a)), high = level.h;
  for (let i = 0; i < 20; i++) { const mid = (low + high) / 2; if (fill(mid).length <= count) high = mid; else low = mid; }
  return fill(high);
}
function plan_columns(level, cut) {      // the columns' extents and lanes: what a level would be in them
  const at = y => { const c = cut.findIndex(([, bottom]) => y <= bottom + 1); return c < 0 ? cut.length - 1 : c; };
  const found = cut.map(([top, bottom]) => ({top, bottom, left: Infinity, right: -Infinity, lanes: new Map()}));
  const reach = (c, x, half) => { found[c].left = Math.min(found[c].left, x - half); found[c].right = Math.max(found[c].right, x + half); };
  const rise = (c, y) => { found[c].top = Math.min(found[c].top, y); };
  for (const item of level.items) reach(at(item.cy), item.cx, item.w / 2);
  let over = 0;
  for (const arrow of level.arrows) arrow.points.forEach(([x, y], i) => {
    const c = at(y), before = i ? at(arrow.points[i - 1][1]) : c;
    reach(c, x, 0);
    rise(c, y);
    if (before === c) return;
    for (const each of [before, c]) reach(each, i ? arrow.points[i - 1][0] : x, 0);
    if (!found[before].lanes.has(arrow.s)) found[before].lanes.set(arrow.s, [found[before].lanes.size, over++]);
  });
  for (const arrow of level.arrows) if (arrow.at) {
    const [x, y] = arrow.at, c = at(y);
    reach(c, x, arrow.lw / 2);
    rise(c, y - 10);
  }
  const head = 14 + LANE * over;
  let x = 0, h = 0;
  for (const column of found) {
    column.x = x;
    x += column.right - column.left + (column === found.at(-1) ? 0 : 2 * GUTTER + LANE * column.lanes.size);
    h = Math.max(h, column.bottom - column.top + (column.lanes.size ? 14 + LANE * column.lanes.size : 0));
  }
  return {found, at, head, w: x, h: h + head};
}
function set_in(level, {found, at, head, w, h}) {
  const moved = (x, y, c) => [x - found[c].left + found[c].x, y - found[c].top + head];
  for (const item of level.items) [item.cx, item.cy] = moved(item.cx, item.cy, at(item.cy));
  for (const arrow of level.arrows) {
    const points = [];
    arrow.points.forEach(([x, y], i) => {
      const c = at(y), before = i ? at(arrow.points[i - 1][1]) : c, to = moved(x, y, c);
      if (before !== c) {
        const from = points.at(-1), column = found[before], [lane, top] = column.lanes.get(arrow.s);
        const low = column.bottom - column.top + head + 12 + LANE * lane, high = head - 12 - LANE * top;
        const beside = column.x + column.right - column.left + GUTTER + LANE * lane;
        points.push([from[0], low, 1], [beside, low, 1], [beside, high, 1], [to[0], high, 1]);
        to.push(1);
      }
      points.push(to);
    });
    arrow.points = points;
    if (arrow.at) arrow.at = moved(...arrow.at, at(arrow.at[1]));
  }
  return {...level, left: 0, top: 0, w, h};
}

