// Tables, theme, charts, and the tones of a piano roll. All figures are in the page.
(function () {
  "use strict";

  function themeButton(button) {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const now = () => document.documentElement.dataset.theme || (dark.matches ? "dark" : "light");
    const label = () => { button.textContent = now() === "dark" ? "Light" : "Dark"; };
    button.hidden = false;
    button.setAttribute("aria-label", "Switch between the light and the dark theme");
    button.addEventListener("click", () => {
      const next = now() === "dark" ? "light" : "dark";
      document.documentElement.dataset.theme = next;
      try { localStorage.setItem("fsdl-theme", next); } catch { /* then the theme lasts until the page is closed */ }
      label();
    });
    dark.addEventListener("change", label);
    label();
  }

  // The value that a cell sorts by; null without one.
  function valueOf(cell) {
    const text = cell.dataset.v;
    if (text === undefined) return null;
    const number = Number(text);
    return text === "" || Number.isNaN(number) ? text : number;
  }

  function compare(one, two) {
    if (typeof one === "number" && typeof two === "number") return one - two;
    return String(one).localeCompare(String(two));
  }

  function sortBy(table, head, descending) {
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const column = head.cellIndex;
    for (const body of table.tBodies) {
      const apart = body.querySelector("tr.apart");
      const rows = [...body.rows].filter((row) => row !== apart).map((row) => [valueOf(row.cells[column]), row]);
      rows.sort(([one], [two]) => {
        if (one === null || two === null) return (one === null) - (two === null);
        return descending ? compare(two, one) : compare(one, two);
      });
      body.append(...(apart ? [apart] : []), ...rows.map(([, row]) => row));
    }
  }

  function sortable(table) {
    for (const head of table.tHead.rows[0].cells) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.querySelector(".label").childNodes);
      head.querySelector(".label").replaceWith(button);
      button.addEventListener("click", () => {
        const was = head.getAttribute("aria-sort");
        sortBy(table, head, was ? was === "ascending" : head.dataset.first === "down");
        table.dispatchEvent(new Event("sorted"));
      });
    }
  }

  // A board: number of shots, measure, search, filters and columns. The address keeps what differs from the start.
  function board(section, number) {
    const form = section.querySelector("form.controls");
    const table = section.querySelector("table.board");
    const data = JSON.parse(section.querySelector("script.cells").textContent);
    const heads = [...table.tHead.rows[0].cells];
    const columns = Object.fromEntries(heads.map((head) => [head.dataset.key, head.cellIndex]));
    const rows = [...table.querySelectorAll("tr[data-model]")];
    const field = form.elements;
    const classes = [...field.class.options].map((option) => option.value); // the largest first
    const boxes = [...form.querySelectorAll("[name=column]")];
    const status = form.querySelector(".status");
    const prefix = number ? `${section.id}-` : "";
    const start = { k: String(data.headline), by: "nll", sort: "rank", q: "", class: "open", family: "", verified: "", columns: chosen() };

    function chosen() {
      return boxes.filter((box) => box.checked).map((box) => box.value).join(" ");
    }

    function state() {
      const head = heads.find((one) => one.hasAttribute("aria-sort"));
      const down = head.getAttribute("aria-sort") === "descending";
      return {
        k: field.shots.value, by: field.by.value, sort: (down ? "-" : "") + head.dataset.key, q: field.q.value.trim(),
        class: field.class.value, family: field.family.value, verified: field.verified.checked ? "1" : "", columns: chosen(),
      };
    }

    function fill(cell, [value, text, small]) {
      const figure = document.createElement("span");
      figure.className = "fig";
      figure.append(text);
      if (small) figure.append(Object.assign(document.createElement("small"), { textContent: small }));
      cell.replaceChildren(figure);
      if (value === null) delete cell.dataset.v; else cell.dataset.v = value;
    }

    function shots(k) {
      for (const row of rows) {
        for (const [key, cell] of Object.entries(data.rows[row.dataset.model].cells[k])) {
          if (key in columns) fill(row.cells[columns[key]], cell);
        }
      }
      table.querySelector(".at").textContent = k;
    }

    function filter(now) {
      const smallest = classes.indexOf(now.class);
      const words = now.q.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of rows) {
        const text = row.cells[columns.model].textContent.toLowerCase();
        row.hidden = (now.family !== "" && row.dataset.family !== now.family) || classes.indexOf(row.dataset.class) < smallest
          || words.some((word) => !text.includes(word)) || (now.verified !== "" && !text.includes("\u00b7 verified"));
      }
      for (const body of table.tBodies) body.hidden = ![...body.rows].some((row) => row.dataset.model && !row.hidden);
    }

    // By NLL the rank is that of the tests; by another measure it is the place among the ranked models of the class.
    function ranks(now) {
      const smallest = classes.indexOf(now.class);
      const own = rows.filter((row) => row.parentElement.className === "ranked" && classes.indexOf(row.dataset.class) >= smallest);
      const places = new Map();
      if (now.by !== "nll") {
        const values = own.map((row) => [row, valueOf(row.cells[columns[now.by]])]).filter(([, value]) => value !== null);
        values.sort(([, one], [, two]) => two - one).forEach(([row], place) => places.set(row, [place + 1, false]));
      } else for (const row of own) places.set(row, data.rows[row.dataset.model].places[now.k][now.class]);
      for (const row of rows) {
        const [rank, tied] = places.get(row) || [null, false];
        const cell = row.cells[columns.rank];
        const pill = row.querySelector("em.pill");
        fill(cell, [rank, rank === null ? "\u2013" : String(rank), ""]);
        cell.classList.toggle("best", tied);
        if (!pill) continue;
        pill.hidden = !tied;
        pill.textContent = rank === 1 ? "best" : "tied";
        pill.classList.toggle("best", rank === 1);
      }
    }

    function show() {
      for (const box of boxes) {
        const place = columns[box.value];
        for (const row of [table.tHead.rows[0], ...rows]) row.cells[place].hidden = !box.checked;
      }
      const now = state();
      shots(now.k);
      filter(now);
      ranks(now);
      sortBy(table, heads[columns[now.sort.replace("-", "")]], now.sort.startsWith("-"));
      heads.forEach((head) => head.classList.toggle("measure", head.dataset.key === now.by));
      say(now);
    }

    function say(now) {
      const shown = rows.filter((row) => !row.hidden).length;
      status.textContent = `${shown} of ${rows.length} models, ${now.k} support song${now.k === "1" ? "" : "s"}`;
      const address = new URLSearchParams(location.search);
      for (const [key, value] of Object.entries(now)) {
        if (value === start[key]) address.delete(prefix + key); else address.set(prefix + key, value);
      }
      const query = address.toString();
      history.replaceState(null, "", (query ? `?${query}` : location.pathname) + location.hash);
    }

    form.hidden = false;
    form.reset(); // the address keeps the state, not the browser
    const given = new URLSearchParams(location.search);
    const asked = (key) => given.get(prefix + key);
    for (const [key, names] of [["k", field.shots], ["by", field.by]]) {
      const input = [...names].find((one) => one.value === asked(key));
      if (input) input.checked = true;
    }
    for (const key of ["q", "class", "family"]) if (asked(key) !== null) field[key].value = asked(key);
    for (const key of ["class", "family"]) if (field[key].selectedIndex < 0) field[key].selectedIndex = 0;
    field.verified.checked = asked("verified") === "1";
    if (asked("columns") !== null) for (const box of boxes) box.checked = asked("columns").split(" ").includes(box.value);
    const sort = asked("sort") || "rank";
    const head = heads[columns[sort.replace("-", "")]];
    if (head) {
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", sort.startsWith("-") ? "descending" : "ascending");
    }
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", (event) => {
      if (event.target.name === "by") sortBy(table, heads[columns.rank], false);
      show();
    });
    table.addEventListener("sorted", () => say(state()));
    if ([...given.keys()].some((key) => key.startsWith(prefix))) show(); else say(state());
  }

  // The notes of a piano roll as plain tones, with the bars lit while they sound.
  function player(button) {
    const notes = [...button.closest("figure").querySelectorAll("[data-note]")];
    let sound = null;
    button.hidden = false;

    function stop() {
      if (sound) sound.close();
      sound = null;
      button.textContent = "Listen";
      notes.forEach((note) => note.classList.remove("on"));
    }

    button.addEventListener("click", () => {
      if (sound) { stop(); return; }
      sound = new AudioContext();
      button.textContent = "Stop";
      const now = sound.currentTime + 0.1;
      const loud = sound.createGain();
      loud.gain.value = 0.12;
      loud.connect(sound.destination);
      const times = notes.map((note) => note.dataset.note.split(" ").map(Number));
      for (const [from, until, pitch] of times) {
        const tone = sound.createOscillator(), fade = sound.createGain();
        tone.type = "triangle";
        tone.frequency.value = 440 * 2 ** ((pitch - 69) / 12);
        fade.gain.setValueAtTime(0, now + from);
        fade.gain.linearRampToValueAtTime(1, now + from + 0.015);
        fade.gain.exponentialRampToValueAtTime(0.05, now + Math.max(until, from + 0.2));
        tone.connect(fade).connect(loud);
        tone.start(now + from);
        tone.stop(now + Math.max(until, from + 0.2));
      }
      const end = Math.max(...times.map(([, until]) => until));
      const own = sound;
      (function light() {
        if (sound !== own) return;
        const at = sound.currentTime - now;
        if (at > end + 0.3) { stop(); return; }
        notes.forEach((note, i) => note.classList.toggle("on", times[i][0] <= at && at < times[i][1]));
        requestAnimationFrame(light);
      })();
    });
  }

  // The tab key stops once per chart; the arrow keys move along a line and between lines.
  function chart(figure) {
    const lines = [...figure.querySelectorAll(".plot .line")].reverse().map((line) => [...line.querySelectorAll(".mark")]);
    const marks = lines.flat();
    const readout = figure.querySelector(".readout");
    if (!marks.length) return;
    marks[0].setAttribute("tabindex", "0");

    function read(mark) {
      figure.querySelectorAll(".line.on").forEach((line) => line.classList.remove("on"));
      mark.closest(".line").classList.add("on");
      figure.classList.add("reading");
      readout.textContent = mark.getAttribute("aria-label");
    }
    function rest() {
      figure.classList.remove("reading");
      figure.querySelectorAll(".line.on").forEach((line) => line.classList.remove("on"));
    }
    function go(mark) {
      marks.forEach((other) => other.setAttribute("tabindex", "-1"));
      mark.setAttribute("tabindex", "0");
      mark.focus();
    }

    for (const mark of marks) {
      mark.addEventListener("mouseenter", () => read(mark));
      mark.addEventListener("focus", () => read(mark));
      mark.addEventListener("blur", rest);
    }
    figure.querySelector(".plot svg").addEventListener("mouseleave", rest);
    figure.addEventListener("keydown", (event) => {
      const mark = event.target.closest(".mark");
      if (!mark) return;
      const line = lines.findIndex((those) => those.includes(mark));
      const place = lines[line].indexOf(mark);
      const filled = lines.filter((those) => those.length);
      const row = filled.indexOf(lines[line]);
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const along = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      let next = null;
      if (along && lines[line].length > 1) next = lines[line][place + along];
      else if (step || along) {
        const those = filled[row + (step || along)];
        next = those && those[Math.min(place, those.length - 1)];
      } else return;
      event.preventDefault();
      if (next) go(next);
    });
    for (const label of figure.querySelectorAll(".label")) {
      label.addEventListener("mouseenter", () => {
        const last = [...label.closest(".line").querySelectorAll(".mark")].pop();
        if (last) read(last);
      });
    }
  }

  document.querySelectorAll(".theme").forEach(themeButton);
  document.querySelectorAll("table.board").forEach(sortable);
  document.querySelectorAll("section.protocol:has(form.controls)").forEach(board);
  document.querySelectorAll("button.play").forEach(player);
  document.querySelectorAll(".chart").forEach(chart);
})();
