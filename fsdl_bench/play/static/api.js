// Requests to the server. Every error is an `Error` with a message for the user; `gone` marks songs that it lost.

export class Gone extends Error {}

const LOST = "The server does not answer. Start `fsdl-bench play` again; your songs stay on this page.";

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error(LOST);
  }
  if (answer.ok) return answer;
  const found = await answer.json().catch(() => ({}));
  const message = found.error || `The server answered ${answer.status}.`;
  throw answer.status === 409 ? new Gone(message) : new Error(message);
}

const json = (body, signal) => ({
  method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" }, signal,
});

export async function upload(track, file) {
  const where = new URLSearchParams({ track, name: file.name });
  const headers = { "content-type": "application/octet-stream" };
  return (await (await ask(`/api/songs?${where}`, { method: "POST", body: file, headers })).json()).songs;
}

export async function artistSongs(wish) {
  return (await (await ask("/api/artist", json(wish))).json()).songs;
}

export async function bytes(path) {
  return (await ask(path)).arrayBuffer();
}

export async function sendWav(id, blob) {
  await ask(`/api/samples/${id}.wav`, { method: "PUT", body: blob, headers: { "content-type": "audio/wav" } });
}

// Calls `take` with every event of a stream of JSON lines; raises the error that the server reports in it.
export async function stream(path, body, take, signal) {
  const answer = await ask(path, json(body, signal));
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "", done = false;
  try {
    for (;;) {
      const { value, done: end } = await reader.read();
      if (end) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        const event = JSON.parse(line);
        if (event.type === "error") throw Object.assign(new Error(event.error), { told: true });
        done = done || event.type === "done";
        take(event);
      }
    }
  } catch (error) {
    if (error.name === "AbortError" || error.told) throw error;
    throw new Error(LOST);
  }
  if (!done) throw new Error(LOST);
}
