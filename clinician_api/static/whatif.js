// Follows a slider: asks what other limits would have flagged, and shows the newest answer.
//
// What must hold: an old answer never stands beside newer limits, and nothing is saved here.
// Without script the form's own button does the same, a page at a time.
"use strict";
(() => {
  const form = document.getElementById("try");
  const place = document.getElementById("tried");
  if (!form || !place) return;
  const REST_MS = 120; // a slider on the move asks eight times a second at most
  const comma = document.documentElement.lang === "da";
  let timer = null;
  let asking = null;

  const shown = (value) => (comma ? String(value).replace(".", ",") : String(value));
  const number = (text) => Number.parseFloat(text.replace(",", "."));

  async function ask() {
    asking?.abort();
    const mine = (asking = new AbortController());
    place.setAttribute("aria-busy", "true");
    try {
      const query = new URLSearchParams(new FormData(form));
      const answer = await fetch(`${form.dataset.tried}?${query}`, { signal: mine.signal, cache: "no-store" });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (asking !== mine) return;
      place.replaceChildren(...parsed.body.childNodes);
      place.removeAttribute("aria-busy");
    } catch (error) {
      if (error.name !== "AbortError") place.replaceChildren(); // better nothing than an old picture
    }
  }

  form.addEventListener("input", (event) => {
    const field = event.target;
    if (field.type === "range") form.elements[field.dataset.for].value = shown(field.value);
    else {
      const slider = form.querySelector(`input[data-for="${field.name}"]`);
      if (slider && Number.isFinite(number(field.value))) slider.value = number(field.value);
    }
    clearTimeout(timer);
    timer = setTimeout(ask, REST_MS);
  });
})();
