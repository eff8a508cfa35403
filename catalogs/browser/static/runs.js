// The runs: what comes next is copied.

import { copying, header, showKeys } from "./dialogs.js";
import { keyboard } from "./keyboard.js";

/** @type {import("./dialogs.js").Keys} */
const KEYS = [["?", "this sheet"]];
copying();
keyboard({ "?": () => showKeys(KEYS) });
header(KEYS);
