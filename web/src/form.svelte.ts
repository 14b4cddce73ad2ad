// A form while one writes into it: what is wrong and may be said already, what the server refused, what leaving would lose.
import { tick } from 'svelte';
import type { ApiError } from './api';
import { asApiError } from './loaded.svelte';
import { notices } from './notices.svelte';
import { route } from './route.svelte';

/** REQUIRES: made while a component is made. */
export class Form<Draft extends object> {
  draft = $state() as Draft;
  tried = $state(false);
  busy = $state(false);
  node: HTMLFormElement | undefined = $state();
  #touched = $state<Record<string, boolean>>({});
  #refused = $state.raw<ApiError | null>(null);
  #begun: string;
  #judge: (draft: Draft) => Record<string, string>;

  constructor(draft: Draft, judge: (draft: Draft) => Record<string, string>) {
    this.draft = draft;
    this.#begun = JSON.stringify(draft);
    this.#judge = judge;
    $effect(() => {
      route.hold = this.changed ? () => confirm('Leave without saving what was written?') : null;
      return () => (route.hold = null);
    });
  }
  readonly problems = $derived.by(() => this.#judge(this.draft));
  readonly wrong = $derived.by(() => Object.keys(this.problems).length > 0);
  readonly changed = $derived.by(() => JSON.stringify(this.draft) !== this.#begun);

  /** What is to be said at a field: the server's word, or ours once the field was written into. */
  said(field: string): string {
    const refused = this.#refused;
    if (refused?.field === field) return refused.message + (refused.hint && ` (${refused.hint})`) + (refused.path.length > field.length + 2 ? ` at ${refused.path}` : '');
    return this.tried || this.#touched[field] ? (this.problems[field] ?? '') : '';
  }
  readonly touch = (event: Event) => {
    this.#refused = null;
    const { name } = event.target as HTMLInputElement;
    if (name) this.#touched[name] = true;
  };
  /** Saves, unless something is wrong; then one is where it is. */
  async submit(event: SubmitEvent, save: () => Promise<void>): Promise<void> {
    event.preventDefault();
    this.tried = true;
    if (this.wrong) return this.#focus('[aria-invalid=true]');
    this.busy = true;
    try {
      await save();
    } catch (error) {
      this.#refused = asApiError(error);
      if (this.#refused.field === '') notices.failed(error, 'Not saved');
      else await this.#focus(`[name="${this.#refused.field}"]`);
    } finally {
      this.busy = false;
    }
  }
  async #focus(selector: string): Promise<void> {
    await tick();
    this.node?.querySelector<HTMLElement>(selector)?.focus();
  }
}
