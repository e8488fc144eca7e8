// --- slides: one step a page, large ------------------------------------------------------------------------------------

function light(on) {
  const theme = document.body.dataset.theme;
  document.body.classList.toggle("light", on || theme === "light");
  document.body.classList.toggle("dark", !on && theme === "dark");
}
function slides(on) {
  if (!data.steps.length) return;
  quiz(false);
  play(false);
  hide();
  document.body.classList.toggle("slides", on);
  document.body.classList.toggle("beside", on && !data.film && size.h > .8 * size.w);
  light(on);
  $("slides").textContent = on ? "Leave slides" : "Slides";
  $("slides").setAttribute("aria-pressed", String(on));
  settleTurn();
  draw();
  fit();
}

// Printing gives the whole picture, or in slide mode a page for each step; both in light colours.
function deck() {
  const was = step, many = document.body.classList.contains("slides"), made = tag("div", document.body);
  made.id = "deck";
  const pages = many ? data.steps.map((_, i) => i + 1) : [step];
  for (const page of many ? [0, ...pages] : pages) {
    goTo(page);
    const section = tag("section", made, undefined, page && size.h > .8 * size.w ? "beside" : "");
    tag("h2", section, page && many ? `${data.title}: ${phase()}` : data.title);
    const copy = el("svg", {"class": "wg", viewBox: `-12 -12 ${size.w + 24} ${size.h + 24}`, role: "img", "aria-label": data.description}, section);
    copy.appendChild(world.cloneNode(true)).removeAttribute("transform");
    const said = tag("div", section);
    if (page) said.append(...[...$("step").childNodes].map(n => n.cloneNode(true)));
  }
  goTo(was);
}
addEventListener("beforeprint", () => { light(true); deck(); });
addEventListener("afterprint", () => { if ($("deck")) $("deck").remove(); light(document.body.classList.contains("slides")); });

// --- quiz: the answer before it is seen --------------------------------------------------------------------------------

