import { describe, expect, it } from 'vitest';
import { KEPT_SECONDS, Series } from './series';
import type { Sample, UsageRow } from './types';

const sample = (at: number, finished: number, more: Partial<Sample> = {}): Sample => ({
  at_ms: at * 1000, revision: 1, finished, looked_at: finished, errors: 0, input_tokens: 0, output_tokens: 0, cost_usd: 0, p50_ms: 0, p95_ms: 0, first_byte_p50_ms: 0, first_byte_p95_ms: 0, in_flight: 0, backends: [], ...more,
});
const minute = (at: string, exchanges: number) => ({ at, exchanges, errors: 0, input_tokens: 60, output_tokens: 0, cost_usd: 0, first_byte_p50_ms: 40, first_byte_p95_ms: 0 }) as UsageRow;

describe('Series', () => {
  it('smooths rates over ten seconds', () => {
    const series = new Series();
    for (let at = 0; at < 20; at++) series.add(sample(at, at < 10 ? 0 : 10));
    const rates = series.column('exchanges');
    expect(rates[9]).toBe(0);
    expect(rates[14]).toBe(5);
    expect(rates[19]).toBe(10);
    expect(series.mean('exchanges', 5)).toBe(10);
  });
  it('scales what memory did not hold', () => {
    const series = new Series();
    series.add(sample(1, 100, { looked_at: 50, errors: 5 }));
    expect(series.mean('errors', 1)).toBe(10);
  });
  it('shows no quantile where there was no answer', () => {
    const series = new Series();
    for (const [at, ms] of [0, 30, 50, 40].entries()) series.add(sample(at, 1, { first_byte_p50_ms: ms }));
    expect(series.column('p50')).toEqual([null, 30, 50, 40]); // each the median until there
    expect(series.column('p95')).toEqual([null, null, null, null]);
    expect(series.middle('p50', 60)).toBe(40);
    expect(series.middle('p95', 60)).toBeNull();
  });
  it('begins with what the ledger knows; quiet minutes are quiet', () => {
    const since = Date.UTC(2026, 0, 31, 9, 0);
    const series = new Series();
    series.prefill([minute('2026-01-31T09:02:00Z', 120), minute('2026-01-31T09:00:00Z', 60)], since, since + 6 * 60_000);
    expect(series.column('exchanges')).toEqual([1, 0, 2, 0, 0].slice(0, series.length));
    series.add(sample(since / 1000 + 400, 3));
    expect(series.at().at(0)).toBe(since / 1000 + 30);
    expect(series.column('exchanges').at(-1)).toBe(3);
    const before = series.length;
    series.prefill([minute('2026-01-31T09:02:00Z', 120)], since, since + 6 * 60_000);
    expect(series.length).toBe(before); // what is there stays
  });
  it('forgets after half an hour', () => {
    const series = new Series();
    for (let at = 0; at < KEPT_SECONDS + 100; at++) series.add(sample(at, 1));
    expect(series.length).toBe(KEPT_SECONDS + 1);
  });
});
