// Keeps an open page current, and says so clearly when it cannot.
//
// Owns: the event stream, fetching the part of the page that changes, swapping it in without
// moving the reader, and sending a person's step on a case. Knows no words of its own: they
// come with the page as data attributes.
//
// What must hold: silence never looks like all is well. The page is current only while the
// stream is open, was heard lately, says that the database is listened to, and the newest
// content was fetched. Otherwise the banner says since when it is not.
"use strict";
(() => {
  const region = document.getElementById("live");
  if (!region) return;

  const SILENCE_MS = 25000; // two and a half heartbeats of the server (board.HEARTBEAT_S)
  const PATIENCE_MS = 3000; // a reconnect this quick is not worth a banner
  const SPACING_MS = 250; // most often the content is fetched, whatever happens
  const FALLBACK_MS = 60000; // a lost notification costs this much delay, never a case
  const SHIELD_MS = 700; // a button that slid under the pointer does nothing for this long
  const OWN_SHIELD_MS = 1500; // a double click or a second Enter must not undo what the first did
  const HOLD_MS = 2000; // longest the swap waits for a pointer that rests on a button

  const word = (name, values = {}) =>
    Object.entries(values).reduce((text, [key, value]) => text.replace(`{${key}}`, value), region.dataset[name]);
  const byId = (id) => document.getElementById(id);
  const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "Europe/Copenhagen" });
  const dated = new Intl.DateTimeFormat(document.documentElement.lang, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: "Europe/Copenhagen" });
  const clockOrDate = (at) => (Date.now() - at > 12 * 3600 * 1000 ? dated : clock).format(at);
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));

  const state = {
    open: false, listening: false, fetched: true, signedOut: false,
    heardAt: Date.now(), currentAt: Date.now(), troubleAt: Date.now(),
  };

  let source = null;

  // ---------------------------------------------------------------- saying how it stands

  const isCurrent = () =>
    state.open && state.listening && state.fetched && !state.signedOut && Date.now() - state.heardAt < SILENCE_MS;

  function show() {
    if (isCurrent()) {
      state.currentAt = state.troubleAt = Date.now();
    }
    const lost = state.signedOut || Date.now() - state.troubleAt > PATIENCE_MS;
    const offline = lost && !state.signedOut;
    const since = word("lost", { time: clockOrDate(state.currentAt) });
    const shown = state.signedOut ? word("signedOutShort") : lost ? since : isCurrent() ? word("on") : word("connecting");
    byId("live-status").className = `live-status ${lost ? "lost" : isCurrent() ? "on" : ""}`;
    if (byId("live-word").textContent !== shown) byId("live-word").textContent = shown;
    document.body.classList.toggle("stale", lost);
    disableActions(lost);
    const banner = byId("live-lost");
    // Written before it is shown, so that it is read aloud once and whole.
    if (offline && byId("live-lost-word").textContent !== since) byId("live-lost-word").textContent = since;
    banner.hidden = !offline;
  }

  // What is not current must not be answered; a button keeps its focus, so it is not `disabled`.
  function disableActions(stale) {
    for (const button of region.querySelectorAll(".act button:not([data-busy])")) {
      button.toggleAttribute("aria-disabled", false);
      if (stale) button.setAttribute("aria-disabled", "true");
    }
  }

  function notice(text) {
    const element = byId("live-notice");
    element.textContent = text || "";
    element.hidden = !text;
  }

  function signOut() {
    if (state.signedOut) return;
    state.signedOut = true;
    source.close();
    // Rows that nobody keeps current must not stand there as if they were.
    const hadFocus = region.contains(document.activeElement);
    region.hidden = true;
    const link = Object.assign(document.createElement("a"), { href: "/sign-in", textContent: word("signIn") });
    notice(word("signedOut"));
    byId("live-notice").append(" ", link);
    if (hadFocus) link.focus();
    document.title = word("signedOut");
    show();
  }

  // ---------------------------------------------------------------- the content

  let running = null;
  let again = false;
  let hurry = false;

  // One at a time. `now` is for a person's own step: it waits for no resting pointer, and ends
  // such a wait of a refresh that is under way.
  function refresh({ now = false } = {}) {
    if (state.signedOut) return Promise.resolve();
    hurry ||= now;
    again = true;
    running ??= run().finally(() => { running = null; show(); });
    return running;
  }

  async function run() {
    while (again && !state.signedOut) {
      await pointerRests();
      again = hurry = false;
      await fetchOnce();
      await wait(SPACING_MS);
    }
  }

  async function fetchOnce() {
    try {
      const answer = await fetch(region.dataset.source, { cache: "no-store", signal: AbortSignal.timeout(10000) });
      if (answer.status === 401) return signOut();
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      swap(await answer.text());
      state.fetched = true;
    } catch {
      state.fetched = false; // a later heartbeat tries again
    }
  }

  // A list that moves while somebody aims at a button makes them press another patient's.
  async function pointerRests() {
    for (let held = 0; held < HOLD_MS && !hurry && region.querySelector(".act button:hover"); held += 100) await wait(100);
  }

  const pointer = { x: -1, y: -1 };
  const shield = { caseId: null, until: 0 };
  document.addEventListener("pointermove", (event) => { pointer.x = event.clientX; pointer.y = event.clientY; });

  const caseUnderPointer = () =>
    document.elementFromPoint(pointer.x, pointer.y)?.closest("[data-case]")?.dataset.case ?? null;

  const versions = () =>
    new Map([...region.querySelectorAll("[data-case]")].map((row) => [row.dataset.case, row.dataset.version]));

  const byFocusKey = (key) => region.querySelector(`[data-focus="${CSS.escape(key)}"]`);

  function swap(html) {
    const before = versions();
    const under = caseUnderPointer();
    const focused = region.contains(document.activeElement) ? document.activeElement : null;
    const focusKey = focused?.closest("[data-focus]")?.dataset.focus;
    const focusStep = focused?.form?.getAttribute("action");
    const open = [...region.querySelectorAll("details[open]")].map((element) => element.dataset.open);
    const scroll = [window.scrollX, window.scrollY];

    const parsed = new DOMParser().parseFromString(html, "text/html");
    region.replaceChildren(...parsed.body.childNodes);

    for (const element of region.querySelectorAll("details")) element.open = open.includes(element.dataset.open);
    if (focused) {
      let target = focusKey && byFocusKey(focusKey);
      // A button that has become another one, such as Undo, is never under a finger by itself.
      if (focusStep && target?.form?.getAttribute("action") !== focusStep) {
        target = byFocusKey(focusKey.replace("action:", "patient:"));
      }
      (target || region).focus({ preventScroll: true });
    }
    window.scrollTo(...scroll);
    document.title = region.firstElementChild?.dataset.title || document.title;
    markChanged(before);
    disableActions(document.body.classList.contains("stale"));
    const slid = caseUnderPointer();
    if (slid && slid !== under) Object.assign(shield, { caseId: slid, until: Date.now() + SHIELD_MS });
  }

  function markChanged(before) {
    const changed = [...region.querySelectorAll("[data-case]")].filter(
      (row) => before.get(row.dataset.case) !== row.dataset.version,
    );
    for (const row of changed) row.classList.add("just-changed");
    const names = changed.map((row) => row.querySelector(".patient")?.textContent.trim()).filter(Boolean);
    if (names.length) byId("live-announce").textContent = word("changed", { names: names.slice(0, 3).join(", ") });
  }

  // ---------------------------------------------------------------- a person's step

  let acting = false;
  const ownShield = new Map();
  const shieldOwn = (caseId) => ownShield.set(caseId, Date.now() + OWN_SHIELD_MS);

  region.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches(".act")) return;
    event.preventDefault();
    const caseId = form.closest("[data-case]")?.dataset.case;
    const byPointer = event.submitter?.matches(":hover");
    if (document.body.classList.contains("stale")) return;
    if (acting || Date.now() < (ownShield.get(caseId) ?? 0)) return;
    if (byPointer && caseId === shield.caseId && Date.now() < shield.until) return;
    acting = true;
    const button = event.submitter;
    const label = button?.textContent;
    button?.setAttribute("aria-disabled", "true");
    button?.setAttribute("data-busy", "");
    if (button) button.textContent = button.dataset.doing;
    notice("");
    try {
      const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), signal: AbortSignal.timeout(10000), headers: { Accept: "application/json" } });
      if (answer.status === 401) signOut();
      else if (!answer.ok) notice((await answer.json()).message);
    } catch {
      notice(word("unconfirmed")); // it may have arrived all the same
    }
    button?.removeAttribute("aria-disabled");
    button?.removeAttribute("data-busy");
    if (button) button.textContent = label;
    acting = false;
    shieldOwn(caseId);
    await refresh({ now: true });
    shieldOwn(caseId);
  });

  // ---------------------------------------------------------------- the stream

  let reopenMs = 1000;

  function connect() {
    if (state.signedOut) return;
    source = new EventSource("/board/events");
    source.addEventListener("open", () => {
      state.open = true;
      reopenMs = 1000;
      heard();
      refresh();
    });
    source.addEventListener("live", (event) => {
      state.listening = JSON.parse(event.data).listening;
      heard();
      if (!state.fetched) refresh();
    });
    source.addEventListener("reload", () => { heard(); refresh(); });
    for (const kind of ["case", "finding", "desk"]) source.addEventListener(kind, (event) => onEvent(kind, JSON.parse(event.data)));
    source.addEventListener("error", () => {
      state.open = false;
      show();
      if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      // It does not after an answer such as 503 or 401; the content's answer tells which.
      refresh({ now: true });
      setTimeout(connect, reopenMs);
      reopenMs = Math.min(reopenMs * 2, 15000);
    });
  }

  function heard() {
    state.heardAt = Date.now();
    show();
  }

  function onEvent(kind, data) {
    heard();
    const patient = region.dataset.patient;
    if (patient ? data.patient === patient : kind !== "finding") refresh();
  }

  connect();
  setInterval(show, 1000);
  setInterval(() => { if (!state.signedOut) refresh(); }, FALLBACK_MS);
  document.addEventListener("visibilitychange", () => { if (!document.hidden && !state.signedOut) refresh(); });
  window.addEventListener("pageshow", (event) => { if (event.persisted) refresh(); });
  show();
})();
