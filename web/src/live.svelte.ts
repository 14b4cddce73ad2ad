// What happens now: one EventSource feeds this, and every page reads it. It reconnects by itself, and says how it is.
import { api } from './api';
import { Series } from './series';
import { session } from './session.svelte';
import type { Exchange, LiveBackend, Sample } from './types';

const KEPT_EXCHANGES = 500;
const LONGEST_PAUSE = 15_000;

class Live {
  state = $state<'connecting' | 'live' | 'lost'>('connecting');
  /** Counts the connections: what was loaded before the last one may be stale. */
  connects = $state(0);
  sample = $state.raw<Sample | null>(null);
  backends = $state.raw<Map<string, LiveBackend>>(new Map());
  /** Finished ones, the newest first. */
  exchanges = $state.raw<Exchange[]>([]);
  skipped = $state(0);
  revision = $state(0);
  /** Counts what began or ended to rest. */
  cooldowns = $state(0);
  /** The clock of countdowns: the server's time, in milliseconds, four times a second. */
  now = $state(Date.now());
  readonly series = new Series();

  #source: EventSource | null = null;
  #pause = 1000;
  #timer = 0;
  #offset = 0;
  #fresh: Exchange[] = [];

  constructor() {
    setInterval(() => {
      if (document.visibilityState === 'visible') this.now = Date.now() + this.#offset;
    }, 250);
  }

  open() {
    this.close();
    this.state = this.connects === 0 ? 'connecting' : 'lost';
    const source = (this.#source = api.events());
    source.onopen = () => {
      this.#pause = 1000;
      this.state = 'live';
      this.connects++;
    };
    source.onerror = () => {
      this.state = 'lost';
      // A connection that broke is made again by the browser; an answer that was no stream is not.
      if (source.readyState === EventSource.CLOSED) void this.#retry();
    };
    const on = <T>(name: string, take: (data: T) => void) =>
      source.addEventListener(name, (event) => take(JSON.parse((event as MessageEvent<string>).data) as T));
    on<Sample>('sample', (sample) => this.#take(sample));
    on<Exchange>('exchange', (exchange) => {
      if (this.#fresh.push(exchange) >= 2 * KEPT_EXCHANGES) this.#fresh.splice(0, KEPT_EXCHANGES); // nobody looks at the page
    });
    on<{ exchanges: number }>('skipped', ({ exchanges }) => (this.skipped += exchanges));
    on<{ revision: number }>('catalog', ({ revision }) => (this.revision = revision));
    on<{ backend_id: string; live: LiveBackend }>('cooldown', ({ backend_id, live }) => {
      this.backends = new Map(this.backends).set(backend_id, this.#dated(live, Date.now() + this.#offset));
      this.cooldowns++;
    });
    // Many in one look of the server's are one change here.
    source.addEventListener('exchange', () => {
      if (this.#fresh.length === 1) requestAnimationFrame(() => this.#flush());
    });
  }
  close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }
  cooling(id: string): number {
    return this.coolingAt(id, this.now);
  }
  coolingAt(id: string, nowMs: number): number {
    return Math.max(0, (this.backends.get(id)?.cooling_seconds ?? 0) - nowMs / 1000);
  }

  // Seconds that are left become the moment that it ends: pages count down by themselves.
  #dated(live: LiveBackend, at: number): LiveBackend {
    return live.cooling_seconds > 0 ? { ...live, cooling_seconds: at / 1000 + live.cooling_seconds } : live;
  }
  #take(sample: Sample) {
    this.#offset = sample.at_ms - Date.now();
    this.now = sample.at_ms;
    this.series.add(sample);
    this.backends = new Map(sample.backends.map((backend) => [backend.id, this.#dated(backend, sample.at_ms)]));
    this.revision = sample.revision;
    this.sample = sample;
  }
  #flush() {
    const fresh = this.#fresh.reverse();
    this.#fresh = [];
    this.exchanges = [...fresh, ...this.exchanges].slice(0, KEPT_EXCHANGES);
  }
  async #retry() {
    await session.check();
    if (session.state !== 'running') return;
    this.#timer = window.setTimeout(() => this.open(), this.#pause);
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
  }
}

export const live = new Live();
