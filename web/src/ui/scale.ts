// Where the marks of an axis stand. Pure.

/** About `many` round values from 0 to `top`. */
export function valueTicks(top: number, many: number): number[] {
  const rough = top / many;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = size * ([1, 2, 5, 10].find((each) => each * size >= rough) ?? 10);
  return Array.from({ length: Math.floor(top / step + 1e-9) + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}

const STEPS = [1, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400, 604_800, 2_592_000];
const DAY = 86_400;

/** At most `many` round moments of local time between two (in seconds), with their words. */
export function timeTicks(first: number, last: number, many: number): { at: number; text: string }[] {
  const step = STEPS.find((each) => (last - first) / each <= many) ?? DAY * 365;
  const shift = new Date(first * 1000).getTimezoneOffset() * 60;
  const format = new Intl.DateTimeFormat(undefined, step >= DAY ? { month: 'short', day: 'numeric' } : step >= 60 ? { hour: '2-digit', minute: '2-digit' } : { timeStyle: 'medium' });
  const out: { at: number; text: string }[] = [];
  for (let at = Math.ceil((first - shift) / step) * step + shift; at <= last; at += step) out.push({ at, text: format.format(at * 1000) });
  return out;
}

/** Each list upon the ones after it, so that the first, drawn first, is the highest and the others cover it in turn. */
export function stack(lists: (number | null)[][]): number[][] {
  const out: number[][] = [];
  for (let list = lists.length - 1; list >= 0; list--) {
    const below = out[0];
    out.unshift((lists[list] ?? []).map((value, at) => (value ?? 0) + (below?.[at] ?? 0)));
  }
  return out;
}

export interface Line {
  label: string;
  data: (number | null)[];
  token?: string; // of its colour
  dash?: number[];
}
