// Dark, light, or as the system has it; kept in this browser.
export type Theme = 'system' | 'light' | 'dark';
const KEY = 'headworks-theme';

const known = new Map<string, string>(); // to ask for one makes the browser compute all styles

class CurrentTheme {
  choice = $state<Theme>('system');
  /** Changes when colours have changed: what is painted must be painted again. */
  version = $state(0);

  constructor() {
    const kept = localStorage.getItem(KEY);
    if (kept === 'light' || kept === 'dark') this.choice = kept;
    this.#apply();
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#changed());
  }
  set(choice: Theme) {
    this.choice = choice;
    localStorage.setItem(KEY, choice);
    this.#apply();
  }
  #apply() {
    if (this.choice === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.choice;
    this.#changed();
  }
  #changed() {
    known.clear();
    this.version++;
  }
}
export const theme = new CurrentTheme();

/** The colour that a token stands for now, for canvases. */
export function colour(token: string): string {
  const before = known.get(token);
  if (before) return before;
  const probe = document.createElement('i');
  probe.style.color = `var(${token})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  known.set(token, found);
  return found;
}
