/** Inline SVG: a stream of three messages. */
export const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2"><path d="M3 6h18v10h-7l-4 4v-4H3z"/><path d="M7 11h2m2 0h2m2 0h2"/></svg>';
