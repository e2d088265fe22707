// Nothing typed is lost: this browser keeps every word after a second, the station keeps the draft after a pause.

const LOCAL_MS = 800;
const STATION_MS = 8000;
const FIELDS = ["tieu_de", "noi_dung", "giong", "toc_do"];

const contents = (form) =>
  Object.fromEntries(FIELDS.filter((name) => form.elements[name]).map((name) => [name, form.elements[name].value]));

const clock = () => new Date().toLocaleTimeString("vi-VN", { hour: "2-digit", minute: "2-digit" });

export function keepDraft(form) {
  const said = form.querySelector("[data-saved]");
  const place = () => `loa-ban-nhap-${form.dataset.draft}`;
  let onStation = JSON.stringify(contents(form));
  let soon = 0;
  let later = 0;
  let saving = false;

  const keepHere = () => {
    try {
      localStorage.setItem(place(), JSON.stringify(contents(form)));
    } catch { /* a full or forbidden store: the station still keeps the draft */ }
  };

  const keepAtStation = async () => {
    const now = JSON.stringify(contents(form));
    const empty = !form.elements.tieu_de.value.trim() || !form.elements.noi_dung?.value.trim();
    if (saving || empty || now === onStation || form.dataset.autosave === undefined) return;
    saving = true;
    said.textContent = said.dataset.textSaving;
    try {
      const address = form.dataset.draft === "moi" ? "/soan/van-ban/luu" : `/soan/${form.dataset.draft}/luu`;
      const answer = await fetch(address, {
        method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "application/json" },
      });
      if (!answer.ok) throw new Error(String(answer.status));
      const { id } = await answer.json();
      localStorage.removeItem(place());
      form.dataset.draft = id;
      form.action = `/soan/${id}`;
      history.replaceState(null, "", `/soan/${id}`);
      onStation = now;
      said.textContent = `${said.dataset.textSaved} ${clock()}`;
    } catch {
      keepHere();
      said.textContent = said.dataset.textKept;
    } finally {
      saving = false;
    }
  };

  const offerOld = () => {
    const text = localStorage.getItem(place());
    if (!text || text === onStation) return;
    const old = JSON.parse(text);
    if (!old.noi_dung?.trim() && !old.tieu_de?.trim()) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = said.dataset.textRestore;
    button.addEventListener("click", () => {
      for (const [name, value] of Object.entries(old)) if (form.elements[name]) form.elements[name].value = value;
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
  form.addEventListener("submit", () => {
    clearTimeout(soon);
    clearTimeout(later);
    keepHere();
  });
  try {
    offerOld();
  } catch { /* an unreadable store is no store */ }
}

// What was kept here is not needed once its text has arrived: step 2 says so by its address.
export function forgetDraft(id) {
  try {
    localStorage.removeItem(`loa-ban-nhap-${id}`);
    localStorage.removeItem("loa-ban-nhap-moi");
  } catch { /* no store, nothing kept */ }
}
