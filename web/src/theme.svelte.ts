// Dark, light, or as the system has it; kept in this browser.
export type Theme = 'system' | 'light' | 'dark';
const KEY = 'headworks-theme';

class CurrentTheme {
  choice = $state<Theme>('system');
  /** Changes when colours have changed: what is painted must be painted again. */
  version = $state(0);

  constructor() {
    const kept = localStorage.getItem(KEY);
    if (kept === 'light' || kept === 'dark') this.choice = kept;
    this.#apply();
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.version++);
  }
  set(choice: Theme) {
    this.choice = choice;
    localStorage.setItem(KEY, choice);
    this.#apply();
  }
  #apply() {
    if (this.choice === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.choice;
    this.version++;
  }
}
export const theme = new CurrentTheme();

/** The colour that a token stands for now, for canvases. */
export function colour(token: string): string {
  const probe = document.createElement('i');
  probe.style.color = `var(${token})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
