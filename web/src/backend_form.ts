// What is written into the form of a backend: from a row, to what the API takes, and what is wrong with it. The server
// judges again; this says it while one types. Pure.
import type { Backend, Mapping } from './types';

export interface MappingDraft {
  canonical: string;
  model: string;
  context_tokens: string;
  settings: string; // price, timeouts, set, drop and whatever else it holds, as JSON; empty: nothing
}

export interface Pair {
  name: string;
  value: string;
  was?: unknown; // no text: stays what it is unless it is written anew
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
  timeouts: Record<string, string>;
  enabled: boolean;
  mappings: MappingDraft[];
  metadata: Pair[];
}

/** The clocks of a backend alone, in seconds; 0: the settings' own (of the last: timeout_seconds). */
export const CLOCKS = [
  { name: 'connect_seconds', title: 'Connect', hint: 'TLS included.' },
  { name: 'write_seconds', title: 'Write the request', hint: 'Head and body.' },
  { name: 'first_byte_seconds', title: 'First byte', hint: 'From the written request on.' },
  { name: 'idle_seconds', title: 'Between two reads', hint: 'Of an answer, a stream above all.' },
  { name: 'total_seconds', title: 'One attempt', hint: 'Instead of the timeout above.' },
];

const textOf = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));

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
    timeouts: Object.fromEntries(CLOCKS.map(({ name }) => [name, String(row?.timeouts[name] ?? 0)])),
    enabled: row?.enabled ?? true,
    mappings: Object.entries(row?.model_mappings ?? {}).map(([canonical, mapping]) => {
      const { model, context_tokens, ...rest } = mapping;
      return { canonical, model, context_tokens: context_tokens ? String(context_tokens) : '', settings: Object.keys(rest).length ? JSON.stringify(rest, null, 2) : '' };
    }),
    metadata: Object.entries(row?.metadata ?? {}).map(([name, was]) => ({ name, value: textOf(was), was })),
  };
}

function checkCount(text: string, least = 0, most = 1e9): string {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value)) return 'a whole number';
  return value < least || value > most ? `from ${least} to ${most.toLocaleString()}` : '';
}

const checkSeconds = (text: string, least: number) => (text.trim() !== '' && Number(text) >= least && Number(text) <= 86_400 ? '' : `from ${least} to 86,400 seconds`);

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

/** Lists and objects as JSON; everything else that is written is text. */
function valueOf(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** What a mapping's settings say; null: they are no JSON object. */
export function settingsOf(text: string): Record<string, unknown> | null {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown> | null) : null;
  } catch {
    return null;
  }
}

export function checkMapping(mapping: MappingDraft, all: MappingDraft[]): string {
  const { canonical, model, settings } = mapping;
  if (canonical.trim() === '' || model.trim() === '') return 'both names';
  if (stars(canonical) > 1 || stars(model) > stars(canonical)) return 'one * on each side, and one on the right needs one on the left';
  if (all.filter((other) => other.canonical === canonical).length > 1) return 'this name is mapped twice';
  const known = settingsOf(settings);
  if (!known) return 'its settings are no JSON object';
  if ('model' in known || 'context_tokens' in known) return 'model and context_tokens have fields of their own';
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
    timeout_seconds: checkSeconds(draft.timeout_seconds, 0.1),
  };
  for (const { name } of CLOCKS) found[`timeouts.${name}`] = checkSeconds(draft.timeouts[name] ?? '', 0);
  draft.mappings.forEach((mapping, at) => (found[`model_mappings.${at}`] = checkMapping(mapping, draft.mappings)));
  const labels = draft.metadata.map(({ name }) => name.trim());
  if (labels.includes('')) found['metadata'] = 'each needs a name';
  else if (new Set(labels).size < labels.length) found['metadata'] = 'one name is there twice';
  return Object.fromEntries(Object.entries(found).filter(([, problem]) => problem !== ''));
}

/** What the API takes; of a row that there is, only what was changed. An empty key keeps the one that is sealed. */
export function rowOf(draft: Draft, before?: Backend): Record<string, unknown> {
  const model_mappings: Record<string, Mapping> = {};
  for (const { canonical, model, context_tokens, settings } of draft.mappings)
    model_mappings[canonical] = { model, ...(context_tokens ? { context_tokens: Number(context_tokens) } : {}), ...settingsOf(settings) };
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
    timeouts: Object.fromEntries(CLOCKS.map(({ name }) => [name, Number(draft.timeouts[name])])),
    enabled: draft.enabled,
    model_mappings,
    metadata: Object.fromEntries(draft.metadata.map(({ name, value, was }) => [name.trim(), was !== undefined && value === textOf(was) ? was : valueOf(value)])),
  };
  if (before) {
    const known = before as unknown as Record<string, unknown>;
    for (const name of Object.keys(row)) if (JSON.stringify(row[name]) === JSON.stringify(known[name])) delete row[name];
  }
  if (draft.api_key !== '') row.api_key = draft.api_key;
  return row;
}