const asked = {on: false, list: [], at: 0, tries: 0, right: 0, done: new Set()};
const edgeKey = (source, target) => `n${source} n${target}`;
function questions() {
  const list = [];
  data.steps.forEach((now, i) => {
    if (now.way) return;
    for (const sent of now.sends) {
      const twice = now.sends.filter(other => other.to === sent.to).length > 1;
      if (sent.p && !twice) list.push({at: i + 1, n: now.n, to: sent.to, ask: sent.name, want: sent.p, sent, edge: true});
      if (sent.a) list.push({at: i + 1, n: now.n, to: sent.to, ask: sent.goal, want: sent.a, sent, edge: false});
    }
  });
  return list;
}
function quizHides(label) {              // the local derivatives that are still to be asked for
  if (!asked.on || asked.at >= asked.list.length) return false;
  const key = `${label.dataset.s} ${label.dataset.t}`, target = Number(label.dataset.t.slice(1));
  return backAt.get(target) >= asked.list[asked.at].at && !asked.done.has(key);
}
function quiz(on) {
  if (asked.on === on) return;
  if (on) { slides(false); play(false); hide(); }
  Object.assign(asked, {on, list: on ? questions() : [], at: 0, tries: 0, right: 0, done: new Set()});
  $("quiz").textContent = on ? "Leave quiz" : "Quiz";
  $("quiz").setAttribute("aria-pressed", String(on));
  $("ask").hidden = !on;
  for (const id of ["first", "back", "play", "forth", "slider"]) $(id).hidden = on;
  if (on) ask(); else goTo(0);
  $("step").hidden = on || !data.steps.length;
}
function ask() {
  const form = $("ask"), now = asked.list[asked.at];
  form.replaceChildren();
  asked.tries = 0;
  if (!now) {
    tag("p", form, asked.list.length ? `All done: ${asked.right} of ${asked.list.length} right at the first try.` : "There is no derivative of few numbers to ask for in this graph.");
    goTo(0);
    $("step").hidden = true;
    $("count").textContent = "";
    return;
  }
  unfold(now.n);
  unfold(now.to);
  goTo(now.at - 1);
  $("step").hidden = true;
  $("count").textContent = `question ${asked.at + 1} of ${asked.list.length}, ${asked.right} right`;
  const node = data.nodes[now.n], step = data.steps[now.at - 1], target = data.nodes[now.to];
  const many = now.want.length > 1 ? ` (${now.want.length} numbers, with commas between them.)` : "";
  const label = tag("label", form, now.edge ? `What is the local derivative ${now.ask} of ${node.f || node.s}?${many}`
    : `What is the gradient ${now.ask}, all that comes to ${target.s}? (At ${node.s}: ${step.name}${worth(step.ct)}.)${many}`);
  label.htmlFor = "answer";
  const row = tag("div", form, undefined, "row");
  tag("b", row, `${now.ask} = `);
  const input = tag("input", row);
  Object.assign(input, {id: "answer", type: "text", inputMode: "text", autocomplete: "off"});
  const check = tag("button", row, "Check");
  check.type = "submit";
  const give = tag("button", row, "Show");
  give.type = "button";
  give.onclick = () => settle(false);
  const verdict = tag("div", form);
  verdict.id = "verdict";
  verdict.setAttribute("role", "status");
  light_up(now);
  input.focus({preventScroll: true});
}
function light_up(now) {
  for (const g of world.querySelectorAll(".lit")) g.classList.remove("lit");
  const box = shown.get(home(now.edge ? now.n : now.to));
  if (box) box.classList.add("lit");
  for (const part of world.querySelectorAll(`[data-s="n${now.to}"][data-t="n${now.n}"]`)) part.classList.add("lit");
}
function numbers(text) {                 // "1, 2/3" as numbers; NaN for what is none
  return text.replace(/[−–]/g, "-").replace(/[\[\]()]/g, "").split(/[,;]\s*/).map(part => {
    const factors = part.trim().split(/\s*([*·/])\s*/);
    let value = factors[0] === "" ? NaN : Number(factors[0]);
    for (let i = 1; i < factors.length; i += 2) value = factors[i] === "/" ? value / Number(factors[i + 1]) : value * Number(factors[i + 1]);
    return value;
  });
}
const near = (given, want) => Math.abs(given - want) <= Math.max(.01 * Math.abs(want), 1e-6);
function reason(now) {
  const sent = now.sent, own = data.steps[now.at - 1];
  if (now.edge) return sent.rule || sent.back || `${sent.name} = ${sent.partial}`;
  return sent.meet || `${own.name} · ${sent.name} = ${sent.product || sent.sent}`;
}
function settle(right) {
  const now = asked.list[asked.at], verdict = $("verdict");
  asked.done.add(edgeKey(now.to, now.n));
  if (right && asked.tries === 0) asked.right++;
  verdict.replaceChildren();
  tag("b", verdict, right ? "Right. " : "It is: ");
  verdict.append(reason(now));
  if (now.edge && now.sent.partial && !reason(now).endsWith(now.sent.partial)) verdict.append(` = ${now.sent.partial}`);
  if (!now.edge) goTo(now.at); else unveil();
  $("step").hidden = true;
  $("count").textContent = `question ${asked.at + 1} of ${asked.list.length}, ${asked.right} right`;
  light_up(now);
  for (const part of $("ask").querySelectorAll("input,button")) part.disabled = true;
  const next = tag("button", verdict, asked.at + 1 < asked.list.length ? "Next" : "Finish", "next");
  next.type = "button";
  next.onclick = () => { asked.at++; ask(); };
  next.focus({preventScroll: true});
}
$("ask").addEventListener("submit", event => {
  event.preventDefault();
  const now = asked.list[asked.at], given = numbers($("answer").value), verdict = $("verdict");
  if (given.some(Number.isNaN)) { verdict.textContent = "A number is expected, such as 2, −0.5 or 1/3."; return; }
  if (given.length === now.want.length && given.every((x, i) => near(x, now.want[i]))) { settle(true); return; }
  asked.tries++;
  if (asked.tries > 1) { settle(false); return; }
  const hint = now.edge ? (now.sent.rule || "").split(" = ").slice(0, 2).join(" = ") : now.sent.meet
    ? "add what comes along every edge out of it, each the gradient above it times the local derivative"
    : "the gradient that has arrived above, times the local derivative on the edge";
  verdict.textContent = given.length !== now.want.length ? `${now.want.length} numbers are expected.` : hint ? `Not yet. The rule: ${hint}. Once more?` : "Not yet. Once more?";
});
