// Live listening at once. Chromium starts a plain <audio> only after 32 KiB have come: 12 s of our Opus, 4 s of our MP3.
// Through Media Source the sound begins with the first page. Where that is missing, or without this script, the plain
// element plays. A listener who pauses and goes on hears what is live then.
const TYPE = "audio/mpeg";
const AHEAD_S = 0.4; // how far behind the newest sound playing goes on after a jump
const LATEST_S = 3; // farther behind than this, jump
const KEPT_S = 30;

const Source = window.ManagedMediaSource || window.MediaSource;

function listenAtOnce(audio) {
  const leaving = new AbortController();
  const media = new Source();
  const address = URL.createObjectURL(media);
  audio.disableRemotePlayback = true; // ManagedMediaSource asks for it
  media.addEventListener("sourceopen", () => carry(audio, media, leaving.signal).catch(() => {}), { once: true });
  audio.src = address;
  return () => {
    leaving.abort();
    URL.revokeObjectURL(address);
  };
}

async function carry(audio, media, signal) {
  const buffer = media.addSourceBuffer(TYPE);
  buffer.mode = "sequence";
  const settled = () => new Promise((done) => buffer.addEventListener("updateend", done, { once: true }));
  const answer = await fetch(audio.dataset.live, { signal, cache: "no-store" });
  const reader = answer.body.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const ready = settled();
    buffer.appendBuffer(value);
    await ready;
    const end = buffer.buffered.length ? buffer.buffered.end(buffer.buffered.length - 1) : 0;
    if (end - audio.currentTime > LATEST_S && !audio.paused) audio.currentTime = end - AHEAD_S;
    if (end > 2 * KEPT_S) {
      const removed = settled();
      buffer.remove(0, end - KEPT_S);
      await removed;
    }
  }
  if (media.readyState === "open") media.endOfStream();
}

if (Source && Source.isTypeSupported(TYPE)) {
  for (const audio of document.querySelectorAll("audio[data-live]")) {
    let stop = null;
    audio.addEventListener("play", () => {
      if (stop) return;
      stop = listenAtOnce(audio);
      audio.play().catch(() => {});
    });
    audio.addEventListener("pause", () => {
      if (stop) stop();
      stop = null;
    });
  }
}
