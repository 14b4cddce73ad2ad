// One request of the playground and its answer, as it comes.
import { api, ApiError } from '../api';
import { asApiError } from '../loaded.svelte';
import type { Explanation } from '../types';
import { DIALECTS, errorOf, takeEvents, textOf, type Dialect } from './playground';

export class Turn {
  state = $state<'none' | 'asking' | 'done'>('none');
  text = $state('');
  raw = $state('');
  status = $state(0);
  headers = $state.raw<[string, string][]>([]);
  error = $state('');
  plan = $state.raw<Explanation | null>(null);
  firstMs = $state(0);
  totalMs = $state(0);
  #abort: AbortController | null = null;

  forget() {
    this.state = 'none';
    this.text = this.raw = this.error = '';
    this.status = this.firstMs = this.totalMs = 0;
    this.headers = [];
    this.plan = null;
  }
  stop() {
    this.#abort?.abort();
  }
  get requestId(): string {
    return this.headers.find(([name]) => name === 'x-request-id')?.[1] ?? '';
  }

  async ask(key: string, dialect: Dialect, request: object): Promise<void> {
    this.forget();
    this.state = 'asking';
    this.#abort = new AbortController();
    const model = (request as { model: string }).model;
    const planned = api.explain({ model, dialect }).then((plan) => (this.plan = plan), () => null);
    const began = performance.now();
    try {
      const answer = await api.play({ key, path: DIALECTS[dialect], request }, this.#abort.signal);
      this.status = answer.status;
      this.headers = [...answer.headers].filter(([name]) => /^(x-|retry-after|content-type)/.test(name) && !/^x-(content-type-options|headworks-playground)$/.test(name));
      await this.#read(answer, began);
    } catch (error) {
      this.error = error instanceof DOMException ? 'Stopped.' : error instanceof ApiError ? error.message : asApiError(error).message;
    }
    this.totalMs = performance.now() - began;
    await planned;
    this.state = 'done';
  }

  async #read(answer: Response, began: number) {
    const events = (answer.headers.get('content-type') ?? '').startsWith('text/event-stream');
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    let pending = '';
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
      if (done || value === undefined) break;
      this.raw += value;
      if (!events) continue;
      const taken = takeEvents(pending + value);
      pending = taken.rest;
      for (const data of taken.data) {
        const text = textOf(data);
        if (text && this.firstMs === 0) this.firstMs = performance.now() - began;
        this.text += text;
        this.error ||= errorOf(data);
      }
    }
    if (events) return;
    this.text = textOf(this.raw);
    this.error = errorOf(this.raw) || (answer.ok ? '' : `It answered ${answer.status}.`);
  }
}
