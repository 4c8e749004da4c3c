// Draws the panels over time with uPlot, and does what HTML alone cannot: choose a theme, show one dashboard of
// several at a time, sort tables. All text goes in as text, never as HTML: names come from those who call.
"use strict";
(() => {
  const COLORS = ["blue", "orange", "green", "red", "purple", "cyan", "pink", "brown", "sky", "olive"];

  const make = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  };

  // --- colours: the style sheet has them, a canvas needs them resolved ---

  const probe = make("span", { hidden: "" });
  document.body.append(probe);
  const color = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const faded = (rgb, share) => rgb.replace(/^rgba?\(([^)/]+?)(,[^,]+)?\)$/, (_, parts) =>
    `rgba(${parts.split(",").slice(0, 3).join(",")}, ${share})`);

  // --- times ---

  const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
  const two = (number) => String(number).padStart(2, "0");
  const day = (stamp) => {
    const at = new Date(stamp * 1000);
    return `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`;
  };
  const clock = (stamp) => {
    const at = new Date(stamp * 1000);
    return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
  };
  const moment = (stamp, step) => step >= 86400 ? day(stamp) : `${day(stamp)} ${clock(stamp)}`;

  // --- charts ---

  const charts = [];

  class Chart {
    constructor(figure) {
      this.figure = figure;
      this.box = figure.querySelector(".chart");
      this.data = JSON.parse(figure.querySelector("script").textContent);
      this.isStacked = this.data.kind === "bars";
      this.hidden = new Set();
      const { since, until, step } = this.data;
      this.edge = this.isStacked ? step / 2 : since === until ? step : 0;
      this.events = this.data.events.filter(({ at }) => at >= since - this.edge && at <= until + this.edge);
      this.colors = this.data.series.map((series, place) =>
        series.name.startsWith("(") ? "neutral" : COLORS[place % COLORS.length]);
      this.tooltip = make("div", { class: "tip", role: "status" });
      this.legend();
      this.numbers();
      new ResizeObserver(() => this.fit()).observe(this.box);
      this.box.addEventListener("keydown", (event) => this.steer(event));
      this.box.addEventListener("blur", () => this.point(null));
    }

    get shown() {
      return this.data.series.map((_, place) => place).filter((place) => !this.hidden.has(place));
    }

    // uPlot draws one series after the other: of stacked bars the whole first, and each part over it.
    values() {
      const { times, series } = this.data;
      if (!this.isStacked) return [times, ...this.shown.map((place) => series[place].values)];
      const sums = times.map(() => 0);
      const stacked = this.shown.map((place) => series[place].values.map((value, at) => (sums[at] += value || 0)));
      return [times, ...stacked.reverse()];
    }

    options(width) {
      const { unit, step, since, until } = this.data;
      const order = this.isStacked ? [...this.shown].reverse() : this.shown;
      const axis = { stroke: () => color("muted"), font: "12px system-ui, sans-serif", ticks: { show: false } };
      return {
        width,
        height: Math.max(170, this.box.clientHeight),
        padding: [10, 22, 0, 0],
        tzDate: (stamp) => uPlot.tzDate(new Date(stamp * 1e3), "Etc/UTC"),
        legend: { show: false },
        cursor: {
          y: false,
          drag: { x: false, y: false },
          points: { show: !this.isStacked, size: 7 },
          sync: { key: this.figure.closest(".board").id, scales: ["x", null] },
        },
        scales: {
          x: { time: true, range: () => [since - this.edge, until + this.edge] },
          y: { range: (_, low, high) => [Math.min(0, low || 0), (high || 1) * 1.06] },
        },
        axes: [
          {
            ...axis,
            grid: { show: false },
            size: 26,
            gap: 6,
            space: 64,
            ...(step >= 86400 && { incrs: [1, 2, 4, 7, 14, 28, 91, 365].map((days) => days * 86400) }),
            values: (_, splits, __, ___, gap) => splits.map((stamp) =>
              gap >= 86400 || stamp % 86400 === 0 ? day(stamp) : clock(stamp)),
          },
          {
            ...axis,
            grid: { stroke: () => color("line"), width: 1 },
            space: 36,
            size: (self, texts) => 14 + Math.max(24, ...(texts || []).map((text) => text.length * 7)),
            values: (_, splits) => splits.map((value) => numbers.tick(value, unit)),
          },
        ],
        series: [{}, ...order.map((place) => this.drawn(place))],
        hooks: {
          draw: [(self) => this.mark(self)],
          setCursor: [(self) => this.tell(self)],
        },
      };
    }

    drawn(place) {
      const paint = () => color(this.colors[place]);
      const common = { label: this.data.series[place].name, stroke: paint, points: { show: false } };
      if (this.isStacked) {
        return { ...common, width: 0, fill: paint, paths: uPlot.paths.bars({ size: [0.78, 56], gap: 0 }) };
      }
      const isAlone = this.data.times.length < 3;
      const fill = this.data.series.length === 1 ? () => faded(paint(), 0.12) : undefined;
      return { ...common, width: 2, fill, spanGaps: true, points: { show: isAlone, size: 7, fill: paint } };
    }

    fit() {
      const width = Math.floor(this.box.clientWidth);
      if (width < 40) return;
      if (this.plot && this.plot.width === width) return;
      if (this.plot) this.plot.setSize({ width, height: Math.max(170, this.box.clientHeight) });
      else this.draw();
    }

    draw() {
      const width = Math.floor(this.box.clientWidth);
      if (width < 40) return;
      if (this.plot) this.plot.destroy();
      this.plot = new uPlot(this.options(width), this.values(), this.box);
      this.plot.over.append(this.tooltip);
    }

    // Releases, prompt and price changes: a line where they were, a mark at its foot.
    mark(self) {
      const { ctx } = self, { top, height } = self.bbox, ratio = devicePixelRatio;
      ctx.save();
      for (const event of this.events) {
        const x = Math.round(self.valToPos(event.at, "x", true));
        ctx.strokeStyle = ctx.fillStyle = color(event.color);
        ctx.lineWidth = ratio;
        ctx.setLineDash([4 * ratio, 4 * ratio]);
        ctx.beginPath();
        ctx.moveTo(x, top);
        ctx.lineTo(x, top + height);
        ctx.stroke();
        ctx.beginPath();
        ctx.moveTo(x, top + height - 7 * ratio);
        ctx.lineTo(x + 5 * ratio, top + height);
        ctx.lineTo(x - 5 * ratio, top + height);
        ctx.fill();
      }
      ctx.restore();
    }

    // What stands under the cursor, in a box beside it.
    tell(self) {
      const { idx, left } = self.cursor;
      const at = idx == null || left < 0 ? null : this.data.times[idx];
      this.tooltip.classList.toggle("shown", at != null);
      if (at == null) return;
      const rows = this.shown.map((place) => ({ place, value: this.data.series[place].values[idx] }))
        .filter(({ value }) => value != null && !(this.isStacked && value === 0));
      const { unit, step } = this.data;
      const sum = rows.reduce((total, { value }) => total + value, 0);
      const written = numbers.together([...rows.map(({ value }) => value), ...(this.isStacked ? [sum] : [])], unit);
      const lines = rows.map(({ place, value }) =>
        this.line(this.colors[place], this.data.series[place].name, written(value)));
      if (this.isStacked && lines.length > 1) {
        lines.push(make("div", { class: "sum" }, make("span", {}, "Total"), make("b", {}, written(sum))));
      }
      const near = this.events.filter((event) => Math.abs(self.valToPos(event.at, "x") - left) < 8).slice(0, 6);
      const told = near.map((event) => {
        const mark = make("i", { class: "mark" });
        mark.style.background = `var(--${event.color})`;
        return make("div", { class: "event" }, mark, make("span", {}, `${event.kind}: ${event.text}`));
      });
      this.tooltip.replaceChildren(make("p", {}, moment(at, step)), ...lines, ...told);
      const isRight = left > self.over.clientWidth / 2;
      this.tooltip.style.left = isRight ? "auto" : `${left + 14}px`;
      this.tooltip.style.right = isRight ? `${self.over.clientWidth - left + 14}px` : "auto";
    }

    line(paint, name, text) {
      const mark = make("i", { class: "mark" });
      mark.style.background = `var(--${paint})`;
      return make("div", {}, mark, make("span", {}, name), make("b", {}, text));
    }

    legend() {
      const list = this.figure.querySelector(".legend");
      const sums = this.data.series.map(({ values }) => values.reduce((total, value) => total + (value || 0), 0));
      const written = numbers.together(sums, this.data.unit);
      this.data.series.forEach((series, place) => {
        const mark = make("i", { class: "mark" });
        mark.style.background = `var(--${this.colors[place]})`;
        const button = make("button", { type: "button", "aria-pressed": "true" }, mark, make("span", {}, series.name));
        if (this.isStacked) button.append(make("b", {}, written(sums[place])));
        button.addEventListener("click", () => {
          this.hidden.has(place) ? this.hidden.delete(place) : this.hidden.add(place);
          button.setAttribute("aria-pressed", String(!this.hidden.has(place)));
          this.draw();
        });
        list.append(make("li", {}, button));
      });
    }

    // The same numbers as a table, made when somebody asks for it.
    numbers() {
      const details = this.figure.querySelector("details");
      details.addEventListener("toggle", () => {
        const place = details.querySelector(".scroll");
        if (!details.open || place.firstChild) return;
        const { times, series, unit, step } = this.data;
        const written = series.map(({ values }) => numbers.together(values, unit));
        const heads = ["Time (UTC)", ...series.map(({ name }) => name)];
        const table = make("table", {},
          make("thead", {}, make("tr", {}, ...heads.map((head, nth) =>
            make("th", { scope: "col", class: nth ? "number" : "" }, head)))),
          make("tbody", {}, ...times.map((at, row) => make("tr", {},
            make("th", { scope: "row" }, moment(at, step)),
            ...series.map(({ values }, nth) => make("td", { class: "number" }, written[nth](values[row])))))));
        place.append(table);
      });
    }

    point(idx) {
      if (!this.plot) return;
      const left = idx == null ? -10 : this.plot.valToPos(this.data.times[idx], "x");
      this.plot.setCursor({ left, top: idx == null ? -10 : 10 });
    }

    steer(event) {
      const last = this.data.times.length - 1, idx = this.plot ? this.plot.cursor.idx : null;
      const to = {
        ArrowLeft: idx == null ? last : Math.max(0, idx - 1),
        ArrowRight: idx == null ? 0 : Math.min(last, idx + 1),
        Home: 0,
        End: last,
        Escape: null,
      }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      this.point(to);
    }
  }

  // --- the theme: that of the system, unless one was chosen ---

  const root = document.documentElement, button = document.getElementById("theme");
  const isDark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const redraw = () => {
    button.setAttribute("aria-pressed", String(isDark()));
    charts.forEach((chart) => chart.plot && chart.plot.redraw(false));
  };
  try {
    root.dataset.theme = localStorage.getItem("llmcost-theme") || "";
  } catch { /* a page from a disk may keep nothing */ }
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("llmcost-theme", root.dataset.theme);
    } catch { /* likewise */ }
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

  // --- one dashboard of several at a time ---

  const boards = [...document.querySelectorAll(".board")];
  const show = () => {
    const wanted = document.getElementById(location.hash.slice(1));
    const board = (wanted && wanted.closest(".board")) || boards[0];
    boards.forEach((each) => each.toggleAttribute("hidden", each !== board));
    document.querySelectorAll("nav a[href^='#']").forEach((link) =>
      link.getAttribute("href") === `#${board.id}` ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current"));
    if (boards.length > 1) document.title = `${board.dataset.title} · LLM cost`;
    return wanted;
  };
  if (boards.length > 1) {
    addEventListener("hashchange", () => {
      const wanted = show();
      scrollTo(0, 0);
      if (wanted && wanted.classList.contains("board")) wanted.querySelector("h2").focus({ preventScroll: true });
    });
    show();
  }

  // --- of several values: all, or some of them ---

  document.querySelectorAll(".choose fieldset").forEach((set) => {
    const boxes = [...set.querySelectorAll("input")], isAll = (box) => box.value === "$__all";
    set.addEventListener("change", ({ target }) => {
      if (!target.checked) return;
      boxes.filter((box) => box !== target && (isAll(target) || isAll(box))).forEach((box) => { box.checked = false; });
    });
  });
  document.querySelectorAll(".choose details").forEach((details) => {
    details.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      details.open = false;
      details.querySelector("summary").focus();
    });
    addEventListener("click", (event) => { if (!details.contains(event.target)) details.open = false; });
  });

  // --- tables that sort by a column ---

  document.querySelectorAll("table.sortable").forEach((table) => {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
      const isDown = head.getAttribute("aria-sort") === "descending";
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", isDown ? "ascending" : "descending");
      const key = (row) => row.cells[column].dataset.sort ?? row.cells[column].textContent;
      const isNumber = head.classList.contains("number");
      const order = (one, other) => isNumber
        ? (parseFloat(key(one)) || 0) - (parseFloat(key(other)) || 0)
        : key(one).localeCompare(key(other));
      const rows = [...table.tBodies[0].rows].sort(order);
      table.tBodies[0].append(...(isDown ? rows : rows.reverse()));
    }));
  });

  document.querySelectorAll("figure.over-time").forEach((figure) => charts.push(new Chart(figure)));
  redraw();
})();
