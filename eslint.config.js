import js from "@eslint/js";
import globals from "globals";

const rules = {
  eqeqeq: "error",
  "no-shadow": "error",
  "no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
  "no-var": "error",
  "prefer-const": "error",
};

export default [
  js.configs.recommended,
  { files: ["catalogs/browser/static/*.js"], rules, languageOptions: { sourceType: "module", globals: globals.browser } },
  // An offline pack is opened from a folder, where browsers load no modules.
  { files: ["catalogs/exports/static/*.js"], rules, languageOptions: { sourceType: "script", globals: globals.browser } },
];
