// What differs between a row before and after. Pure.
import type { Change } from '../types';

export interface FieldChange {
  name: string;
  before?: string;
  after?: string;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
const isRow = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const STAMPS = ['id', 'created_at', 'updated_at'];

// Objects within a row, such as mappings and settings, field by field, too.
function flat(row: Record<string, unknown>, prefix = ''): Map<string, string> {
  const out = new Map<string, string>();
  for (const [name, value] of Object.entries(row)) {
    if (prefix === '' && STAMPS.includes(name)) continue;
    if (isRow(value) && Object.keys(value).length > 0) for (const [inner, found] of flat(value, `${prefix}${name}.`)) out.set(inner, found);
    else out.set(prefix + name, text(value));
  }
  return out;
}

export function differences(change: Change): { kind: 'made' | 'gone' | 'changed'; fields: FieldChange[] } {
  const { before, after } = change;
  const kind = before === null && isRow(after) ? 'made' : after === null && isRow(before) ? 'gone' : 'changed';
  if (!isRow(before) && !isRow(after)) {
    const value: FieldChange = { name: 'value' };
    if (before !== null) value.before = text(before);
    if (after !== null) value.after = text(after);
    return { kind: 'changed', fields: before === null && after === null ? [] : [value] };
  }
  const old = isRow(before) ? flat(before) : new Map<string, string>();
  const now = isRow(after) ? flat(after) : new Map<string, string>();
  const fields: FieldChange[] = [];
  for (const name of new Set([...old.keys(), ...now.keys()])) {
    const [one, other] = [old.get(name), now.get(name)];
    if (one === other) continue;
    fields.push({ name, ...(one === undefined ? {} : { before: one }), ...(other === undefined ? {} : { after: other }) });
  }
  return { kind, fields };
}
