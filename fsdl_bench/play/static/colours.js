// How surprising notes and words are, as colours. Values are nats: [adapted, before] for each note or word.

const FAMILY = ["#2f6fd0", "#0f8a8a", "#8a5a00", "#1f8a4c", "#6b4fc0", "#b5451b", "#a8327d", "#9c6b00", "#4b7d1a",
  "#0a7fb0", "#c2410c", "#7a5c9e", "#557", "#946", "#577", "#668", "#6b7280"];

export const LEGEND = {
  none: "",
  adapted: "Orange: surprising for the model after it heard your songs. Blue: expected.",
  base: "Orange: surprising for the model before it heard your songs. Blue: expected.",
  gain: "Green: your songs made it easier to predict. Violet: harder. Grey: no difference.",
};

export const family = (number) => FAMILY[number] || FAMILY[16];

// Returns a colour [r, g, b] and a strength from 0 to 1.
function scale(mode, [adapted, before], most) {
  if (mode === "gain") {
    const gain = before - adapted, strength = Math.min(1, Math.abs(gain) / Math.max(0.1, most));
    return [gain > 0 ? [22, 130, 70] : [126, 58, 190], strength];
  }
  const share = Math.min(1, (mode === "adapted" ? adapted : before) / Math.max(0.1, most));
  const mix = (from, to) => Math.round(from + (to - from) * share);
  return [[mix(70, 217), mix(120, 90), mix(190, 15)], 0.35 + 0.65 * share];
}

// The value of full colour: the 95th percentile of all values on the page.
export function full(mode, all) {
  const values = all.map(([adapted, before]) => (mode === "gain" ? Math.abs(before - adapted) : Math.max(adapted, before)));
  values.sort((one, other) => one - other);
  return values[Math.floor(0.95 * (values.length - 1))] || 0.1;
}

export function noteColour(mode, note, value, most) {
  if (mode === "none" || !value) return family(note[2]);
  const [[red, green, blue], strength] = scale(mode, value, most);
  return `rgba(${red}, ${green}, ${blue}, ${mode === "gain" ? 0.25 + 0.75 * strength : 1})`;
}

export function wordColour(mode, value, most) {
  if (mode === "none" || !value) return "";
  const [[red, green, blue], strength] = scale(mode, value, most);
  return `rgba(${red}, ${green}, ${blue}, ${(0.5 * strength).toFixed(3)})`;
}
