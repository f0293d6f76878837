
"use strict";
// Draws a run's rows as a window: only what is near the screen is in the page, so that 10,000 rows open at once.
// Everything that comes from outside goes in as text, never as markup.
(function () {
  const id = (name) => document.getElementById(name);
  const about = JSON.parse(document.querySelector("script.about").textContent);
  const at = Object.fromEntries(about.columns.map((name, index) => [name, index]));
  const rows = [];
  for (const block of document.querySelectorAll("script.rows")) {
    for (const row of JSON.parse(block.textContent)) { rows.push(row); }
    block.remove();
  }
  const LABELS = { pass: "pass", warn: "warn", fail: "fail", failed: "not made", waiting: "waiting", working: "being made" };
  const WHOSE = { row: "this row", place: "a backend", run: "the run, not the row" };
  const RANK = { failed: 0, fail: 1, warn: 2, pass: 3, working: 4, waiting: 5 };
  const word = (value) => (typeof value === "number" ? about.words[value] : value || "");
  const get = (row, name) => row[at[name]];
  const status = (row) => about.statuses[get(row, "status")];
  const group = (row) => (status(row) === "working" ? "waiting" : status(row));
  const number = (value) => value.toLocaleString("en");
  const clock = new Intl.DateTimeFormat([], { dateStyle: "medium", timeStyle: "short" });
  const when = (seconds) => clock.format(seconds * 1000);

  const outliers = new Map();
  for (const scene of about.scenes) {
    for (const spread of scene.spreads) {
      for (const [slot, value] of spread.outliers) {
        if (!outliers.has(slot)) { outliers.set(slot, []); }
        outliers.get(slot).push(spread.name + " " + value + ", typically " + spread.typical);
      }
    }
  }

  function make(tag, options, ...inside) {
    const element = Object.assign(document.createElement(tag), options);
    element.append(...inside);
    return element;
  }

  // A relative link. Half a pair in a name is a byte that is no UTF-8 (Python's surrogateescape).
  function link(path) {
    const part = (char) => (/[\udc80-\udcff]/u.test(char) ? "%" + (char.charCodeAt(0) - 0xdc00).toString(16)
      : /[\ud800-\udfff]/u.test(char) ? "%EF%BF%BD" : encodeURIComponent(char));
    return (path.startsWith("/") ? "" : "./") + path.split("/").map((name) => Array.from(name, part).join("")).join("/");
  }

  function thumbnails(row) {
    const thumbs = get(row, "thumbs");
    if (typeof thumbs === "string") { return about.thumbnailEnds.map((end) => thumbs + end); }
    return thumbs || ["", get(row, "picture") || ""];
  }

  function duration(seconds) {
    const minutes = Math.round(seconds / 60);
    if (minutes < 1) { return Math.round(seconds) + " s"; }
    return minutes < 60 ? minutes + " min" : Math.floor(minutes / 60) + " h " + (minutes % 60) + " min";
  }

  // ---- the head: what the run was

  const totals = {};
  for (const row of rows) { totals[group(row)] = (totals[group(row)] || 0) + 1; }
  const made = ["pass", "warn", "fail"].reduce((sum, name) => sum + (totals[name] || 0), 0);

  function tellRun() {
    const run = about.run, parts = [number(made) + (made === 1 ? " picture" : " pictures") + " of " + number(rows.length)];
    const times = rows.map((row) => get(row, "at")).filter(Boolean), first = times.reduce((a, b) => Math.min(a, b), Infinity);
    const last = times.reduce((a, b) => Math.max(a, b), 0);
    if (run.started && run.ended && last >= Math.floor(run.started)) {
      parts.push(when(run.started) + ", " + duration(run.ended - run.started));
    } else if (run.ended && times.length) {  // the last run had nothing to do
      parts.push("made " + clock.formatRange(first * 1000, last * 1000));
    } else if (run.started) {
      parts.push("since " + when(run.started) + ", still running: reload for news");
    }
    if (run.why && run.ended) {
      const ends = { complete: "complete", stopped: "stopped by hand", deadline: "stopped at its deadline",
        failures: "stopped after too many failures", "no place": "stopped: no backend was left" };
      parts.push(ends[run.why] || run.why);
    }
    id("run").textContent = parts.join(" · ");
    for (const name of ["pass", "warn", "fail", "failed", "waiting"]) {
      if (totals[name]) {
        const part = make("span", { className: name });
        part.style.flexGrow = totals[name];
        id("share").append(part);
      }
    }
  }

  function table(names, lines, caption) {
    const head = make("tr", {}, ...names.map((name) => make("th", { scope: "col", textContent: name })));
    const body = lines.map((line) => make("tr", {}, ...line.map((cell) => make("td", {}, cell))));
    const parts = [make("thead", {}, head), make("tbody", {}, ...body)];
    if (caption) { parts.unshift(make("caption", { textContent: caption })); }
    return make("table", {}, ...parts);
  }

  function panel(name, title, small, ...inside) {
    const details = id(name);
    details.hidden = false;
    details.querySelector("summary").append(title, " ", make("small", { textContent: small }));
    details.querySelector(".inside").append(...inside);
  }

  function tellPlaces() {
    const places = about.run.places || [];
    if (!places.length) { return; }
    const lines = places.map((place) => [place.name, number(place.pictures),
      place.idle_share === null ? "" : (100 * place.idle_share).toFixed(1) + " %"]);
    panel("places", "Made by", places.length === 1 ? places[0].name : places.length + " backends",
      table(["backend", "pictures", "time it stood idle"], lines));
  }

  function tellFailures() {
    const kinds = new Map();
    for (const row of rows) {
      if (status(row) !== "failed") { continue; }
      const kind = word(get(row, "verdict"));
      if (!kinds.has(kind)) { kinds.set(kind, { count: 0, row: row }); }
      kinds.get(kind).count += 1;
    }
    if (!kinds.size) { return; }
    const lines = Array.from(kinds).sort((a, b) => b[1].count - a[1].count).map(([kind, found]) => {
      const button = make("button", { type: "button", className: "plain", textContent: number(found.count) });
      button.setAttribute("aria-label", "Show the " + found.count + " of " + kind);
      button.addEventListener("click", () => { id("search").value = kind; choose("failed"); });
      return [button, word(get(found.row, "reasons")[0]), WHOSE[word(get(found.row, "whose"))] || ""];
    });
    panel("why", "Not made", number(totals.failed) + (totals.failed === 1 ? " row, and why" : " rows, and why"),
      table(["rows", "for example", "due to"], lines),
      make("p", { className: "soft" }, "failed.csv has them all: mend it and run it as a catalogue of its own."));
  }

  function tellSideBySide() {
    if (!about.scenes.length) { return; }
    const inside = about.scenes.map((scene) => table(["", "typical", "half differ by more than", "stand out"],
      scene.spreads.map((spread) => [spread.name, spread.typical, differing(spread), standing(spread.outliers)]),
      (scene.scene ? scene.scene + ", " : "") + number(scene.count) + " pictures"));
    const wide = new Set(about.scenes.flatMap((scene) => scene.spreads.filter((spread) => spread.isWide).map((spread) => spread.name)));
    const said = outliers.size ? number(outliers.size) + (outliers.size === 1 ? " picture stands out" : " pictures stand out")
      : wide.size ? "no picture stands out, but many differ" : "one light, one size, one exposure";
    panel("side", "Side by side", said, make("p", { className: "soft" },
      "How well the pictures of a scene match on a shop page: what is typical (median), how much they differ (MAD), and which are far off."), ...inside);
  }

  function differing(spread) {
    return spread.isWide ? make("b", { className: "warn", textContent: spread.spread }) : spread.spread;
  }

  function standing(found) {
    if (!found.length) { return "none"; }
    const links = found.slice(0, 8).flatMap(([slot, value]) => {
      const button = make("button", { type: "button", className: "plain", textContent: slot });
      button.addEventListener("click", () => open(bySlot(slot)));
      return [make("div", {}, button, " " + value)];
    });
    if (found.length > 8) { links.push(make("div", {}, "and " + number(found.length - 8) + " more")); }
    return make("div", {}, ...links);
  }

  const bySlot = (slot) => rows.find((row) => get(row, "slot") === slot);

  // ---- what is chosen

  let filter = "all", view = "list", chosen = rows, haystacks = null;

  function tellFilters() {
    const names = ["all", "pass", "warn", "fail", "failed", "waiting", "outlier"];
    const counts = { ...totals, all: rows.length, outlier: outliers.size };
    const labels = { ...LABELS, all: "all", outlier: "stands out" };
    for (const name of names) {
      if (name !== "all" && !counts[name]) { continue; }
      const button = make("button", { type: "button" });
      button.dataset.filter = name;
      button.setAttribute("aria-pressed", String(name === filter));
      if (name !== "all" && name !== "outlier") { button.append(make("i", { className: name })); }
      button.append(labels[name], make("b", { textContent: number(counts[name]) }));
      button.addEventListener("click", () => choose(filter === name ? "all" : name));
      id("filters").append(button);
    }
  }

  function haystack(row) {
    const texts = [get(row, "sku"), get(row, "slot"), word(get(row, "prompt")), word(get(row, "scene")), word(get(row, "verdict"))];
    for (const name of ["reasons", "notices"]) { texts.push(...(get(row, name) || []).map(word)); }
    texts.push(...(outliers.get(get(row, "slot")) || []));
    return texts.join("\n").toLowerCase();
  }

  const names = new Intl.Collator(undefined, { numeric: true });
  const ORDERS = {
    worst: (a, b) => RANK[status(a)] - RANK[status(b)] || (get(b, "strain") || 0) - (get(a, "strain") || 0),
    sku: (a, b) => names.compare(get(a, "sku"), get(b, "sku")),
    newest: (a, b) => (get(b, "at") || 0) - (get(a, "at") || 0),
    sheet: () => 0,
  };

  function choose(name) {
    filter = name;
    const terms = id("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    if (terms.length && !haystacks) { haystacks = new Map(rows.map((row) => [row, haystack(row)])); }
    chosen = rows.filter((row) => (filter === "all" || group(row) === filter
      || (filter === "outlier" && outliers.has(get(row, "slot"))))
      && terms.every((term) => haystacks.get(row).includes(term)));
    if (id("sort").value !== "sheet") { chosen.sort(ORDERS[id("sort").value]); }
    for (const button of id("filters").children) { button.setAttribute("aria-pressed", String(button.dataset.filter === filter)); }
    id("count").textContent = chosen.length === rows.length ? "" : "Showing " + number(chosen.length) + " of " + number(rows.length);
    id("nothing").hidden = chosen.length > 0;
    arrange();
  }

  // ---- the window

  const list = id("list"), drawn = new Map();
  const MOST_PX = 15000000;  // browsers lay out no taller page than 17 to 33 million pixels
  let lines = [], tops = [0], squeeze = 1, above = 0;

  function arrange() {
    lines = view === "list" ? chosen.map((row) => ({ row: row })) : sheetLines();
    for (const element of drawn.values()) { element.remove(); }
    drawn.clear();
    const rowPx = heightOf(() => rowElement(rows[0]));
    tops = [0];
    for (const line of lines) { tops.push(tops[tops.length - 1] + (line.px || rowPx)); }
    const total = tops[tops.length - 1];
    list.setAttribute("role", view === "list" ? "feed" : "group");
    squeeze = Math.max(1, total / MOST_PX);
    list.style.height = total / squeeze + "px";
    above = list.getBoundingClientRect().top + window.scrollY;
    draw();
  }

  function heightOf(element) {
    if (!rows.length) { return 1; }
    const probe = element();
    list.append(probe);
    const height = probe.getBoundingClientRect().height;
    probe.remove();
    return height || 1;
  }

  // The first line whose lower edge is below `y`.
  function lineAt(y) {
    let low = 0, high = lines.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (tops[middle + 1] <= y) { low = middle + 1; } else { high = middle; }
    }
    return low;
  }

  function draw() {
    const screen = window.innerHeight;
    const seen = Math.max(0, window.scrollY - above);
    const from = seen * squeeze, shift = seen - from;
    const first = lineAt(from - screen), last = Math.min(lines.length, lineAt(from + 2 * screen) + 1);
    for (const [index, element] of drawn) {
      if ((index < first || index >= last) && !element.contains(document.activeElement)) {
        element.remove();
        drawn.delete(index);
      }
    }
    for (let index = first; index < last; index += 1) {
      if (!drawn.has(index)) {
        const line = lines[index], element = line.make ? line.make() : rowElement(line.row);
        if (line.row) {
          element.setAttribute("aria-posinset", index + 1);
          element.setAttribute("aria-setsize", lines.length);
        }
        drawn.set(index, element);
        const after = drawn.get(index - 1);  // the order in the page is the order on the screen, for the keyboard
        if (after && after.parentNode === list) { after.after(element); } else { place(index, element); }
      }
    }
    for (const [index, element] of drawn) { element.style.transform = "translateY(" + (tops[index] + shift) + "px)"; }
  }

  function place(index, element) {
    let next = null;
    for (const [other, candidate] of drawn) {
      if (other > index && candidate !== element && (next === null || other < next[0])) { next = [other, candidate]; }
    }
    list.insertBefore(element, next ? next[1] : null);
  }

  function badge(element, row) {
    element.className = "badge " + status(row);
    element.textContent = LABELS[status(row)];
  }

  function stage(row, before, after) {
    const element = id("stage").content.firstElementChild.cloneNode(true), input = element.querySelector("input");
    const pictures = element.querySelectorAll("img");
    pictures[0].alt = "As photographed";
    pictures[1].alt = "The picture that was made";
    if (before) { pictures[0].src = link(before); }
    if (after) { pictures[1].src = link(after); }
    input.setAttribute("aria-label", "Photograph or picture of " + get(row, "sku"));
    function show() {
      element.style.setProperty("--at", input.value + "%");
      input.setAttribute("aria-valuetext", input.value + " % photograph");
    }
    input.addEventListener("input", show);
    show();
    return element;
  }

  function empty(row) {
    return make("div", { className: "empty", textContent: status(row) === "failed" ? "no picture" : LABELS[status(row)] });
  }

  function worst(row) {
    const index = get(row, "worst"), strain = get(row, "strain");
    if (index === null || strain === null) { return ""; }
    const [, name, unit] = about.numbers[index], value = get(row, "numbers")[index];
    const share = Math.round(100 * strain);
    return name + " " + value + (unit ? " " + unit : "") + ", " + (strain > 1 ? "beyond its limit" : share + " % of the way to its limit");
  }

  // What tells the pictures of a product apart.
  function restOfSlot(row) {
    const sku = get(row, "sku"), slot = get(row, "slot");
    return slot === sku ? "" : slot.startsWith(sku + "/") ? slot.slice(sku.length + 1) : slot;
  }

  function rowElement(row) {
    const element = id("row").content.firstElementChild.cloneNode(true), find = (name) => element.querySelector(name);
    const picture = get(row, "picture"), [before, after] = thumbnails(row);
    find(".picture").append(picture ? stage(row, before, after) : empty(row));
    badge(find(".badge"), row);
    find(".sku").textContent = get(row, "sku");
    find(".slot").textContent = restOfSlot(row);
    element.classList.toggle("without", !picture);
    find(".prompt").textContent = word(get(row, "prompt"));
    const reasons = (get(row, "reasons") || []).map(word), facts = beyond(row);
    const standsOut = (outliers.get(get(row, "slot")) || []).map((text) => "stands out: " + text);
    find(".verdict").textContent = picture ? word(get(row, "verdict")) : reasons[0] || "";
    find(".words").textContent = worst(row);
    find(".meter").hidden = get(row, "strain") === null;
    find(".meter").classList.add(status(row));
    find(".meter").style.setProperty("--share", Math.min(100, 100 * (get(row, "strain") || 0)) + "%");
    find(".reasons").textContent = picture ? [...(facts.length ? facts : reasons), ...standsOut].join(" · ") : "";
    find(".open").addEventListener("click", () => open(row));
    find(".open").setAttribute("aria-label", "Compare " + get(row, "slot"));
    files(row, find(".file"), find(".story"));
    if (!picture) { find(".open").textContent = "Details"; }
    return element;
  }

  function files(row, file, story) {
    const picture = get(row, "picture");
    file.hidden = story.hidden = !picture;
    if (picture) {
      file.href = link(picture);
      story.href = link(picture.replace(/\.[^./]*$/, "") + ".json");
    }
  }

  // ---- contact sheet: the pictures of a product together

  function sheetLines() {
    const bySku = new Map();
    for (const row of chosen) {
      if (!bySku.has(get(row, "sku"))) { bySku.set(get(row, "sku"), []); }
      bySku.get(get(row, "sku")).push(row);
    }
    const width = list.clientWidth, columns = Math.max(2, Math.floor(width / 230)), tall = Math.round(width / columns) + 34;
    const found = [];
    let loose = [];
    function tiles(some) {
      for (let index = 0; index < some.length; index += columns) {
        const part = some.slice(index, index + columns);
        found.push({ px: tall, make: () => tileLine(part, columns, tall) });
      }
    }
    for (const [sku, some] of bySku) {
      if (some.length === 1) { loose.push(some[0]); continue; }
      tiles(loose);
      loose = [];
      found.push({ px: 44, make: () => make("h2", { className: "head" }, make("bdi", { className: "sku", textContent: sku }),
        make("span", { className: "soft", textContent: some.length + " pictures" })) });
      tiles(some);
    }
    tiles(loose);
    return found;
  }

  function tileLine(some, columns, tall) {
    const element = make("div", { className: "tiles" }, ...some.map(tile));
    element.style.setProperty("--columns", columns);
    element.style.setProperty("--tall", tall + "px");
    return element;
  }

  function tile(row) {
    const mark = make("span", {}), picture = get(row, "picture");
    badge(mark, row);
    const shown = picture ? make("img", { src: link(thumbnails(row)[1]), alt: "", decoding: "async" }) : empty(row);
    const button = make("button", { type: "button", className: "tile", title: word(get(row, "prompt")).slice(0, 300) }, shown,
      make("span", { className: "under" }, mark, make("bdi", { className: "sku", textContent: get(row, "sku") })));
    button.addEventListener("click", () => open(row));
    return button;
  }

  // ---- one picture, large

  let opened = null;

  function open(row) {
    if (!row) { return; }
    opened = row;
    const dialog = id("compare"), picture = get(row, "picture"), [before, after] = thumbnails(row);
    dialog.querySelector("bdi").textContent = get(row, "sku");
    badge(dialog.querySelector(".badge"), row);
    const left = dialog.querySelector(".left"), right = dialog.querySelector(".right");
    left.replaceChildren(picture ? stage(row, before, after) : empty(row));
    if (picture) {
      whenLoaded(picture, row, (url) => { left.querySelector(".after").src = url; },
        () => { left.querySelector(".tag.of-after").textContent = "the picture is not in its place"; });
    } else if (get(row, "photo")) {
      whenLoaded(get(row, "photo"), row, (url) => left.replaceChildren(make("img", { src: url, alt: "The photograph", className: "photo" })));
    }
    right.replaceChildren(...told(row));
    right.scrollTop = 0;
    const index = chosen.indexOf(row);
    id("previous").disabled = index <= 0;
    id("next").disabled = index < 0 || index + 1 >= chosen.length;
    if (!dialog.open) { dialog.showModal(); }
    remember(get(row, "slot"));
  }

  // Does something with a picture's file when it is there and its row is still the one that is shown.
  function whenLoaded(path, row, then, otherwise) {
    const large = new Image();
    large.addEventListener("load", () => { if (opened === row) { then(large.src); } });
    large.addEventListener("error", () => { if (opened === row && otherwise) { otherwise(); } });
    large.src = link(path);
  }

  function step(by) {
    const index = chosen.indexOf(opened) + by;
    if (chosen.includes(opened) && index >= 0 && index < chosen.length) { open(chosen[index]); }
  }

  function remember(slot) {
    try { history.replaceState(null, "", slot ? "#" + encodeURIComponent(slot) : location.pathname + location.search); } catch { /* a name that is no text */ }
  }

  function bullets(title, texts) {
    return texts.length ? [make("div", {}, title ? make("b", { textContent: title }) : "", make("ul", {}, ...texts.map((text) => make("li", { textContent: text }))))] : [];
  }

  function told(row) {
    const parts = [], picture = get(row, "picture"), reasons = (get(row, "reasons") || []).map(word);
    parts.push(make("p", { className: "prompt-whole", dir: "auto", textContent: word(get(row, "prompt")) }));
    if (picture) {
      const file = make("a", { textContent: "Picture" }), story = make("a", { textContent: "Story (JSON)" });
      files(row, file, story);
      const links = [file, story];
      if (get(row, "photo")) { links.push(make("a", { textContent: "Photograph", href: link(get(row, "photo")) })); }
      parts.push(make("p", { textContent: word(get(row, "verdict")) }), make("p", { className: "chips" }, ...links));
    }
    const facts = picture ? beyond(row) : [];
    parts.push(...bullets(picture ? "What to look at" : "Why it was not made", facts.length ? facts : reasons));
    if (facts.length && reasons.length) {  // sentences with advice for whoever runs the command
      parts.push(make("details", {}, make("summary", { textContent: "What to do about it" }), ...bullets("", reasons)));
    }
    parts.push(...bullets("Stands out side by side", outliers.get(get(row, "slot")) || []));
    parts.push(...bullets("Notes", (get(row, "notices") || []).map(word)));
    const known = { slot: get(row, "slot"), scene: word(get(row, "scene")), seed: get(row, "seed"), "made by": word(get(row, "place")),
      at: get(row, "at") ? when(get(row, "at")) : "", "work took": get(row, "seconds") ? get(row, "seconds") + " s" : "",
      "cut-out": get(row, "cutOut") === null ? "" : "score " + get(row, "cutOut")[0] + " of 1" };
    if (!picture) { known["due to"] = WHOSE[word(get(row, "whose"))] || ""; }
    parts.push(make("dl", {}, ...Object.entries(known).filter((pair) => pair[1] !== "" && pair[1] !== null).flatMap(([name, value]) =>
      [make("dt", { textContent: name }), make("dd", {}, make("bdi", { textContent: String(value) }))])));
    if (get(row, "numbers")) { parts.push(numbersTable(row)); }
    return parts;
  }

  // Each measured number with its limits, and what it is by them.
  function judged(row) {
    const limits = about.limits[word(get(row, "profile"))] || {}, values = get(row, "numbers") || [];
    const mirrored = values[about.numbers.findIndex((one) => one[0] === "mirrored_percent")];
    return about.numbers.flatMap(([key, name, unit], index) => {
      const value = values[index], limit = limits[key];
      if (value === null || value === undefined) { return []; }
      const shown = value + (unit ? " " + unit : "");
      if (!limit) { return [{ name, shown, status: "" }]; }
      const fail = mirrored > about.mirrorPercent && limit.mirror_fail ? limit.mirror_fail : limit.fail;
      const size = limit.is_magnitude ? Math.abs(value) : value, isBeyond = (bound) => (limit.is_least ? size < bound : size > bound);
      const status = isBeyond(fail) ? "fail" : isBeyond(limit.warn) ? "warn" : "pass";
      return [{ name, shown, status, warn: limit.warn, fail, isLeast: limit.is_least, bound: status === "fail" ? fail : limit.warn }];
    });
  }

  // What is wrong with a picture, as facts: no advice.
  function beyond(row) {
    const cutOut = get(row, "cutOut"), found = judged(row).filter((one) => one.status === "fail" || one.status === "warn");
    found.sort((a, b) => (a.status === b.status ? 0 : a.status === "fail" ? -1 : 1));
    return [...(cutOut && cutOut[1] !== "pass" ? ["the cut-out is right with a probability of " + Math.round(100 * cutOut[0]) + " %"] : []),
      ...found.map((one) => one.name + " " + one.shown + (one.isLeast ? ", below " : ", above ") + one.bound)];
  }

  function numbersTable(row) {
    const lines = judged(row).map((one) => {
      const sign = one.isLeast ? "≥ " : "≤ ", bounds = one.status ? [sign + one.warn, sign + one.fail] : ["", ""];
      return [one.name, one.shown, ...bounds, make("span", { className: one.status, textContent: one.status })];
    });
    const profile = word(get(row, "profile"));
    return table(["number", "found", "to pass", "not to fail", ""], lines, "Numbers" + (profile ? ", limits of " + profile : ""));
  }

  // ---- on paper

  const MOST_PRINTED = 500;
  window.addEventListener("beforeprint", () => {
    const lines = chosen.slice(0, MOST_PRINTED).map((row) => [get(row, "sku"), LABELS[status(row)], word(get(row, "prompt")).slice(0, 300),
      [word(get(row, "verdict")), ...(get(row, "reasons") || []).map(word)].join(". "), get(row, "picture") || ""]);
    const more = chosen.length > MOST_PRINTED ? "The first " + MOST_PRINTED + " of " + number(chosen.length) + " rows; all are in report.csv." : "";
    id("print").replaceChildren(make("p", { textContent: more }), table(["sku", "status", "prompt", "verdict", "picture"], lines));
  });

  // ---- begin

  let asked = false, typing = null;
  function soon() {
    if (asked) { return; }
    asked = true;
    requestAnimationFrame(() => { asked = false; draw(); });
  }
  window.addEventListener("scroll", soon, { passive: true });
  new ResizeObserver((() => {
    let before = [0, 0];
    return () => {
      const now = [list.clientWidth, list.getBoundingClientRect().top + window.scrollY];
      if (now[0] !== before[0]) { arrange(); } else if (now[1] !== before[1]) { above = now[1]; draw(); }
      before = now;
    };
  })()).observe(document.body);
  window.addEventListener("resize", soon);
  id("search").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(() => choose(filter), 120); });
  id("reset").addEventListener("click", () => { id("search").value = ""; choose("all"); });
  id("sort").addEventListener("change", () => choose(filter));
  for (const button of id("views").children) {
    button.addEventListener("click", () => {
      view = button.dataset.view;
      for (const other of id("views").children) { other.setAttribute("aria-pressed", String(other === button)); }
      arrange();
    });
  }
  id("previous").addEventListener("click", () => step(-1));
  id("next").addEventListener("click", () => step(1));
  id("close").addEventListener("click", () => id("compare").close());
  id("compare").addEventListener("close", () => { opened = null; remember(""); });
  id("compare").addEventListener("click", (event) => { if (event.target === id("compare")) { id("compare").close(); } });
  id("compare").addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) { return; }
    if (event.key === "j") { step(1); } else if (event.key === "k") { step(-1); }
  });

  tellRun();
  tellFailures();
  tellSideBySide();
  tellPlaces();
  tellFilters();
  id("bar").hidden = false;
  choose("all");
  performance.mark("rows");
  try { open(bySlot(decodeURIComponent(location.hash.slice(1)))); } catch { /* a link that somebody cut */ }
}());
