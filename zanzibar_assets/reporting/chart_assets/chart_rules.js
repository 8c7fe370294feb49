/* Rules of a chart's page that need no drawing: how a kind looks, which are on at first, which
   labels find room, and what may be said of a session when only its first bars are known. */
window.zanzibarRules = (function () {
  "use strict";
  const KINDS = [
    "absorption", "ar", "bc", "book_sweep", "bos", "breaker", "bu", "choch", "discount", "equilibrium", "fail",
    "fvg", "fvg_ce", "fvg_extend", "fvg_fill", "fvg_invert", "fvg_touch", "level", "level_accept (bar)",
    "level_accept (tick)", "level_sweep (bar)", "level_sweep (tick)", "lps", "lpsy", "markdown", "markup", "ob",
    "ob_mitigated", "ote", "poi", "poi_invalidated", "poi_touch", "pool", "pool_taken", "premium", "ps", "psy",
    "refill", "sc", "sos", "sow", "spring", "st", "st_b", "stop_run", "swing", "swing_supersede", "test",
    "test_utad", "ua", "ut", "utad"
  ];
  const ANCHORS = ["break down", "break up", "prior session high", "prior session low", "session open", "swing high", "swing low"];
  const PALETTE = {
    light: ["#6f42c1", "#0a58ca", "#9a3412", "#0b6e4f", "#b3261e", "#7a5c00", "#0e7490", "#a21caf", "#3f6212", "#1e3a8a",
      "#be185d", "#6b3410", "#475569", "#c2410c"],
    dark: ["#c4a7ff", "#6aa5ff", "#e0936a", "#4fd1a5", "#ff7b72", "#f5d76e", "#67e8f9", "#f0abfc", "#a3e635", "#a5b4fc",
      "#f9a8d4", "#d6b88a", "#cbd5e1", "#ffb347"],
  };
  const SHAPES = [   // upward, downward, without a direction; how the list of layers shows it
    { up: "triangle-up", down: "triangle-down", none: "circle", glyph: "▲" },
    { up: "star-triangle-up", down: "star-triangle-down", none: "diamond", glyph: "✦" },
    { up: "arrow-up", down: "arrow-down", none: "square", glyph: "↑" },
    { up: "triangle-ne", down: "triangle-se", none: "pentagon", glyph: "◥" },
  ];
  const LAYERS_AT_FIRST = 8, MARKS_AT_FIRST = 40, KINDS_WRITTEN = 8, ROWS_WRITTEN = 12;
  /* Made by two engines: from bars of the structure series, and from single trades. */
  const TWICE = ["level_accept", "level_sweep"];

  function nameOf(source, kind) {
    return TWICE.includes(kind) ? kind + (source === "orderflow_events" ? " (tick)" : " (bar)") : kind;
  }
  function styleOf(name) {   // of the name alone: the same on every page, whatever else is drawn
    let place = name.startsWith("from ") ? ANCHORS.indexOf(name.slice(5)) : KINDS.indexOf(name);
    if (place < 0) {
      place = 0;
      for (const letter of name) place = (place * 31 + letter.codePointAt(0)) % (PALETTE.light.length * SHAPES.length);
    }
    return { colour: place % PALETTE.light.length, shape: SHAPES[Math.floor(place / PALETTE.light.length)] };
  }
  function onAtFirst(counts) {   // [key, rows]: the rarest, as many as can be told apart
    const chosen = new Set();
    let marks = 0;
    for (const [key, rows] of [...counts].sort((a, b) => a[1] - b[1])) {
      marks += rows;
      if (marks > MARKS_AT_FIRST || chosen.size >= LAYERS_AT_FIRST) break;
      chosen.add(key);
    }
    return chosen;
  }
  function writable(counts) {   // [key, rows known]: few kinds are named on the chart, others when pointed at
    const few = counts.filter(c => c[1] && c[1] <= ROWS_WRITTEN).sort((a, b) => a[1] - b[1]);
    return new Set(few.slice(0, KINDS_WRITTEN).map(c => c[0]));
  }
  function withRoom(labels) {   // [{x, y, text}] in pixels, the weightiest first; those that cover no earlier one
    const kept = [];
    for (const own of labels) {
      const half = 3.2 * own.text.length + 3;
      if (!kept.some(k => Math.abs(k.x - own.x) < k.half + half && Math.abs(k.y - own.y) < 14)) kept.push({ ...own, half });
    }
    return kept;
  }
  function grouped(value, digits) {
    return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  }
  function sentence(data, n, minute) {   // the session in words, of its first n bars
    const b = data.bars, at = ticks => grouped(Number((ticks * data.tick).toFixed(10)), 2);
    if (!n) return data.instrument + " has no bar that was known then.";
    const change = b.c[n - 1] / b.o[0] - 1, sum = b.volume.slice(0, n).reduce((a, v) => a + v, 0);
    const low = b.l.slice(0, n).reduce((a, v) => Math.min(a, v)), high = b.h.slice(0, n).reduce((a, v) => Math.max(a, v));
    const word = change > 0 ? "rose" : change < 0 ? "fell" : "ended where it began,";
    return data.instrument + " " + word + " " + (100 * Math.abs(change)).toFixed(2) + "% from " + at(b.o[0]) + " to " +
      at(b.c[n - 1]) + " between " + minute(b.t[0]).slice(0, 16) + " and " + minute(b.k[n - 1]).slice(11, 16) +
      " UTC, within " + at(low) + " and " + at(high) + ", on a volume of " + grouped(sum, 0) + ".";
  }
  function formats(data) {   // times are microseconds after the data's base, prices ticks
    function ms(us) { return (data.base_us + us) / 1000; }
    function price(ticks) { return Number((ticks * data.tick).toFixed(10)); }
    function shown(value) { return value === null ? "-" : Number(value).toFixed(data.decimals); }
    function safe(text) {
      return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
    }
    function utc(us) {
      const whole = new Date(Math.floor(ms(us))).toISOString().slice(0, 19).replace("T", " ");
      const rest = (data.base_us + us) % 1e6;
      return rest ? whole + "." + String(rest).padStart(6, "0").replace(/0+$/, "") : whole;
    }
    const clock = new Intl.DateTimeFormat("en-GB", {
      timeZone: data.zone, day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit",
      second: "2-digit", hourCycle: "h23",
    });
    function local(us) { return clock.format(new Date(ms(us))) + " " + data.zone; }
    function frame(seconds) {
      return seconds === null ? "-" : seconds % 60 ? seconds + " s" : seconds / 60 + " min";
    }
    function wait(us) {
      const s = us / 1e6;
      return s >= 90 ? (s / 60).toFixed(1) + " min" : s >= 1 ? s.toFixed(1) + " s" : us + " µs";
    }
    return { ms, price, shown, safe, utc, local, frame, wait };
  }
  function upTo(known, T) {   // how many of an ascending list are known by T
    let a = 0, b = known.length;
    while (a < b) { const m = (a + b) >> 1; if (known[m] <= T) a = m + 1; else b = m; }
    return a;
  }
  return { KINDS, PALETTE, SHAPES, nameOf, styleOf, onAtFirst, writable, withRoom, sentence, formats, upTo };
})();
