// ---- candidates --------------------------------------------------------------------------------

function describe(i) {
  const lines = [`#${C.number[i]} · generation ${C.generation[i]}${ISLANDS.length > 1 ? ` · island ${C.island[i]}` : ""}`];
  lines.push(C.r2[i] === null ? `${WORD(C.status[i])}` : `held-out R² ${r2(C.r2[i])} · score ${r2(C.score[i])}`);
  if (C.params[i] !== null) lines.push(`${plural(C.params[i], "parameter")} a group`);
  const note = WORD(C.note[i]);
  lines.push(`${WORD(C.proposer[i])}${note ? `: ${note}` : ""}`);
  return lines.join("\n");
}
function reference(number) {
  return el("button", { type: "button", class: "link", onclick: () => open(number) }, `#${number}`);
}
function diffBlock(text) {
  const lines = text.replace(/\n$/, "").split("\n");
  return el("pre", { class: "diff", tabindex: "0" }, lines.map((l) => {
    const kind = /^(\+\+\+|---|@@)/.test(l) ? "at" : l[0] === "+" ? "add" : l[0] === "-" ? "del" : "";
    return el("span", { class: kind }, l || " ");
  }));
}
function cutTable(cuts) {
  return el("div", { class: "scroll" }, el("table", null,
    el("thead", null, el("tr", null, ["cut", "R²", "", "mean |error|", "fitted on", "judged on"].map((t) => el("th", { scope: "col" }, t)))),
    el("tbody", null, cuts.map((cut) => el("tr", null,
      el("td", null, cut.name), el("td", null, r2(cut.r2)),
      el("td", { style: { width: "110px", textAlign: "left" } }, el("span", { class: "bar", style: { width: `${Math.max(0, cut.r2) * 90}px` } })),
      el("td", null, `${(100 * cut.error).toFixed(2)} %`), el("td", null, `${cut.fit_rows} rows`), el("td", null, `${cut.held_out_rows} rows`))))));
}
function open(number) {
  hideTip();
  const i = AT.get(number);
  if (i === undefined) return;
  const dialog = document.getElementById("candidate");
  const known = D.details[number];
  const parents = C.parents[i];
  const facts = [
    ["Status", WORD(C.status[i])], ["Held-out R²", r2(C.r2[i])], ["Score", r2(C.score[i])],
    ["Place", `generation ${C.generation[i]}, island ${C.island[i]}`],
    ["Parameters", C.params[i] === null ? "–" : `${C.params[i]} a group, ${plural(C.literals[i] || 0, "literal")}`],
    ["Parents", parents.length ? parents.map((p) => [reference(p), " "]).flat() : "none"],
    ["Made by", `${WORD(C.proposer[i])}${known && known.arm ? ` (${known.arm})` : ""}${(known ? known.change : WORD(C.note[i])) ? `: ${known ? known.change : WORD(C.note[i])}` : ""}`],
  ];
  if (known && known.exemplars.length) facts.push(["Was shown", known.exemplars.map((p) => [reference(p), " "]).flat()]);
  if (known && known.reason) facts.push(["Why not", known.reason]);
  if (known && known.seconds.cpu !== undefined) facts.push(["CPU seconds", known.seconds.cpu.toFixed(2)]);
  for (const call of (known && known.calls) || []) {
    const cost = call.usd === null ? "price unknown" : `$${short(call.usd, 3)}`;
    facts.push([`Call, ${call.kind}`, `${call.model}: ${call.outcome}, ${count(call.input_tokens)} tokens in, ${count(call.output_tokens)} out, ${cost}`]);
  }
  if (known) for (const words of known.warnings) facts.push(["Warning", words]);
  const parts = [];
  if (known) {
    if (known.cuts.length) parts.push(el("h3", null, "Cuts"), cutTable(known.cuts));
    if (known.diff) parts.push(el("h3", null, `What changed from #${parents[0]}`), diffBlock(known.diff));
    const texts = [["Program", known.source], ["Printed", known.output]];
    for (const call of known.calls) texts.push([`Prompt, ${call.kind}`, call.prompt], [`Reply, ${call.kind}`, call.reply]);
    for (const [title, text] of texts) {
      if (text) parts.push(el("details", null, el("summary", null, title), el("pre", { tabindex: "0" }, text)));
    }
  } else {
    parts.push(el("p", { class: "note" }, `Programs are kept in this page for the path to the best and the best ${D.top}; \`sldagent lineage show ${D.run.name} ${number}\` shows this one.`));
  }
  dialog.replaceChildren(
    el("div", { class: "top" }, el("h2", { id: "candidate-title" }, `Candidate #${number}`),
      el("button", { type: "button", onclick: () => dialog.close() }, "Close")),
    el("dl", null, facts.map(([k, v]) => [el("dt", null, k), el("dd", null, v)]).flat()), ...parts);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

// ---- header ------------------------------------------------------------------------------------

// Formulas arrive as MathML text; only elements of this list are made from it.
const MATH = new Set("math mrow mi mo mn msup msub msubsup mfrac msqrt mroot mtext mspace mfenced mover munder mtable mtr mtd mstyle".split(" "));
function mathml(text) {
  const parsed = new DOMParser().parseFromString(text, "application/xml");
  if (parsed.querySelector("parsererror")) return null;
  const copy = (node) => {
    if (node.nodeType === Node.TEXT_NODE) return document.createTextNode(node.data);
    if (node.nodeType !== Node.ELEMENT_NODE || !MATH.has(node.localName)) return null;
    const made = document.createElementNS("http://www.w3.org/1998/Math/MathML", node.localName === "mfenced" ? "mrow" : node.localName);
    const inner = [...node.childNodes].map(copy).filter((n) => n);
    if (node.localName === "mfenced") {
      const mo = (c) => { const o = document.createElementNS("http://www.w3.org/1998/Math/MathML", "mo"); o.textContent = c; return o; };
      inner.unshift(mo("("));
      inner.push(mo(")"));
    }
    made.append(...inner);
    if (node.localName === "math") made.setAttribute("display", "block");
    if (node.localName === "mtable") made.setAttribute("displaystyle", "true");
    return made;
  };
  return copy(parsed.documentElement);
}
function formulaBox() {
  const law = D.law || {};
  const formula = law.formula || {};
  const box = el("div", { class: "formula", id: "formula", tabindex: "0" });
  const typeset = formula.mathml ? mathml(formula.mathml) : null;
  if (typeset) {
    box.append(typeset);
    const numbers = formula.numbers ? mathml(formula.numbers) : null;
    if (numbers) box.append(el("div", { class: "numbers" }, numbers));
  }
  else if (formula.text) box.append(el("pre", null, formula.text));
  else box.append(el("p", { class: "quiet" }, `The law is code${formula.reason ? ` (${formula.reason})` : ""}:`), el("pre", null, lawSource()));
  if ((law.unused || []).length) box.append(el("p", { class: "quiet" }, `The law does not use ${law.unused.join(", ")}: it cannot say what more of it changes.`));
  if (formula.latex) {
    const say = el("span", { role: "status" });
    box.append(el("p", { class: "quiet" }, el("button", { type: "button", onclick: () => copyText(formula.latex, say) }, "Copy LaTeX"), " ", say));
  }
  return box;
}
function copyText(text, say) {
  const done = () => { say.textContent = "copied"; };
  const area = el("textarea", null, text);
  document.body.append(area);
  area.select();
  if (document.execCommand("copy")) done();
  area.remove();
}
// The function that predicts, cut out of the winner's program by its indentation.
function lawSource() {
  const winner = D.details[D.best];
  if (!winner) return "";
  const lines = winner.source.split("\n");
  const first = lines.findIndex((l) => l.startsWith("def scaling_law_func"));
  if (first < 0) return winner.source;
  let last = first + 1;
  while (last < lines.length && (lines[last] === "" || /^[\s)#]/.test(lines[last]))) last++;
  return lines.slice(first, last).join("\n").trimEnd();
}
function spentFacts() {
  if (!D.spent) return [["Models", "none was called"]];
  return [["Models", D.spent.models.join(", ")], ["Calls", count(D.spent.calls)], ["Tokens in", count(D.spent.input_tokens)], ["Tokens out", count(D.spent.output_tokens)],
    ["Dollars", D.spent.priced ? `${D.spent.usd.toFixed(4)}${D.spent.priced < D.spent.calls ? ` for ${D.spent.priced} of ${D.spent.calls} calls; the price of the others is unknown` : ""}` : "unknown"]];
}
function header() {
  const i = D.best === null ? -1 : AT.get(D.best);
  const task = D.task;
  const title = task && task.title ? task.title : D.run.task;
  const targets = task ? task.targets.map((t) => t.name).join(", ") : "";
  const parts = [
    el("p", { class: "eyebrow" }, `Run ${D.run.name} · task ${task ? task.name : D.run.task} · ${D.run.created.slice(0, 10)}${D.run.finished ? "" : " · not finished"}`),
    el("h1", null, title),
  ];
  if (task) parts.push(el("p", { class: "lead" }, `${task.description} The law gives ${targets} from ${task.features.map((f) => f.name).join(", ")}.`));
  if (i < 0) {
    parts.push(el("p", null, "There is no valid candidate yet."));
  } else {
    parts.push(formulaBox());
    const ok = C.status.filter((s) => WORD(s) === "ok").length;
    const tiles = [
      [r2(C.r2[i]), "held-out R², over all cuts"], [`#${D.best}`, `the best candidate, generation ${C.generation[i]}`],
      [C.params[i] === null ? "–" : String(C.params[i]), "fitted numbers a group"],
      [C.number.length.toLocaleString("en"), `candidates, ${ok.toLocaleString("en")} valid`],
      [D.cpu_seconds === null ? "–" : `${short(D.cpu_seconds, 3)} s`, "CPU time of all candidates"],
    ];
    if (D.spent) {
      const tokens = D.spent.input_tokens + D.spent.output_tokens;
      tiles.push([D.spent.priced ? `$${D.spent.usd.toFixed(2)}` : "–", D.spent.priced < D.spent.calls ? `spent, as far as known (${D.spent.priced} of ${D.spent.calls} calls)` : "spent on models"]);
      tiles.push([tokens.toLocaleString("en"), `tokens in ${plural(D.spent.calls, "call")} of ${D.spent.models.length > 2 ? plural(D.spent.models.length, "model") : D.spent.models.join(", ")}`]);
    }
    parts.push(el("div", { class: "tiles" }, tiles.map(([v, t]) => el("div", { class: "tile" }, el("b", null, v), el("span", null, t)))));
  }
  document.getElementById("top").append(...parts);
}

