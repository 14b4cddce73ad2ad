// Who is logged in, and what they may do.
import { api, ApiError, onUnauthorized } from './api';
import type { Role } from './types';

const RANKS: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };
const ALIVE = 5 * 60_000;

class CurrentSession {
  /** `ended`: there was one; what is on the page stays, under the form. */
  state = $state<'asking' | 'none' | 'running' | 'ended' | 'unreachable'>('asking');
  name = $state('');
  role = $state<Role>('viewer');

  constructor() {
    onUnauthorized.call = () => {
      if (this.state === 'running') this.state = 'ended';
    };
    // A page that somebody looks at is in use; one in a hidden tab lets the session run out.
    setInterval(() => {
      if (this.state === 'running' && document.visibilityState === 'visible') void this.check();
    }, ALIVE);
  }

  /** Asks the server whose session the cookie is. */
  async check() {
    try {
      const who = await api.session();
      this.#begin(who.name, who.role);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) this.state = this.state === 'running' || this.state === 'ended' ? 'ended' : 'none';
      else if (this.state === 'asking') this.state = 'unreachable';
    }
  }
  async login(token: string) {
    const who = await api.login(token);
    this.#begin(who.name, who.role);
  }
  async logout() {
    await api.logout();
    this.state = 'none';
  }
  may(role: Role): boolean {
    return RANKS[this.role] >= RANKS[role];
  }
  #begin(name: string, role: Role) {
    this.name = name;
    this.role = role;
    this.state = 'running';
  }
}

export const session = new CurrentSession();
