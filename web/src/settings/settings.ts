// Settings as one list of paths, and what was changed in it. Pure.
import { words } from '../format';
import type { Settings } from '../types';

type Value = number | string | boolean;

export function flatten(settings: Settings): Record<string, Value> {
  const out: Record<string, Value> = {};
  for (const [group, value] of Object.entries(settings)) {
    if (typeof value === 'object') for (const [name, member] of Object.entries(value)) out[`${group}.${name}`] = member;
    else out[group] = value;
  }
  return out;
}

/** What the API takes: only what differs, numbers as numbers; text that is no number goes as it is, for the server to refuse. */
export function changesOf(known: Record<string, Value>, draft: Record<string, string | boolean>): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [path, written] of Object.entries(draft)) {
    const before = known[path];
    const number = typeof written === 'string' && written.trim() !== '' ? Number(written) : NaN;
    const value = typeof before === 'number' && !Number.isNaN(number) ? number : written;
    if (value === before) continue;
    const [group = '', name] = path.split('.');
    if (name === undefined) out[group] = value;
    else out[group] = { ...(out[group] as object | undefined), [name]: value };
  }
  return out;
}

/** first_byte_seconds -> "first byte, seconds". */
export const labelOf = (name: string): string => words(name.replace(/_(ms|seconds|percent|days|bytes)$/, ', $1'));
