// The rows that nearly every page shows: backends, pools, client keys. Asked again when the catalog changes.
import { api } from './api';
import { stateOf, type State } from './backend_state';
import { live } from './live.svelte';
import { asApiError } from './loaded.svelte';
import type { ApiError } from './api';
import type { Backend, ClientKey, Pool } from './types';

class Catalog {
  backends = $state.raw<Backend[]>([]);
  pools = $state.raw<Pool[]>([]);
  keys = $state.raw<ClientKey[]>([]);
  ready = $state(false);
  error = $state.raw<ApiError | undefined>();
  #turn = 0;

  async reload(): Promise<void> {
    const turn = ++this.#turn;
    try {
      const [backends, pools, keys] = await Promise.all([api.backends(), api.pools(), api.clientKeys()]);
      if (turn !== this.#turn) return;
      this.backends = backends;
      this.pools = pools;
      this.keys = keys;
      this.ready = true;
      this.error = undefined;
    } catch (error) {
      if (turn === this.#turn) this.error = asApiError(error);
    }
  }
  find(idOrName: string): Backend | undefined {
    return this.backends.find((row) => row.name === idOrName) ?? this.backends.find((row) => row.id === idOrName);
  }
  findKey(idOrName: string): ClientKey | undefined {
    return this.keys.find((row) => row.name === idOrName) ?? this.keys.find((row) => row.id === idOrName);
  }
  nameOf(id: string): string {
    return this.backends.find((row) => row.id === id)?.name ?? id;
  }
  state(backend: Backend): State {
    return stateOf(backend, live.cooling(backend.id));
  }
  /** The names that clients may ask for, as far as mappings say them. */
  get models(): string[] {
    const names = new Set(this.backends.flatMap((row) => Object.keys(row.model_mappings)));
    return [...names].filter((name) => !name.includes('*')).sort();
  }
}

export const catalog = new Catalog();
