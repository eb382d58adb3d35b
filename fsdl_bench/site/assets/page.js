// Sorting, filtering, number of shots, theme, and reading values from charts. All figures are in the page.
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

  // The value that a cell sorts by: the value at the shown number of shots, else the cell's own.
  function valueOf(cell) {
    const shown = cell.querySelector("[data-k]:not([hidden])[data-v]");
    const text = shown ? shown.dataset.v : cell.dataset.v;
    if (text === undefined) return null;
    const number = Number(text);
    return text === "" || Number.isNaN(number) ? text : number;
  }

  function compare(one, two) {
    if (typeof one === "number" && typeof two === "number") return one - two;
    return String(one).localeCompare(String(two));
  }

  function sortBy(table, column, descending) {
    for (const body of table.tBodies) {
      const head = body.querySelector("tr.apart");
      const rows = [...body.rows].filter((row) => row !== head).map((row) => [valueOf(row.cells[column]), row]);
      rows.sort(([one], [two]) => {
        if (one === null || two === null) return (one === null) - (two === null);
        return descending ? compare(two, one) : compare(one, two);
      });
      body.append(...(head ? [head] : []), ...rows.map(([, row]) => row));
    }
  }

  function sortable(table) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const was = head.getAttribute("aria-sort");
        const best = ["gain", "baseline", "control", "date"].includes(head.dataset.key);
        const descending = was ? was === "ascending" : best;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", descending ? "descending" : "ascending");
        sortBy(table, column, descending);
      });
    });
  }

  function again(table) {
    const head = table.tHead.querySelector("[aria-sort]");
    if (head) sortBy(table, head.cellIndex, head.getAttribute("aria-sort") === "descending");
  }

  function controls(panel) {
    const section = panel.closest("section");
    const table = section.querySelector("table.board");
    const [budget, family] = panel.querySelectorAll("select");
    const classes = [...budget.options].map((option) => option.value); // the largest first
    const status = panel.querySelector(".status");
    panel.hidden = false;

    function show(shots) {
      for (const part of table.querySelectorAll("[data-k]")) {
        const other = part.dataset.budget !== undefined && part.dataset.budget !== budget.value;
        part.hidden = other || part.dataset.k !== shots;
      }
      table.querySelector(".at").textContent = shots;
      again(table);
      say();
    }

    function say() {
      const rows = [...table.querySelectorAll("tr[data-family]")];
      const shown = rows.filter((row) => !row.hidden).length;
      const shots = panel.querySelector("input:checked").value;
      status.textContent = `${shown} of ${rows.length} models, ${shots} support song${shots === "1" ? "" : "s"}`;
    }

    for (const input of panel.querySelectorAll("input")) input.addEventListener("change", () => show(input.value));
    function filter() {
      const smallest = classes.indexOf(budget.value);
      for (const row of table.querySelectorAll("tr[data-family]")) {
        const other = family.value !== "" && row.dataset.family !== family.value;
        row.hidden = other || classes.indexOf(row.dataset.class) < smallest;
      }
      show(panel.querySelector("input:checked").value);
    }
    for (const select of [budget, family]) select.addEventListener("change", filter);
    const chosen = panel.querySelector("input:checked").value; // a browser may restore the form on reload
    if (chosen !== section.dataset.headline) show(chosen); else say();
    if (family.value || budget.value !== classes[0]) filter();
  }

  // The tab key stops once per chart; the arrow keys move along a line and between lines.
  function chart(figure) {
    const lines = [...figure.querySelectorAll(".line")].reverse().map((line) => [...line.querySelectorAll(".mark")]);
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
    figure.querySelector("svg").addEventListener("mouseleave", rest);
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
  document.querySelectorAll(".controls").forEach(controls);
  document.querySelectorAll(".chart").forEach(chart);
})();
