/**
 * The version of each series that is fetched from the releases or as an image; `newest` when none is asked for.
 * @type {Readonly<Record<string, string>>}
 */
const PINS = { newest: "2.15.1", 2.9: "2.9.10", "2.10": "2.10.27" };

/**
 * @param {import("./server-version.mjs").Wanted} wanted
 * @returns {string | undefined}
 */
export const pinnedVersion = (wanted) => PINS["series" in wanted ? wanted.series : "newest"];
