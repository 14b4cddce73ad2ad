// The figures of the page of usage: stacks over time, and the file that holds them. Pure.
import { count, usd } from '../format';
import type { UsageRow } from '../types';
import type { Line } from '../ui/scale';

export type By = 'model' | 'backend' | 'key' | 'pool';
export type Measure = 'tokens' | 'cost' | 'exchanges' | 'errors';

export const MEASURES: Record<Measure, { title: string; of: (row: UsageRow) => number; format: (value: number) => string }> = {
  tokens: { title: 'Tokens', of: (row) => row.input_tokens + row.output_tokens, format: count },
  cost: { title: 'Cost', of: (row) => row.cost_usd, format: usd },
  exchanges: { title: 'Requests', of: (row) => row.exchanges, format: count },
  errors: { title: 'Errors', of: (row) => row.errors, format: count },
};

export const RANGES = [
  { id: '1h', title: 'hour', step: 'minute' },
  { id: '6h', title: '6 hours', step: 'minute' },
  { id: '24h', title: '24 hours', step: 'hour' },
  { id: '7d', title: '7 days', step: 'hour' },
  { id: '30d', title: '30 days', step: 'day' },
  { id: '365d', title: 'year', step: 'day' },
];

const SECONDS: Record<string, number> = { minute: 60, hour: 3600, day: 86_400 };
const MOST = 7; // names of their own; the others are one

/** Every step between the two moments, those without any use as 0; the largest names first. */
export function stacks(rows: UsageRow[], by: By, measure: Measure, sinceMs: number, untilMs: number, step: string): { at: number[]; lines: Line[]; step: number } {
  const size = SECONDS[step] ?? 60;
  const { of } = MEASURES[measure];
  const totals = new Map<string, number>();
  for (const row of rows) totals.set(row[by] || 'none', (totals.get(row[by] || 'none') ?? 0) + of(row));
  const names = [...totals].filter(([, total]) => total > 0).sort((one, other) => other[1] - one[1]).map(([name]) => name);
  const own = names.slice(0, names.length > MOST + 1 ? MOST : names.length);
  const first = Math.floor(sinceMs / 1000 / size) * size;
  const many = Math.max(0, Math.min(5000, Math.ceil((untilMs / 1000 - first) / size)));
  const at = Array.from({ length: many }, (_, index) => first + index * size);
  const lines: Line[] = own.map((name) => ({ label: name, data: at.map(() => 0) }));
  if (own.length < names.length) lines.push({ label: `${names.length - own.length} others`, data: at.map(() => 0), token: '--series-8' });
  for (const row of rows) {
    const index = Math.floor((Date.parse(row.at ?? '') / 1000 - first) / size);
    const name = own.indexOf(row[by] || 'none');
    const line = lines[name === -1 ? own.length : name];
    if (line && index >= 0 && index < many) line.data[index] = (line.data[index] ?? 0) + of(row);
  }
  return { at, lines, step: size };
}

const FIELDS = ['exchanges', 'errors', 'attempts', 'input_tokens', 'output_tokens', 'cached_input_tokens', 'reasoning_tokens', 'cost_usd', 'mean_ms', 'p50_ms', 'p95_ms'] as const;

/** A cell that no spreadsheet takes for a formula. */
export function csvCell(value: string | number | undefined): string {
  const text = String(value ?? '');
  const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function csvOf(rows: UsageRow[], by: By): string {
  const lines = rows.map((row) => [row.at, row[by], ...FIELDS.map((field) => row[field])].map(csvCell).join(','));
  return [`at,${by},${FIELDS.join(',')}`, ...lines].join('\r\n') + '\r\n';
}
