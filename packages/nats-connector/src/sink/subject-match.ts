/** Whether every subject that `pattern` matches is matched by `filter` too. Both may hold `*` and a last `>`. */
export function coversSubject(filter: string, pattern: string): boolean {
  const wide = filter.split(".");
  const narrow = pattern.split(".");
  for (let i = 0; i < wide.length; i++) {
    const token = wide[i];
    const other = narrow[i];
    if (other === undefined) return false;
    if (token === ">") return true;
    if (other === ">") return false;
    if (token !== "*" && token !== other) return false;
  }
  return wide.length === narrow.length;
}
