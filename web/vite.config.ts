import { svelte } from '@sveltejs/vite-plugin-svelte';
import { loadEnv } from 'vite';
import { defineConfig } from 'vitest/config';

// Everything is addressed relative to the page, so that it works behind a proxy under any path. `vite` and `vite preview`
// hand the API on to a running gateway: HEADWORKS_ADMIN_URL=http://127.0.0.1:8081 npx vite
export default defineConfig(({ mode }) => {
  const proxy = { '/admin': loadEnv(mode, '.', 'HEADWORKS_')['HEADWORKS_ADMIN_URL'] ?? 'http://127.0.0.1:8081' };
  return {
    base: './',
    plugins: [svelte()],
    build: { modulePreload: { polyfill: false }, assetsInlineLimit: 0, target: 'es2022', reportCompressedSize: false },
    ...(mode === 'test' ? { resolve: { conditions: ['browser'] } } : {}),
    server: { proxy },
    preview: { proxy },
    test: { include: ['src/**/*.test.ts'] },
  };
});
