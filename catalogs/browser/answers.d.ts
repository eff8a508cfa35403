// What the browser's server tells its pages, for the check of types: see responses.py, routes/, orders.py, suggestions.py.

export type Verdict = "" | "pick" | "reject";

/** What now holds of a design: its verdict and its stars. */
export type Rating = [Verdict, number];

export interface Design {
  id: string;
  garment: string;
  style: string;
  garmentId: string;
  styleId: string;
  set: string;
  recipe: string;
  /** The recipe's name with its digest, where the catalog keeps it; a design that is gone has none. */
  kept?: string;
  version: string;
  width: number;
  height: number;
  colors: string[];
  flags: string[];
  verdict: Verdict;
  stars: number;
  stack: number;
  /** In a grid: what tells it from others of its garment and style. */
  twin?: string;
}

/** A design on a shortlist. */
export interface Entry extends Design {
  note: string;
  added_by: string;
}

/** A facet's value or a group: the value, its title, how many designs. */
export type Facet = [value: string, title: string, count: number];
export type Facets = Record<string, Facet[]>;

/** A query near one that found nothing. */
export interface Way {
  what: string;
  address: string;
  count: number;
}

export interface Nothing {
  colors: Way[];
  removal: Way | null;
  narrowed: boolean;
}

export interface Result {
  /** Its token, by which the server keeps it. */
  result: string;
  total: number;
  all: number;
  address: string;
  facets: Facets;
  chosen: Record<string, string[]>;
  groups: Facet[];
  designs: Design[];
  nothing: Nothing | null;
}

/** A garment or a style, and of how many designs. */
export interface Side {
  value: string;
  title: string;
  count: number;
}

export interface Cell {
  at: [down: number, across: number];
  count: number;
  design: Design;
}

export interface Matrix {
  garments: Side[];
  styles: Side[];
  cells: Cell[];
}

/** What every page that judges has. */
export interface Choices {
  formats: { name: string; title: string; about: string }[];
  recipes: string[];
  canStart: boolean;
  shortlists: string[];
  verdicts: Record<Verdict, string>;
}

export type GridPage = Choices & Result;
export type DesignPage = Choices & { design: Design };
export type ComparePage = Choices & { designs: Design[] };
export type ShortlistPage = Choices & { name: string; entries: Entry[] };

/** Which designs an act or an export is about. */
export interface Target {
  ids?: string[];
  result?: string;
  without?: string[];
  count?: number;
  /** A shortlist whose notes go along. */
  notes_of?: string;
}

/** What came of an act, or of some that are one to the person. */
export interface Filed {
  act: string;
  seq: number;
  count: number;
  about: string;
  ratings: Record<string, Rating>;
}

/** What an act says. */
export interface ActRequest {
  value?: string | number;
  shortlist?: string;
  target?: Target;
}

/** How more designs like some are ordered, and what it would come to. */
export interface Order {
  way: string;
  recipe: string;
  target: Target;
}

export interface Plan {
  to_make: number;
  there: number;
  seconds: number | null;
  command: string;
  remarks: string[];
}
