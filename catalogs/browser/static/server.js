// What every page does with the server: ask, say, undo, and tell the person what came of it.

/** @import { Choices, Design, Filed, ActRequest, Target } from "../answers.js" */

import { $, part } from "./elements.js";

/** @param {string} name */
const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.getAttribute("content") ?? "";

/** What the server gave the page; each page has more of its own. */
export const data = /** @type {Choices} */ (JSON.parse(part(HTMLScriptElement, "#data").text));
export const reduced = matchMedia("(prefers-reduced-motion: reduce)").matches;

/** What the server says where it refuses. */
export class Refusal extends Error {
  /**
   * @param {string} message
   * @param {number} status
   */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * An answer as JSON, of the type that who asks expects; a Refusal with the server's own words where it refuses.
 * @template Answer
 * @param {string} path
 * @param {RequestInit} options
 * @returns {Promise<Answer>}
 */
export async function ask(path, options = {}) {
  /** @type {Response} */
  let answer;
  try {
    answer = await fetch(path, { headers: { accept: "application/json" }, ...options });
  } catch {
    throw new Error("The server does not answer. Is 'stylemill browse' still running?");
  }
  if (answer.status === 401) location.reload();
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}));
    throw new Refusal(said.error ?? `The server answered ${answer.status}.`, answer.status);
  }
  return answer.json();
}

/**
 * Send JSON; the page's CSRF token goes along.
 * @template Answer
 * @param {string} path
 * @param {unknown} body
 * @returns {Promise<Answer>}
 */
export function send(path, body) {
  const headers = { "content-type": "application/json", accept: "application/json", "x-csrf-token": meta("csrf") };
  return ask(path, { method: "POST", headers, body: JSON.stringify(body) });
}

const hexadecimal = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");

/**
 * What was done on this page, the last at the end, for undoing. Kept over reloads of this tab.
 * @type {(string | string[])[]}
 */
const done = JSON.parse(sessionStorage.getItem("done") ?? "[]");
const remember = () => sessionStorage.setItem("done", JSON.stringify(done.slice(-200)));

/**
 * File an act; resolves to what now holds of its designs. `target` is {ids} or {result, without: left out, count}.
 * @param {string} what
 * @param {ActRequest} saying
 */
export async function fileAct(what, { value = "", shortlist = "", target = {} } = {}) {
  /** @type {Filed} */
  const filed = await send("/api/acts", { what, value: String(value), shortlist, target, act_id: hexadecimal() });
  done.push(filed.act);
  remember();
  return filed;
}

/**
 * File acts that are one to the person, as [[what, more], ...]: one undo takes back all that were filed.
 * @param {[what: string, more: ActRequest][]} acts
 */
export async function fileActsAsOne(acts) {
  /** @type {Filed[]} */
  const all = [];
  const before = done.length;
  try {
    for (const [what, more] of acts) all.push(await fileAct(what, more));
  } finally {
    if (done.length > before) done.push(done.splice(before).flat());
    remember();
  }
  return together(all);
}

/**
 * What came of several acts, as of one.
 * @param {Filed[]} all
 * @returns {Filed}
 */
function together(all) {
  const ratings = Object.assign({}, ...all.map((one) => one.ratings));
  return { ...all[all.length - 1], ratings, count: all.reduce((sum, one) => sum + one.count, 0) };
}

/** Undo the last act of this tab, or the last ones that were said together; null where there is none. */
export async function undo() {
  const last = done.pop();
  if (!last) return null;
  const left = [last].flat();
  /** @type {Filed[]} */
  const all = [];
  try {
    while (left.length) {
      all.push(await send("/api/acts", { what: "undo", value: left.at(-1), act_id: hexadecimal() }));
      left.pop();
    }
    return together(all);
  } catch (error) {
    // What the server refuses to undo it will refuse again; what did not reach it may be tried once more.
    if (error instanceof Refusal && error.status === 400) left.pop();
    if (left.length) done.push(left);
    throw error;
  } finally {
    remember();
  }
}

/**
 * A line for the person, and what they may do about it.
 * @param {string} text
 * @param {{ bad?: boolean, action?: { label: string, run: () => unknown } | null, seconds?: number }} options
 */
export function tell(text, { bad = false, action = null, seconds = bad ? 8 : 3 } = {}) {
  const toast = document.createElement("div");
  toast.className = bad ? "toast bad" : "toast";
  toast.append(Object.assign(document.createElement("span"), { textContent: text }));
  if (action) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: action.label });
    button.addEventListener("click", () => { toast.remove(); action.run(); });
    toast.append(button);
  }
  const all = $("toasts");
  while (all.children.length > 2) all.firstChild?.remove();
  all.append(toast);
  setTimeout(() => toast.remove(), seconds * 1000);
}

/**
 * Run something of the person's; what goes wrong is told.
 * @template Result
 * @param {() => Promise<Result>} work
 * @returns {Promise<Result | undefined>}
 */
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    tell(messageOf(error), { bad: true });
    return undefined;
  }
}

/**
 * What is told of something that went wrong.
 * @param {unknown} error
 */
export const messageOf = (error) => (error instanceof Error ? error.message : String(error));

/**
 * Start a download of an export of a target.
 * @param {string} kind
 * @param {Target} target
 * @param {Record<string, string>} said
 */
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

/**
 * Address of a design's thumbnail that fits a width in CSS pixels.
 * @param {Design} design
 * @param {number} width
 */
export function thumbnail(design, width) {
  const dots = width * Math.min(devicePixelRatio || 1, 2);
  const side = [192, 384, 768].find((one) => one >= dots * 0.9) ?? 768;
  return `/thumbnails/${side}/${design.id}.webp?v=${design.version}`;
}

/** @param {Design} design */
export const picture = (design) => `/pictures/${design.id}.png?v=${design.version}`;
/** @param {Design} design */
export const named = (design) => `${design.garment} – ${design.style}`;
/**
 * @param {number} n
 * @param {string} noun
 */
export const counted = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
/** @param {number} n */
export const starred = (n) => "★".repeat(n) + "☆".repeat(5 - n);
/** What people read, of every verdict. */
export const VERDICTS = data.verdicts;
