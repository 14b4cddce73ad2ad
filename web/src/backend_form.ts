// What is written into the form of a backend: from a row, to what the API takes, and what is wrong with it. The server
// judges again; this says it while one types. Pure.
import type { Backend, Mapping } from './types';

export interface MappingDraft {
  canonical: string;
  model: string;
  context_tokens: string;
  rest: Record<string, unknown>; // settings that the form does not show: they stay
}

export interface Draft {
  name: string;
  label: string;
  api: string;
  api_base_url: string;
  api_key: string;
  pool: string;
  rpm_limit: string;
  tpm_limit: string;
  max_in_flight: string;
  weight: string;
  timeout_seconds: string;
  enabled: boolean;
  mappings: MappingDraft[];
}

export function draftOf(row: Backend | undefined, pool = 'primary'): Draft {
  return {
    name: row?.name ?? '',
    label: row?.label ?? '',
    api: row?.api ?? 'openai',
    api_base_url: row?.api_base_url ?? '',
    api_key: '',
    pool: row?.pool ?? pool,
    rpm_limit: String(row?.rpm_limit ?? 0),
    tpm_limit: String(row?.tpm_limit ?? 0),
    max_in_flight: String(row?.max_in_flight ?? 0),
    weight: String(row?.weight ?? 1),
    timeout_seconds: String(row?.timeout_seconds ?? 120),
    enabled: row?.enabled ?? true,
    mappings: Object.entries(row?.model_mappings ?? {}).map(([canonical, mapping]) => {
      const { model, context_tokens, ...rest } = mapping;
      return { canonical, model, context_tokens: context_tokens ? String(context_tokens) : '', rest };
    }),
  };
}

function checkCount(text: string, least = 0, most = 1e9): string {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value)) return 'a whole number';
  return value < least || value > most ? `from ${least} to ${most.toLocaleString()}` : '';
}

function checkUrl(text: string): string {
  if (text.trim() === '') return 'where its API is, for example https://host/v1';
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return 'a whole address, for example https://host/v1';
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'begins with https:// or http://';
  if (url.username || url.password) return 'without a name or password in it: they belong into the key';
  return url.search || url.hash ? 'without ? and #' : '';
}

const stars = (text: string) => text.split('*').length - 1;

export function checkMapping(mapping: MappingDraft, all: MappingDraft[]): string {
  const { canonical, model } = mapping;
  if (canonical.trim() === '' || model.trim() === '') return 'both names';
  if (stars(canonical) > 1 || stars(model) > stars(canonical)) return 'one * on each side, and one on the right needs one on the left';
  if (all.filter((other) => other.canonical === canonical).length > 1) return 'this name is mapped twice';
  return mapping.context_tokens === '' ? '' : checkCount(mapping.context_tokens);
}

/** What is wrong, by field; mappings by "model_mappings.INDEX". Empty: nothing. `names`: those that are taken. */
export function problemsOf(draft: Draft, names: string[]): Record<string, string> {
  const found: Record<string, string> = {
    name: draft.name.trim() === '' ? 'a short name' : draft.name.length > 200 ? 'at most 200 characters' : names.includes(draft.name) ? 'there is a backend of this name' : '',
    api_base_url: checkUrl(draft.api_base_url),
    pool: draft.pool.trim() === '' ? 'the pool that it belongs to' : '',
    rpm_limit: checkCount(draft.rpm_limit),
    tpm_limit: checkCount(draft.tpm_limit),
    max_in_flight: checkCount(draft.max_in_flight),
    weight: checkCount(draft.weight, 1, 10_000),
    timeout_seconds: Number(draft.timeout_seconds) >= 0.1 && Number(draft.timeout_seconds) <= 86_400 ? '' : 'from 0.1 to 86,400 seconds',
  };
  draft.mappings.forEach((mapping, at) => (found[`model_mappings.${at}`] = checkMapping(mapping, draft.mappings)));
  return Object.fromEntries(Object.entries(found).filter(([, problem]) => problem !== ''));
}

/** What the API takes; of a row that there is, only what was changed. An empty key keeps the one that is sealed. */
export function rowOf(draft: Draft, before?: Backend): Record<string, unknown> {
  const model_mappings: Record<string, Mapping> = {};
  for (const { canonical, model, context_tokens, rest } of draft.mappings)
    model_mappings[canonical] = { model, ...(context_tokens ? { context_tokens: Number(context_tokens) } : {}), ...rest };
  const row: Record<string, unknown> = {
    name: draft.name.trim(),
    label: draft.label,
    api: draft.api,
    api_base_url: draft.api_base_url.trim(),
    pool: draft.pool.trim(),
    rpm_limit: Number(draft.rpm_limit),
    tpm_limit: Number(draft.tpm_limit),
    max_in_flight: Number(draft.max_in_flight),
    weight: Number(draft.weight),
    timeout_seconds: Number(draft.timeout_seconds),
    enabled: draft.enabled,
    model_mappings,
  };
  if (before) {
    const known = before as unknown as Record<string, unknown>;
    for (const name of Object.keys(row)) if (JSON.stringify(row[name]) === JSON.stringify(known[name])) delete row[name];
  }
  if (draft.api_key !== '') row.api_key = draft.api_key;
  return row;
}

/** The field that an error's path names: "$.rpm_limit" -> "rpm_limit", "$.model_mappings.fast" -> "model_mappings". */
export const fieldOf = (path: string): string => /^\$\.([a-z_]+)/.exec(path)?.[1] ?? '';
