// An exchange as bars over time: what it waited for, and each attempt with its clocks. Pure.
import { words } from './format';
import type { Attempt, PlanStep, WholeExchange } from './types';

export interface Part {
  kind: 'wait' | 'connect' | 'first' | 'answer' | 'failed';
  from: number;
  ms: number;
  name: string;
}

export interface Bar {
  name: string;
  note: string;
  bad: boolean;
  from: number;
  ms: number;
  parts: Part[];
}

function attemptBar(attempt: Attempt): Bar {
  const { started_ms: from, total_ms: total } = attempt;
  const connect = attempt.reused_connection ? 0 : Math.min(attempt.connect_ms, total);
  const first = attempt.first_byte_ms > 0 ? Math.min(attempt.first_byte_ms, total) : total;
  const parts: Part[] = [
    { kind: 'connect', from, ms: connect, name: 'connect' },
    { kind: 'first', from: from + connect, ms: Math.max(0, first - connect), name: 'first byte' },
    { kind: attempt.error ? 'failed' : 'answer', from: from + first, ms: Math.max(0, total - first), name: attempt.error ? 'failed answer' : 'answer' },
  ];
  const why = words(attempt.failure ?? attempt.error ?? '');
  const status = attempt.status && !why.includes('status') ? String(attempt.status) : ''; // "status 429" says it already
  const note = [status, why].filter(Boolean).join(' ');
  return { name: `${attempt.attempt}. ${attempt.backend}`, note, bad: attempt.error !== null, from, ms: total, parts: parts.filter((part) => part.ms > 0) };
}

const waited = (plan: PlanStep[], attempts: number) => plan.filter((step) => step.what === 'waited' && step.attempts_before === attempts);

/** In the order of time; every bar within 0 and the exchange's total. */
export function waterfall(exchange: WholeExchange): { total: number; bars: Bar[] } {
  const bars: Bar[] = [];
  let end = 0;
  for (const [at, attempt] of [...exchange.attempts, null].entries()) {
    for (const step of waited(exchange.plan, at)) {
      const ms = (step.seconds ?? 0) * 1000;
      const from = attempt && step.why !== 'backoff' ? Math.max(end, attempt.started_ms - ms) : end;
      bars.push({ name: step.why === 'backoff' ? 'pause before the next attempt' : 'queue', note: words(step.why), bad: false, from, ms, parts: [{ kind: 'wait', from, ms, name: 'wait' }] });
      end = from + ms;
    }
    if (!attempt) break;
    bars.push(attemptBar(attempt));
    end = Math.max(end, attempt.started_ms + attempt.total_ms);
  }
  return { total: Math.max(exchange.total_ms, end, 0.001), bars };
}
