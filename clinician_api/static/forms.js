// Sends a form once. A double click, or a second Enter while the answer is on its way, does
// nothing; the button says what is going on. Without script the server knows a form that came
// twice (migration 0028).
"use strict";
(() => {
  const restore = (form) => {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("button[data-doing]")) {
      button.removeAttribute("aria-disabled");
      if (button.dataset.label) button.textContent = button.dataset.label;
    }
  };
  for (const form of document.querySelectorAll("form.once")) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) return event.preventDefault();
      form.dataset.sent = "yes";
      const button = event.submitter ?? form.querySelector("button[data-doing]");
      if (!button) return;
      button.dataset.label = button.textContent;
      button.textContent = button.dataset.doing;
      button.setAttribute("aria-disabled", "true");
    });
  }
  // Back from the next page: the form can be sent again.
  window.addEventListener("pageshow", () => document.querySelectorAll("form.once").forEach(restore));
  // Whoever chooses from a list means the choice beside it.
  for (const list of document.querySelectorAll("select[name=other]")) {
    list.addEventListener("change", () => {
      const choice = list.closest("fieldset").querySelector("input[name=to][value='']");
      if (choice) choice.checked = true;
    });
  }
})();
