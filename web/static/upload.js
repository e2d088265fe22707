// A recording goes up as it is, with its progress shown; without scripts the same form goes up whole.

const megabytes = (bytes) => (bytes / 1e6).toFixed(1).replace(".", ",");

export function sendWithProgress(form) {
  const trouble = form.querySelector("[data-trouble]");
  const progress = form.querySelector("[data-progress]");
  const bar = progress.querySelector("progress");
  const label = progress.querySelector("[data-progress-text]");
  const button = form.querySelector("button");

  const complain = (sentence) => {
    trouble.textContent = sentence;
    trouble.hidden = false;
    progress.hidden = true;
    button.disabled = false;
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const file = form.elements.tep.files[0];
    trouble.hidden = true;
    if (!file) return;
    if (file.size > Number(form.dataset.maxBytes)) {
      complain(form.dataset.textLong);
      return;
    }
    const words = new URLSearchParams({
      don_vi: form.elements.don_vi.value, tieu_de: form.elements.tieu_de.value,
      loai: form.elements.loai.value, ten: file.name,
    });
    const request = new XMLHttpRequest();
    request.open("POST", `${form.dataset.upload}?${words}`);
    request.setRequestHeader("X-Loa-Form", form.elements.form_token.value);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      bar.value = total ? (loaded / total) * 100 : 0;
      label.textContent = loaded < total
        ? `${form.dataset.textSending}: ${megabytes(loaded)} / ${megabytes(total)} MB`
        : form.dataset.textChecking;
    });
    request.addEventListener("error", () => complain(form.dataset.textLost));
    request.addEventListener("load", () => {
      let answer = {};
      try {
        answer = JSON.parse(request.responseText);
      } catch { /* said below */ }
      if (request.status === 200) location.assign(answer.address);
      else complain(answer.error?.text ?? form.dataset.textLost);
    });
    button.disabled = true;
    progress.hidden = false;
    label.textContent = form.dataset.textSending;
    request.send(file);
  });
}
