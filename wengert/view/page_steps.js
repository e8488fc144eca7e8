// --- step by step: forward, then back ---------------------------------------------------------------------------------
// Step 0 shows everything; at a later one what has not been computed, and a gradient that has not arrived, is hidden.

const forthAt = new Map(), backAt = new Map(), coming = new Map();
function plan() {
  for (const map of [forthAt, backAt, coming]) map.clear();
  data.steps.forEach((now, i) => {
    if (now.way) for (const id of [now.n, ...(now.also || [])]) forthAt.set(id, i + 1);
    else {
      backAt.set(now.n, i + 1);
      for (const sent of now.sends) {
        if (!coming.has(sent.to)) coming.set(sent.to, []);
        coming.get(sent.to).push(i + 1);
      }
    }
  });
}
const forward = () => data.steps.filter(s => s.way).length;
const computed = id => step === 0 || !forthAt.has(id) || forthAt.get(id) <= step;
function arrived(id) {                   // how many of how many contributions to the gradient of a node are there
  const times = coming.get(id);
  if (!times) return step === 0 || step > forward() ? [1, 1] : [0, 1];
  return step === 0 ? [times.length, times.length] : [times.filter(at => at <= step).length, times.length];
}
function unveil() {                      // what can be seen of the boxes and the labels at this step
  for (const [key, g] of shown) {
    if (key[0] !== "n") continue;
    const id = Number(key.slice(1)), [there, all] = arrived(id);
    for (const text of g.children) {
      if (text.dataset.row === "v" || text.dataset.row === "t") text.classList.toggle("veiled", !computed(id));
      if (text.dataset.row === "g") {
        text.classList.toggle("veiled", !there);
        text.textContent = there === all ? `${text.dataset.text} ` : `grad: ${there} of ${all} `;
        text.removeAttribute("textLength");
        const room = g.querySelector("rect").width.baseVal.value - 12;  // of a box made for what comes in the end
        if (there && there < all && text.getComputedTextLength() > room) {
          text.setAttribute("textLength", room);
          text.setAttribute("lengthAdjust", "spacingAndGlyphs");
        }
      }
    }
    // (its name is what can be seen of it: no answer that is still to be given)
    const said = [...g.children].filter(part => part.tagName === "text" && !part.classList.contains("veiled"));
    if (g.dataset.bad) g.classList.toggle("broken", step === 0 || step === data.steps.length || said.some(text => /NaN|Inf|∞/.test(text.textContent)));
    g.setAttribute("aria-label", said.map(text => text.textContent.trim()).join(" "));
  }
  for (const label of world.querySelectorAll(".l")) {
    const target = Number(label.dataset.t.slice(1)), first = label.firstChild, hidden = !computed(target), asks = quizHides(label);
    for (const part of [label, label.previousElementSibling]) if (part && part.matches(".l, .bg")) part.classList.toggle("veiled", hidden);
    first.dataset.text ??= first.textContent;
    first.textContent = asks ? first.dataset.text.replace(/ = .*/, " = ?") : first.dataset.text;
    for (const back of label.querySelectorAll(".bw")) back.classList.toggle("veiled", asks || step > 0 && !(backAt.get(target) <= step));
    for (const along of label.querySelectorAll(".fw")) along.classList.toggle("veiled", asks);
  }
}

