// ---- sections ----------------------------------------------------------------------------------

function winnerSection() {
  const known = D.details[D.best];
  if (!known) return null;
  const parts = [cutTable(known.cuts)];
  const params = D.law && D.law.params;
  if (params) {
    const rows = Object.entries(params).map(([group, values]) => [group, ...flat(values)]);
    if (rows.length > 8) rows.sort((a, b) => (known.groups[a[0]] ?? 1) - (known.groups[b[0]] ?? 1));
    const width = Math.max(...rows.map((r) => r.length));
    const nested = Object.values(params).some((values) => Array.isArray(values[0]));
    const head = el("thead", null, el("tr", null, el("th", { scope: "col" }, "group"), Array.from({ length: width - 1 }, (_, k) => el("th", { scope: "col" }, D.law.formula.text && !nested ? `p${k}` : `params[${k}]`)),
      el("th", { scope: "col" }, "held-out R²")));
    const lines = rows.map(([group, ...values]) => el("tr", null, el("td", null, group),
      Array.from({ length: width - 1 }, (_, k) => el("td", null, values[k] === undefined ? "" : short(values[k], 6))), el("td", null, r2(known.groups[group]))));
    const body = el("tbody", null, lines.slice(0, 8));
    parts.push(el("h3", null, "Constants"), el("p", { class: "note" }, "Fitted to all training rows, for each group."),
      el("div", { class: "scroll", tabindex: "0" }, el("table", null, head, body)));
    if (lines.length > 8) {
      const more = el("button", { type: "button", onclick: () => { body.replaceChildren(...lines); more.remove(); } }, `Show all ${lines.length} groups`);
      parts.push(el("p", null, more));
    }
  }
  for (const words of known.warnings) parts.push(el("p", null, `Warning: ${words}`));
  parts.push(el("p", null, el("button", { type: "button", onclick: () => open(D.best) }, "Show the program")));
  return section("winner", "The winner, beyond its data",
    "Each cut fits the law on the smaller runs only and predicts the larger ones. These cuts also chose the winner among all candidates, so the figures flatter it.", parts);
}
function flat(value) { return Array.isArray(value) ? value.flatMap(flat) : [value]; }

function scoreSection() {
  let wide = false;
  const draw = (width) => {
    const ok = C.number.map((_, i) => i).filter((i) => C.score[i] !== null);
    const best = Math.max(...ok.map((i) => C.score[i]));
    const sorted = ok.map((i) => C.score[i]).sort((a, b) => a - b);
    const floor = wide ? Math.max(sorted[0], -1) : Math.max(sorted[Math.floor(sorted.length / 2)], best - 1);
    const room = (best - floor) * 0.08 || 0.001;
    const last = Math.max(1, ...C.generation);
    const f = frame(width, 320, { low: -0.5, high: last + 0.5, label: "generation", ticks: wholeTicks(0, last, width / 60) }, { low: floor - room, high: best + room, label: "selection score" }, "Selection score of candidates over generations");
    const points = [];
    ISLANDS.forEach((island, k) => {
      const mine = ok.filter((i) => C.island[i] === island);
      const inside = mine.filter((i) => C.score[i] >= floor - room);
      const place = (i) => [f.sx(C.generation[i] + (ISLANDS.length > 1 ? (k / ISLANDS.length - 0.4) * 0.5 : 0)), f.sy(C.score[i])];
      f.g.append(dots(inside.map(place), 6, color(k, ISLANDS.length), 0.6));
      let top = -Infinity;
      const steps = [];
      const byGeneration = new Map();
      for (const i of mine) byGeneration.set(C.generation[i], [...(byGeneration.get(C.generation[i]) || []), i]);
      for (let g = 0; g <= last; g++) {
        for (const i of byGeneration.get(g) || []) top = Math.max(top, C.score[i]);
        if (top === -Infinity) continue;
        const y = f.sy(Math.max(top, floor - room));
        if (steps.length) steps.push([f.sx(g), steps[steps.length - 1][1]]);
        steps.push([f.sx(g), y]);
      }
      if (steps.length) steps.push([f.sx(last + 0.4), steps[steps.length - 1][1]]);
      f.g.append(line(steps, color(k, ISLANDS.length)));
      for (const i of inside) { const [x, y] = place(i); points.push({ x, y, number: C.number[i], text: describe(i) }); }
    });
    interactive(f.g, points);
    below.textContent = points.length < ok.length ? `Below the drawing: ${plural(ok.length - points.length, "valid candidate")}.` : "";
    return f.g;
  };
  const below = el("p", { class: "note" });
  const place = drawing(draw);
  const toggle = el("input", { type: "checkbox", onchange: () => { wide = toggle.checked; place.redraw(); } });
  return section("progress", "Score over generations",
    "Each dot is a candidate, the line the best one so far on each island, by the score that selection goes by: one less the error beyond the fitted runs, with prices for constants and for failing further out.",
    el("div", { class: "controls" }, el("label", null, toggle, "down to −1")), place, below,
    ISLANDS.length > 1 ? legend(ISLANDS.map((n, k) => [color(k, ISLANDS.length), `island ${n}`])) : null);
}

