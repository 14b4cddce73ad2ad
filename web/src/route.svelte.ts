// Where one is: the part of the address behind `#`. Every view has one, so every view can be linked to, and the
// server needs to know of none of them.

export interface Place {
  path: string[];
  query: Record<string, string>;
}

export function parsePlace(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#?\/?/, '').split('?', 2);
  return {
    path: path.split('/').filter(Boolean).map(decode),
    query: Object.fromEntries(new URLSearchParams(query)),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** href('backends', name) -> "#/backends/name"; an object at the end is the query. */
export function href(...parts: (string | number | Record<string, string | undefined>)[]): string {
  const last = parts.at(-1);
  const query = typeof last === 'object' ? last : {};
  const path = (typeof last === 'object' ? parts.slice(0, -1) : parts).map((part) => encodeURIComponent(String(part))).join('/');
  const pairs = Object.entries(query).filter((pair): pair is [string, string] => !!pair[1]);
  return `#/${path}${pairs.length ? `?${new URLSearchParams(pairs).toString()}` : ''}`;
}

class Route {
  #place = $state.raw<Place>(parsePlace(location.hash));
  /** Set by what would be lost by leaving: asks first. */
  hold: (() => boolean) | null = null;
  #hash = location.hash;

  constructor() {
    addEventListener('hashchange', () => {
      if (this.hold && location.hash !== this.#hash && !this.hold()) {
        history.replaceState(null, '', this.#hash || '#/');
        return;
      }
      this.hold = null;
      this.#take();
    });
  }
  #take() {
    this.#hash = location.hash;
    this.#place = parsePlace(location.hash);
  }
  get path() {
    return this.#place.path;
  }
  get query() {
    return this.#place.query;
  }
  /** The page: the first part. */
  get page() {
    return this.#place.path[0] ?? '';
  }
  go(to: string) {
    this.hold = null;
    location.hash = to.replace(/^#/, '');
  }
  /** Changes what is looked at without a step back in the history. */
  setQuery(query: Record<string, string | undefined>) {
    const next = href(...this.#place.path, { ...this.#place.query, ...query });
    if (next === location.hash) return;
    history.replaceState(null, '', next);
    this.#take();
  }
}

export const route = new Route();
