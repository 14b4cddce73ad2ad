import { describe, expect, it } from 'vitest';
import { ApiError, queryOf } from './api';
import { checkMapping, draftOf, problemsOf, rowOf } from './backend_form';
import { findings, stateOf, used } from './backend_state';
import { keyDraftOf, keyProblems, keyRowOf, keyState, spentText } from './client_key';
import { errorOf, requestOf, takeEvents, textOf } from './pages/playground';
import { moved } from './pages/pools';
import { fits } from './pages/requests';
import { csvCell, csvOf, stacks } from './pages/usage';
import { changesOf, flatten, labelOf } from './settings/settings';
import { differences } from './ui/changes';
import { match } from './ui/match';
import { stack, timeTicks, valueTicks } from './ui/scale';
import { slice, sorted } from './ui/table';
import { waterfall } from './waterfall';
import type { Attempt, Backend, ClientKey, Exchange, UsageRow, WholeExchange } from './types';

const backend = (more: Partial<Backend> = {}) =>
  ({ id: 'bkd_1', name: 'one', label: '', api: 'openai', api_base_url: 'https://host/v1', key_state: 'readable', pool: 'primary', rpm_limit: 0, tpm_limit: 0, max_in_flight: 0, weight: 1, timeout_seconds: 120, timeouts: { connect_seconds: 0, write_seconds: 0, first_byte_seconds: 0, idle_seconds: 0, total_seconds: 0 }, enabled: true, model_mappings: {}, metadata: {}, status: 'healthy', ...more }) as Backend;
const key = (more: Partial<ClientKey> = {}) => ({ id: 'key_1', name: 'app', models: ['*'], budgets: [], enabled: true, expires_at: null, ...more }) as ClientKey;

describe('a backend', () => {
  it('has one state', () => {
    expect(stateOf(backend(), 0)).toBe('healthy');
    expect(stateOf(backend(), 3)).toBe('cooling');
    expect(stateOf(backend({ status: 'error' }), 3)).toBe('error');
    expect(stateOf(backend({ key_state: 'unreadable' }), 0)).toBe('error');
    expect(stateOf(backend({ enabled: false, status: 'error' }), 3)).toBe('disabled');
  });
  it('says how much of its limit is used', () => {
    const live = { in_flight: 0, starts_left: 10, cooling_seconds: 0, first_byte_ms: 0 };
    expect(used(backend({ rpm_limit: 40 }), live)).toBe(0.75);
    expect(used(backend(), live)).toBeNull();
    expect(used(backend({ rpm_limit: 40 }), undefined)).toBeNull();
  });
  it('is judged while it is written', () => {
    const draft = { ...draftOf(undefined), name: 'one', api_base_url: 'https://host/v1' };
    expect(problemsOf(draft, [])).toEqual({});
    expect(Object.keys(problemsOf({ ...draft, rpm_limit: '1.5', weight: '0', timeout_seconds: '0' }, ['one']))).toEqual(['name', 'rpm_limit', 'weight', 'timeout_seconds']);
    for (const url of ['', 'host', 'ftp://host', 'https://user:secret@host', 'https://host?x=1']) expect(problemsOf({ ...draft, api_base_url: url }, [])).toHaveProperty('api_base_url');
  });
  it('sends only what was changed, and keeps what the form does not show', () => {
    const row = backend({ model_mappings: { fast: { model: 'm', price: { input: 1 } } } });
    const draft = draftOf(row);
    expect(rowOf(draft, row)).toEqual({});
    draft.weight = '3';
    draft.mappings[0]!.context_tokens = '8000';
    expect(rowOf(draft, row)).toEqual({ weight: 3, model_mappings: { fast: { model: 'm', context_tokens: 8000, price: { input: 1 } } } });
    draft.api_key = 'sk';
    expect(rowOf(draft, row)).toHaveProperty('api_key', 'sk');
  });
  it('has clocks and metadata of its own', () => {
    const row = backend({ metadata: { owner: 'team-a', tier: 2 } });
    const draft = draftOf(row);
    draft.timeouts['idle_seconds'] = '1e9';
    draft.metadata.push({ name: 'owner', value: 'team-b' });
    expect(problemsOf(draft, [])).toEqual({ 'timeouts.idle_seconds': expect.stringContaining('86,400'), metadata: 'one name is there twice' });
    draft.timeouts['idle_seconds'] = '20';
    draft.metadata[2] = { name: ' region ', value: 'eu' };
    expect(problemsOf(draft, [])).toEqual({});
    expect(rowOf(draft, row)).toEqual({ timeouts: { ...row.timeouts, idle_seconds: 20 }, metadata: { owner: 'team-a', tier: 2, region: 'eu' } });
    draft.metadata[1]!.value = '3'; // what is written is text, but for lists and objects
    draft.metadata[2].value = '["eu", "us"]';
    expect(rowOf(draft, row)['metadata']).toEqual({ owner: 'team-a', tier: '3', region: ['eu', 'us'] });
  });
  it('maps with one star on each side', () => {
    const mapping = (canonical: string, model: string, settings = '') => ({ canonical, model, context_tokens: '', settings });
    const judge = (canonical: string, model: string) => checkMapping(mapping(canonical, model), [mapping(canonical, model)]);
    expect(judge('qwen-*', 'qwen/*')).toBe('');
    for (const [one, other] of [['', 'm'], ['a', ''], ['a*b*', 'm'], ['a', 'm*']] as const) expect(judge(one, other)).not.toBe('');
    expect(checkMapping(mapping('a', 'b'), [mapping('a', 'b'), mapping('a', 'c')])).toContain('twice');
    for (const settings of ['{', '[1]', 'null', '{"model": "c"}']) expect(checkMapping(mapping('a', 'b', settings), [])).not.toBe('');
    expect(checkMapping(mapping('a', 'b', '{"drop": ["user"]}'), [])).toBe('');
  });
  it('finds the field of an error', () => expect(['$.rpm_limit', '$.model_mappings.fast.model', '$.timeouts.idle_seconds', '/admin/v1/backends'].map((path) => new ApiError(400, { path }).field)).toEqual(['rpm_limit', 'model_mappings', 'timeouts.idle_seconds', '']));
});

