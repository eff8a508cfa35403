// A link to what is seen, for others.

import { el } from "./elements.js";
import { tell } from "./server.js";
import { question } from "./dialogs.js";

/** Names under which a server answers its own machine alone. */
const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/;
const OWN_ONLY = "It opens on this machine only: 'stylemill browse --host' serves others.";

/**
 * Copy an address of this server in full, and say so; where browsers allow no copying, show it selected.
 * @param {string} address
 */
export async function copyLink(address) {
  const link = new URL(address, location.href).href;
  const reach = LOOPBACK.test(location.hostname) ? OWN_ONLY : "";
  try {
    await navigator.clipboard.writeText(link);
  } catch {
    // Without TLS, away from this machine, no page may copy: then the person does.
    const field = el("input", { readonly: true, value: link });
    field.addEventListener("focus", () => field.select());
    await question("Copy the link", [
      el("label", {}, el("span", {}, "The link"), field),
      el("p", { class: "soft" }, reach),
    ], { yes: "Close", no: null });
    return;
  }
  tell(["Link copied.", reach].filter(Boolean).join(" "), { seconds: reach ? 8 : 3 });
}
