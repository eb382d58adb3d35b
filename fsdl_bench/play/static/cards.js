// One song on the page: the piano roll or the words, the play button, the slider.

import { noteColour, wordColour } from "./colours.js";

const template = document.getElementById("song");
const SPARE = 2; // semitones above and below the notes

export class Card {
  // `song` has `title`, `text` or `notes`; `finished` is false while it is being written.
  constructor(song, player, page) {
    Object.assign(this, { song, player, page });
    this.root = template.content.firstElementChild.cloneNode(true);
    this.button = this.root.querySelector(".play");
    this.body = this.root.querySelector(".body");
    this.root.querySelector("h3").textContent = song.title;
    this.button.setAttribute("aria-label", `Play ${song.title}`);
    song.notes ? this.buildRoll() : this.buildText();
    this.draw();
  }

  buildRoll() {
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("role", "img");
    this.slider = Object.assign(document.createElement("input"), { type: "range", min: 0, max: 1000, value: 0 });
    this.slider.setAttribute("aria-label", `Position in ${this.song.title}`);
    this.body.append(this.canvas, this.slider);
    this.button.addEventListener("click", () => {
      const at = Number(this.slider.value) / 1000;
      if (this.playing()) this.player.stop();
      else this.player.play(this.song, at < 0.99 ? at * this.seconds() : 0);
    });
    this.slider.addEventListener("input", () => {
      const at = (Number(this.slider.value) / 1000) * this.seconds();
      if (this.playing()) this.player.play(this.song, at);
      this.draw();
    });
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  buildText() {
    this.button.remove();
    this.text = document.createElement("div");
    this.text.className = "text";
    this.text.tabIndex = 0;
    this.text.setAttribute("role", "region");
    this.text.setAttribute("aria-label", this.song.title);
    this.body.append(this.text);
  }

  playing() { return this.player.song === this.song; }

  seconds() { return this.song.notes.reduce((most, note) => Math.max(most, note[1]), 1); }

  facts(text) { this.root.querySelector(".facts").textContent = text; }

  tool(name, label, act) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: name });
    button.setAttribute("aria-label", label);
    button.addEventListener("click", act);
    this.root.querySelector(".tools").append(button);
    return button;
  }

  link(name, href, label) {
    const link = Object.assign(document.createElement("a"), { className: "button", textContent: name, href, download: "" });
    link.setAttribute("aria-label", label);
    this.root.querySelector(".tools").append(link);
    return link;
  }

  // Draws again with the next frame, however often it is called.
  draw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.song.notes ? this.drawRoll() : this.drawText();
    });
  }

  drawText() {
    const { mode, most } = this.page.colours();
    const words = this.song.units_nats;
    if (!words || mode === "none") {
      this.text.textContent = this.song.text;
      return;
    }
    this.text.replaceChildren(...words.map(([word, adapted, before]) => {
      const span = document.createElement("span");
      span.textContent = word;
      span.style.backgroundColor = wordColour(mode, [adapted, before], most);
      span.title = `${adapted.toFixed(2)} nats after your songs, ${before.toFixed(2)} before`;
      return span;
    }));
  }

  drawRoll() {
    const { canvas, song } = this, { notes } = song;
    const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width) return;
    if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
    if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d"), style = getComputedStyle(canvas);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const seconds = song.finished ? this.seconds() : Math.max(20, 1.25 * this.seconds());
    const pitches = notes.map((note) => note[3]);
    const low = Math.min(48, ...pitches) - SPARE, high = Math.max(72, ...pitches) + SPARE;
    const row = height / (high - low + 1), { mode, most } = this.page.colours();
    context.fillStyle = style.getPropertyValue("--line");
    for (const bar of song.bars || []) context.fillRect((bar / seconds) * width, 0, 0.5, height);
    notes.forEach((note, number) => {
      const [start, end, , pitch] = note;
      context.globalAlpha = number < (song.begun || 0) ? 0.45 : 1;
      context.fillStyle = noteColour(mode, note, song.units_nats?.[number], most);
      context.fillRect((start / seconds) * width, (high - pitch) * row, Math.max(1.5, ((end - start) / seconds) * width - 0.5), Math.max(1.5, row - 0.5));
    });
    context.globalAlpha = 1;
    const at = this.playing() ? this.player.position() : (Number(this.slider.value) / 1000) * this.seconds();
    context.fillStyle = style.getPropertyValue("--head");
    if (at > 0) context.fillRect((at / seconds) * width, 0, 2, height);
    canvas.setAttribute("aria-label", `Piano roll of ${song.title}: ${notes.length} notes, ${Math.round(this.seconds())} seconds`);
  }

  // Called for every card when playing starts or ends, and for the one that plays with every frame.
  refresh() {
    if (!this.song.notes) return;
    const playing = this.playing();
    this.button.textContent = playing ? "■" : "▶";
    this.button.setAttribute("aria-label", `${playing ? "Stop" : "Play"} ${this.song.title}`);
    if (playing) {
      this.slider.value = Math.min(1000, (this.player.position() / this.seconds()) * 1000);
      this.draw();
    } else if (Number(this.slider.value) > 990) {
      this.slider.value = 0;
      this.draw();
    }
  }
}