describe('what needs attention', () => {
  const calm = { backends: [backend()], pools: [{ name: 'primary', strategy: 'weighted', patience_seconds: 0, sticky_by: '', position: 0, source: '' }], keys: [], cooling: () => 0, live: () => undefined, now: 0, exchanges: 100, errors: 0 };
  it('is nothing when all is well', () => expect(findings(calm)).toEqual([]));
  it('is a pool without anybody, first of all', () => {
    const found = findings({ ...calm, cooling: () => 12.3 });
    expect(found[0]).toMatchObject({ level: 'bad', text: 'Pool primary: all 1 backend out of service; the first is back in 13 s.' });
    expect(found[1]?.text).toContain('one is cooling down');
  });
  it('is errors, budgets and expiries', () => {
    const spent = key({ budgets: [{ usd: 10, window: 'day' }], live: { in_flight: 0, starts_left: null, spent: [{ window: 'day', usd: 9.5, until: '' }] } });
    const old = key({ name: 'old', expires_at: '2026-01-31T09:30:00Z' });
    const texts = findings({ ...calm, now: Date.parse('2026-02-01T00:00:00Z'), errors: 30, keys: [spent, old] }).map(({ text }) => text);
    expect(texts).toEqual([expect.stringContaining('30 %'), 'Key app has spent $9.50 of $10.00 a day.', 'Key old has expired.']);
  });
});

describe('a client key', () => {
  it('has one state', () => {
    expect(keyState(key(), 0).word).toBe('active');
    expect(keyState(key({ enabled: false }), 0).word).toBe('disabled');
    expect(keyState(key({ expires_at: '2026-01-01T00:00:00Z' }), Date.parse('2026-01-02')).word).toBe('expired');
    expect(keyState(key({ budgets: [{ usd: 0, window: 'day' }] }), 0).word).toBe('budget spent');
    const of = key({ budgets: [{ tokens: 5000, window: 'day' }, { requests: 1, window: 'day' }], live: { in_flight: 0, starts_left: null, spent: [{ window: 'day', tokens: 1200, until: '' }] } });
    expect(of.budgets.map((budget) => spentText(of, budget))).toEqual(['1,200 of 5,000 tokens', '0 of 1 request']);
    expect(keyState(of, 0).word).toBe('active');
    expect(keyRowOf(keyDraftOf(of))).toMatchObject({ budgets: of.budgets });
  });
  it('is judged and sent as it was written', () => {
    const draft = { ...keyDraftOf(undefined), name: ' app ', models: 'a*, b' };
    expect(keyProblems(draft, [])).toEqual({});
    expect(keyRowOf(draft)).toMatchObject({ name: 'app', models: ['a*', 'b'], expires_at: null, budgets: [] });
    const wrong = { ...draft, models: '**', rpm_limit: '-1', budgets: [{ most: 'x', measure: 'usd' as const, window: 'day' as const }, { most: '1', measure: 'usd' as const, window: 'day' as const }] };
    expect(Object.keys(keyProblems(wrong, ['app'])).sort()).toEqual(['budgets', 'budgets.0', 'models', 'name', 'rpm_limit']);
  });
});

