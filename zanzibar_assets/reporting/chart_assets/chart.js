/* The chart of a session: what is drawn is the rows that were known at the chosen instant.
   Data: window.zanzibarChart (market) and, on a session report's own page, window.zanzibarDeals.
   Text from the data goes to the page as text nodes, and to plotly escaped. */
(function () {
  "use strict";
  if (window.self !== window.top) document.documentElement.classList.add("framed");   // a report says these words itself
  const rules = window.zanzibarRules, data = window.zanzibarChart, traded = window.zanzibarDeals || { signals: [], deals: [] };
  const deals = {
    signals: traded.signals.map(s => ({ ...s, k: s.k - data.base_us })),
    deals: traded.deals.map(d => ({ ...d, t: d.t - data.base_us })),
  };
  const items = data.items, words = items.words, bars = data.bars;
  const count = items.t.length, end = Math.max(0, ...last(bars.k), ...last(items.k), ...last(deals.deals.map(d => d.t)));
  const start = Math.min(...(bars.t.length ? bars.t.slice(0, 1) : [0]));
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const { ms, price, shown, safe, utc, local, frame, wait } = rules.formats(data), upTo = rules.upTo;
  const byId = new Map(), chart = document.getElementById("chart");
  const GROUPS = {
    smc_events: "Structure", liquidity_sweeps: "Liquidity", orderflow_events: "Order flow",
    wyckoff_events: "Wyckoff", points_of_interest: "Points of interest",
  };
  const ROWS_SHOWN = 500;
  const layers = new Map();   // key -> {group, name, rows(T) or null, on, build(T)}
  let now = Infinity, queued = false, timer = null, lastDrawn = null, zoomed = false;

  function last(list) { return list.length ? [list.reduce((a, b) => Math.max(a, b), -Infinity)] : []; }
  function word(name, i) { const c = items[name][i]; return c === null ? null : words[name][c]; }
  function css(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }
  function theme() {
    return dark.matches
      ? { up: "#4fd1a5", down: "#ff8a80", line: "#9cc3e0", colours: rules.PALETTE.dark }
      : { up: "#0b6e4f", down: "#b3261e", line: "#30526b", colours: rules.PALETTE.light };
  }
  function hover(i) {
    const ref = items.ref_id[i], of = ref === null ? undefined : byId.get(ref);
    const dir = items.dir[i] > 0 ? "up" : items.dir[i] < 0 ? "down" : "no direction";
    const lines = [
      "<b>" + safe(word("kind", i)) + "</b> " + dir + " (" + safe(word("source", i)) + ", " + word("layer", i) + ")",
      "happened " + utc(items.t[i]) + " UTC",
      "known " + utc(items.k[i]) + " UTC, after " + wait(items.k[i] - items.t[i]),
      "at the exchange " + safe(local(items.k[i])),
    ];
    if (items.level_ticks[i] !== null) lines.push("level " + shown(price(items.level_ticks[i])));
    if (items.lo_ticks[i] !== null) {
      lines.push("from " + shown(price(items.lo_ticks[i])) + " to " + shown(price(items.hi_ticks[i])));
    }
    if (items.score[i] !== null) lines.push("score or volume " + items.score[i]);
    if (word("label", i) !== null) lines.push(safe(word("label", i)));
    if (ref !== null) {
      lines.push("of " + safe(ref) + (of === undefined ? "" : " (" + safe(word("kind", of)) + " of " + utc(items.t[of]) + ")"));
    }
    const version = items.def_version[i] === null ? "" : " · definition v" + items.def_version[i] + " " + safe(word("params_hash", i) || "");
    lines.push("bars " + frame(items.timeframe_seconds[i]) + version, "id " + safe(items.item_id[i]));
    return lines.join("<br>");
  }
  function wanted(i, T) {
    const only = document.getElementById("timeframe").value;
    return items.k[i] <= T && (!only || items.timeframe_seconds[i] === null || String(items.timeframe_seconds[i]) === only);
  }
  /* ---- layers ---- */
  function layer(key, group, name, rows, on, build) {
    layers.set(key, { group, name, rows, on, build });
  }
  function colourOf(own) { return theme().colours[rules.styleOf(own.name).colour]; }
  function drawn(own, rows, T) {
    const least = own.scored ? Number(document.getElementById("score").value) || 0 : -Infinity;
    return rows.filter(i => wanted(i, T) && (!own.scored || items.score[i] >= least));
  }

  function eventTrace(own, rows, T) {
    const x = [], y = [], text = [], symbol = [], hues = colourOf(own), shapes = rules.styleOf(own.name).shape;
    const here = drawn(own, rows, T);
    for (const i of here) {
      const at = price(items.drawn_ticks[i]), told = hover(i);
      const shape = items.dir[i] > 0 ? shapes.up : items.dir[i] < 0 ? shapes.down : shapes.none;
      x.push(ms(items.t[i]), ms(items.k[i]), null);
      y.push(at, at, null);
      symbol.push(shape, shape + "-open", "circle");
      text.push(told, told, "");
    }
    return {
      type: "scatter", mode: "lines+markers", x, y, hovertext: text,
      hoverinfo: "text", name: own.name, textposition: "top center", textfont: { size: 10, color: hues },
      line: { width: 1.2, color: hues }, marker: { symbol, size: 7, color: hues, line: { width: 1.2, color: hues } },
      meta: { key: own.key, rows: here },
    };
  }
  function scales(T) {   // from a time and a price to pixels, of what is in view; null when there is no bar
    const full = chart._fullLayout, range = span(T);
    if (range === undefined) return null;
    const seen = zoomed && full && full.yaxis;
    const [x0, x1] = seen ? full.xaxis.range.map(full.xaxis.r2l) : [ms(start), ms(end)], [y0, y1] = seen ? full.yaxis.range : range;
    const wide = (chart.clientWidth - 90) * 0.86, high = (chart.clientHeight - 44) * 0.62;
    return (x, y) => ({ x: (x - x0) / (x1 - x0) * wide, y: (y1 - y) / (y1 - y0) * high, inside: x >= x0 && x <= x1 && y >= y0 && y <= y1 });
  }
  function write(found, T) {   // names of the few kinds, where they do not cover each other
    const to = scales(T), events = found.filter(t => t.meta && t.meta.key.startsWith("event|"));
    const some = rules.writable(events.map(t => [t.meta.key, t.meta.rows.length])), labels = [];
    if (to === null) return;
    for (const trace of events.filter(t => some.has(t.meta.key)).sort((a, b) => a.meta.rows.length - b.meta.rows.length)) {
      trace.mode = "lines+markers+text";
      trace.text = trace.x.map(() => "");
      trace.meta.rows.forEach((_, n) => {
        const at = to(trace.x[3 * n], trace.y[3 * n]);
        if (at.inside) labels.push({ x: at.x, y: at.y, text: trace.name, trace, n });
      });
    }
    for (const kept of rules.withRoom(labels)) kept.trace.text[3 * kept.n] = safe(kept.text);
  }
  function zoneTrace(own, rows, T) {
    const hue = own.dir > 0 ? theme().up : theme().down;
    const x = [], y = [], text = [], here = drawn(own, rows, T);
    const edge = bars.k.length ? bars.k[Math.max(0, upTo(bars.k, T) - 1)] : Math.min(T, end);
    for (const i of here) {
      const stop = ends.get(items.item_id[i]), ended = stop !== undefined && stop <= T;
      const from = ms(items.k[i]), to = Math.max(from, ms(ended ? stop : Math.max(edge, items.k[i])));
      const lo = price(items.lo_ticks[i]), hi = price(items.hi_ticks[i]);
      const told = hover(i) + (ended ? "<br>ended, known " + utc(stop) + " UTC" : "<br>still open");
      x.push(from, from, to, to, from, null);
      y.push(lo, hi, hi, lo, lo, null);
      text.push(told, told, told, told, told, "");
    }
    return {
      type: "scatter", mode: "lines", x, y, hovertext: text, hoverinfo: "text", fill: "toself", name: own.name,
      line: { width: 0.8, color: hue }, fillcolor: hue + "22", hoveron: "points", meta: { key: own.key, rows: here },
    };
  }
  function signalTrace(own, rows, T) {
    const up = theme().up, down = theme().down, here = rows.filter(i => wanted(i, T));
    return {
      type: "scatter", mode: "markers", name: own.name, x: here.map(i => ms(items.k[i])),
      y: here.map(i => price(items.drawn_ticks[i])), hoverinfo: "text",
      hovertext: here.map(i => hover(i) + "<br>entry " + shown(price(items.level_ticks[i])) + "; stop and target are the span"),
      marker: { symbol: "diamond-tall", size: 9, color: here.map(i => items.dir[i] > 0 ? up : down),
        line: { width: 1, color: css("--ink") } },
      meta: { key: own.key, rows: here },
    };
  }
  function line(own, known, values, T, style) {
    const n = upTo(known, T);
    return {
      type: "scatter", mode: "lines", name: own.name, x: known.slice(0, n).map(ms), y: values.slice(0, n),
      line: { width: 1.2, ...style }, hovertemplate: safe(own.name) + " %{y:." + (data.decimals + 2) + "f}<extra></extra>",
    };
  }
  function candles(T) {
    const n = upTo(bars.k, T), middle = [], text = [], col = k => bars[k].slice(0, n).map(price);
    for (let i = 0; i < n; i++) {
      middle.push(ms((bars.t[i] + bars.k[i]) / 2));
      text.push("bar " + utc(bars.t[i]) + " UTC<br>" + safe(local(bars.t[i])) + "<br>known " + utc(bars.k[i]) +
        " UTC<br>O " + shown(price(bars.o[i])) + " H " + shown(price(bars.h[i])) + " L " + shown(price(bars.l[i])) + " C " +
        shown(price(bars.c[i])) + "<br>volume " + bars.volume[i] + ", delta " + bars.delta[i]);
    }
    const c = theme(), flat = o => ({ line: { color: o, width: 1 }, fillcolor: o });
    return {
      type: "candlestick", name: "price", x: middle, open: col("o"), high: col("h"), low: col("l"), close: col("c"),
      text, hoverinfo: "text", increasing: flat(c.up), decreasing: flat(c.down),
    };
  }
  function deltaTraces(T) {
    const n = upTo(bars.k, T), c = theme();
    const x = Array.from({ length: n }, (_, i) => ms((bars.t[i] + bars.k[i]) / 2));
    return [
      { type: "bar", name: "delta", x, y: bars.delta.slice(0, n), yaxis: "y2",
        marker: { color: bars.delta.slice(0, n).map(v => v >= 0 ? c.up : c.down), line: { width: 0 } },
        hovertemplate: "delta %{y}<extra></extra>" },
      { type: "scatter", mode: "lines", name: "CVD", x: bars.k.slice(0, n).map(ms), y: bars.cvd.slice(0, n), yaxis: "y3",
        line: { color: c.line, width: 1.3 }, hovertemplate: "CVD %{y}<extra></extra>" },
    ];
  }
  function phaseTraces(T) {
    const lanes = new Map(), colours = theme().colours, found = [];
    for (let i = 0; i < count; i++) {
      if (word("layer", i) !== "phase" || items.k[i] > T) continue;
      const lane = word("kind", i);
      if (!lanes.has(lane)) lanes.set(lane, []);
      lanes.get(lane).push(i);
    }
    for (const [lane, rows] of lanes) {
      rows.forEach((i, n) => {
        const phase = word("label", i);
        if (phase === null) return;
        const to = n + 1 < rows.length ? items.k[rows[n + 1]] : Math.min(T, end);
        const low = lane === "accumulation" ? 1.08 : 0.08, hue = colours["ABCDE".indexOf(phase) % colours.length] || colours[0];
        const told = "<b>" + safe(lane) + " phase " + safe(phase) + "</b><br>" + hover(i);
        const a = ms(items.k[i]), b = ms(to);
        found.push({
          type: "scatter", mode: "lines+text", yaxis: "y4", x: [a, a, b, b, a, null, (a + b) / 2],
          y: [low, low + 0.84, low + 0.84, low, low, null, low + 0.42],
          text: ["", "", "", "", "", "", b - a > 9e5 ? safe(phase) : ""], textfont: { size: 10, color: css("--ink") },
          fill: "toself", fillcolor: hue + "55", line: { width: 0.6, color: hue }, hovertext: told, hoverinfo: "text",
          hoveron: "points+fills", name: safe(lane) + " " + safe(phase), meta: { key: "phases", rows: [i] },
        });
      });
    }
    return found;
  }
  function profileTraces(T) {
    const p = data.profile, c = theme();
    if (p.k === null || p.k > T) return [];
    const y = p.p.map(t => price(t + (p.step - 1) / 2)), fade = hue => p.area.map(a => hue + (a ? "cc" : "55"));
    const side = (name, values, hue) => ({
      type: "bar", orientation: "h", name, y, x: values, xaxis: "x2", width: p.step * data.tick,
      marker: { color: fade(hue), line: { width: 0 } }, hovertemplate: name + " %{x} at %{y}<extra></extra>",
    });
    return [side("sold", p.bid, c.down), side("bought", p.ask, c.up), side("no side", p.other, "#808890")];
  }
  function levelTraces(T) {
    const ink = { poc: css("--ink"), vah: theme().line, val: theme().line, hvn: theme().up, lvn: theme().down }, by = new Map();
    for (let i = 0; i < count; i++) {
      if (word("layer", i) !== "profile" || items.k[i] > T) continue;
      const kind = word("kind", i);
      if (!by.has(kind)) by.set(kind, []);
      by.get(kind).push(i);
    }
    return [...by].map(([kind, rows]) => {
      const node = kind === "hvn" || kind === "lvn", x = [], y = [], text = [], told = [];
      for (const i of rows) {
        const at = price(items.drawn_ticks[i]);
        if (node) { x.push(0); y.push(at); told.push(hover(i)); text.push(""); continue; }
        x.push(0, most() * 1.02, null);
        y.push(at, at, null);
        told.push(hover(i), hover(i), "");
        text.push("", kind.toUpperCase(), "");
      }
      return {
        type: "scatter", mode: node ? "markers" : "lines+text", xaxis: "x2", x, y, text, textposition: "top left",
        textfont: { size: 10, color: ink[kind] }, hovertext: told, hoverinfo: "text", name: kind, cliponaxis: false,
        line: { width: 1.2, dash: kind === "poc" ? "solid" : "dot", color: ink[kind] },
        marker: { symbol: kind === "hvn" ? "triangle-right" : "triangle-right-open", size: 8, color: ink[kind] },
        meta: { key: "levels", rows },
      };
    });
  }
  function most() {
    const p = data.profile;
    return p.p.reduce((a, _, i) => Math.max(a, p.bid[i] + p.ask[i] + p.other[i]), 0);
  }
  function dealTraces(T) {
    const kept = deals.signals.filter(s => s.k <= T), made = deals.deals.filter(d => d.t <= T);
    const hue = theme().colours[0], side = s => (s === "buy" ? "up" : "down");
    return [
      { type: "scatter", mode: "markers", name: "kept signals", x: kept.map(s => ms(s.k)), y: kept.map(s => s.entry), hoverinfo: "text",
        hovertext: kept.map(s => "<b>kept signal</b> " + safe(s.side) + "<br>known " + utc(s.k) + " UTC<br>entry " + shown(s.entry) +
          "<br>" + safe(s.text) + "<br>id " + safe(s.id)),
        marker: { symbol: kept.map(s => "triangle-" + side(s.side)), size: 13, color: "rgba(0,0,0,0)", line: { width: 2, color: hue } } },
      { type: "scatter", mode: "markers", name: "deals", x: made.map(d => ms(d.t)), y: made.map(d => d.at), hoverinfo: "text",
        hovertext: made.map(d => "<b>deal</b> " + safe(d.text) + "<br>" + utc(d.t) + " UTC<br>" + safe(local(d.t)) + "<br>market then " + shown(d.at)),
        marker: { symbol: "circle-open", size: 13, color: hue, line: { width: 2.5, color: hue } } },
    ];
  }

  /* ---- what there is ---- */
  const ends = new Map(), rowsOf = new Map();
  for (let i = 0; i < count; i++) {
    const kind = word("layer", i), id = items.item_id[i];
    if (kind === "zone_end") { ends.set(items.ref_id[i], items.k[i]); continue; }
    if (kind === "event" || !byId.has(id)) byId.set(id, i);
    if (kind === "phase" || kind === "profile") continue;
    const key = [kind, word("source", i), word("kind", i), kind === "zone" ? items.dir[i] : 0].join("|");
    if (!rowsOf.has(key)) rowsOf.set(key, []);
    rowsOf.get(key).push(i);
  }
  layer("vwap", "VWAP", "session VWAP", null, true, (own, T) => [line(own, data.vwap.k, data.vwap.vwap, T, { color: theme().line, width: 1.8 })]);
  layer("bands", "VWAP", "bands 1 and 2 sd", null, true, (own, T) => ["upper_1", "lower_1", "upper_2", "lower_2"].map(b =>
    line({ name: b.replace("_", " ") + " sd" }, data.vwap.k, data.vwap[b], T, { color: theme().line, width: 0.9, dash: b.endsWith("1") ? "dash" : "dot" })));
  layer("developing", "VWAP", "developing POC, VAH, VAL", null, false, (own, T) => ["poc_ticks", "vah_ticks", "val_ticks"].map(d =>
    line({ name: "developing " + d.slice(0, 3).toUpperCase() }, data.vwap.k, data.vwap[d].map(v => v === null ? null : price(v)), T,
      { shape: "hv", color: css("--soft"), dash: d === "poc_ticks" ? "solid" : "dot" })));
  for (const [anchor, series] of Object.entries(data.anchored)) {
    layer("anchored " + anchor, "VWAP", "from " + anchor.replace(/_/g, " "), null, false, (own, T) => {
      const hue = colourOf(own), n = upTo(series.k, T), x = [], cols = { vwap: [], upper_1: [], lower_1: [] };
      for (let i = 0; i < n; i++) {
        const broken = i && series.a[i] !== series.a[i - 1];
        if (broken) { x.push(ms(series.k[i])); for (const c in cols) cols[c].push(null); }
        x.push(ms(series.k[i]));
        for (const c in cols) cols[c].push(series[c][i]);
      }
      return Object.entries(cols).map(([c, y]) => ({
        type: "scatter", mode: "lines", name: own.name + " " + c, x, y, connectgaps: false,
        line: { color: hue, width: c === "vwap" ? 1.6 : 0.8, dash: c === "vwap" ? "solid" : "dot" },
        hovertemplate: safe(own.name) + " " + c + " %{y}<extra></extra>",
      }));
    });
  }
  layer("profile", "Profile and phases", "volume profile (final)", null, true, (own, T) => profileTraces(T));
  const known = (layerName, T) => items.layer.filter((c, i) => words.layer[c] === layerName && items.k[i] <= T).length;
  layer("levels", "Profile and phases", "POC, VAH, VAL, nodes", T => known("profile", T), true, (own, T) => levelTraces(T));
  layer("phases", "Profile and phases", "Wyckoff phases", T => known("phase", T), true, (own, T) => phaseTraces(T));
  if (deals.signals.length || deals.deals.length) {
    layer("deals", "Trading", "kept signals and deals", T => deals.signals.filter(d => d.k <= T).length + deals.deals.filter(d => d.t <= T).length,
      true, (own, T) => dealTraces(T));
  }
  const keys = [...rowsOf.keys()].sort();
  for (const key of keys) {
    const [kind, source, name, dir] = key.split("|"), rows = rowsOf.get(key);
    const here = T => drawn(layers.get(key), rows, T).length;
    if (kind === "signal") layer(key, "Trading", "candidate (" + name + ")", here, false, (own, T) => [signalTrace(own, rows, T)]);
    if (kind === "zone") {
      layer(key, "Zones", name + (Number(dir) > 0 ? " up" : " down"), here, source === "points_of_interest", (own, T) => [zoneTrace(own, rows, T)]);
      Object.assign(layers.get(key), { dir: Number(dir), scored: source === "points_of_interest" });
    }
    if (kind === "event") layer(key, GROUPS[source] || source, rules.nameOf(source, name), here, false, (own, T) => [eventTrace(own, rows, T)]);
    layers.get(key).first = items.k[rows[0]];   // rows are by the time they were known
  }
  const onAtFirst = rules.onAtFirst(keys.filter(k => k.startsWith("event|")).map(k => [k, rowsOf.get(k).length]));
  for (const key of onAtFirst) layers.get(key).on = true;
  for (const [key, own] of layers) own.key = key;

  /* ---- drawing ---- */
  function traces(T) {
    const found = [candles(T), ...deltaTraces(T)];
    for (const own of layers.values()) if (own.on) found.push(...own.build(own, T));
    write(found, T);
    return found;
  }
  function span(T) {   // prices of the bars known by T; levels far away are reached by dragging
    const n = upTo(bars.k, T);
    if (!n) return undefined;
    const low = price(bars.l.slice(0, n).reduce((a, b) => Math.min(a, b))), high = price(bars.h.slice(0, n).reduce((a, b) => Math.max(a, b)));
    const room = Math.max((high - low) * 0.06, 4 * data.tick);
    return [low - room, high + room];
  }
  function layout(T) {
    const ink = css("--ink"), grid = css("--line"), ground = css("--ground");
    const axis = more => ({ gridcolor: grid, zerolinecolor: grid, linecolor: grid, automargin: true, ...more });
    const title = text => ({ text, font: { size: 11 } }), finished = data.profile.k !== null && data.profile.k <= T;
    return {
      paper_bgcolor: ground, plot_bgcolor: ground, font: { color: ink, size: 11 }, showlegend: false, barmode: "relative",
      hovermode: "closest", dragmode: "pan", margin: { l: 60, r: 10, t: 8, b: 36 }, uirevision: "kept", bargap: 0,
      hoverlabel: { align: "left", bgcolor: ground, bordercolor: ink, font: { color: ink, size: 11 } },
      xaxis: axis({ type: "date", domain: [0, 0.86], range: [ms(start), ms(end)], anchor: "y3", title: title("UTC"),
        rangeslider: { visible: false }, hoverformat: "%Y-%m-%d %H:%M:%S" }),
      xaxis2: axis({ domain: [0.875, 1], anchor: "y", title: title("volume"), range: [0, finished ? most() * 1.05 || 1 : 1],
        showgrid: false, showticklabels: finished, nticks: 3 }),
      yaxis: axis({ domain: [0.38, 1], range: span(T), tickformat: "." + data.decimals + "f", title: title("price") }),
      yaxis4: axis({ domain: [0.295, 0.365], range: [0, 2], tickvals: [0.5, 1.5], ticktext: ["distribution", "accumulation"],
        showgrid: false, zeroline: false, fixedrange: true, tickfont: { size: 9 } }),
      yaxis2: axis({ domain: [0.15, 0.28], title: title("delta"), fixedrange: true }),
      yaxis3: axis({ domain: [0, 0.135], title: title("CVD"), fixedrange: true }),
      shapes: T < end ? [{ type: "line", xref: "x", yref: "paper", x0: ms(T), x1: ms(T), y0: 0, y1: 1, line: { color: ink, width: 1, dash: "dot" } }] : [],
    };
  }
  function draw() {
    queued = false;
    const T = now >= end ? Infinity : now;
    Plotly.react(chart, traces(T), layout(T), { responsive: false, displaylogo: false, scrollZoom: true });
    const known = bars.k.length ? Math.min(now, end) : 0;
    document.getElementById("moment").textContent = now >= end
      ? "the session's end: everything" : utc(known) + " UTC · " + local(known);
    told(T);
    notes(T);
    if (document.getElementById("rows").open) table(T);
    if (!chart.dataset.ready) followZoom();
    chart.dataset.ready = "yes";
    lastDrawn = T;
  }
  function redraw() { if (!queued) { queued = true; setTimeout(draw, 16); } }   // once for many changes
  function told(T) {   // words and counts follow the chosen time as the marks do
    const words = T === Infinity ? data.sentence : rules.sentence(data, upTo(bars.k, T), utc);
    document.getElementById("sentence").textContent = words;
    chart.setAttribute("aria-label", words);
    for (const own of layers.values()) {
      if (own.rows === null) continue;
      own.total.textContent = String(own.rows(T));
      own.total.parentElement.hidden = own.first !== undefined && own.first > T;   // a kind that had not occurred yet
    }
    for (const set of document.querySelectorAll("#layers fieldset")) set.hidden = !set.querySelector("label:not([hidden])");
  }
  function notes(T) {
    const told = [], finished = data.profile.k !== null && data.profile.k <= T;
    if (data.left_out.length && T < Infinity) {
      told.push("Of a kind the first 40 in each quarter of an hour are drawn; how many stay out is counted at the session's end.");
    } else if (data.left_out.length) {
      const all = data.left_out.map(r => r[1] + " " + r[3] + " of " + r[2]).join(", ");
      told.push("Left out, so that busy minutes stay readable (the first 40 of a kind in each quarter of an hour are drawn): " + all + ".");
    }
    const delta = bars.delta.slice(0, upTo(bars.k, T));
    if (delta.length && delta.every(v => v === 0)) told.push("Delta is nought all along: the source tells no aggressor's side.");
    if (finished && data.profile.step > 1) told.push("Profile: " + data.profile.step + " ticks a row.");
    if (data.profile.k !== null && data.profile.k > T) told.push("The final profile is known at the session's end only: it is hidden; the developing levels can be switched on.");
    document.getElementById("notes").textContent = told.join(" ");
  }
  function table(T) {
    const body = document.getElementById("body"), rows = [];
    for (let i = 0; i < count; i++) {
      const kind = word("layer", i);
      const key = [kind, word("source", i), word("kind", i), kind === "zone" ? items.dir[i] : 0].join("|");
      const own = kind === "phase" ? layers.get("phases") : kind === "profile" ? layers.get("levels") : layers.get(key);
      if (own && own.on && wanted(i, T)) rows.push(i);
    }
    const fill = document.createDocumentFragment();
    for (const i of rows.slice(-ROWS_SHOWN)) {
      const line = document.createElement("tr"), lo = items.lo_ticks[i];
      for (const text of [utc(items.k[i]), utc(items.t[i]), word("layer", i), word("kind", i) + (word("label", i) ? " " + word("label", i) : ""),
        items.dir[i], items.drawn_ticks[i] === null ? "-" : shown(price(items.drawn_ticks[i])),
        lo === null ? "-" : shown(price(lo)) + " - " + shown(price(items.hi_ticks[i])), frame(items.timeframe_seconds[i]),
        items.item_id[i], items.ref_id[i] || ""]) {
        const cell = document.createElement("td");
        cell.textContent = text;
        line.appendChild(cell);
      }
      fill.appendChild(line);
    }
    body.replaceChildren(fill);
    document.querySelector("#rows caption").textContent = rows.length > ROWS_SHOWN
      ? "The last " + ROWS_SHOWN + " of " + rows.length + " rows known at the chosen time, of the layers that are on"
      : rows.length + " rows known at the chosen time, of the layers that are on";
  }

  /* ---- controls ---- */
  const slider = document.getElementById("asof"), steps = [...new Set(bars.k)];
  slider.max = String(Math.max(0, steps.length - 1));
  slider.value = slider.max;
  function move(place) {
    const at = Math.max(0, Math.min(steps.length - 1, place));
    slider.value = String(at);
    now = at >= steps.length - 1 ? Infinity : steps[at];
    slider.setAttribute("aria-valuetext", now === Infinity ? "the session's end" : utc(now) + " UTC");
    redraw();
  }
  function halt() {
    clearInterval(timer);
    timer = null;
    document.getElementById("play").setAttribute("aria-pressed", "false");
  }
  slider.addEventListener("input", () => { halt(); move(Number(slider.value)); });
  document.getElementById("back").addEventListener("click", () => { halt(); move(Number(slider.value) - 1); });
  document.getElementById("forth").addEventListener("click", () => { halt(); move(Number(slider.value) + 1); });
  document.getElementById("end").addEventListener("click", () => { halt(); move(steps.length - 1); });
  document.getElementById("play").addEventListener("click", event => {
    if (timer) { halt(); return; }
    event.currentTarget.setAttribute("aria-pressed", "true");
    if (Number(slider.value) >= steps.length - 1) move(0);
    timer = setInterval(() => {
      move(Number(slider.value) + 1);
      if (Number(slider.value) >= steps.length - 1) halt();
    }, 250);
  });
  const frames = [...new Set(items.timeframe_seconds.filter(s => s !== null))].sort((a, b) => a - b);
  for (const seconds of frames) {
    const option = document.createElement("option");
    option.value = String(seconds);
    option.textContent = frame(seconds);
    document.getElementById("timeframe").appendChild(option);
  }
  for (const id of ["timeframe", "score"]) document.getElementById(id).addEventListener("change", redraw);
  document.getElementById("rows").addEventListener("toggle", () => { if (lastDrawn !== null) table(lastDrawn); });
  dark.addEventListener("change", () => { panel(); redraw(); });
  function followZoom() {   // names find other room when another stretch is in view
    chart.on("plotly_relayout", change => {
      if (!Object.keys(change).some(name => /^[xy]axis\./.test(name))) return;
      zoomed = true;
      redraw();
    });
  }

  function panel() {
    const form = document.getElementById("layers"), sets = new Map();
    form.replaceChildren();
    for (const [key, own] of layers) {
      if (!sets.has(own.group)) {
        const set = document.createElement("fieldset"), legend = document.createElement("legend");
        legend.textContent = own.group;
        set.appendChild(legend);
        form.appendChild(set);
        sets.set(own.group, set);
      }
      const label = document.createElement("label"), box = document.createElement("input"), dot = document.createElement("span");
      const name = document.createElement("span"), total = document.createElement("span");
      box.type = "checkbox";
      box.checked = own.on;
      box.addEventListener("change", () => { own.on = box.checked; redraw(); });
      const event = key.startsWith("event|");
      dot.className = event ? "glyph" : "swatch";
      dot.textContent = event ? rules.styleOf(own.name).shape.glyph : "";
      dot.style[event ? "color" : "background"] = own.dir ? (own.dir > 0 ? theme().up : theme().down)
        : event || key.startsWith("anchored") ? colourOf(own) : theme().line;
      name.textContent = own.name;
      total.className = "count";
      own.total = total;
      label.append(box, dot, name, total);
      sets.get(own.group).appendChild(label);
    }
  }
  new ResizeObserver(() => { if (lastDrawn !== null) Plotly.Plots.resize(chart); }).observe(chart);
  panel();
  move(steps.length - 1);
})();
