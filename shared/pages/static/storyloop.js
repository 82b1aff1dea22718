// Wakes the design system's components; every page works without it.
import { initAll } from "./nhsuk-frontend/nhsuk-frontend.min.js";

initAll();
