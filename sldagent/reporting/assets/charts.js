"use strict";
const D = JSON.parse(document.getElementById("data").textContent);
const C = D.candidates;
const WORD = (code) => C.words[code];
const AT = new Map(C.number.map((number, i) => [number, i]));
const ISLANDS = [...new Set(C.island)].sort((a, b) => a - b);

// ---- text and elements: strings only ever become text nodes ------------------------------------

function el(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}
function svg(tag, attributes, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}
function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined) continue;
    if (name === "style") Object.assign(node.style, value);
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined) node.append(child);
  }
  return node;
}

function short(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) {
    const [mantissa, exponent] = value.toExponential(Math.max(0, digits - 2)).split("e");
    return `${Number(mantissa)}·10${raised(Number(exponent))}`;
  }
  return String(Number(value.toPrecision(digits)));
}
function raised(whole) {
  return [...String(whole)].map((c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(c)])).join("");
}
function r2(value) {
  if (value === null || value === undefined) return "–";
  return value < -10 ? short(value, 3) : value.toFixed(4);
}
function titled(column) { return column.unit && column.unit !== column.name ? `${column.name}, ${column.unit}` : column.name; }
function plural(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}
function count(tokens) { return tokens === null ? "?" : tokens.toLocaleString("en"); }
function color(i, of) {
  return of <= 8 ? `var(--s${i})` : `hsl(${(i * 137.5) % 360} 55% 52%)`;
}

// ---- charts ------------------------------------------------------------------------------------

function ticks(low, high, log, room) {
  if (log) return logTicks(low, high, room);
  const step0 = (high - low) / Math.max(2, room);
  const power = 10 ** Math.floor(Math.log10(step0));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= step0 * 0.999);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) found.push(k * step);
  return found.map((v) => [v, short(Math.abs(v) < step * 1e-9 ? 0 : v, 5)]);
}
function wholeTicks(low, high, room) {
  const step = Math.max(1, Math.ceil((high - low) / Math.max(2, room)));
  const found = [];
  for (let n = Math.ceil(low); n <= high; n += step) found.push([n, String(n)]);
  return found;
}
function logTicks(low, high, room) {
  const decades = Math.log10(high / low);
  if (decades < 0.7) return ticks(low, high, false, Math.min(room, 4));
  const parts = decades < 1.5 ? [1, 2, 5] : decades < 3 ? [1, 3] : [1];
  let found = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++) {
    for (const part of parts) found.push(part * 10 ** e);
  }
  found = found.filter((v) => v >= low * 0.999 && v <= high * 1.001);
  const skip = Math.ceil(found.length / Math.max(2, room));
  return found.filter((_, i) => i % skip === 0).map((v) => [v, logLabel(v)]);
}
function logLabel(value) {
  if (value >= 1e-3 && value < 1e4) return String(Number(value.toPrecision(3)));
  const exponent = Math.floor(Math.log10(value) + 1e-9);
  const mantissa = Math.round(value / 10 ** exponent);
  return (mantissa === 1 ? "10" : `${mantissa}·10`) + raised(exponent);
}
function scale(low, high, from, to, log) {
  const f = log ? Math.log : (v) => v;
  const a = f(low), width = f(high) - a || 1;
  return (v) => from + ((f(v) - a) / width) * (to - from);
}
function extent(values, log, pad = 0.05) {
  const known = values.filter((v) => v !== null && Number.isFinite(v) && (!log || v > 0));
  if (!known.length) return log ? [1, 10] : [0, 1];
  let low = known[0], high = known[0];
  for (const v of known) { if (v < low) low = v; if (v > high) high = v; }
  if (log) {
    const room = Math.max(Math.log(high / low) * pad, 0.02);
    return [low * Math.exp(-room), high * Math.exp(room)];
  }
  const room = (high - low) * pad || Math.abs(high) * pad || 1;
  return [low - room, high + room];
}

