// What is said at the edge of the page: that something was done, with a way back, or that it was not. And questions.
import { ApiError } from './api';
import { asApiError } from './loaded.svelte';

export interface Notice {
  id: number;
  kind: 'done' | 'failed';
  text: string;
  hint: string;
  undo: (() => Promise<void>) | null;
}

export interface Question {
  title: string;
  text: string;
  does: string; // the word on the button
  danger: boolean;
  answer: (yes: boolean) => void;
}

const SHOWN = 12_000;

class Notices {
  list = $state<Notice[]>([]);
  question = $state.raw<Question | null>(null);
  #next = 1;

  done(text: string, undo: Notice['undo'] = null) {
    this.#show({ id: 0, kind: 'done', text, hint: '', undo });
  }
  failed(error: unknown, what = '') {
    const { message, hint } = asApiError(error);
    this.#show({ id: 0, kind: 'failed', text: what ? `${what}: ${message}` : message, hint, undo: null });
  }
  close(id: number) {
    this.list = this.list.filter((notice) => notice.id !== id);
  }
  /** Asks before something that cannot simply be done again. */
  ask(question: Omit<Question, 'answer'>): Promise<boolean> {
    return new Promise((resolve) => {
      this.question = {
        ...question,
        answer: (yes) => {
          this.question = null;
          resolve(yes);
        },
      };
    });
  }
  /** Runs it and says how it went; true: it was done. */
  async attempt(what: string, run: () => Promise<unknown>): Promise<boolean> {
    try {
      await run();
      return true;
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 401)) this.failed(error, what);
      return false;
    }
  }
  #show(notice: Notice) {
    const id = this.#next++;
    this.list = [...this.list.slice(-3), { ...notice, id }];
    setTimeout(() => this.close(id), SHOWN);
  }
}

export const notices = new Notices();
