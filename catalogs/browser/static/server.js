// What every page does with the server: ask, say, undo, and tell the person what came of it.

const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";

export const data = JSON.parse(document.getElementById("data").textContent);
export const reduced = matchMedia("(prefers-reduced-motion: reduce)").matches;

/** An answer as JSON; an Error with the server's own words where it refuses. */
export async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { headers: { accept: "application/json" }, ...options });
  } catch {
    throw new Error("The server does not answer. Is 'stylemill browse' still running?");
  }
  if (answer.status === 401) location.reload();
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}));
    throw Object.assign(new Error(said.error ?? `The server answered ${answer.status}.`), { status: answer.status });
  }
  return answer.json();
}

/** Send JSON; the page's CSRF token goes along. */
export function send(path, body) {
  const headers = { "content-type": "application/json", accept: "application/json", "x-csrf-token": meta("csrf") };
  return ask(path, { method: "POST", headers, body: JSON.stringify(body) });
}

const hexadecimal = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");

/** What was done on this page, the last at the end, for undoing. Kept over reloads of this tab. */
const done = JSON.parse(sessionStorage.getItem("done") ?? "[]");
const remember = () => sessionStorage.setItem("done", JSON.stringify(done.slice(-200)));

/** File an act; resolves to what now holds of its designs. `target` is {ids} or {result, ids: left out, count}. */
export async function say(what, { value = "", shortlist = "", target = {} } = {}) {
  const filed = await send("/api/acts", { what, value: String(value), shortlist, target, act_id: hexadecimal() });
  done.push(filed.act);
  remember();
  return filed;
}

/** File acts that are one to the person, as [[what, more], ...]: one undo takes back all that were filed. */
export async function sayTogether(acts) {
  const all = [];
  const before = done.length;
  try {
    for (const [what, more] of acts) all.push(await say(what, more));
  } finally {
    if (done.length > before) done.push(done.splice(before));
    remember();
  }
  return together(all);
}

/** What came of several acts, as of one. */
function together(all) {
  const ratings = Object.assign({}, ...all.map((one) => one.ratings));
  return { ...all.at(-1), ratings, count: all.reduce((sum, one) => sum + one.count, 0) };
}

/** Undo the last act of this tab, or the last ones that were said together; null where there is none. */
export async function undo() {
  const last = done.pop();
  if (!last) return null;
  const [left, all] = [[last].flat(), []];
  try {
    while (left.length) {
      all.push(await send("/api/acts", { what: "undo", value: left.at(-1), act_id: hexadecimal() }));
      left.pop();
    }
    return together(all);
  } catch (error) {
    // What the server refuses to undo it will refuse again; what did not reach it may be tried once more.
    if (error.status === 400) left.pop();
    if (left.length) done.push(left);
    throw error;
  } finally {
    remember();
  }
}

/** A line for the person; `action` is {label, run}. */
export function tell(text, { bad = false, action = null, seconds = bad ? 8 : 3 } = {}) {
  const toast = document.createElement("div");
  toast.className = bad ? "toast bad" : "toast";
  toast.append(Object.assign(document.createElement("span"), { textContent: text }));
  if (action) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: action.label });
    button.addEventListener("click", () => { toast.remove(); action.run(); });
    toast.append(button);
  }
  const all = document.getElementById("toasts");
  while (all.children.length > 2) all.firstChild.remove();
  all.append(toast);
  setTimeout(() => toast.remove(), seconds * 1000);
}

/** Run something of the person's; what goes wrong is told. */
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    tell(error.message, { bad: true });
    return undefined;
  }
}

/** Start a download of an export of a target. */
export function exportAs(kind, target, said) {
  const form = Object.assign(document.createElement("form"), { method: "post", action: "/export", hidden: true });
  const fields = { csrf: meta("csrf"), kind, target: JSON.stringify(target), ...said };
  for (const [name, value] of Object.entries(fields)) {
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  }
  document.body.append(form);
  form.submit();
  form.remove();
}

/** Address of a design's thumbnail that fits a width in CSS pixels. */
export function thumbnail(design, width) {
  const dots = width * Math.min(devicePixelRatio || 1, 2);
  const side = [192, 384, 768].find((one) => one >= dots * 0.9) ?? 768;
  return `/thumbnails/${side}/${design.id}.webp?v=${design.version}`;
}

export const picture = (design) => `/pictures/${design.id}.png?v=${design.version}`;
export const named = (design) => `${design.garment} – ${design.style}`;
export const counted = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
export const starred = (n) => "★".repeat(n) + "☆".repeat(5 - n);
/** What people read, of every verdict. */
export const VERDICTS = data.verdicts;

/** Make an element: el("a", {class: "x", href: "/"}, child, "text"). Text is never HTML. */
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value == null) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}
