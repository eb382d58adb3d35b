// The page: the support on the left, new songs on the right.

import * as api from "./api.js";
import { Card } from "./cards.js";
import { LEGEND, full } from "./colours.js";
import { Player } from "./player.js";

const facts = JSON.parse(document.getElementById("facts").textContent);
const $ = (id) => document.getElementById(id);
const player = new Player(facts.soundfont);
const support = []; // {song, card, restore}
const samples = new Map(); // id -> {song, card}
let older = null; // the first song of the time before
let warming = null, writing = null, mode = "none", most = 1;

const offer = () => facts.offers.find((one) => one.track === $("track").value);
const model = () => offer().models.find((one) => one.name === $("model").value);
const music = () => offer().kind === "midi";
const plural = (count, what) => `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;
const page = { colours: () => ({ mode, most }) };

function status(text) { $("status").textContent = text; }
function error(text) { $("error").textContent = text; $("error").hidden = !text; }
function option(value, text) { return Object.assign(document.createElement("option"), { value, textContent: text }); }
function cards() { return [...support, ...samples.values()].map((one) => one.card); }

// ---- track and model

function showTrack() {
  $("model").replaceChildren(...offer().models.map((one) => option(one.name, one.name + (one.ships ? " (ready)" : ""))));
  const artists = Object.entries(offer().artists).sort((one, other) => one[1].localeCompare(other[1]));
  $("artist").replaceChildren(...artists.map(([key, name]) => option(key, name)));
  for (const one of document.querySelectorAll(".midi")) one.hidden = !music();
  const endings = facts.suffixes[offer().kind];
  $("files").accept = endings.join(",");
  $("accepts").textContent = `${endings.join(" ")}, at most ${facts.largest / 1e6} MB each`;
  $("length-label").textContent = music() ? "Notes" : "Tokens";
  $("c-none-label").textContent = music() ? "Instruments" : "None";
  showModel();
}

function showModel() {
  $("about").textContent = model().summary;
  warm();
}

$("track").replaceChildren(...facts.offers.map((one) => option(one.track, `${one.track} (${one.kind === "midi" ? "MIDI" : "lyrics"})`)));
$("track").addEventListener("change", async () => {
  const before = support.splice(0);
  player.stop();
  $("support").replaceChildren();
  showTrack();
  const track = offer().track;
  for (const { restore } of before) {
    try { put(await restore(track), restore); } catch { /* songs of the other kind stay out */ }
  }
  changed();
});
$("model").addEventListener("change", showModel);

// Loads the model and adapts it in the background, so that writing starts at once. It waits a moment for further changes.
function warm() {
  warming?.abort();
  warming = new AbortController();
  const { signal } = warming;
  status(`Preparing ${model().name} …`);
  setTimeout(() => signal.aborted || prepare(signal), 100);
}

function prepare(signal) {
  const name = model().name, wish = { track: offer().track, model: name, support: support.map((one) => one.song.id) };
  api.stream("/api/warm", wish, (event) => {
    if (signal.aborted) return;
    if (event.type === "log") status(`${name}: ${event.text}`);
    if (event.type === "ready" && !event.adapts) $("about").textContent = `${model().summary} It writes the same whatever your songs are.`;
    if (event.type === "adapted") status(`${name} is ready` + (event.songs ? `, adapted to ${plural(event.songs, "song")}${event.seconds ? ` in ${event.seconds} s` : ""}.` : "."));
  }, signal).catch((problem) => {
    if (problem.name === "AbortError") return;
    if (problem instanceof api.Gone) return restoreAll().then(warm, (why) => error(why.message));
    status("");
    error(problem.message);
  });
}

// ---- the support

// `restore` fetches the songs of one file or one artist's song from the server, for each track.
function put(songs, restore, place = support.length) {
  for (const song of songs) {
    insert(song, async (track) => (await restore(track)).filter((one) => songs.length === 1 || one.title === song.title), place++);
  }
  return songs.length;
}

function insert(song, restore, place) {
  if (support.some((one) => one.song.id === song.id)) return;
  song.finished = true;
  const card = new Card(song, player, page), entry = { song, card, restore };
  const units = music() ? "note" : "byte";
  card.facts(plural(song.units, units) + (song.bars.length ? `, ${plural(song.bars.length, "bar")}` : ""));
  const input = Object.assign(document.createElement("input"), { type: "file", hidden: true, accept: $("files").accept });
  input.addEventListener("change", () => swap(entry, input.files[0]));
  card.root.append(input);
  card.tool("Swap", `Swap ${song.title} for another song`, () => input.click());
  card.tool("Remove", `Remove ${song.title}`, () => { drop(entry); changed(); });
  support.splice(place, 0, entry);
  $("support").insertBefore(card.root, $("support").children[place] || null);
}

function drop(entry) {
  if (entry.card.playing()) player.stop();
  support.splice(support.indexOf(entry), 1);
  entry.card.root.remove();
}

async function swap(entry, file) {
  if (!file) return;
  const place = support.indexOf(entry);
  if (await addFiles([file], place)) { drop(entry); changed(); }
}

function changed() {
  $("empty").hidden = support.length > 0;
  const chosen = $("go-on").value;
  $("go-on").replaceChildren(option("", "nothing"), ...support.map(({ song }) => option(song.id, song.title)));
  if (support.some((one) => one.song.id === chosen)) $("go-on").value = chosen;
  showPart();
  warm();
}

async function addFiles(files, place = support.length) {
  error("");
  const problems = [];
  let added = 0;
  const all = [...files];
  if (all.length) status(`Reading ${all.length === 1 ? all[0].name : plural(all.length, "file")} …`);
  const track = offer().track;
  const read = all.map((file) => (file.size > facts.largest ? Promise.reject(new Error(`${file.name}: the file is too large; expected at most ${facts.largest / 1e6} MB`)) : api.upload(track, file)));
  for (const [number, result] of (await Promise.allSettled(read)).entries()) {
    if (result.status === "rejected") problems.push(result.reason.message);
    else added += put(result.value, (track) => api.upload(track, all[number]), place + added);
  }
  error(problems.join("\n"));
  if (added) changed();
  else status("");
  return added;
}

async function restoreAll() {
  for (const entry of support) {
    const [song] = await entry.restore(offer().track);
    if (song) entry.song.id = song.id;
  }
}

$("files").addEventListener("change", (event) => { const files = [...event.target.files]; event.target.value = ""; addFiles(files); });
document.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("over"); });
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("over"); });
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  addFiles(event.dataTransfer.files);
});
$("artists").addEventListener("submit", async (event) => {
  event.preventDefault();
  error("");
  const wish = { artist: $("artist").value, songs: Number($("count").value) };
  const songs = (track) => api.artistSongs({ track, ...wish });
  try {
    put(await songs(offer().track), songs);
    changed();
  } catch (problem) {
    error(problem.message);
  }
});

// ---- new songs

function showPart() {
  const entry = support.find((one) => one.song.id === $("go-on").value);
  $("part-field").hidden = !entry;
  if (!entry) return;
  const parts = music() ? entry.song.bars.length : entry.song.text.split("\n").length;
  $("part-label").textContent = `until ${music() ? "bar" : "line"} (2–${parts})`;
  $("part").max = parts;
  $("part").value = Math.min(Number($("part").value) || 5, parts);
}
$("go-on").addEventListener("change", showPart);

function order() {
  const go_on = $("go-on").value ? { song: $("go-on").value, part: Number($("part").value) } : null;
  return {
    track: offer().track, model: model().name, support: support.map((one) => one.song.id), n: 4,
    temperature: Number($("temperature").value), top_p: Number($("nucleus").value), length: Number($("length").value),
    seed: Number($("seed").value), keep_instruments: music() && $("keep").checked, go_on,
  };
}

function busy(is) {
  $("write").disabled = is;
  $("stop").hidden = !is;
}

async function write(again = true) {
  error("");
  busy(true);
  warming?.abort(); // writing adapts the model itself
  writing = new AbortController();
  older = $("samples").firstElementChild;
  status(`${model().name} is writing …`);
  try {
    await api.stream("/api/write", order(), take, writing.signal);
    status("Four new songs. Change something, and write again.");
    $("seed").value = Number($("seed").value) + 4;
  } catch (problem) {
    if (problem instanceof api.Gone && again) {
      try {
        const place = [...$("go-on").options].findIndex((one) => one.selected);
        await restoreAll();
        $("go-on").replaceChildren(option("", "nothing"), ...support.map(({ song }) => option(song.id, song.title)));
        $("go-on").selectedIndex = place;
        return await write(false);
      } catch (why) { error(why.message); }
    }
    if (problem.name === "AbortError") status("Stopped.");
    else { status(""); error(problem.message); }
  } finally {
    for (const { song, card } of samples.values()) if (!song.finished) { song.finished = true; card.facts("not finished"); card.draw(); }
    writing = null;
    busy(false);
  }
}

function take(event) {
  if (event.type === "log") status(event.text);
  if (event.type === "start") begin(event);
  const found = samples.get(event.sample);
  if (!found) return;
  const { song, card } = found;
  if (event.type === "note") { song.notes.push(event.note); card.draw(); }
  if (event.type === "text") { song.text += event.text; card.draw(); }
  if (event.type === "end") finish(event, song, card);
  if (event.type === "surprise") { song.units_nats = event.units; recolour(); }
}

function begin(event) {
  const title = `Song ${samples.size + 1}`, { settings } = event;
  const song = { id: event.sample, title, programs: event.programs, finished: false };
  if (music()) Object.assign(song, { notes: event.notes || [], begun: (event.notes || []).length });
  else song.text = event.text || "";
  const card = new Card(song, player, page);
  song.made = `${settings.model}, seed ${settings.seed}, temperature ${settings.temperature}, nucleus ${settings.top_p}, ${plural(settings.support.length, "support song")}`;
  card.facts(song.made);
  samples.set(event.sample, { song, card });
  $("samples").insertBefore(card.root, older);
  if (music() && $("listen").checked && !player.song) player.play(song);
}

function finish(event, song, card) {
  song.finished = song.ended = true;
  const unit = music() ? "note" : "byte";
  card.facts(`${plural(event.units, unit)}, ${event.nats_per_unit.toFixed(2)} nats/${unit}; ${song.made}`);
  if (music()) {
    card.link(".mid", `/api/samples/${song.id}.mid?tempo=${player.tempo}`, `Download ${song.title} as .mid`);
    card.tool(".wav", `Download ${song.title} as .wav`, () => saveWav(song).catch((problem) => error(problem.message)));
  } else card.link(".txt", `/api/samples/${song.id}.txt`, `Download ${song.title} as .txt`);
  card.draw();
  $("zip").hidden = false;
}

function recolour() {
  const values = [...samples.values()].flatMap(({ song }) => (song.units_nats || []).map((one) => one.slice(-2)));
  most = full(mode, values);
  for (const card of cards()) card.draw();
}

for (const radio of document.querySelectorAll("input[name=colour]")) {
  radio.addEventListener("change", () => { mode = radio.value; $("legend").textContent = LEGEND[mode]; recolour(); });
}

// ---- downloads

async function render(song) {
  return player.wav(await api.bytes(`/api/samples/${song.id}.mid?tempo=${player.tempo}`), song.notes);
}

function save(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

async function saveWav(song) {
  status("Rendering the sound …");
  save(await render(song), `${song.title}.wav`);
  status("");
}

$("zip").addEventListener("click", async (event) => {
  event.preventDefault();
  try {
    const done = [...samples.values()].map((one) => one.song).filter((song) => song.ended);
    for (const song of done) {
      if (!song.notes?.length || song.wav === player.tempo) continue;
      status(`Rendering the sound of ${song.title} …`);
      await api.sendWav(song.id, await render(song));
      song.wav = player.tempo;
    }
    status("");
    const wish = new URLSearchParams({ tempo: player.tempo, samples: done.map((song) => song.id).join(","), support: support.map((one) => one.song.id).join(",") });
    save(new Blob([await api.bytes(`/api/all.zip?${wish}`)], { type: "application/zip" }), "fsdl-bench-songs.zip");
  } catch (problem) {
    error(problem.message);
  }
});

// ---- controls

for (const [id, show] of [["temperature", (v) => v.toFixed(2)], ["nucleus", (v) => v.toFixed(2)], ["tempo", (v) => `${v} %`]]) {
  $(id).addEventListener("input", () => { $(`${id}-value`).textContent = show(Number($(id).value)); });
}
$("tempo").addEventListener("input", () => {
  player.setTempo(Number($("tempo").value) / 100);
  for (const link of document.querySelectorAll('a[href*=".mid?tempo="]')) link.href = link.getAttribute("href").replace(/tempo=.*/, `tempo=${player.tempo}`);
});
$("order").addEventListener("submit", (event) => { event.preventDefault(); player.wake(); write(); });
$("stop").addEventListener("click", () => writing?.abort());
$("theme").addEventListener("click", () => {
  const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = root.dataset.theme || (dark ? "dark" : "light");
  root.dataset.theme = now === "dark" ? "light" : "dark";
  for (const card of cards()) card.draw();
});

function everyFrame() {
  for (const card of cards()) if (card.playing()) card.refresh();
  if (player.song) requestAnimationFrame(everyFrame);
}
player.onchange = () => { for (const card of cards()) card.refresh(); if (player.song) requestAnimationFrame(everyFrame); };

window.player = player;
showTrack();
