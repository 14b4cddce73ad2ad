// Numbers, times and sizes as people read them, with units, in the browser's locale. Pure.

const locale: string | undefined = undefined;
const cache = new Map<string, Intl.NumberFormat>();

function number(value: number, options: Intl.NumberFormatOptions): string {
  const key = JSON.stringify(options);
  let format = cache.get(key);
  if (!format) cache.set(key, (format = new Intl.NumberFormat(locale, options)));
  return format.format(value);
}

export const whole = (value: number): string => number(Math.round(value), {});

/** 0, 950, 12.3K, 4.56M. */
export function count(value: number): string {
  if (Math.abs(value) < 10_000) return whole(value);
  return number(value, { notation: 'compact', maximumSignificantDigits: 3 });
}

/** Per second: two digits that mean something. */
export function rate(value: number): string {
  if (value === 0) return '0';
  if (value < 10) return number(value, { maximumFractionDigits: 1, minimumFractionDigits: 1 });
  return count(value);
}

/** Money: cents from a dollar on, and of whole cents; else three digits that tell it from nothing. */
export function usd(value: number): string {
  if (value === 0) return '$0';
  const size = Math.abs(value);
  const cents = size >= 1 || Math.abs(size * 100 - Math.round(size * 100)) < 1e-9;
  return `${value < 0 ? '-' : ''}$${number(size, cents ? { minimumFractionDigits: 2, maximumFractionDigits: 2 } : { minimumSignificantDigits: 3, maximumSignificantDigits: 3 })}`;
}

export function percent(part: number, all: number): string {
  if (all === 0) return '–';
  const share = (100 * part) / all;
  return `${number(share, { maximumFractionDigits: share < 10 && share > 0 ? 1 : 0 })} %`;
}

/** A duration in milliseconds, in the unit that fits it; the same digits below one another, but for whole ones. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return '–';
  if (ms < 10) return `${fixed(ms, ms < 1 ? 2 : 1)} ms`;
  if (ms < 1000) return `${whole(ms)} ms`;
  if (ms < 60_000) return `${fixed(ms / 1000, ms < 10_000 ? 2 : 1)} s`;
  return span(ms / 1000);
}

const fixed = (value: number, digits: number) => number(value, { minimumFractionDigits: Number.isInteger(value) ? 0 : digits, maximumFractionDigits: digits });

/** Seconds as the two largest units: 45 s, 2 min 5 s, 3 h, 2 d 4 h. */
export function span(seconds: number): string {
  const units: [number, string][] = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's'],
  ];
  let left = Math.max(0, Math.round(seconds));
  const first = units.findIndex(([size]) => left >= size);
  if (first === -1) return '0 s';
  const parts: string[] = [];
  for (const [size, unit] of units.slice(first, first + 2)) {
    const many = Math.floor(left / size);
    if (many > 0) parts.push(`${many} ${unit}`);
    left -= many * size;
  }
  return parts.join(' ');
}

/** What is left, rounded up, so that it says 1 s until it is over. */
export const countdown = (seconds: number): string => (seconds <= 0 ? '0 s' : span(Math.ceil(seconds)));

/** How long something rested, of which only the seconds are kept. */
export const lasted = (ms: number): string => (ms < 1000 ? 'under 1 s' : span(ms / 1000));

/** In the largest unit alone: it is not to the point. */
export function ago(atMs: number, nowMs: number): string {
  const seconds = (nowMs - atMs) / 1000;
  if (seconds < 1 && seconds > -1) return 'now';
  return seconds < 0 ? `in ${span(-seconds)}` : `${span(Math.floor(seconds)).split(' ').slice(0, 2).join(' ')} ago`;
}

export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let at = 0;
  while (value >= 1000 && at < units.length - 1) (value /= 1000), at++;
  return `${number(value, { maximumFractionDigits: at === 0 ? 0 : 1 })} ${units[at]}`;
}

/** The whole moment, with its zone. */
export function moment(at: string | number | Date): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'long' }).format(new Date(at));
}

/** Of today: the time; else the date, too. */
export function clock(at: string | number | Date, now: number = Date.now()): string {
  const date = new Date(at);
  const today = date.toDateString() === new Date(now).toDateString();
  return new Intl.DateTimeFormat(locale, today ? { timeStyle: 'medium' } : { dateStyle: 'short', timeStyle: 'medium' }).format(date);
}

/** upstream_timeout -> upstream timeout. */
export const words = (code: string): string => code.replaceAll('_', ' ');

export const plural = (many: number, one: string, more = `${one}s`): string => `${whole(many)} ${many === 1 ? one : more}`;
