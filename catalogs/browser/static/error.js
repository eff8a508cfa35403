// The page says it all; its header is wired.
import { header } from "./dialogs.js";
header([]);
