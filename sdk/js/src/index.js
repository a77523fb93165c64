import "./console.js";
import "./encoding.js";

export { PluginError, hostError } from "./errors.js";
export { BASIS_POINTS, MAX_SAFE, basisPointsOf, divide, minor, plus, sum, times } from "./money.js";
export { settings } from "./settings.js";
export { amount, basisPoints, cartDenial, lineDenial, percent, text } from "./words.js";
