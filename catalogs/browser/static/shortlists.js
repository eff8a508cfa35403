// The shortlists: opened, begun, and brought back.

/** @import { Keys } from "./dialogs.js" */

import { clicks, el } from "./elements.js";
import { attempt, data, fileAct } from "./server.js";
import { header, question, showKeys, written } from "./dialogs.js";
import { judging } from "./judging.js";
import { keyboard } from "./keyboard.js";

/** @type {Keys} */
const KEYS = [["N", "new shortlist"], ["Z", "undo, also of putting one away"], ["?", "this sheet"]];
/** @param {string} name */
const addressOf = (name) => `/shortlist?name=${encodeURIComponent(name)}`;
const { takeBack } = judging(() => null, () => {});

async function begin() {
  const given = await question("New shortlist", [
    el("label", {}, el("span", {}, "Its name"), el("input", { name: "name", maxlength: 80, required: true, autocomplete: "off" })),
  ], { yes: "Begin it" });
  const name = written(given, "name");
  if (!name) return;
  // One that is there is opened: to begin it again would say nothing.
  if (data.shortlists.includes(name) || (await attempt(() => fileAct("open", { shortlist: name })))) location.assign(addressOf(name));
}

async function undoLast() {
  if (await takeBack()) setTimeout(() => location.reload(), 700); // long enough to read what was undone
}

clicks("do", { new: begin, undo: undoLast }, "main");
keyboard({ n: begin, z: undoLast, "?": () => showKeys(KEYS) });
header(KEYS);
addEventListener("pageshow", (event) => event.persisted && location.reload());
