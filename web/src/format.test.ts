import { describe, expect, it } from 'vitest';
import { ago, bytes, count, countdown, duration, lasted, percent, plural, rate, span, usd, words } from './format';

describe('numbers', () => {
  it('are whole until they are large', () => {
    expect([0, 7, 9999].map(count)).toEqual(['0', '7', '9,999']);
    expect([12_345, 999_999, 4_560_000].map(count)).toEqual(['12.3K', '1M', '4.56M']);
  });
  it('of a rate show one digit while they are small', () => {
    expect([0, 0.04, 1.25, 9.96, 12.4].map(rate)).toEqual(['0', '0.0', '1.3', '10.0', '12']);
  });
  it('of money show what there is', () => {
    expect([0, 0.000013, 0.0456, 0.5, 12.3456, 1234.5].map(usd)).toEqual(['$0', '$0.0000130', '$0.0456', '$0.50', '$12.35', '$1,234.50']);
    expect(usd(-2)).toBe('-$2.00');
  });
  it('of shares say nothing about nothing', () => {
    expect([percent(0, 0), percent(0, 5), percent(1, 3), percent(1, 200), percent(5, 5)]).toEqual(['–', '0 %', '33 %', '0.5 %', '100 %']);
  });
  it('of bytes have units of a thousand', () => {
    expect([0, 999, 1000, 33_554_432].map(bytes)).toEqual(['0 B', '999 B', '1 kB', '33.6 MB']);
  });
  it('are followed by the right word', () => {
    expect([plural(1, 'backend'), plural(2, 'backend'), plural(0, 'key')]).toEqual(['1 backend', '2 backends', '0 keys']);
  });
});

describe('durations', () => {
  it('have the unit that fits', () => {
    expect([0, 0.1, 4.02, 42.4, 999, 1200, 12_340, 41_000, 61_000, 7_260_000].map(duration)).toEqual(['0 ms', '0.10 ms', '4.0 ms', '42 ms', '999 ms', '1.20 s', '12.3 s', '41 s', '1 min 1 s', '2 h 1 min']);
    expect(duration(Number.NaN)).toBe('–');
  });
  it('are told by their two largest units', () => {
    expect([0, 45, 60, 125, 3600, 90_061].map(span)).toEqual(['0 s', '45 s', '1 min', '2 min 5 s', '1 h', '1 d 1 h']);
  });
  it('of which only seconds are kept are not told as none', () => {
    expect([0, 1000, 125_000].map(lasted)).toEqual(['under 1 s', '1 s', '2 min 5 s']);
  });
  it('count down to the end, and not below', () => {
    expect([2.01, 0.2, 0, -3].map(countdown)).toEqual(['3 s', '1 s', '0 s', '0 s']);
  });
  it('of the past and of what is to come', () => {
    const now = Date.UTC(2026, 0, 31, 9, 30);
    expect([0, 5000, 65_000, 3_700_000, -30_000].map((before) => ago(now - before, now))).toEqual(['now', '5 s ago', '1 min ago', '1 h ago', 'in 30 s']);
  });
});

it('codes become words', () => expect(words('upstream_timeout')).toBe('upstream timeout'));
