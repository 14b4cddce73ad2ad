// The pages: where they are, what they are called, and the keys that lead there (G, then the letter).
import type { Component } from 'svelte';
import Backends from './pages/Backends.svelte';
import Configuration from './pages/Configuration.svelte';
import Cooldowns from './pages/Cooldowns.svelte';
import Keys from './pages/Keys.svelte';
import Overview from './pages/Overview.svelte';
import Playground from './pages/Playground.svelte';
import Pools from './pages/Pools.svelte';
import Requests from './pages/Requests.svelte';
import Settings from './pages/Settings.svelte';
import Usage from './pages/Usage.svelte';

export interface PageEntry {
  page: string;
  title: string;
  key: string;
  icon: string; // the d of a 16x16 path
  view: Component;
}

export const PAGES: PageEntry[] = [
  { page: '', title: 'Overview', key: 'o', icon: 'M2 9h4l2-6 3 10 1.5-4H14', view: Overview },
  { page: 'backends', title: 'Backends', key: 'b', icon: 'M2 3h12v4H2zM2 9h12v4H2zM4.5 5h.01M4.5 11h.01', view: Backends },
  { page: 'pools', title: 'Pools', key: 'p', icon: 'M8 2 14 5 8 8 2 5zM2 8l6 3 6-3M2 11l6 3 6-3', view: Pools },
  { page: 'requests', title: 'Requests', key: 'r', icon: 'M2 4h12M2 8h8M2 12h5M12 10v4M10 12l2 2 2-2', view: Requests },
  { page: 'usage', title: 'Usage', key: 'u', icon: 'M3 13V8M8 13V3M13 13v-3', view: Usage },
  { page: 'keys', title: 'Client keys', key: 'k', icon: 'M6 10a3 3 0 1 1 2.2-2.2L14 13.5M11.5 11l2-2', view: Keys },
  { page: 'cooldowns', title: 'Cooldowns', key: 'c', icon: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 5v3l2 2', view: Cooldowns },
  { page: 'playground', title: 'Playground', key: 'y', icon: 'M4 3l9 5-9 5z', view: Playground },
  { page: 'configuration', title: 'Configuration', key: 'f', icon: 'M4 2v12M4 5h5a3 3 0 0 1 3 3v6M4 14h.01M12 14h.01', view: Configuration },
  { page: 'settings', title: 'Settings', key: 's', icon: 'M2 5h7M13 5h1M11 3v4M2 11h1M7 11h7M5 9v4', view: Settings },
];