describe('a waterfall', () => {
  const attempt = (number: number, started_ms: number, more: Partial<Attempt> = {}) => ({ attempt: number, backend: 'b', status: 200, error: null, failure: null, started_ms, reused_connection: false, connect_ms: 5, first_byte_ms: 20, total_ms: 50, ...more }) as Attempt;
  it('tells queue, connect, first byte and answer in the order of time', () => {
    const whole = { total_ms: 400, plan: [{ what: 'waited', why: 'turn', attempts_before: 0, seconds: 0.1 }, { what: 'waited', why: 'backoff', attempts_before: 1, seconds: 0.2 }], attempts: [attempt(1, 100, { error: 'upstream_error', failure: 'status_5xx', status: 500 }), attempt(2, 350, { reused_connection: true, total_ms: 50 })] } as WholeExchange;
    const { total, bars } = waterfall(whole);
    expect(total).toBe(400);
    expect(bars.map(({ name, from, ms }) => [name, from, ms])).toEqual([['queue', 0, 100], ['1. b', 100, 50], ['pause before the next attempt', 150, 200], ['2. b', 350, 50]]);
    expect(bars[1]?.parts.map(({ kind, from, ms }) => [kind, from, ms])).toEqual([['connect', 100, 5], ['first', 105, 15], ['failed', 120, 30]]);
    expect(bars[1]?.note).toBe('status 5xx');
    expect(bars[3]?.parts.map(({ kind }) => kind)).toEqual(['first', 'answer']);
  });
  it('of a request that nobody was asked for is its wait', () => {
    const whole = { total_ms: 10_000, plan: [{ what: 'waited', why: 'turn', attempts_before: 0, seconds: 10 }], attempts: [] as Attempt[] } as WholeExchange;
    expect(waterfall(whole).bars).toHaveLength(1);
  });
});

describe('usage', () => {
  const row = (at: string, model: string, input_tokens: number) => ({ at, model, input_tokens, output_tokens: 0, exchanges: 1, errors: 0, cost_usd: 0 }) as UsageRow;
  const since = Date.UTC(2026, 0, 31, 9);
  it('has a value for each step, the largest first', () => {
    const { at, lines, step } = stacks([row('2026-01-31T09:00:00Z', 'a', 1), row('2026-01-31T11:00:00Z', 'b', 5)], 'model', 'tokens', since, since + 3 * 3_600_000, 'hour');
    expect(step).toBe(3600);
    expect(at).toHaveLength(3);
    expect(lines.map(({ label, data }) => [label, data])).toEqual([['b', [0, 0, 5]], ['a', [1, 0, 0]]]);
  });
  it('puts the many small ones together', () => {
    const rows = Array.from({ length: 12 }, (_, index) => row('2026-01-31T09:00:00Z', `m${index}`, 100 - index));
    const { lines } = stacks(rows, 'model', 'tokens', since, since + 3_600_000, 'hour');
    expect(lines).toHaveLength(8);
    expect(lines.at(-1)).toMatchObject({ label: '5 others', data: [93 + 92 + 91 + 90 + 89] });
  });
  it('writes no formula into a file', () => {
    expect([csvCell('=1+1'), csvCell('a"b,c'), csvCell(-3), csvCell(undefined)]).toEqual(["'=1+1", '"a""b,c"', '-3', '']);
    expect(csvOf([row('2026-01-31T09:00:00Z', 'a', 7)], 'model').split('\r\n')[1]).toMatch(/^2026-01-31T09:00:00Z,a,1,0,,7,0,/);
  });
});

describe('differences', () => {
  it('are told field by field', () => {
    const before = { name: 'one', weight: 1, model_mappings: { fast: { model: 'a' } }, updated_at: 'x' };
    const after = { name: 'one', weight: 2, model_mappings: { fast: { model: 'b' } }, updated_at: 'y' };
    expect(differences({ action: 'backend.update', target: 'one', before, after })).toEqual({ kind: 'changed', fields: [{ name: 'weight', before: '1', after: '2' }, { name: 'model_mappings.fast.model', before: 'a', after: 'b' }] });
    expect(differences({ action: 'backend.delete', target: 'one', before, after: null }).kind).toBe('gone');
    expect(differences({ action: 'backend.create', target: 'one', before: null, after }).kind).toBe('made');
  });
});