function lineageSection() {
  const onPath = new Set(D.path);
  const draw = (width) => {
    const last = Math.max(1, ...C.generation);
    const column = Math.max(9, Math.min(120, (width - 90) / (last + 1)));
    const full = Math.max(width, 90 + column * (last + 1));
    const cells = new Map();
    C.number.forEach((_, i) => {
      const key = `${C.generation[i]} ${C.island[i]}`;
      cells.set(key, [...(cells.get(key) || []), i]);
    });
    const most = Math.max(...[...cells.values()].map((c) => c.length));
    const lane = Math.min(Math.max(most * 14, 36), ISLANDS.length > 3 ? 90 : 200);
    const height = 30 + ISLANDS.length * (lane + 12) + 24;
    const g = svg("svg", { width: full, height, viewBox: `0 0 ${full} ${height}`, role: "img", "aria-label": "Lineage: each candidate and the parent that it was made from" });
    const xy = new Map();
    for (const members of cells.values()) {
      members.sort((a, b) => (C.score[b] ?? -1e9) - (C.score[a] ?? -1e9));
      members.forEach((i, rank) => {
        const top = 26 + ISLANDS.indexOf(C.island[i]) * (lane + 12);
        const step = members.length > 1 ? Math.min(14, (lane - 10) / (members.length - 1)) : 0;
        xy.set(C.number[i], [76 + column * (C.generation[i] + 0.3), top + 6 + rank * step]);
      });
    }
    ISLANDS.forEach((island, k) => {
      const top = 20 + k * (lane + 12);
      if (k) g.append(svg("line", { class: "grid", x1: 0, x2: full, y1: top - 5, y2: top - 5 }));
      g.append(svg("text", { x: 2, y: top + 16 }, ISLANDS.length > 1 ? `island ${island}` : "best first"));
    });
    const every = Math.ceil(28 / column);
    for (let n = 0; n <= last; n += every) g.append(svg("text", { x: 76 + column * (n + 0.3), y: 12, "text-anchor": "middle" }, n));
    const curve = (from, to) => {
      const [a, b] = xy.get(from), [c, d] = xy.get(to), bend = (c - a) / 2;
      return `M${a.toFixed(1)} ${b.toFixed(1)}C${(a + bend).toFixed(1)} ${b.toFixed(1)} ${(c - bend).toFixed(1)} ${d.toFixed(1)} ${c.toFixed(1)} ${d.toFixed(1)}`;
    };
    let faint = "", bold = "";
    C.number.forEach((number, i) => {
      for (const parent of C.parents[i]) {
        if (!xy.has(parent)) continue;
        if (onPath.has(number) && onPath.has(parent)) bold += curve(parent, number);
        else faint += curve(parent, number);
      }
    });
    g.append(svg("path", { d: faint, fill: "none", style: { stroke: "var(--low)" }, "stroke-width": 1, opacity: C.number.length > 800 ? 0.25 : 0.6 }));
    g.append(svg("path", { d: bold, fill: "none", style: { stroke: "var(--accent)" }, "stroke-width": 2.5 }));
    for (const [generation, kind, source, target] of D.migrations) {
      const x = 76 + column * (generation + 0.72), middle = (island) => 20 + ISLANDS.indexOf(island) * (lane + 12) + lane / 2;
      if (ISLANDS.includes(source) && ISLANDS.includes(target) && source !== target) {
        g.append(svg("line", { class: "ref", x1: x, x2: x, y1: middle(source), y2: middle(target) }, svg("title", null, `${kind}: island ${source} to ${target}, after generation ${generation}`)));
        g.append(svg("circle", { cx: x, cy: middle(target), r: 2.5, style: { fill: "var(--soft)" } }));
      }
    }
    const best = D.best === null ? 1 : C.r2[AT.get(D.best)];
    const shades = [[], [], [], []], failed = [];
    C.number.forEach((number, i) => {
      if (C.r2[i] === null) { failed.push(xy.get(number)); return; }
      const miss = (1 - C.r2[i]) / Math.max(1 - best, 1e-9);
      shades[miss < 1.05 ? 0 : miss < 1.5 ? 1 : miss < 4 ? 2 : 3].push(xy.get(number));
    });
    SHADES.map((c, k) => g.append(dots(shades[k], column < 12 ? 6 : 9, c, 1)));
    g.append(rings(failed, "var(--bad)", 0.8));
    if (D.best !== null) {
      const [x, y] = xy.get(D.best);
      g.append(svg("circle", { cx: x, cy: y, r: 8, fill: "none", style: { stroke: "var(--accent)" }, "stroke-width": 2.5 }));
    }
    interactive(g, C.number.map((number, i) => { const [x, y] = xy.get(number); return { x, y, number, text: describe(i) }; }));
    return g;
  };
  const missing = el("span", { class: "note", role: "status" });
  const box = el("input", { type: "number", min: "0", placeholder: "number", "aria-label": "Number of a candidate", style: { width: "110px" } });
  const go = el("form", { class: "controls", onsubmit: (event) => {
    event.preventDefault();
    const known = AT.has(Number(box.value));
    missing.textContent = box.value === "" || known ? "" : `There is no candidate #${box.value}.`;
    if (box.value !== "" && known) open(Number(box.value));
  } }, box, el("button", { type: "submit" }, "Show candidate"), missing);
  return section("lineage", "Lineage",
    "From left to right, generation by generation; a line runs from parent to child, the bold one leads to the best. Point at a candidate to see it, click or press Enter to open it; arrow keys walk.",
    go, drawing(draw),
    legend([[SHADES[0], "error within 5 % of the best"], [SHADES[1], "within 1.5 times"], [SHADES[2], "within 4 times"], [SHADES[3], "larger"], ["var(--bad)", "failed"]]));
}
const SHADES = ["var(--accent)", "color-mix(in oklab, var(--accent) 60%, var(--low))", "color-mix(in oklab, var(--accent) 28%, var(--low))", "var(--low)"];

