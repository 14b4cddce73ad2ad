// Something that is asked of the server and shown: what came last stays while it is asked again.
import { untrack } from 'svelte';
import { ApiError, type Page } from './api';
import { live } from './live.svelte';

export class Loaded<T> {
  data = $state.raw<T | undefined>();
  error = $state.raw<ApiError | undefined>();
  busy = $state(false);
  #ask: () => Promise<T>;
  #turn = 0;

  constructor(ask: () => Promise<T>) {
    this.#ask = ask;
  }
  async reload(): Promise<void> {
    const turn = ++this.#turn;
    this.busy = true;
    try {
      const data = await this.#ask();
      if (turn !== this.#turn) return;
      this.data = data;
      this.error = undefined;
    } catch (error) {
      if (turn === this.#turn) this.error = asApiError(error);
    } finally {
      if (turn === this.#turn) this.busy = false;
    }
  }
  /** What comes next is of something else: it must not look like this. */
  forget(): void {
    this.data = undefined;
    this.error = undefined;
  }
}

export function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError(0, { message: String(error) });
}

/**
 * Asks now, when what `when` reads has changed, and when the server is back. REQUIRES: called while a component is made.
 */
export function load<T>(ask: () => Promise<T>, when: () => unknown = () => undefined): Loaded<T> {
  const loaded = new Loaded(ask);
  // Derived, so that a clock that is read there counts only when its reading is another one.
  const reason = $derived.by(() => {
    const read = when();
    return Array.isArray(read) ? read.join('\n') : read;
  });
  $effect(() => {
    void reason;
    void live.connects;
    untrack(() => void loaded.reload());
  });
  return loaded;
}

/** Rows that come page by page, the newest first. */
export class Paged<T> {
  rows = $state.raw<T[]>([]);
  next = $state<string | null>(null);
  busy = $state(true);
  error = $state.raw<ApiError | undefined>();
  #ask: (query: { before?: string }) => Promise<Page<T>>;
  #turn = 0;

  constructor(ask: (query: { before?: string }) => Promise<Page<T>>) {
    this.#ask = ask;
  }
  /** From the beginning. */
  readonly again = () => this.#load(++this.#turn, null);
  /** The next page; it may be short, or empty, and still have one after it. */
  readonly more = () => (this.next && !this.busy ? this.#load(this.#turn, this.next) : undefined);

  async #load(turn: number, before: string | null): Promise<void> {
    this.busy = true;
    try {
      const page = await this.#ask(before ? { before } : {});
      if (turn !== this.#turn) return;
      this.rows = before ? [...this.rows, ...page.data] : page.data;
      this.next = page.next;
      this.error = undefined;
    } catch (error) {
      if (turn === this.#turn) this.error = asApiError(error);
    } finally {
      if (turn === this.#turn) this.busy = false;
    }
  }
}

/** Asks for the first page now, when what `when` reads has changed, and when the server is back. REQUIRES: as `load`. */
export function paged<T>(ask: (query: { before?: string }) => Promise<Page<T>>, when: () => unknown): Paged<T> {
  const made = new Paged(ask);
  $effect(() => {
    void when();
    void live.connects;
    untrack(() => void made.again());
  });
  return made;
}
