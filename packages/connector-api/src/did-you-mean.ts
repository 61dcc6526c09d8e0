/**
 * The candidate nearest to what was written, or undefined when none is near enough to be meant. Case and `-` for `_`
 * cost nothing; a name without its group (`ack_policy` for `consumer.ack_policy`) counts as near.
 */
export function nearestOf(written: string, candidates: Iterable<string>): string | undefined {
  const wanted = fold(written);
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of candidates) {
    const folded = fold(candidate);
    const lastPart = folded.slice(folded.lastIndexOf(".") + 1);
    const isMember = lastPart !== folded && lastPart === wanted;
    // No distance is below the difference of lengths: what cannot win is not measured, however long it is.
    if (!isMember && Math.abs(wanted.length - folded.length) >= bestDistance) continue;
    const distance = isMember ? 1 : editDistance(wanted, folded);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** `; did you mean "x"?`, or nothing. For the end of a one-line message. */
export function didYouMean(written: string, candidates: Iterable<string>): string {
  const nearest = nearestOf(written, candidates);
  return nearest === undefined ? "" : `; did you mean "${nearest}"?`;
}

/** Insertions, deletions, replacements and swaps of neighbours that lead from one text to the other. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, at(beforeLast, j - 2) + 1);
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}

function fold(name: string): string {
  return name.toLowerCase().replaceAll("-", "_");
}