function paretoSection() {
  const ok = C.number.map((_, i) => i).filter((i) => C.r2[i] !== null && C.params[i] !== null);
  if (!ok.length) return null;
  const error = (i) => Math.max(1 - C.r2[i], 1e-12);
  const front = [];
  for (const i of [...ok].sort((a, b) => C.params[a] - C.params[b] || error(a) - error(b))) {
    if (!front.length || error(i) < error(front[front.length - 1]) * 0.9999) front.push(i);
  }
  const near = front.filter((i) => error(i) <= 10);
  const shown = near.length ? near : front;  // a law that is off by powers of ten would hide the rest
  const draw = (width) => {
    const sorted = ok.map(error).sort((a, b) => a - b);
    const worst = Math.min(sorted[Math.floor(sorted.length * 0.9)], 10);
    const [low, high] = extent([sorted[0], Math.max(worst, ...shown.map(error))], true, 0.08);
    const counts = ok.map((i) => C.params[i]);
    const [first, last] = [Math.min(...counts), Math.max(...counts)];
    const f = frame(width, 320, { low: first - 0.6, high: last + 0.6, label: "fitted numbers a group", ticks: wholeTicks(first, last, width / 50) }, { low, high, log: true, label: "held-out error, 1 − R²" }, "Held-out error against number of parameters");
    const inside = ok.filter((i) => error(i) <= high);
    const place = (i) => [f.sx(C.params[i] + (((C.number[i] * 0.618) % 1) - 0.5) * 0.5), f.sy(error(i))];
    f.g.append(dots(inside.map(place), 6, "var(--soft)", 0.45));
    const steps = [];
    shown.forEach((i, k) => {
      if (k) steps.push([f.sx(C.params[i]), f.sy(error(shown[k - 1]))]);
      steps.push([f.sx(C.params[i]), f.sy(error(i))]);
    });
    steps.push([f.width - f.m.r, steps[steps.length - 1][1]]);
    f.g.append(line(steps, "var(--accent)"), dots(shown.map((i) => [f.sx(C.params[i]), f.sy(error(i))]), 9, "var(--accent)", 1));
    const points = inside.filter((i) => !shown.includes(i)).map((i) => { const [x, y] = place(i); return { x, y, number: C.number[i], text: describe(i) }; });
    for (const i of shown) points.push({ x: f.sx(C.params[i]), y: f.sy(error(i)), number: C.number[i], text: describe(i) });
    interactive(f.g, points);
    return f.g;
  };
  const rows = front.map((i) => el("tr", null, el("td", null, reference(C.number[i])), el("td", null, C.params[i]), el("td", null, r2(C.r2[i])), el("td", { class: "words" }, `${WORD(C.proposer[i])}: ${WORD(C.note[i])}`)));
  return section("pareto", "What a parameter buys", "Held-out error of every valid candidate against the numbers that it fits; the line is the Pareto front.", drawing(draw),
    el("details", null, el("summary", null, "The front as a table"), el("div", { class: "scroll" }, el("table", null,
      el("thead", null, el("tr", null, ["candidate", "parameters", "held-out R²", "made by"].map((t) => el("th", { scope: "col" }, t)))), el("tbody", null, rows)))));
}

