// The runs: what comes next is copied.

import { copying, header, showKeys } from "./dialogs.js";
import { keyboard } from "./keyboard.js";

const KEYS = [["?", "this sheet"]];
copying();
keyboard({ "?": () => showKeys(KEYS) });
header(KEYS);
