import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// `npm run dev` talks to a running server; SUMERU_URL names it.
const server = process.env.SUMERU_URL ?? 'http://127.0.0.1:8080';
const forwarded = ['/v1', '/tokenize', '/detokenize', '/healthz', '/metrics', '/openapi.json'];

export default defineConfig({
  plugins: [react()],
  // The page's policy is `default-src 'self'`: nothing may be inlined as data: or script.
  build: {
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: Object.fromEntries(forwarded.map((path) => [path, { target: server, changeOrigin: true }])) },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