function fitSection() {
  const P = D.picture;
  if (!P || P.reason) {
    return section("fit", "Predicted against actual", null, el("p", { class: "quiet" }, `Left out: ${P ? P.reason : "the rows were not at hand"}.`));
  }
  const state = { cut: 0, target: 0, group: 0, feature: 0 };
  const names = [...P.cuts.map((c) => `${c.name} (R² ${r2(c.r2)})`), "no cut: fitted to all rows"];
  const chosen = () => {
    const cut = P.cuts[state.cut];
    const held = new Set(cut ? cut.held_out : []);
    const given = (cut ? cut.predicted : P.fitted)[state.target], actual = P.rows.y[state.target];
    const rows = actual.map((_, i) => i).filter((i) => given[i] !== null && (state.group === 0 || P.rows.group[i] === state.group - 1));
    return { held, given, actual, rows };
  };
  const words = (i, given, actual, held) => `${P.groups[P.rows.group[i]]}${held.size ? (held.has(i) ? " · held out" : " · fitted") : ""}\n` +
    `predicted ${short(given[i], 5)}, actual ${short(actual[i], 5)}\n` + P.features.map((c, j) => `${c.name} ${short(P.rows.x[j][i])}`).join(", ");
  const marks = (f, rows, place, held, given, actual) => {
    const points = [];
    P.groups.forEach((_, g) => {
      const mine = rows.filter((i) => P.rows.group[i] === g);
      const c = color(g, P.groups.length);
      f.g.append(rings(mine.filter((i) => held.size && !held.has(i)).map(place), c, 0.4));
      f.g.append(dots(mine.filter((i) => !held.size || held.has(i)).map(place), 7, c, 0.85));
    });
    for (const i of rows) { const [x, y] = place(i); points.push({ x, y, text: words(i, given, actual, held) }); }
    interactive(f.g, points);
  };
  const against = drawing((width) => {
    const { held, given, actual, rows } = chosen();
    const positive = rows.every((i) => actual[i] > 0 && given[i] > 0);
    const log = positive && Math.max(...rows.map((i) => actual[i])) > 20 * Math.min(...rows.map((i) => actual[i]));
    const [low, high] = extent(rows.map((i) => actual[i]), log, 0.12);
    const clamp = (v) => Math.min(Math.max(v, low), high);
    const axis = { low, high, log };
    const f = frame(width, 360, { ...axis, label: `actual ${titled(P.targets[state.target])}` }, { ...axis, label: "predicted" }, "Predicted against actual");
    f.g.append(svg("line", { class: "ref", x1: f.sx(low), y1: f.sy(low), x2: f.sx(high), y2: f.sy(high) }));
    marks(f, rows, (i) => [f.sx(actual[i]), f.sy(clamp(given[i]))], held, given, actual);
    return f.g;
  });
  const residual = drawing((width) => {
    const { held, given, actual, rows } = chosen();
    const feature = P.features[state.feature], x = P.rows.x[state.feature];
    const sizesOf = actual.map(Math.abs);
    const relative = Math.min(...sizesOf) > 0.05 * Math.max(...sizesOf);
    const miss = (i) => (relative ? (100 * (given[i] - actual[i])) / Math.abs(actual[i]) : given[i] - actual[i]);
    const sizes = rows.map((i) => Math.abs(miss(i))).sort((a, b) => a - b);
    const most = Math.max(sizes[Math.floor(0.99 * (sizes.length - 1))] * 1.25, 1e-9);
    const [low, high] = extent(rows.map((i) => x[i]), feature.log);
    const f = frame(width, 360, { low, high, log: feature.log, label: titled(feature) }, { low: -most, high: most, label: relative ? "predicted − actual, %" : "predicted − actual" }, "Residuals");
    f.g.append(svg("line", { class: "ref", x1: f.m.l, x2: f.width - f.m.r, y1: f.sy(0), y2: f.sy(0) }));
    marks(f, rows, (i) => [f.sx(x[i]), f.sy(Math.max(-most, Math.min(most, miss(i))))], held, given, actual);
    return f.g;
  });
  const redraw = (key) => (value) => { state[key] = value; against.redraw(); residual.redraw(); };
  return section("fit", "Predicted against actual",
    `Filled dots were held out of the fit, rings were in it.${P.rows.shown < P.rows.all ? ` ${P.rows.shown} of ${P.rows.all} rows are drawn.` : ""} Points beyond the frame lie on its edge.`,
    el("div", { class: "controls" }, choice("cut", names, redraw("cut")), choice("group", ["all groups", ...(P.groups.length > 1 ? P.groups : [])], redraw("group")),
      choice("target", P.targets.map((t) => t.name), redraw("target")), choice("residuals against", P.features.map((c) => c.name), (v) => { state.feature = v; residual.redraw(); })),
    el("div", { class: "pair" }, against, residual),
    P.groups.length > 1 && P.groups.length <= 12 ? legend(P.groups.map((g, k) => [color(k, P.groups.length), g])) : null);
}

