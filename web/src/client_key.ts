// How a client key is, and what its form holds. Pure.
import { plural, usd, whole } from './format';
import type { Budget, ClientKey, Measure } from './types';

export function keyState(row: ClientKey, now: number): { state: 'healthy' | 'error' | 'disabled'; word: string } {
  if (!row.enabled) return { state: 'disabled', word: 'disabled' };
  if (row.expires_at && Date.parse(row.expires_at) <= now) return { state: 'error', word: 'expired' };
  if (row.budgets.some((budget) => spent(row, budget) >= mostOf(budget))) return { state: 'error', word: 'budget spent' };
  return { state: 'healthy', word: 'active' };
}

export const measureOf = (budget: Budget): Measure => (budget.tokens !== undefined ? 'tokens' : budget.requests !== undefined ? 'requests' : 'usd');
export const mostOf = (budget: Budget): number => budget[measureOf(budget)] ?? 0;
export const idOf = (budget: Budget): string => `${measureOf(budget)} ${budget.window}`; // a key has one of each at most

export const levelOf = (row: ClientKey, budget: Budget) => row.live?.spent.find((each) => idOf(each) === idOf(budget));
export const spent = (row: ClientKey, budget: Budget): number => levelOf(row, budget)?.[measureOf(budget)] ?? 0;
export const share = (row: ClientKey, budget: Budget): number => (mostOf(budget) > 0 ? spent(row, budget) / mostOf(budget) : 1);

// "$9.50 of $10.00", "1,200 of 5,000 tokens".
export function spentText(row: ClientKey, budget: Budget): string {
  const measure = measureOf(budget);
  if (measure === 'usd') return `${usd(spent(row, budget))} of ${usd(mostOf(budget))}`;
  return `${whole(spent(row, budget))} of ${plural(mostOf(budget), measure.slice(0, -1))}`;
}

export interface KeyDraft {
  name: string;
  models: string;
  rpm_limit: string;
  tpm_limit: string;
  max_in_flight: string;
  weight: string;
  timeout_seconds: string;
  expires_at: string; // as <input type=datetime-local> has it; empty: never
  enabled: boolean;
  budgets: { most: string; measure: Measure; window: Budget['window'] }[];
}

const local = (utc: string) => {
  const at = new Date(utc);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
};

export function keyDraftOf(row: ClientKey | undefined): KeyDraft {
  return {
    name: row?.name ?? '',
    models: (row?.models ?? ['*']).join(', '),
    rpm_limit: String(row?.rpm_limit ?? 0),
    tpm_limit: String(row?.tpm_limit ?? 0),
    max_in_flight: String(row?.max_in_flight ?? 0),
    weight: String(row?.weight ?? 1),
    timeout_seconds: String(row?.timeout_seconds ?? 0),
    expires_at: row?.expires_at ? local(row.expires_at) : '',
    enabled: row?.enabled ?? true,
    budgets: (row?.budgets ?? []).map((budget) => ({ most: String(mostOf(budget)), measure: measureOf(budget), window: budget.window })),
  };
}

const isCount = (text: string) => /^\d{1,9}$/.test(text.trim());
const modelsOf = (text: string) => text.split(/[\s,]+/).filter(Boolean);

export function keyProblems(draft: KeyDraft, names: string[]): Record<string, string> {
  const found: Record<string, string> = {};
  if (draft.name.trim() === '') found['name'] = 'a name';
  else if (names.includes(draft.name.trim())) found['name'] = 'there is a key of this name';
  if (modelsOf(draft.models).some((pattern) => pattern.split('*').length > 2)) found['models'] = 'one * in each';
  for (const field of ['rpm_limit', 'tpm_limit', 'max_in_flight'] as const) if (!isCount(draft[field])) found[field] = 'a whole number; 0: no limit';
  if (!isCount(draft.weight) || Number(draft.weight) < 1 || Number(draft.weight) > 1000) found['weight'] = 'from 1 to 1,000';
  if (draft.timeout_seconds.trim() === '' || !(Number(draft.timeout_seconds) >= 0 && Number(draft.timeout_seconds) <= 86_400)) found['timeout_seconds'] = 'from 0 to 86,400 seconds';
  draft.budgets.forEach(({ most, measure }, at) => {
    if (measure === 'usd' ? most.trim() === '' || !(Number(most) >= 0) : !isCount(most) || Number(most) < 1) found[`budgets.${at}`] = measure === 'usd' ? 'US dollars' : 'a whole number from 1';
  });
  if (new Set(draft.budgets.map(({ measure, window }) => `${measure} ${window}`)).size < draft.budgets.length) found['budgets'] = 'one of each measure for each window';
  return found;
}

export function keyRowOf(draft: KeyDraft): Record<string, unknown> {
  return {
    name: draft.name.trim(),
    models: modelsOf(draft.models),
    rpm_limit: Number(draft.rpm_limit),
    tpm_limit: Number(draft.tpm_limit),
    max_in_flight: Number(draft.max_in_flight),
    weight: Number(draft.weight),
    timeout_seconds: Number(draft.timeout_seconds),
    expires_at: draft.expires_at ? new Date(draft.expires_at).toISOString().replace(/\.\d+Z$/, 'Z') : null,
    enabled: draft.enabled,
    budgets: draft.budgets.map(({ most, measure, window }) => ({ [measure]: Number(most), window })),
  };
}
