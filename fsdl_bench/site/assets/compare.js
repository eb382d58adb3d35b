// Compare two models: curves, artists, songs won and lost. Each model's figures come from a script of its own.
(function () {
  "use strict";
  const form = document.getElementById("choice");
  const page = JSON.parse(document.getElementById("comparable").textContent).protocols;
  const place = document.getElementById("comparison");
  const models = {};
  const { protocol, a, b } = form.elements;
  const MINUS = "\u2212";

  window.fsdlModel = (slug, found) => { models[slug] = found; };

  function load(slug) {
    if (models[slug]) return Promise.resolve();
    return new Promise((done, fail) => {
      const script = document.createElement("script");
      script.src = form.dataset.scripts + encodeURIComponent(slug) + ".js";
      script.onload = done;
      script.onerror = fail;
      document.head.append(script);
    });
  }

  function element(name, attributes, ...children) {
    const svg = ["svg", "path", "polyline", "text", "circle", "rect", "title", "g"].includes(name);
    const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  const signed = (value) => (value < 0 ? MINUS : "+") + Math.abs(value).toFixed(4);
  // Round numbers between two values.
  function ticks(low, high) {
    const rough = (high - low) / 4 || 1;
    const unit = 10 ** Math.floor(Math.log10(rough));
    const step = unit * [1, 2, 5, 10].find((one) => one * unit >= rough);
    const found = [];
    for (let at = Math.ceil(low / step); at * step <= high; at += 1) found.push(at * step);
    return [found, Math.max(0, -Math.floor(Math.log10(step)))];
  }

  function curves(one, two, names) {
    const W = 540, H = 280, L = 56, R = 14, T = 12, B = 40;
    const all = [...one.shots, ...two.shots];
    const x = (k) => Math.log2(1 + k);
    const far = Math.max(...all.map(([k]) => x(k))) || 1;
    const values = all.map(([, v]) => v);
    const room = 0.08 * (Math.max(...values) - Math.min(...values)) || 0.01;
    const low = Math.min(...values) - room, high = Math.max(...values) + room;
    const across = (k) => L + x(k) / far * (W - L - R);
    const down = (v) => T + (high - v) / (high - low || 1) * (H - T - B);
    const svg = element("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": `NLL of ${names.join(" and ")} by support songs` });
    const axis = element("g", { class: "axis" });
    const [steps, digits] = ticks(low, high);
    for (const v of steps) {
      axis.append(element("path", { d: `M${L} ${down(v)}H${W - R}` }), element("text", { x: L - 8, y: down(v) + 4, "text-anchor": "end" }, v.toFixed(digits)));
    }
    for (const k of new Set(all.map(([shots]) => shots))) {
      axis.append(element("text", { x: across(k), y: H - B + 19, "text-anchor": "middle" }, String(k)));
    }
    axis.append(element("text", { x: (L + W - R) / 2, y: H - 4, "text-anchor": "middle" }, "support songs"));
    svg.append(axis);
    [one, two].forEach((model, number) => {
      const line = element("g", { class: `line c${number + 1}` });
      line.append(element("polyline", { points: model.shots.map(([k, v]) => `${across(k)},${down(v)}`).join(" ") }));
      for (const [k, v, text, ends] of model.shots) {
        const mark = number
          ? element("rect", { class: "dot", x: across(k) - 3.6, y: down(v) - 3.6, width: 7.2, height: 7.2 })
          : element("circle", { class: "dot", cx: across(k), cy: down(v), r: 4 });
        mark.append(element("title", {}, `${names[number]}, ${k} shots: ${text} (${ends})`));
        line.append(mark);
      }
      svg.append(line);
    });
    const legend = element("ul", { class: "legend always" }, ...names.map((name, number) =>
      element("li", { class: `c${number + 1}` }, (number ? "■ " : "● ") + name)));
    return element("figure", { class: "chart" }, element("figcaption", {}, "NLL by support songs"), svg, legend);
  }

  function table(caption, heads, rows) {
    const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)));
    const body = rows.map((cells) => element("tr", {}, ...cells.map((cell, column) =>
      column ? element("td", {}, cell) : element("th", { scope: "row" }, cell))));
    return element("div", { class: "scroll tall", tabindex: "0", role: "group", "aria-label": caption },
      element("table", { class: "plain" }, element("caption", {}, caption), element("thead", {}, head), element("tbody", {}, ...body)));
  }

  // The mean of paired differences and its standard error.
  function interval(differences) {
    const n = differences.length, mean = differences.reduce((sum, d) => sum + d, 0) / n;
    const error = Math.sqrt(differences.reduce((sum, d) => sum + (d - mean) ** 2, 0) / (n - 1) / n);
    return [mean, error];
  }

  function show() {
    const board = page[protocol.value], one = models[a.value][protocol.value], two = models[b.value][protocol.value];
    const names = [a, b].map((select) => select.selectedOptions[0].textContent);
    const called = Object.fromEntries(board.artists.map(([key, name]) => [key, name]));
    const both = board.artists.filter(([key]) => key in one.artists && key in two.artists)
      .map(([key, name, slug]) => ({ name, slug, v: one.artists[key], w: two.artists[key], d: one.artists[key] - two.artists[key] }))
      .sort((p, q) => p.d - q.d);
    const songs = one.songs.length && two.songs.length
      ? board.songs.map(([artist, title], i) => [artist, title, one.songs[i] - two.songs[i]]).sort((p, q) => p[2] - q[2]) : [];
    const [mean, error] = interval(both.map(({ d }) => d));
    const won = (differences) => differences.filter((d) => d < 0).length;
    const better = mean < 0 ? 0 : 1;
    const k = board.headline;
    const say = element("p", { class: "say verdict" });
    if (a.value === b.value) say.append("Choose two different models.");
    else say.append(element("strong", {}, names[better]), ` is ahead by ${Math.abs(mean).toFixed(4)} ± ${error.toFixed(4)} (standard error over ${both.length} artists, paired) at ${k} support songs. `,
      `${names[0]} has the lower NLL for ${won(both.map(({ d }) => d))} of ${both.length} artists`, songs.length ? ` and ${won(songs.map((row) => row[2]))} of ${songs.length} songs.` : ".");
    const test = element("p", { class: "note" }, "The test with its interval: ", element("code", {}, `fsdl-bench compare ${a.value}.json ${b.value}.json`));
    const facts = table(`At ${k} support songs`, ["figure", ...names], [
      ["NLL", ...[one, two].map((m) => { const s = m.shots.find(([shots]) => shots === k); return s ? `${s[2]} (${s[3]})` : "–"; })],
      ["gain", ...[one, two].map((m) => (m.gain[k] ? signed(m.gain[k][0]) : "–"))],
      ["wrong − right", ...[one, two].map((m) => (m.control ? signed(m.control[0]) : "–"))],
    ]);
    const byArtist = table(`By artist: ${names[0]} minus ${names[1]}; below 0, ${names[0]} is better`, ["artist", ...names, "difference"],
      both.map(({ name, slug, v, w, d }) => [element("a", { href: `${form.dataset.artists}${slug}.html` }, name), v.toFixed(4), w.toFixed(4), signed(d)]));
    const song = ([artist, title, d]) => [element("span", {}, title, element("small", {}, called[artist] || artist)), signed(d)];
    const ends = element("div", { class: "pair" });
    if (songs.length) {
      ends.append(table(`Songs where ${names[0]} is most ahead`, ["song", "difference"], songs.slice(0, 15).map(song)),
        table(`Songs where ${names[1]} is most ahead`, ["song", "difference"], songs.slice(-15).reverse().map(song)));
    }
    place.replaceChildren(say, test, element("div", { class: "pair" }, curves(one, two, names), element("div", {}, facts)), byArtist, ends);
  }

  function fill(wanted) {
    const list = page[protocol.value].models;
    [a, b].forEach((select, number) => {
      const kept = [wanted[number], select.value, list[Math.min(number, list.length - 1)][0]].find((slug) => list.some(([own]) => own === slug));
      select.replaceChildren(...list.map(([slug, name]) => element("option", { value: slug }, name)));
      select.value = kept;
    });
  }

  function update() {
    const state = new URLSearchParams({ protocol: protocol.value, a: a.value, b: b.value });
    history.replaceState(null, "", `?${state}`);
    Promise.all([load(a.value), load(b.value)]).then(show, () => { place.textContent = "The figures of a model could not be loaded."; });
  }

  const state = new URLSearchParams(location.search);
  if (state.get("protocol") in page) protocol.value = state.get("protocol");
  fill([state.get("a"), state.get("b")]);
  form.hidden = false;
  protocol.addEventListener("change", () => { fill([]); update(); });
  for (const select of [a, b]) select.addEventListener("change", update);
  update();
})();