function curveSection() {
  const P = D.picture;
  if (!P || P.reason || !P.curves.length) return null;
  const state = { curve: 0, target: 0 };
  const words = el("p", { class: "note" });
  const place = drawing((width) => {
    const k = P.curves[state.curve], feature = P.features[k.axis], t = state.target;
    const ys = k.points.y[t], all = k.all[t], fit = k.fit[t], low = k.low[t], high = k.high[t];
    const [x0, x1] = extent(k.x, feature.log, 0.02);
    const known = [...ys, ...all.filter((v) => v !== null)];
    const [y0, y1] = extent(known, false, 0.15);
    const clamp = (v) => Math.min(Math.max(v, y0), y1);
    const f = frame(width, 360, { low: x0, high: x1, log: feature.log, label: titled(feature) }, { low: y0, high: y1, label: P.targets[t].name }, "Prediction along one feature");
    if (k.from !== null) {
      // A feature that falls is extrapolated to the left.
      const falls = k.x[k.x.length - 1] < k.x[0];
      const [left, right] = falls ? [f.m.l, f.sx(k.from) + 4] : [f.sx(k.from) - 4, f.width - f.m.r];
      const shade = svg("rect", { class: "shade", x: left, y: f.m.t, width: right - left, height: f.height - f.m.b - f.m.t });
      f.g.insertBefore(shade, f.g.firstChild);
      f.g.append(svg("text", { x: left + 6, y: f.m.t + 14 }, "held out, and beyond"));
    }
    if (k.last !== null) f.g.append(svg("line", { class: "ref", x1: f.sx(k.last), x2: f.sx(k.last), y1: f.m.t, y2: f.height - f.m.b }));
    if (low.some((v) => v !== null)) {
      const ends = [...k.x.map((x, i) => [x, high[i]]), ...k.x.map((x, i) => [x, low[i]]).reverse()].filter(([, v]) => v !== null);
      const path = ends.map(([x, v], i) => `${i ? "L" : "M"}${f.sx(x).toFixed(1)} ${f.sy(clamp(v)).toFixed(1)}`).join("") + "Z";
      f.g.append(svg("path", { d: path, style: { fill: "var(--s0)" }, opacity: 0.16 }));
    }
    const trace = (values) => k.x.map((x, i) => [x, values[i]]).filter(([, v]) => v !== null).map(([x, v]) => [f.sx(x), f.sy(clamp(v))]);
    f.g.append(line(trace(all), "var(--s1)", { "stroke-dasharray": "6 4" }), line(trace(fit), "var(--s0)"));
    const spot = (i) => [f.sx(k.points.x[i]), f.sy(clamp(ys[i]))];
    const rows = ys.map((_, i) => i);
    f.g.append(rings(rows.filter((i) => !k.points.held[i]).map(spot), "var(--ink)", 0.8), dots(rows.filter((i) => k.points.held[i]).map(spot), 8, "var(--ink)", 1));
    interactive(f.g, rows.map((i) => { const [x, y] = spot(i); return { x, y, text: `${k.points.held[i] ? "held out" : "fitted"}\n${feature.name} ${short(k.points.x[i])}\n${P.targets[t].name} ${short(ys[i], 5)}` }; }));
    const fixed = Object.entries(k.fixed).map(([n, v]) => `${n} = ${short(v)}`).join(", ");
    words.textContent = `${fixed ? `At ${fixed} (rows within 10 %). ` : ""}Blue: fitted on the rows outside cut ${k.cut} only` +
      (k.draws ? `, with the ${Math.round(100 * P.level)} % interval of a new run from ${k.draws} bootstrap refits, which holds noise and constants, not doubt about the form. ` : "; no interval was drawn. ") +
      "Orange, dashed: fitted to all rows. Filled dots were held out; the dotted line marks the largest run.";
    return f.g;
  });
  const names = P.curves.map((k) => `${P.features[k.axis].name}${P.groups.length > 1 ? ` · ${k.group}` : ""}`);
  return section("curves", "Extrapolation", null,
    el("div", { class: "controls" }, choice("along", names, (v) => { state.curve = v; place.redraw(); }), choice("target", P.targets.map((t) => t.name), (v) => { state.target = v; place.redraw(); })), place, words);
}