describe('tables', () => {
  const columns = [{ id: 'n', title: 'N', by: (row: { n: number | null; t: string }) => row.n }, { id: 't', title: 'T', by: (row: { t: string }) => row.t }];
  const rows = [{ n: 2, t: 'b10' }, { n: null, t: 'b9' }, { n: 1, t: 'a' }];
  it('sort by numbers and by words, what has no value last', () => {
    expect(sorted(rows, columns, '-n').map(({ n }) => n)).toEqual([2, 1, null]);
    expect(sorted(rows, columns, 't').map(({ t }) => t)).toEqual(['a', 'b9', 'b10']);
    expect(sorted(rows, columns, 'other')).toBe(rows);
  });
  it('render what is seen, and a little more', () => {
    const part = slice(100_000, 34 * 5000, 600, 34);
    expect(part.from).toBeLessThan(5000);
    expect(part.to - part.from).toBeLessThan(60);
    expect(slice(3, 0, 600, 34)).toEqual({ from: 0, to: 3 });
  });
});

describe('axes', () => {
  it('have round values', () => {
    expect(valueTicks(1.08, 4)).toEqual([0, 0.5, 1]);
    expect(valueTicks(97, 5)).toEqual([0, 20, 40, 60, 80]);
  });
  it('have round moments', () => {
    const first = Date.UTC(2026, 0, 31, 9, 3) / 1000;
    const ticks = timeTicks(first, first + 1800, 6);
    expect(ticks.length).toBeGreaterThan(2);
    expect(ticks.every(({ at }) => at % 300 === 0)).toBe(true);
  });
  it('stack from below', () => expect(stack([[1, null], [10, 5]])).toEqual([[11, 5], [10, 5]]));
});

describe('the playground', () => {
  it('speaks both dialects', () => {
    const asked = { model: 'm', system: 's', prompt: 'p', most: 5, stream: true };
    expect(requestOf('openai', asked)).toMatchObject({ messages: [{ role: 'system' }, { role: 'user' }] });
    expect(requestOf('anthropic', asked)).toMatchObject({ system: 's', messages: [{ role: 'user' }] });
  });
  it('reads events however they are cut', () => {
    const { data, rest } = takeEvents('event: x\ndata: {"a":1}\n\ndata: [DONE]\r\n\r\ndata: {"b"');
    expect([data, rest]).toEqual([['{"a":1}', '[DONE]'], 'data: {"b"']);
  });
  it('finds the text and the error', () => {
    expect(textOf('{"choices":[{"delta":{"content":"Hi"}}]}')).toBe('Hi');
    expect(textOf('{"type":"content_block_delta","delta":{"text":"Hi"}}')).toBe('Hi');
    expect(textOf('{"content":[{"text":"a"},{"text":"b"}]}')).toBe('ab');
    expect(textOf('[DONE]')).toBe('');
    expect(errorOf('{"error":{"message":"no"}}')).toBe('no');
  });
});

it('settings go as what differs, numbers as numbers', () => {
  const known = flatten({ retry: { max_attempts: 3 }, admin: { hosts: '' }, route_headers: true });
  expect(changesOf(known, { 'retry.max_attempts': '4', 'admin.hosts': '', route_headers: false })).toEqual({ retry: { max_attempts: 4 }, route_headers: false });
  expect(changesOf(known, { 'retry.max_attempts': 'many' })).toEqual({ retry: { max_attempts: 'many' } });
  expect(['first_byte_seconds', 'margin_ms', 'body_bytes_per_second', 'max_attempts'].map(labelOf)).toEqual(['first byte, seconds', 'margin, ms', 'body bytes per second', 'max attempts']);
});

it('a tier moves as far as there is room', () => {
  expect(moved(['a', 'b', 'c'], 'c', -2)).toEqual(['c', 'a', 'b']);
  expect(moved(['a', 'b'], 'b', 5)).toEqual(['a', 'b']);
  expect(moved(['a'], 'x', 1)).toEqual(['a']);
});

it('what is looked for is found by its words', () => {
  expect(match(['nim-1', 'nim-2', 'other nim'], 'nim', (text) => text)).toEqual(['nim-1', 'nim-2', 'other nim']);
  expect(match(['nim-1', 'other'], 'zzz', (text) => text)).toEqual([]);
});

it('filters say what the server says', () => {
  const row = { model: 'm', backend: 'b', client_key: 'k', pool: 'p', status: 429, error: 'x' } as Exchange;
  const none = { model: '', backend: '', key: '', pool: '', errors: '', status: '' };
  expect(fits(row, none)).toBe(true);
  expect(fits(row, { ...none, status: '429', errors: '1', key: 'k' })).toBe(true);
  expect(fits(row, { ...none, status: '200' })).toBe(false);
});

it('a query has only what is given', () => expect(queryOf({ a: 1, b: '', c: undefined, d: 'x y' })).toBe('?a=1&d=x+y'));
