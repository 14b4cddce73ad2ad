// How a backend is, in one word, from its row and its gauges; and what needs attention, in sentences. Pure.
import { mostOf, share, spentText } from './client_key';
import { percent, plural, span } from './format';
import type { Backend, ClientKey, LiveBackend, Pool } from './types';

export type State = 'healthy' | 'cooling' | 'error' | 'disabled';

export function stateOf(backend: Backend, coolingSeconds: number): State {
  if (!backend.enabled || backend.status === 'disabled') return 'disabled';
  if (backend.key_state === 'unreadable' || backend.status === 'error') return 'error';
  return coolingSeconds > 0 ? 'cooling' : 'healthy';
}

/** Who said how long it rests. */
export const SAID_BY: Record<string, string> = { header: 'a header of its answer', body: 'its answer', formula: "the settings' formula", hand: 'somebody', hook: 'a plug-in' };

const RANK: Record<State, number> = { error: 0, cooling: 1, healthy: 2, disabled: 3 };
export const worst = (one: State, other: State): number => RANK[one] - RANK[other];

/** Which share of its starts is used, 0 to 1; none: it has no limit. */
export function used(backend: Backend, live: LiveBackend | undefined): number | null {
  if (backend.rpm_limit === 0 || live?.starts_left == null) return null;
  return Math.min(1, Math.max(0, 1 - live.starts_left / backend.rpm_limit));
}

export interface Finding {
  level: 'bad' | 'warn';
  text: string;
  href: string;
}

export interface Situation {
  backends: Backend[];
  pools: Pool[];
  keys: ClientKey[];
  cooling: (id: string) => number;
  live: (id: string) => LiveBackend | undefined;
  now: number;
  exchanges: number; // of the last minute
  errors: number;
}

const BUSY = 0.9;
const SOON = 3 * 86_400_000;

/** What an operator should look at, the worst first. */
export function findings(s: Situation): Finding[] {
  const found: Finding[] = [];
  const say = (level: Finding['level'], text: string, href: string) => found.push({ level, text, href });
  const states = new Map(s.backends.map((backend) => [backend.id, stateOf(backend, s.cooling(backend.id))]));
  if (s.backends.length === 0) say('warn', 'No backend yet: requests are answered with no_backend.', '#/backends/+');
  for (const pool of s.pools) {
    const members = s.backends.filter((backend) => backend.pool === pool.name && states.get(backend.id) !== 'disabled');
    if (members.length === 0) continue;
    const out = members.filter((backend) => states.get(backend.id) !== 'healthy');
    if (out.length === members.length) {
      const soonest = Math.min(...members.map((backend) => s.cooling(backend.id) || Infinity));
      const back = Number.isFinite(soonest) ? `; the first is back in ${span(Math.ceil(soonest))}` : '';
      say('bad', `Pool ${pool.name}: all ${plural(members.length, 'backend')} out of service${back}.`, '#/pools');
    }
  }
  for (const backend of s.backends) {
    if (backend.enabled && backend.key_state === 'unreadable')
      say('bad', `${backend.name}: its key cannot be opened with this master key. Give it again.`, `#/backends/${encodeURIComponent(backend.name)}/edit`);
    else if (backend.enabled && backend.status === 'error')
      say('bad', `${backend.name} is marked as in error.`, `#/backends/${encodeURIComponent(backend.name)}`);
  }
  if (s.exchanges >= 10 && s.errors / s.exchanges > 0.05)
    say('bad', `${percent(s.errors, s.exchanges)} of the last minute's requests ended in an error.`, '#/requests?errors=1');
  const resting = s.backends.filter((backend) => states.get(backend.id) === 'cooling');
  if (resting.length === 1) say('warn', `${resting[0]?.name ?? ''} is cooling down, ${span(Math.ceil(s.cooling(resting[0]?.id ?? '')))} left.`, '#/cooldowns');
  else if (resting.length > 1) say('warn', `${plural(resting.length, 'backend')} are cooling down.`, '#/cooldowns');
  const busy = s.backends.filter((backend) => states.get(backend.id) === 'healthy' && (used(backend, s.live(backend.id)) ?? 0) >= BUSY);
  if (busy.length > 0)
    say('warn', `${busy.length === 1 ? `${busy[0]?.name ?? ''} is` : `${plural(busy.length, 'backend')} are`} close to the limit of requests per minute.`, '#/backends');
  for (const key of s.keys) {
    for (const budget of key.budgets) {
      if (mostOf(budget) > 0 && share(key, budget) >= BUSY)
        say(share(key, budget) >= 1 ? 'bad' : 'warn', `Key ${key.name} has spent ${spentText(key, budget)} a ${budget.window}.`, `#/keys/${encodeURIComponent(key.name)}`);
    }
    const left = key.expires_at ? Date.parse(key.expires_at) - s.now : Infinity;
    if (key.enabled && left < SOON)
      say('warn', left < 0 ? `Key ${key.name} has expired.` : `Key ${key.name} expires in ${span(left / 1000)}.`, `#/keys/${encodeURIComponent(key.name)}`);
  }
  return found.sort((one, other) => (one.level === other.level ? 0 : one.level === 'bad' ? -1 : 1));
}
