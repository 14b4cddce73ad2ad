// The rows and answers of the admin API, as far as the dashboard reads them. Names are those of the API.

export type Role = 'viewer' | 'operator' | 'admin';

export interface Session {
  name: string;
  role: Role;
}

export interface LiveBackend {
  in_flight: number;
  starts_left: number | null;
  cooling_seconds: number;
  first_byte_ms: number;
}

export interface Mapping {
  model: string;
  context_tokens?: number;
  [setting: string]: unknown;
}

export interface Backend {
  id: string;
  name: string;
  label: string;
  api: string;
  api_base_url: string;
  api_key_hint: string;
  key_state: 'none' | 'readable' | 'unreadable';
  pool: string;
  rpm_limit: number;
  tpm_limit: number;
  max_in_flight: number;
  weight: number;
  timeout_seconds: number;
  timeouts: Record<string, number>;
  enabled: boolean;
  model_mappings: Record<string, Mapping>;
  metadata: Record<string, unknown>;
  source: string;
  status: 'healthy' | 'cooling' | 'error' | 'disabled';
  cooldown_until: string | null;
  created_at: string;
  updated_at: string;
  live?: LiveBackend;
}

export interface Pool {
  name: string;
  strategy: string;
  patience_seconds: number;
  sticky_by: string;
  position: number;
  source: string;
}

export type Measure = 'usd' | 'tokens' | 'requests';

// Of one thing.
export interface Budget {
  window: 'minute' | 'hour' | 'day' | 'month';
  usd?: number;
  tokens?: number;
  requests?: number;
}

export interface ClientKey {
  id: string;
  name: string;
  hint: string;
  previous_until: string | null;
  models: string[];
  rpm_limit: number;
  tpm_limit: number;
  max_in_flight: number;
  budgets: Budget[];
  weight: number;
  timeout_seconds: number;
  expires_at: string | null;
  enabled: boolean;
  source: string;
  created_at: string;
  updated_at: string;
  key?: string;
  live?: { in_flight: number; starts_left: number | null; spent: (Budget & { until: string })[] };
}

export interface Exchange {
  request_id: string;
  state: 'running' | 'finished';
  started_at: string;
  started_ms: number;
  route: string;
  client_key: string | null;
  model: string | null;
  stream: boolean;
  status: number;
  error: string | null;
  backend: string | null;
  pool: string | null;
  attempts_count: number;
  total_ms: number;
  overhead_ms: number;
  queue_wait_ms: number;
  input_tokens: number;
  output_tokens: number;
  cost_usd: number;
  revision: number;
  bytes_in: number;
  bytes_out: number;
  upstream_request_id: string | null;
}

export interface Attempt {
  attempt: number;
  backend: string;
  pool: string;
  model_sent: string;
  score: number;
  status: number;
  error: string | null;
  failure: string | null;
  started_ms: number;
  reused_connection: boolean;
  connect_ms: number;
  first_byte_ms: number;
  total_ms: number;
  input_tokens: number;
  output_tokens: number;
  cached_input_tokens: number;
  reasoning_tokens: number;
  usage_source: string;
  cost_usd: number;
  cooldown: { seconds: number; scope: string; source: string } | null;
}

export interface PlanStep {
  what: 'passed_over' | 'waited' | 'hook';
  attempts_before: number;
  why: string;
  backend?: string;
  pool?: string;
  score?: number;
  hook?: string;
  count?: number;
  seconds?: number;
}

export interface WholeExchange extends Exchange {
  plan: PlanStep[];
  attempts: Attempt[];
}

export interface Cooldown {
  id: number;
  backend_id: string;
  model: string | null;
  scope: string;
  cause: string;
  source: string | null;
  request_id: string | null;
  consecutive: number;
  started_at: string;
  until: string;
  ended_at: string | null;
}

export interface Candidate {
  backend: string;
  backend_id: string;
  model: string;
  score: number;
  out: string | null;
  ready_in_seconds: number | null;
  in_flight: number;
  max_in_flight: number;
  starts_left: number | null;
  rpm_limit: number;
  first_byte_ms: number;
  context_tokens: number;
  cooldown: Cooldown | null;
}

export interface Explanation {
  model: string;
  dialect: string;
  next: 'try' | 'wait' | 'stop';
  error: string | null;
  pool: string | null;
  wait_seconds: number | null;
  tiers: { pool: string; strategy: string; measure: string; patience_seconds: number; candidates: Candidate[] }[];
  left_out: { backend: string; pool: string; why: string }[];
}

export interface UsageRow {
  at?: string;
  model?: string;
  backend?: string;
  key?: string;
  pool?: string;
  exchanges: number;
  errors: number;
  attempts: number;
  input_tokens: number;
  output_tokens: number;
  cached_input_tokens: number;
  reasoning_tokens: number;
  cost_usd: number;
  mean_ms: number;
  p50_ms: number;
  p95_ms: number;
  first_byte_p50_ms: number;
  first_byte_p95_ms: number;
}

export interface Usage {
  data: UsageRow[];
  since: string;
  until: string;
  more: boolean;
}

export interface Sample {
  at_ms: number;
  revision: number;
  finished: number;
  looked_at: number;
  errors: number;
  input_tokens: number;
  output_tokens: number;
  cost_usd: number;
  p50_ms: number;
  p95_ms: number;
  first_byte_p50_ms: number;
  first_byte_p95_ms: number;
  in_flight: number;
  backends: (LiveBackend & { id: string; name: string; pool: string })[];
}

export interface Probe {
  ok: boolean;
  status: number;
  model_sent: string;
  failure: string | null;
  connect_ms: number;
  first_byte_ms: number;
  total_ms: number;
  reused_connection: boolean;
  answer: string;
}

export interface Change {
  action: string;
  target: string;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
}

export interface Revision {
  number: number;
  at: string;
  actor: string;
  summary: string;
  changes?: Change[];
}

export interface AuditRow extends Change {
  id: number;
  revision: number;
  at: string;
  actor: string;
}

export interface Price {
  model: string;
  input: number;
  output: number;
  cached_input: number;
  source?: string;
}

export interface Token {
  id: string;
  name: string;
  role: Role;
  hint: string;
  expires_at: string | null;
  created_at: string;
  token?: string;
}

export interface MasterKeys {
  origin: string;
  algorithm: string;
  keys: { kid: number; provider_keys: number; newest: boolean; seals: number; seals_left: number }[];
  clear: number;
  unreadable: string[];
  rewrapped: number;
}

export interface Plugin {
  name: string;
  origin: string;
  hooks: { name: string; point: string; waiting: number; timeout_ms: number; on_error: string; calls: number; failures: number; state: string }[];
}

export interface About {
  versions: Record<string, string>;
  data_url: string;
  admin_url: string;
  data_dir: string;
  started_at: string;
}

export type Settings = Record<string, Record<string, number | string | boolean> | boolean>;
