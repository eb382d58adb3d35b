// Plays notes with the soundfont, also while they are still being written. Without a soundfont, with oscillators.

import { BasicMIDI, WorkletSynthesizer, audioBufferToWav } from "./vendor/spessasynth_lib.min.js";

const PROCESSOR = new URL("./vendor/spessasynth_processor.min.js", import.meta.url);
const AHEAD = 0.4; // seconds of sound that are scheduled
const VELOCITY = 80;
const DRUMS = 16, DRUM_CHANNEL = 9;

// What is left without a soundfont: one triangle wave a note.
class Oscillators {
  constructor(context) {
    this.context = context;
    this.out = context.createGain();
    this.held = new Map();
  }
  connect(node) { this.out.connect(node); }
  programChange() {}
  noteOn(channel, pitch, _, { time }) {
    const tone = this.context.createOscillator(), level = this.context.createGain();
    tone.type = "triangle";
    tone.frequency.value = 440 * 2 ** ((pitch - 69) / 12);
    level.gain.setValueAtTime(0, time);
    level.gain.linearRampToValueAtTime(0.12, time + 0.01);
    tone.connect(level).connect(this.out);
    tone.start(time);
    this.held.set(`${channel} ${pitch}`, [tone, level]);
  }
  noteOff(channel, pitch, { time }) {
    const [tone, level] = this.held.get(`${channel} ${pitch}`) || [];
    this.held.delete(`${channel} ${pitch}`);
    if (!tone) return;
    level.gain.setTargetAtTime(0, time, 0.05);
    tone.stop(time + 0.4);
  }
  stopAll() {
    for (const [tone] of this.held.values()) tone.stop();
    this.held.clear();
    this.out.gain.cancelScheduledValues(0);
  }
}

async function synthesizer(context, font) {
  if (!font) return new Oscillators(context);
  await context.audioWorklet.addModule(PROCESSOR);
  const synth = new WorkletSynthesizer(context);
  await synth.soundBankManager.addSoundBank(font.slice(0), "main");
  await synth.isReady;
  return synth;
}

// Family -> channel. A song has at most 15 families besides the drums' channel; more share the last one.
function channels(notes) {
  const found = new Map([[DRUMS, DRUM_CHANNEL]]);
  const free = [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15];
  for (const [, , family] of notes) {
    if (!found.has(family)) found.set(family, free.length > 1 ? free.shift() : free[0]);
  }
  return found;
}

export class Player {
  constructor(hasFont) {
    this.context = new AudioContext({ latencyHint: "playback" });
    this.analyser = this.context.createAnalyser();
    this.analyser.connect(this.context.destination);
    this.tempo = 1;
    this.song = null;
    this.onchange = () => {};
    this.font = hasFont ? fetch("/soundfont").then((answer) => (answer.ok ? answer.arrayBuffer() : null)) : Promise.resolve(null);
    this.synth = this.font.catch(() => null).then((font) => synthesizer(this.context, font)).catch((error) => {
      console.warn(`the soundfont cannot be played: ${error}`);
      return new Oscillators(this.context);
    });
    this.synth = this.synth.then((synth) => { synth.connect(this.analyser); return synth; });
  }

  // A browser starts sound only after a key or a click.
  wake() { return this.context.resume(); }

  // The loudest sample of the last moments, 0 for silence.
  level() {
    const wave = new Float32Array(this.analyser.fftSize);
    this.analyser.getFloatTimeDomainData(wave);
    return wave.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  }

  // `song` has `notes`, [start, end, family, pitch] by start; `programs`; and `finished`, false while notes still come.
  async play(song, from = 0) {
    this.stop();
    this.song = song;
    this.onchange();
    const synth = await this.synth;
    await this.wake();
    if (this.song !== song) return;
    this.playing = synth;
    this.assigned = new Map();
    this.next = song.notes.findIndex((note) => note[0] >= from - 1e-6);
    if (this.next < 0) this.next = song.notes.length;
    this.origin = this.context.currentTime + 0.08 - from / this.tempo;
    this.offs = [];
    this.timer = setInterval(() => this.tick(), 50);
    this.tick();
  }

  setTempo(tempo) {
    if (this.timer) this.origin = this.context.currentTime - this.position() / tempo;
    this.tempo = tempo;
  }

  position() {
    return this.timer ? Math.max(0, (this.context.currentTime - this.origin) * this.tempo) : 0;
  }

  tick() {
    const { song, context } = this, { notes } = song;
    let now = this.position();
    const last = notes.length ? notes[notes.length - 1][0] : 0;
    if (!song.finished && now > last) { // the model is slower than the music: wait for it
      this.origin += (now - last) / this.tempo;
      now = last;
    }
    const until = now + AHEAD * this.tempo;
    for (; this.next < notes.length && notes[this.next][0] <= until; this.next++) this.sound(notes[this.next]);
    this.offs = this.offs.filter(([end, channel, pitch]) => {
      if (end > until) return true;
      this.playing.noteOff(channel, pitch, { time: Math.max(context.currentTime, this.origin + end / this.tempo) });
      return false;
    });
    if (song.finished && this.next >= notes.length && !this.offs.length && now > Math.max(0, ...notes.map((n) => n[1]))) {
      this.stop();
    }
  }

  sound([start, end, family, pitch]) {
    if (!this.assigned.has(family)) this.assign(family);
    const channel = this.assigned.get(family);
    const time = Math.max(this.context.currentTime, this.origin + start / this.tempo);
    this.playing.noteOn(channel, pitch, VELOCITY, { time });
    this.offs.push([Math.max(end, start + 0.05), channel, pitch]);
  }

  assign(family) {
    const before = [...this.assigned.keys()].map((known) => [0, 0, known, 0]);
    const channel = channels([...before, [0, 0, family, 0]]).get(family);
    this.assigned.set(family, channel);
    if (family !== DRUMS) this.playing.programChange(channel, this.song.programs?.[family] ?? 8 * family);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = this.song = null;
    this.playing?.stopAll(true);
    this.onchange();
  }

  // Renders a .mid file with the same sound; returns a .wav blob.
  async wav(midi, notes) {
    const rate = 44100, font = await this.font.catch(() => null);
    const sequence = BasicMIDI.fromArrayBuffer(midi);
    const seconds = sequence.duration + 1.5;
    const offline = new OfflineAudioContext(2, Math.ceil(rate * seconds), rate);
    if (font) {
      await offline.audioWorklet.addModule(PROCESSOR);
      const synth = new WorkletSynthesizer(offline);
      synth.connect(offline.destination);
      await synth.startOfflineRender({
        midiSequence: sequence, loopCount: 0,
        soundBankList: [{ bankOffset: 0, soundBankBuffer: font.slice(0) }],
      });
    } else {
      const synth = new Oscillators(offline);
      synth.connect(offline.destination);
      for (const [start, end, , pitch] of notes) {
        synth.noteOn(0, pitch, VELOCITY, { time: start / this.tempo });
        synth.noteOff(0, pitch, { time: Math.max(end, start + 0.05) / this.tempo });
      }
    }
    return audioBufferToWav(await offline.startRendering());
  }
}
