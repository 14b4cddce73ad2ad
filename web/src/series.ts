// The figures of the last minutes, column by column as charts want them: what the ledger knew when the page was opened,
// minute by minute, then one value a second. Pure.
import type { Sample, UsageRow } from './types';

export const KEPT_SECONDS = 30 * 60;
const MINUTE = 60;
const SMOOTH = 10; // seconds that a rate is the mean of

export const NAMES = ['exchanges', 'errors', 'input', 'output', 'cost', 'p50', 'p95', 'in_flight'] as const;
export type Name = (typeof NAMES)[number];

interface Second {
  at: number; // seconds since 1970
  exchanges: number;
  errors: number;
  input: number;
  output: number;
  cost: number;
  p50: number | null;
  p95: number | null;
  in_flight: number | null;
}

export class Series {
  #seconds: Second[] = [];

  /** Sums of whole minutes, in any order: they become rates per second, and minutes without a row are quiet ones. */
  prefill(rows: UsageRow[], sinceMs: number, untilMs: number): void {
    const end = Math.min(this.#seconds[0]?.at ?? Infinity, untilMs / 1000 - MINUTE);
    const byMinute = new Map(rows.map((row) => [Math.floor(Date.parse(row.at ?? '') / 1000 / MINUTE), row]));
    const minutes: Second[] = [];
    for (let minute = Math.floor(sinceMs / 1000 / MINUTE); (minute + 1) * MINUTE < end; minute++) {
      const row = byMinute.get(minute);
      minutes.push({
        at: (minute + 0.5) * MINUTE,
        exchanges: (row?.exchanges ?? 0) / MINUTE,
        errors: (row?.errors ?? 0) / MINUTE,
        input: (row?.input_tokens ?? 0) / MINUTE,
        output: (row?.output_tokens ?? 0) / MINUTE,
        cost: (row?.cost_usd ?? 0) / MINUTE,
        p50: row?.first_byte_p50_ms || null,
        p95: row?.first_byte_p95_ms || null,
        in_flight: null,
      });
    }
    this.#seconds = [...minutes, ...this.#seconds];
  }

  add(sample: Sample): void {
    const at = sample.at_ms / 1000;
    // Memory held fewer exchanges than there were: what was not looked at was like the rest.
    const scale = sample.looked_at > 0 ? sample.finished / sample.looked_at : 1;
    this.#seconds.push({
      at,
      exchanges: sample.finished,
      errors: sample.errors * scale,
      input: sample.input_tokens * scale,
      output: sample.output_tokens * scale,
      cost: sample.cost_usd * scale,
      p50: sample.first_byte_p50_ms || null,
      p95: sample.first_byte_p95_ms || null,
      in_flight: sample.in_flight,
    });
    const oldest = at - KEPT_SECONDS;
    let gone = 0;
    while ((this.#seconds[gone]?.at ?? Infinity) < oldest) gone++;
    if (gone > 0) this.#seconds.splice(0, gone);
  }

  get length(): number {
    return this.#seconds.length;
  }

  at(): number[] {
    return this.#seconds.map((second) => second.at);
  }

  /** Over the last ten seconds: rates as their mean, medians as their median, the other quantile as its worst. */
  column(name: Name): (number | null)[] {
    if (name === 'in_flight') return this.#seconds.map((second) => second[name]);
    if (name === 'p50' || name === 'p95') return this.#seconds.map((_, index) => this.#quantile(name, index));
    const out: number[] = [];
    let from = 0;
    let sum = 0;
    this.#seconds.forEach((second, index) => {
      sum += second[name];
      while ((this.#seconds[from]?.at ?? 0) <= second.at - SMOOTH) sum -= this.#seconds[from++]?.[name] ?? 0;
      out.push(Math.max(0, sum / (index - from + 1)));
    });
    return out;
  }

  #quantile(name: 'p50' | 'p95', last: number): number | null {
    const until = this.#seconds[last]?.at ?? 0;
    const values: number[] = [];
    for (let index = last; index >= 0 && (this.#seconds[index]?.at ?? 0) > until - SMOOTH; index--) {
      const value = this.#seconds[index]?.[name];
      if (value != null) values.push(value);
    }
    values.sort((one, other) => one - other);
    return (name === 'p50' ? values[Math.floor(values.length / 2)] : values.at(-1)) ?? null;
  }

  /** The mean per second over the last `seconds`. */
  mean(name: Exclude<Name, 'p50' | 'p95' | 'in_flight'>, seconds: number): number {
    const last = this.#seconds.at(-1);
    if (!last) return 0;
    const recent = this.#seconds.filter((second) => second.at > last.at - seconds);
    return recent.reduce((sum, second) => sum + second[name], 0) / Math.max(1, recent.length);
  }

  /** The middle of a quantile's values over the last `seconds`; none: there were no answers. */
  middle(name: 'p50' | 'p95', seconds: number): number | null {
    const last = this.#seconds.at(-1);
    if (!last) return null;
    const values = this.#seconds
      .filter((second) => second.at > last.at - seconds)
      .map((second) => second[name])
      .filter((value): value is number => value !== null)
      .sort((one, other) => one - other);
    return values[Math.floor(values.length / 2)] ?? null;
  }
}