function pathSection() {
  if (!D.path.length) return null;
  const steps = D.path.map((number, k) => {
    const i = AT.get(number), known = D.details[number];
    const before = k ? AT.get(D.path[k - 1]) : undefined;
    const gain = before === undefined || C.score[i] === null || C.score[before] === null ? null : C.score[i] - C.score[before];
    return el("li", null,
      el("div", null, el("strong", null, reference(number)), ` generation ${C.generation[i]} · score ${r2(C.score[i])} `,
        gain === null ? null : el("span", { class: gain >= 0 ? "gain" : "loss" }, `${gain >= 0 ? "+" : "−"}${short(Math.abs(gain), 3)}`)),
      el("div", { class: "quiet" }, `${WORD(C.proposer[i])}: ${known ? known.change || "start program" : WORD(C.note[i])}`),
      known && known.diff ? el("details", null, el("summary", null, "What changed"), diffBlock(known.diff)) : null);
  });
  return section("path", "The path to the best", D.path.length > 1 ? `${plural(D.path.length - 1, "step")} from a start program; what each changed and gained.` : "The best is a start program: no proposal improved on it.", el("ol", { class: "path" }, steps));
}

function statusSection() {
  const counts = new Map();
  C.status.forEach((s) => counts.set(WORD(s), (counts.get(WORD(s)) || 0) + 1));
  const order = ["ok", "rejected", "invalid", "error", "timeout", "memory"].filter((s) => counts.has(s));
  const paint = { ok: "var(--good)", rejected: "var(--s1)", invalid: "var(--s6)", error: "var(--bad)", timeout: "var(--s3)", memory: "var(--s7)" };
  const reasons = new Map();
  C.status.forEach((s, i) => {
    if (WORD(s) === "ok") return;
    const key = `${WORD(s)}\n${WORD(C.note[i]).replace(/#\d+/g, "#…")}`;
    const known = reasons.get(key) || [0, C.number[i]];
    reasons.set(key, [known[0] + 1, known[1]]);
  });
  const top = [...reasons.entries()].sort((a, b) => b[1][0] - a[1][0]).slice(0, 12);
  const total = C.number.length;
  return section("statuses", "What became of the candidates", null,
    el("div", { class: "stack", role: "img", "aria-label": order.map((s) => `${s} ${counts.get(s)}`).join(", ") }, order.map((s) => el("div", { style: { background: paint[s], width: `${(100 * counts.get(s)) / total}%` } }))),
    legend(order.map((s) => [paint[s], `${s} ${counts.get(s).toLocaleString("en")}`])),
    top.length ? el("div", { class: "scroll" }, el("table", null, el("thead", null, el("tr", null, ["failed", "how often", "why, first words", "e.g."].map((t, k) => el("th", { scope: "col", class: k === 2 ? "words" : null }, t)))),
      el("tbody", null, top.map(([key, [count, example]]) => { const [status, ...why] = key.split("\n"); return el("tr", null, el("td", null, status), el("td", null, count), el("td", { class: "words" }, why.join(" ")), el("td", null, reference(example))); })))) : null);
}

