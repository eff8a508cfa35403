// Verdicts and stars by button and key: shown at once, filed behind that, and taken back where filing fails.

import { attempt, counted, el, say, sayTogether, tell, undo, VERDICTS } from "./server.js";

const DONE = {
  verdict: "the verdict", stars: "the stars", list: "put on a shortlist", unlist: "taken off a shortlist",
  order: "the new order", note: "the note", open: "the new shortlist", close: "put away",
};

let last = Promise.resolve();

/**
 * Do work of the server's when all before it is done. Two requests under way may arrive in either order, so that of two quick
 * keys the first would hold; and an undo must find what was said just before it.
 */
export function inTurn(work) {
  last = last.then(() => attempt(work));
  return last;
}

/** What finds a design by its id among some. */
export const among = (designs) => (id) => designs.find((design) => design.id === id);

/** Judge designs of a page, which `find(id)` finds; `changed(design)` is called whenever what holds of one changes. */
export function judging(find, changed) {
  const said = new Map(); // how often something was said of a design: an answer that was overtaken is not shown

  function hold(ratings) {
    for (const [id, [verdict, stars]] of Object.entries(ratings)) {
      const design = find(id);
      if (design) changed(Object.assign(design, { verdict, stars }));
    }
  }

  /** Say something of a design. One that is not there yet (null) `load` finds in its turn; a quick hand is heard all the same. */
  async function give(design, what, value, load) {
    const before = design && { [design.id]: [design.verdict, design.stars] };
    const turn = design && (said.get(design.id) ?? 0) + 1;
    if (design) {
      said.set(design.id, turn);
      changed(Object.assign(design, { [what]: value }));
    }
    const filed = await inTurn(async () => {
      const one = design ?? (await load());
      if (!one) throw new Error("This design could not be loaded: nothing was said of it.");
      return say(what, { value, target: { ids: [one.id] } });
    });
    if (!design || said.get(design.id) === turn) hold(filed?.ratings ?? before ?? {});
  }

  /** Pick one of some designs and reject the others; to the person it is one act. */
  async function keep(design, designs) {
    const others = designs.filter((one) => one !== design).map(({ id }) => id);
    const acts = [["reject", others], ["pick", [design.id]]];
    const filed = await inTurn(() => sayTogether(acts.map(([value, ids]) => ["verdict", { value, target: { ids } }])));
    if (filed) hold(filed.ratings);
    return filed;
  }

  /** Undo the last act of this tab; resolves to what came of it, if anything did. */
  async function takeBack() {
    const filed = await inTurn(undo);
    if (filed === null) tell("Nothing was done in this tab that could be undone.");
    if (!filed) return undefined;
    hold(filed.ratings);
    tell(`Undone: ${filed.count > 1 ? `${counted(filed.count, "design")} as before` : (DONE[filed.about] ?? filed.about)}.`);
    return filed;
  }

  return {
    verdict: (design, verdict, load) => give(design, "verdict", verdict, load),
    stars: (design, stars, load) => give(design, "stars", stars, load),
    keep,
    hold,
    takeBack,
  };
}

const VERDICT_BUTTONS = [["pick", "✓", VERDICTS.pick, "P"], ["reject", "✕", VERDICTS.reject, "X"], ["", "○", "Clear", "U"]];

/** The buttons of a design. The star that it has already takes its stars back: who points has no key 0. */
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

/** Show on buttons what holds of their design. */
export function showJudged(buttons, { verdict, stars }) {
  for (const button of buttons.querySelectorAll("[data-verdict]")) button.setAttribute("aria-pressed", button.dataset.verdict === verdict);
  for (const button of buttons.querySelectorAll("[data-stars]")) {
    const n = Number(button.dataset.stars);
    button.setAttribute("aria-pressed", n === stars);
    button.classList.toggle("lit", n <= stars);
    button.textContent = n <= stars ? "★" : "☆";
  }
}
