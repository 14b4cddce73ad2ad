// Stacks. Pure.

/** Each list upon the ones after it, so that the first, drawn first, is the highest and the others cover it in turn. */
export function stack(lists: (number | null)[][]): number[][] {
  const out: number[][] = [];
  for (let list = lists.length - 1; list >= 0; list--) {
    const below = out[0];
    out.unshift((lists[list] ?? []).map((value, at) => (value ?? 0) + (below?.[at] ?? 0)));
  }
  return out;
}
