// Verdicts and stars by button and key: shown at once, filed behind that, and taken back where filing fails.

/** @import { Design, Filed, Rating, ActRequest, Verdict } from "../answers.js" */

import { el, parts } from "./elements.js";
import { attempt, counted, fileAct, fileActsAsOne, tell, undo, VERDICTS } from "./server.js";

/**
 * What an act is about as far as judging goes: of one that is out of sight only the id is known.
 * @typedef {Pick<Design, "id"> & Partial<Pick<Design, "verdict" | "stars">>} Judged
 */

/** @type {Record<string, string>} */
const DONE = {
  verdict: "the verdict", stars: "the stars", list: "put on a shortlist", unlist: "taken off a shortlist",
  order: "the new order", note: "the note", open: "the new shortlist", close: "put away",
};

/** @type {Promise<unknown>} */
let last = Promise.resolve();

/**
 * Do work of the server's when all before it is done. Two requests under way may arrive in either order, so that of two quick
 * keys the first would hold; and an undo must find what was said just before it.
 * @template Result
 * @param {() => Promise<Result>} work
 * @returns {Promise<Result | undefined>}
 */
export function inTurn(work) {
  const done = last.then(() => attempt(work));
  last = done;
  return done;
}

/**
 * What finds a design by its id among some.
 * @template {Judged} One
 * @param {One[]} designs
 * @returns {(id: string) => One | undefined}
 */
export const among = (designs) => (id) => designs.find((design) => design.id === id);

/**
 * Judge designs of a page, which `find(id)` finds; `changed(design)` is called whenever what holds of one changes.
 * @template {Judged} One
 * @param {(id: string) => One | null | undefined} find
 * @param {(design: One & Pick<Design, "verdict" | "stars">) => void} changed
 */
export function judging(find, changed) {
  // How often something was said of a design: an answer that was overtaken is not shown.
  const said = /** @type {Map<string, number>} */ (new Map());

  /** @param {Record<string, Rating>} ratings */
  function hold(ratings) {
    for (const [id, [verdict, stars]] of Object.entries(ratings)) {
      const design = find(id);
      if (design) changed(Object.assign(design, { verdict, stars }));
    }
  }

  /**
   * Say something of a design. One that is not there yet (null) `load` finds in its turn; a quick hand is heard all the same.
   * @param {One & Pick<Design, "verdict" | "stars"> | null} design
   * @param {"verdict" | "stars"} what
   * @param {Verdict | number} value
   * @param {() => Promise<Judged | undefined>} load
   */
  async function give(design, what, value, load = async () => undefined) {
    /** @type {Record<string, Rating>} */
    const before = design ? { [design.id]: [design.verdict, design.stars] } : {};
    const turn = design ? (said.get(design.id) ?? 0) + 1 : 0;
    if (design) {
      said.set(design.id, turn);
      changed(Object.assign(design, { [what]: value }));
    }
    const filed = await inTurn(async () => {
      const one = design ?? (await load());
      if (!one) throw new Error("This design could not be loaded: nothing was said of it.");
      return fileAct(what, { value, target: { ids: [one.id] } });
    });
    if (!design || said.get(design.id) === turn) hold(filed?.ratings ?? before);
  }

  /**
   * Pick one of some designs and reject the others; to the person it is one act.
   * @param {Judged} design
   * @param {Judged[]} designs
   */
  async function keep(design, designs) {
    const others = designs.filter((one) => one !== design).map(({ id }) => id);
    /** @type {[what: string, more: ActRequest][]} */
    const acts = [["verdict", { value: "reject", target: { ids: others } }], ["verdict", { value: "pick", target: { ids: [design.id] } }]];
    const filed = await inTurn(() => fileActsAsOne(acts));
    if (filed) hold(filed.ratings);
    return filed;
  }

  /**
   * Undo the last act of this tab; resolves to what came of it, if anything did.
   * @returns {Promise<Filed | undefined>}
   */
  async function takeBack() {
    const filed = await inTurn(undo);
    if (filed === null) tell("Nothing was done in this tab that could be undone.");
    if (!filed) return undefined;
    hold(filed.ratings);
    tell(`Undone: ${filed.count > 1 ? `${counted(filed.count, "design")} as before` : (DONE[filed.about] ?? filed.about)}.`);
    return filed;
  }

  return {
    give,
    /** @type {(design: One & Pick<Design, "verdict" | "stars">, verdict: Verdict) => Promise<void>} */
    verdict: (design, verdict) => give(design, "verdict", verdict),
    /** @type {(design: One & Pick<Design, "verdict" | "stars">, stars: number) => Promise<void>} */
    stars: (design, stars) => give(design, "stars", stars),
    keep,
    hold,
    takeBack,
  };
}

/** @type {[value: Verdict, mark: string, word: string, key: string][]} */
const VERDICT_BUTTONS = [["pick", "✓", VERDICTS.pick, "P"], ["reject", "✕", VERDICTS.reject, "X"], ["", "○", "Clear", "U"]];

/**
 * The buttons of a design. The star that it has already takes its stars back: who points has no key 0.
 * @template {Partial<Pick<Design, "verdict" | "stars">>} One
 * @param {One} design
 * @param {{ verdict: (design: One, value: Verdict) => unknown, stars: (design: One, value: number) => unknown }} acts
 */
export function judgeButtons(design, { verdict, stars }) {
  const verdicts = VERDICT_BUTTONS.map(([value, mark, word, key]) =>
    el("button", {
      type: "button", "data-verdict": value, "aria-label": word, title: `${word} (${key})`, onclick: () => verdict(design, value),
    }, el("i", { "aria-hidden": "true" }, mark), el("span", { class: "word" }, word)));
  const all = [1, 2, 3, 4, 5].map((n) =>
    el("button", {
      type: "button", "data-stars": n, "aria-label": counted(n, "star"), onclick: () => stars(design, n === design.stars ? 0 : n),
    }, "☆"));
  const made = el("div", { class: "judge" },
    el("div", { class: "verdicts", role: "group", "aria-label": "Verdict" }, ...verdicts),
    el("div", { class: "starring", role: "group", "aria-label": "Stars" }, ...all));
  showJudged(made, design);
  return made;
}

/**
 * Show on buttons what holds of their design.
 * @param {HTMLElement} buttons
 * @param {Partial<Pick<Design, "verdict" | "stars">>} design
 */
export function showJudged(buttons, { verdict, stars = 0 }) {
  for (const button of parts("[data-verdict]", buttons)) button.setAttribute("aria-pressed", String(button.dataset.verdict === verdict));
  for (const button of parts("[data-stars]", buttons)) {
    const n = Number(button.dataset.stars);
    button.setAttribute("aria-pressed", String(n === stars));
    button.classList.toggle("lit", n <= stars);
    button.textContent = n <= stars ? "★" : "☆";
  }
}
