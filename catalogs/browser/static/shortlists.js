// The shortlists: opened, begun, and brought back.

import { attempt, data, el, say } from "./server.js";
import { header, question, showKeys } from "./dialogs.js";
import { judging } from "./judging.js";
import { keyboard } from "./keyboard.js";

const KEYS = [["N", "new shortlist"], ["Z", "undo, also of putting one away"], ["?", "this sheet"]];
const addressOf = (name) => `/shortlist?name=${encodeURIComponent(name)}`;
const { takeBack } = judging(() => null, () => {});

async function begin() {
  const given = await question("New shortlist", [
    el("label", {}, el("span", {}, "Its name"), el("input", { name: "name", maxlength: 80, required: true, autocomplete: "off" })),
  ], { yes: "Begin it" });
  const name = given?.get("name").trim();
  if (!name) return;
  // One that is there is opened: to begin it again would say nothing.
  if (data.shortlists.includes(name) || (await attempt(() => say("open", { shortlist: name })))) location.assign(addressOf(name));
}

async function undoLast() {
  if (await takeBack()) setTimeout(() => location.reload(), 700); // long enough to read what was undone
}

const acts = { new: begin, undo: undoLast };
document.querySelectorAll("main [data-do]").forEach((button) => button.addEventListener("click", acts[button.dataset.do]));
keyboard({ n: begin, z: undoLast, "?": () => showKeys(KEYS) });
header(KEYS);
addEventListener("pageshow", (event) => event.persisted && location.reload());
