// What scripts add to pages that work without them: autosave, upload with progress, forms that fold.

import { forgetSaved, keepDraft, leaveNothing } from "./draft.js";
import "./listen.js";
import { sendWithProgress } from "./upload.js";

for (const form of document.querySelectorAll("form[data-draft]")) keepDraft(form);
for (const form of document.querySelectorAll("form[data-leaves]")) leaveNothing(form);
forgetSaved();
for (const form of document.querySelectorAll("form[data-upload]")) sendWithProgress(form);

// A list that leads to another page goes there by itself; its button is for those without scripts.
for (const list of document.querySelectorAll("select[data-go]")) {
  list.form.querySelector("button").hidden = true;
  list.addEventListener("change", () => list.form.submit());
}

// Fields that do not matter yet are folded away.
const folds = () => {
  for (const choice of document.querySelectorAll("[data-opens]")) {
    document.getElementById(choice.dataset.opens).hidden = !choice.checked;
  }
  for (const list of document.querySelectorAll("[data-shows]")) {
    document.getElementById(list.dataset.shows).hidden = list.value !== list.dataset.shows;
  }
};
document.addEventListener("change", folds);
folds();

// One press is enough: a form that is on its way is not sent twice.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  if (form.method !== "post" || form.dataset.upload) return;
  form.dataset.sent = "yes";
  setTimeout(() => delete form.dataset.sent, 5000);
});
