// Nothing typed is lost: this browser keeps every word after a second, the station keeps the draft after a pause.
// A copy kept here is forgotten only when the station has said that it keeps exactly that.

const LOCAL_MS = 800;
const STATION_MS = 8000;
const FIELDS = ["tieu_de", "noi_dung", "giong", "toc_do"];
const RECEIPT = "phieu";

const ours = `loa-ban-nhap-${document.body.dataset.account}-`;

const contents = (form) =>
  Object.fromEntries(FIELDS.filter((name) => form.elements[name]).map((name) => [name, form.elements[name].value]));

const clock = () => new Date().toLocaleTimeString("vi-VN", { hour: "2-digit", minute: "2-digit" });

// A store may be full or forbidden: then the station still keeps the draft.
const store = {
  put: (key, kept) => {
    try {
      localStorage.setItem(key, JSON.stringify(kept));
    } catch { /* as said above */ }
  },
  get: (key) => {
    try {
      return JSON.parse(localStorage.getItem(key)) ?? {};
    } catch {
      return {};
    }
  },
  remove: (key) => {
    try {
      localStorage.removeItem(key);
    } catch { /* nothing was kept */ }
  },
  keys: () => {
    try {
      return Object.keys(localStorage).filter((key) => key.startsWith(ours));
    } catch {
      return [];
    }
  },
};

const without = ({ [RECEIPT]: _, ...words }) => JSON.stringify(words);

export function keepDraft(form) {
  const said = form.querySelector("[data-saved]");
  const place = () => `${ours}${form.dataset.draft}`;
  const now = () => JSON.stringify(contents(form));
  let onStation = now();
  let soon = 0;
  let later = 0;
  let saving = null;

  const keepHere = () => store.put(place(), contents(form));

  const save = async () => {
    const sent = now();
    const fresh = form.dataset.draft === "moi";
    const answer = await fetch(fresh ? "/soan/van-ban/luu" : `/soan/${form.dataset.draft}/luu`, {
      method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "application/json" },
    });
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(told.error?.text ?? "");
    if (without(store.get(place())) === sent) store.remove(place());
    if (fresh) {
      store.remove(place()); // its words go on under their own address
      form.dataset.draft = told.id;
      form.action = `/soan/${told.id}`;
      history.replaceState(null, "", `/soan/${told.id}`);
    }
    onStation = sent;
    if (now() !== sent) keepHere();
  };

  const keepAtStation = async () => {
    const empty = !form.elements.tieu_de.value.trim() || !form.elements.noi_dung?.value.trim();
    if (empty || now() === onStation || form.dataset.autosave === undefined) return;
    if (saving) {
      later = setTimeout(keepAtStation, STATION_MS);
      return;
    }
    said.textContent = said.dataset.textSaving;
    saving = save();
    try {
      await saving;
      said.textContent = `${said.dataset.textSaved} ${clock()}`;
    } catch (trouble) {
      keepHere();
      // A sentence of the station's is told as it is; without one it was not reached.
      const sentence = trouble instanceof TypeError ? "" : trouble.message;
      said.textContent = sentence ? `${said.dataset.textHere} ${sentence}` : said.dataset.textKept;
    } finally {
      saving = null;
    }
  };

  const offerOld = () => {
    const old = store.get(place());
    if (without(old) === onStation || (!old.noi_dung?.trim() && !old.tieu_de?.trim())) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = said.dataset.textRestore;
    button.addEventListener("click", () => {
      for (const name of FIELDS) if (form.elements[name] && name in old) form.elements[name].value = old[name];
      said.textContent = "";
      form.dispatchEvent(new Event("input"));
    });
    said.append(`${said.dataset.textFound} `, button);
  };

  form.addEventListener("input", () => {
    clearTimeout(soon);
    clearTimeout(later);
    soon = setTimeout(keepHere, LOCAL_MS);
    later = setTimeout(keepAtStation, STATION_MS);
  });

  form.addEventListener("submit", (event) => {
    clearTimeout(soon);
    clearTimeout(later);
    if (saving) { // let it end first: its answer says where this draft now lives
      event.preventDefault();
      saving.catch(() => {}).then(() => setTimeout(() => form.requestSubmit(event.submitter)));
      return;
    }
    const receipt = Date.now().toString(36) + Math.random().toString(36).slice(2);
    form.elements[RECEIPT].value = receipt;
    store.put(place(), { ...contents(form), [RECEIPT]: receipt });
  });
  offerOld();
}

// Step 2 says by its address which copy has arrived: that one is forgotten, unless something was typed since.
export function forgetSaved() {
  const address = new URL(location.href);
  const receipt = address.searchParams.get("da_luu");
  if (!receipt) return;
  for (const key of store.keys()) if (store.get(key)[RECEIPT] === receipt) store.remove(key);
  address.searchParams.delete("da_luu");
  history.replaceState(null, "", address);
}

// Whoever signs out leaves nothing for the next person at this machine.
export function leaveNothing(form) {
  form.addEventListener("submit", (event) => {
    const kept = store.keys();
    if (kept.length && !confirm(form.dataset.leaves)) event.preventDefault();
    else kept.forEach(store.remove);
  });
}