function runSection() {
  const R = D.run;
  const show = (value) => (value === null ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value));
  const facts = [
    ["Rows", R.data.origin], ["Their SHA-256", R.data.sha256],
    ["Provenance", D.task ? D.task.provenance || "–" : "–"],
    ["Test rows", R.test_reads ? `read ${R.test_reads === 1 ? "once" : `${R.test_reads} times`} for this run, by exports` : "never read for this run"],
    ["Started", R.created], ["Finished", R.finished || "not yet"], ...(R.ended_because ? [["Ended because", R.ended_because]] : []),
    ...spentFacts(),
    ...Object.entries(R.versions).map(([k, v]) => [`Version of ${k}`, v]),
  ];
  const spread = ([k, v]) => (v !== null && typeof v === "object" && !Array.isArray(v) ? Object.entries(v).map(([inner, w]) => [`${k}.${inner}`, w]) : [[k, v]]);
  const config = Object.entries(R.config).flatMap(spread).filter(([, v]) => v !== null && !(Array.isArray(v) && !v.length));
  const list = (rows) => el("dl", null, rows.map(([k, v]) => [el("dt", null, k), el("dd", null, show(v))]).flat());
  return section("run", "Data and configuration", null, el("div", { class: "pair" }, el("div", null, list(facts)), el("div", null, list(config))));
}

header();
document.getElementById("main").replaceChildren(...(D.best === null ? [] : [winnerSection(), curveSection(), fitSection(), pathSection()]).concat(
  C.number.some((_, i) => C.r2[i] !== null) ? [scoreSection(), lineageSection(), paretoSection()] : []).concat([statusSection(), runSection()]).filter((s) => s));
document.getElementById("contents").append(...SECTIONS.map(([id, title]) => el("a", { href: `#${id}` }, title)));
document.getElementById("candidate").addEventListener("click", (event) => { if (event.target === event.currentTarget) event.currentTarget.close(); });
document.documentElement.dataset.drawn = "yes";
