// The admin API: one function per route that the dashboard uses. Must not know: pages.
import type * as T from './types';

const BASE = 'admin/v1';

/** What the API says when it refuses: its code, its sentence, the field, and what to write instead. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly path: string;
  readonly hint: string;
  readonly retryAfter: number;

  constructor(status: number, error: { code?: string; message?: string; path?: string; hint?: string | null }, retryAfter = 0) {
    super(error.message ?? `the server answered ${status}`);
    this.status = status;
    this.code = error.code ?? '';
    this.path = error.path ?? '';
    this.hint = error.hint ?? '';
    this.retryAfter = retryAfter;
  }
  /** The field that `path` names: "$.rpm_limit" -> "rpm_limit", "$.timeouts.idle_seconds", "$.model_mappings.fast" -> "model_mappings". */
  get field(): string {
    return /^\$\.(timeouts\.[a-z_]+|[a-z_]+)/.exec(this.path)?.[1] ?? '';
  }
}

/** Hears of every 401: the session has ended. */
export const onUnauthorized: { call: () => void } = { call: () => undefined };

type Query = Record<string, string | number | null | undefined>;

export function queryOf(query: Query): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '');
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString()}`;
}

async function send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(BASE + path, {
      method,
      headers: body === undefined ? headers : { ...headers, 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    });
  } catch {
    throw new ApiError(0, { code: 'offline', message: 'The server cannot be reached.' });
  }
  return accept(answer, path);
}

async function accept(answer: Response, path: string): Promise<Response> {
  if (answer.ok) return answer;
  let error = {};
  try {
    error = ((await answer.json()) as { error?: object }).error ?? {};
  } catch {
    // Not from the gateway: a proxy's page.
  }
  if (answer.status === 401 && path !== '/session') onUnauthorized.call();
  throw new ApiError(answer.status, error, Number(answer.headers.get('retry-after') ?? 0));
}

async function ask<R>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<R> {
  const answer = await send(method, path, body, headers);
  return (answer.status === 204 ? undefined : await answer.json()) as R;
}

const get = <R>(path: string, query: Query = {}) => ask<R>('GET', path + queryOf(query));
const rows = async <R>(path: string, query: Query = {}) => (await get<{ data: R[] }>(path, query)).data;
const q = encodeURIComponent;

/** The revision that a change made, besides what it answered. */
export interface Changed<R> {
  value: R;
  revision: number;
}

async function change<R>(method: string, path: string, body?: unknown): Promise<Changed<R>> {
  const answer = await send(method, path, body);
  const value = (answer.status === 204 ? undefined : await answer.json()) as R;
  return { value, revision: Number((answer.headers.get('etag') ?? '').replaceAll('"', '')) };
}

export interface Page<R> {
  data: R[];
  next: string | null;
}

export type ExchangeFilter = Partial<
  Record<'model' | 'backend' | 'key' | 'pool' | 'errors' | 'state' | 'since' | 'before' | 'status', string>
> & { limit?: number };

export const api = {
  events: () => new EventSource(`${BASE}/events`),

  session: () => get<T.Session>('/session'),
  login: (token: string) => ask<T.Session>('POST', '/session', { token }),
  logout: () => ask<void>('DELETE', '/session'),

  backends: () => rows<T.Backend>('/backends'),
  createBackend: (row: object) => change<T.Backend>('POST', '/backends', row),
  changeBackend: (id: string, fields: object) => change<T.Backend>('PATCH', `/backends/${q(id)}`, fields),
  removeBackend: (id: string) => change<void>('DELETE', `/backends/${q(id)}`),
  coolBackend: (id: string, seconds: number, reason: string) =>
    change<T.Backend>('PUT', `/backends/${q(id)}/cooldown`, { seconds, reason }),
  clearBackend: (id: string) => change<T.Backend>('DELETE', `/backends/${q(id)}/cooldown`),
  testBackend: (id: string, model?: string) => ask<T.Probe>('POST', `/backends/${q(id)}/test`, model ? { model } : {}),
  upstreamModels: (id: string) => rows<{ id: string; mapped_as: string[] }>(`/backends/${q(id)}/models`),

  pools: () => rows<T.Pool>('/pools'),
  putPool: (name: string, fields: object) => change<T.Pool>('PUT', `/pools/${q(name)}`, fields),
  changePool: (name: string, fields: object) => change<T.Pool>('PATCH', `/pools/${q(name)}`, fields),
  orderPools: (names: string[]) => change<Page<T.Pool>>('PUT', '/pools', { order: names }),
  removePool: (name: string) => change<void>('DELETE', `/pools/${q(name)}`),
  explain: (question: object) => ask<T.Explanation>('POST', '/explain', question),

  clientKeys: () => rows<T.ClientKey>('/client-keys'),
  createClientKey: (row: object) => change<T.ClientKey>('POST', '/client-keys', row),
  changeClientKey: (id: string, fields: object) => change<T.ClientKey>('PATCH', `/client-keys/${q(id)}`, fields),
  rotateClientKey: (id: string, overlap_seconds: number) =>
    change<T.ClientKey>('POST', `/client-keys/${q(id)}/rotate`, { overlap_seconds }),
  removeClientKey: (id: string) => change<void>('DELETE', `/client-keys/${q(id)}`),

  exchanges: (filter: ExchangeFilter) => get<Page<T.Exchange>>('/exchanges', filter),
  exchange: (id: string) => get<T.WholeExchange>(`/exchanges/${q(id)}`),
  cooldowns: (query: { before?: string; limit?: number } = {}) => get<Page<T.Cooldown>>('/cooldowns', query),
  usage: (query: Query) => get<T.Usage>('/usage', query),

  settings: () => get<T.Settings>('/settings'),
  changeSettings: (groups: object) => change<T.Settings>('PATCH', '/settings', groups),
  prices: () => rows<T.Price>('/prices'),
  putPrices: (data: T.Price[]) => change<Page<T.Price>>('PUT', '/prices', { data }),
  config: () => get<object>('/config'),
  applyConfig: (document: unknown, dryRun: boolean) =>
    change<{ changes: T.Change[] }>('PUT', `/config${dryRun ? '?dry_run=1' : ''}`, document),
  revisions: (query: { before?: string; limit?: number } = {}) => get<Page<T.Revision>>('/revisions', query),
  revision: (number: string | number) => get<T.Revision>(`/revisions/${q(String(number))}`),
  restore: (number: number, dryRun: boolean) =>
    change<{ changes: T.Change[]; keys_missing: string[] }>('POST', `/revisions/${number}/restore${dryRun ? '?dry_run=1' : ''}`),
  audit: (query: { before?: string; limit?: number } = {}) => get<Page<T.AuditRow>>('/audit', query),

  tokens: () => rows<T.Token>('/tokens'),
  createToken: (row: object) => change<T.Token>('POST', '/tokens', row),
  removeToken: (id: string) => change<void>('DELETE', `/tokens/${q(id)}`),
  masterKeys: () => get<T.MasterKeys>('/master-key'),
  addMasterKey: () => ask<T.MasterKeys>('POST', '/master-key'),
  rewrap: () => ask<T.MasterKeys>('POST', '/master-key/rewrap'),
  dropMasterKey: (kid: number) => ask<T.MasterKeys>('DELETE', `/master-key/${kid}`),
  backup: () => ask<{ directory: string; files: { name: string; bytes: number }[] }>('POST', '/backup'),
  about: () => get<T.About>('/about'),
  plugins: () => rows<T.Plugin>('/plugins'),
  reloadPlugins: () => ask<Page<T.Plugin>>('POST', '/plugins/reload'),
  /** The answer of the data listener itself, whatever its status. */
  async play(question: object, signal: AbortSignal): Promise<Response> {
    const answer = await fetch(`${BASE}/playground`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(question), signal });
    return answer.headers.has('x-headworks-playground') ? answer : accept(answer, '/playground');
  },
};
