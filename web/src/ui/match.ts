// Finding by a few letters. Pure.

/** Those that hold every word of `asked`; those that begin with it first, then the shorter ones. */
export function match<Item>(items: Item[], asked: string, textOf: (item: Item) => string): Item[] {
  const words = asked.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return items;
  return items
    .map((item) => ({ item, text: textOf(item).toLowerCase() }))
    .filter(({ text }) => words.every((word) => text.includes(word)))
    .map((found) => ({ ...found, rank: (found.text.startsWith(words[0] ?? '') ? 0 : 1000) + found.text.length }))
    .sort((one, other) => one.rank - other.rank)
    .map(({ item }) => item);
}
