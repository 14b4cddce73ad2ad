// The order of the tiers. Pure.

/** `name` moved by so many places, as far as there are any. */
export function moved(names: string[], name: string, by: number): string[] {
  const from = names.indexOf(name);
  if (from === -1) return names;
  const out = names.filter((other) => other !== name);
  out.splice(Math.min(names.length - 1, Math.max(0, from + by)), 0, name);
  return out;
}