function frame(width, height, x, y, label) {
  const wide = Math.max(...ticks(y.low, y.high, y.log, height / 50).map(([, t]) => t.length));
  const m = { l: 22 + wide * 7, r: 14, t: 24, b: 40 };
  const sx = scale(x.low, x.high, m.l, width - m.r, x.log);
  const sy = scale(y.low, y.high, height - m.b, m.t, y.log);
  const g = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  for (const [v, text] of ticks(y.low, y.high, y.log, height / 50)) {
    g.append(svg("line", { class: "grid", x1: m.l, x2: width - m.r, y1: sy(v), y2: sy(v) }));
    g.append(svg("text", { x: m.l - 6, y: sy(v) + 4, "text-anchor": "end" }, text));
  }
  for (const [v, text] of x.ticks || ticks(x.low, x.high, x.log, width / 80)) {
    g.append(svg("text", { x: sx(v), y: height - m.b + 16, "text-anchor": "middle" }, text));
    g.append(svg("line", { class: "axis", x1: sx(v), x2: sx(v), y1: height - m.b, y2: height - m.b + 4 }));
  }
  g.append(svg("line", { class: "axis", x1: m.l, x2: width - m.r, y1: height - m.b, y2: height - m.b }));
  g.append(svg("text", { x: (m.l + width - m.r) / 2, y: height - 4, "text-anchor": "middle" }, x.label));
  g.append(svg("text", { x: 2, y: 12 }, y.label));
  return { g, sx, sy, m, width, height };
}
function dots(points, size, fillColor, opacity) {
  const path = points.map(([x, y]) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`).join("");
  return svg("path", { d: path, fill: "none", style: { stroke: fillColor }, "stroke-width": size, "stroke-linecap": "round", opacity });
}
function rings(points, strokeColor, opacity) {
  const path = points.map(([x, y]) => `M${(x - 3).toFixed(1)} ${y.toFixed(1)}a3 3 0 1 0 6 0a3 3 0 1 0 -6 0`).join("");
  return svg("path", { d: path, fill: "none", style: { stroke: strokeColor }, "stroke-width": 1.2, opacity });
}
function line(points, strokeColor, attributes) {
  const path = points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
  return svg("path", { d: path, fill: "none", style: { stroke: strokeColor }, "stroke-width": 2, "stroke-linejoin": "round", ...attributes });
}

const tip = document.getElementById("tip");
function showTip(text, x, y) {
  tip.hidden = false;
  tip.textContent = text;
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(6, Math.min(x + 12, innerWidth - box.width - 6))}px`;
  tip.style.top = `${y - box.height - 12 < 4 ? y + 16 : y - box.height - 12}px`;
}
function hideTip() { tip.hidden = true; }

// Points are {x, y, text, number?}: pointed at, tapped, or walked through with the arrow keys.
function interactive(g, points) {
  if (!points.length) return;
  const ring = svg("circle", { r: 7, fill: "none", style: { stroke: "var(--ink)" }, "stroke-width": 2, visibility: "hidden" });
  g.append(ring);
  const order = points.map((_, i) => i).sort((a, b) => points[a].x - points[b].x || points[a].y - points[b].y);
  let place = -1;
  const mark = (p) => {
    ring.setAttribute("visibility", "visible");
    ring.setAttribute("cx", p.x);
    ring.setAttribute("cy", p.y);
    const box = g.getBoundingClientRect();
    showTip(p.text, box.left + p.x, box.top + p.y);
  };
  const leave = () => { ring.setAttribute("visibility", "hidden"); hideTip(); };
  const nearest = (event) => {
    const box = g.getBoundingClientRect();
    const px = event.clientX - box.left, py = event.clientY - box.top;
    let best = null, least = 24 * 24;
    for (const p of points) {
      const d = (p.x - px) ** 2 + (p.y - py) ** 2;
      if (d < least) { least = d; best = p; }
    }
    return best;
  };
  g.setAttribute("tabindex", "0");
  g.addEventListener("pointermove", (event) => { const p = nearest(event); if (p) mark(p); else leave(); });
  g.addEventListener("pointerleave", leave);
  g.addEventListener("blur", leave);
  g.addEventListener("click", (event) => { const p = nearest(event); if (p) { mark(p); if (p.number !== undefined) open(p.number); } });
  g.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step) {
      place = (place + step + order.length) % order.length;
      if (place < 0) place = 0;
      mark(points[order[place]]);
      event.preventDefault();
    } else if (event.key === "Enter" && place >= 0 && points[order[place]].number !== undefined) {
      event.preventDefault(); // or the same key presses the button that has the focus then
      open(points[order[place]].number);
    } else if (event.key === "Escape") leave();
  });
}

// A drawing that is made again whenever its place changes width.
function drawing(draw, label) {
  const place = el("div", { class: "scroll", "aria-label": label });
  let known = 0;
  place.redraw = () => { if (known) place.replaceChildren(draw(known)); };
  new ResizeObserver((entries) => {
    const width = Math.floor(entries[0].contentRect.width);
    if (width > 0 && width !== known) { known = width; place.redraw(); }
  }).observe(place);
  return place;
}
function choice(label, options, changed) {
  const select = el("select", { onchange: () => changed(Number(select.value)) },
    options.map((text, i) => el("option", { value: i }, text)));
  return options.length < 2 ? null : el("label", null, label, select);
}
function legend(entries) {
  return el("ul", { class: "legend" }, entries.map(([c, text]) =>
    el("li", null, el("i", { style: { background: c } }), text)));
}
const SECTIONS = [];
const IN_SHORT = { winner: "Winner", curves: "Extrapolation", fit: "Predictions", path: "Path", progress: "Score", lineage: "Lineage", pareto: "Pareto front", statuses: "Statuses", run: "Data, configuration" };
function section(id, title, note, ...children) {
  SECTIONS.push([id, IN_SHORT[id]]);
  return el("section", { id, "aria-labelledby": `${id}-title` },
    el("h2", { id: `${id}-title` }, title), note ? el("p", { class: "note" }, note) : null, ...children);
}

