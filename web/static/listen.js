// Live listening at once. Chromium starts a plain <audio> only after 32 KiB have come: 12 s of our Opus, 4 s of our MP3.
// Through Media Source the sound begins with the first page. Where that is missing, or without this script, the plain
// element plays. A listener who pauses and goes on hears what is live then; a lost connection is taken up again.
const TYPE = "audio/mpeg";
const AHEAD_S = 0.4; // how far behind the newest sound playing goes on after a jump
const LATEST_S = 3; // farther behind than this, jump
const KEPT_S = 30;
const SILENT_MS = 6000; // even silence is sent: nothing at all for so long is a lost connection
const PAUSES_MS = [500, 1000, 2000, 4000, 8000];

const Source = window.ManagedMediaSource || window.MediaSource;

const say = (audio, sentence) => {
  let line = audio.nextElementSibling;
  if (!line?.matches("[data-live-trouble]")) {
    line = document.createElement("p");
    line.className = "soft small";
    line.dataset.liveTrouble = "";
    line.setAttribute("role", "status");
    audio.after(line);
  }
  line.textContent = sentence;
};

const pause = (ms, signal) => new Promise((done) => {
  const timer = setTimeout(done, ms);
  signal.addEventListener("abort", () => { clearTimeout(timer); done(); }, { once: true });
});

function listenAtOnce(audio) {
  const leaving = new AbortController();
  const media = new Source();
  const address = URL.createObjectURL(media);
  audio.disableRemotePlayback = true; // ManagedMediaSource asks for it
  media.addEventListener("sourceopen", () => carryOn(audio, media, leaving.signal), { once: true });
  audio.src = address;
  return () => {
    leaving.abort();
    URL.revokeObjectURL(address);
    say(audio, "");
  };
}

// One connection after the other until the listener leaves.
async function carryOn(audio, media, leaving) {
  const buffer = media.addSourceBuffer(TYPE);
  buffer.mode = "sequence";
  for (let failures = 0; !leaving.aborted;) {
    const heard = () => { failures = 0; say(audio, ""); };
    try {
      await carry(audio, buffer, leaving, heard);
    } catch { /* lost, or never had: said below */ }
    if (leaving.aborted || media.readyState !== "open") return;
    say(audio, audio.dataset.textLost);
    await pause(PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)], leaving);
    failures += 1;
    if (!leaving.aborted && media.readyState === "open") buffer.abort(); // half a frame of the old connection is dropped
  }
}

async function carry(audio, buffer, leaving, heard) {
  const giveUp = new AbortController();
  leaving.addEventListener("abort", () => giveUp.abort(), { once: true });
  let watch = setTimeout(() => giveUp.abort(), SILENT_MS);
  const settled = () => new Promise((done) => buffer.addEventListener("updateend", done, { once: true }));
  try {
    const answer = await fetch(audio.dataset.live, { signal: giveUp.signal, cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    const reader = answer.body.getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(watch);
      watch = setTimeout(() => giveUp.abort(), SILENT_MS);
      const ready = settled();
      buffer.appendBuffer(value);
      await ready;
      heard();
      await keepUp(audio, buffer, settled);
    }
  } finally {
    clearTimeout(watch);
    giveUp.abort();
  }
}

// Stay near what is live, and keep only the last half minute.
async function keepUp(audio, buffer, settled) {
  const end = buffer.buffered.length ? buffer.buffered.end(buffer.buffered.length - 1) : 0;
  if (end - audio.currentTime > LATEST_S && !audio.paused) audio.currentTime = end - AHEAD_S;
  if (end <= 2 * KEPT_S) return;
  const removed = settled();
  buffer.remove(0, end - KEPT_S);
  await removed;
}

// Without Media Source the element itself is loaded anew after a fault.
function loadAnew(audio) {
  const again = () => {
    if (audio.dataset.wanted !== "yes") return;
    say(audio, audio.dataset.textLost);
    setTimeout(() => { audio.load(); audio.play().catch(() => {}); }, PAUSES_MS[2]);
  };
  audio.addEventListener("play", () => { audio.dataset.wanted = "yes"; });
  audio.addEventListener("pause", () => { if (!audio.error && !audio.ended) audio.dataset.wanted = ""; });
  audio.addEventListener("playing", () => say(audio, ""));
  for (const fault of ["error", "ended"]) audio.addEventListener(fault, again);
}

for (const audio of document.querySelectorAll("audio[data-live]")) {
  if (!Source?.isTypeSupported(TYPE)) {
    loadAnew(audio);
    continue;
  }
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
