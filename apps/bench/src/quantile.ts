/** The value that a share of all values is not above; the nearest one given. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.round((sorted.length - 1) * share)] ?? Number.NaN;
}

/** Between which of the values their true median lies, with 95 % confidence, whatever their distribution; by rank. */
export function medianBounds(values: readonly number[]): readonly [low: number, high: number] {
  const sorted = [...values].sort((a, b) => a - b);
  const reach = 0.98 * Math.sqrt(sorted.length);
  const low = Math.max(0, Math.floor(sorted.length / 2 - reach) - 1);
  const at = (rank: number): number => sorted[rank] ?? Number.NaN;
  return [at(low), at(sorted.length - 1 - low)];
}