const worth = text => /^norm|empty/.test(text) ? ` (${text})` : ` = ${text}`;
function matrix(parent, picture, turned, caption) {
  const figure = tag("figure", parent), table = tag("table", figure, undefined, picture.h ? "heat" : "");
  let rows = [];
  if (picture.h) rows = picture.h;
  else for (let i = 0; i < picture.r; i++) rows.push(picture.x.slice(i * picture.c, (i + 1) * picture.c));
  if (turned) rows = rows[0].map((_, j) => rows.map(row => row[j]));
  for (const row of rows) {
    const line = tag("tr", table);
    for (const x of row) {
      const cell = tag("td", line, picture.h ? "" : x);
      if (picture.h) cell.style.background = x === 99 ? "var(--bad-b)" : `color-mix(in srgb, var(--${x < 0 ? "mod" : "root"}-b) ${Math.abs(x) * 11}%, var(--bg))`;
    }
  }
  tag("figcaption", figure, caption + (picture.h ? `: entries, largest ${picture.most}` : ""));
  if (picture.h) table.setAttribute("aria-label", `heat map of ${caption}, largest entry ${picture.most}`);
}
function chain(parent, factors, result, caption) {
  const row = tag("div", parent, undefined, "matrices");
  let any = false;
  factors.forEach(([what, id, turned, label], i) => {
    const picture = data.nodes[id][what + "m"];
    if (!picture) return;
    if (any) tag("span", row, "·");
    matrix(row, picture, turned, turned ? `${label}ᵀ` : label);
    any = true;
  });
  if (result && any) { tag("span", row, "="); matrix(row, result, "", caption); }
  else if (result) matrix(row, result, "", caption);
}
function tell(parent, now) {
  const node = data.nodes[now.n];
  if (now.way) {
    const row = tag("div", parent, "");
    tag("b", row, now.text);
    if (now.chain || node.vm) chain(parent, now.chain || [], node.vm, node.s);
    if (!now.move) return;
    tag("div", parent, `It moves by ${now.move}${worth(now.ct)}.`);
    for (const sent of now.sends) {
      const row = tag("div", parent, `From ${data.nodes[sent.to].s} comes `);
      tag("b", row, sent.product ? `${sent.name} · ${sent.goal} = ${sent.product}` : `${sent.name} · ${sent.goal}${worth(sent.sent)}`);
    }
    return;
  }
  tag("div", parent, `At ${node.f || node.s} the gradient ${now.meet || now.name + worth(now.ct)} has arrived.`);
  now.sends.forEach(sent => {
    const part = tag("div", parent, undefined, "sent"), target = data.nodes[sent.to], row = tag("div", part, `To ${target.s} it sends `);
    tag("b", row, sent.product ? `${now.name} · ${sent.name} = ${sent.product}` : sent.back || `${sent.goal}${worth(sent.sent)}`);
    if (sent.rule) { row.append(", as "); tag("i", row, sent.rule); }
    else if (sent.partial && !sent.product && !sent.back) row.append(`, by the local derivative ${sent.name} = ${sent.partial}`);
    if (sent.chain || sent.m || target.gm && !sent.product) chain(part, sent.chain || [], sent.m || target.gm, sent.m ? `to ${target.s}` : sent.goal);
    if (!sent.meet) return;
    const met = tag("div", parent, undefined, "sent"), sum = tag("div", met, `At ${target.s} the contributions meet: `);
    tag("b", sum, sent.meet);
    addUp(met, sent.to, target, now);
  });
}
function addUp(parent, id, target, last) {   // the matrices that meet at a node, and their sum
  const terms = [];
  for (const now of data.steps) if (!now.way) {
    for (const sent of now.sends) if (sent.to === id) terms.push(sent.m);
    if (now === last) break;
  }
  if (!target.gm || target.gm.h || terms.length > 4 || !terms.every(term => term)) return;
  const row = tag("div", parent, undefined, "matrices");
  terms.forEach((term, i) => { if (i) tag("span", row, "+"); matrix(row, term, "", ""); });
  tag("span", row, "=");
  matrix(row, target.gm, "", `the gradient of ${target.s}`);
}
function phase() {
  if (!data.steps.length) return "";
  const ahead = forward(), back = data.steps.length - ahead;
  if (step === 0) return `everything · ${ahead} steps forward${back ? `, ${back} back` : ""}`;
  return step <= ahead ? `forward ${step} of ${ahead}` : `back ${step - ahead} of ${back}`;
}
function intro(line) {
  const back = data.steps.some(s => !s.way);
  line.append("Step forth to see each value computed" + (back ? ", then the gradients." : "."));
  tag("span", line, " " + (back ? "They start at the result with 1 and go against the arrows." : data.why || ""), back ? "more" : "");
}
function goTo(number, follow) {
  step = Math.max(0, Math.min(data.steps.length, number));
  const now = data.steps[step - 1], line = $("step");
  $("count").textContent = phase();
  $("slider").value = step;
  $("slider").setAttribute("aria-valuetext", step ? `${phase()}: ${now.way ? now.text : now.name}` : "everything");
  $("back").disabled = $("first").disabled = step === 0;
  $("forth").disabled = step === data.steps.length;
  $("backward").hidden = line.hidden = !data.steps.length;
  line.replaceChildren();
  if (now) tell(line, now); else intro(line);
  line.scrollTop = 0;
  stretch();
  if (now && follow && !panel.hidden) { selected = String(now.n); show(selected); }
  mark();
  if (now && follow) {
    const g = shown.get(home(now.n)), frame = svg.getBoundingClientRect();
    if (g) { const is = g.getBoundingClientRect(); if (is.top < frame.top || is.bottom > frame.bottom || is.left < frame.left || is.right > frame.right) focusOn(home(now.n)); }
  }
}
const unmoved = () => fitted && ["x", "y", "k"].every(key => Math.abs(view[key] - fitted[key]) < 1e-6);
function stretch() {                     // the strip below is as high as it must be; the picture is fitted again, unless moved
  const before = svg.clientHeight, still = unmoved();
  document.body.classList.toggle("idle", step === 0);
  document.body.classList.toggle("wide", step > 0 && Object.values(data.nodes).some(node => node.vm || node.gm));
  if (still && svg.clientHeight !== before) fit();
}
function play(on) {
  if (timer) clearInterval(timer);
  timer = null;
  if (on && data.steps.length) {
    if (step === data.steps.length) goTo(0);
    timer = setInterval(() => { goTo(step + 1, true); if (step === data.steps.length) play(false); }, 1200);
  }
  $("play").textContent = timer ? "‖ Pause" : "▶ Play";
  $("play").setAttribute("aria-label", timer ? "Pause" : "Play");
}
