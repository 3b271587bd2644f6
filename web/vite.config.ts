// SPDX-License-Identifier: Apache-2.0

import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// AEOLUS_CONTROLLER is where `npm run dev` sends what the page asks of the controller.
const controller = process.env.AEOLUS_CONTROLLER ?? 'http://127.0.0.1:7777';

export default defineConfig({
  plugins: [react()],
  server: {
    host: '127.0.0.1',
    port: 5173,
    proxy: {
      '/aeolus.query.v1.QueryService': {
        target: controller,
        changeOrigin: true,
        // The controller answers pages of its own origin alone, and this page has another.
        configure: (proxy) =>
          proxy.on('proxyReq', (request) => {
            request.removeHeader('origin');
            request.removeHeader('sec-fetch-site');
          }),
      },
    },
  },
  build: {
    target: 'es2022',
    modulePreload: { polyfill: false },
    // Inlined assets would be data: addresses, which the page's content policy has no need to allow.
    assetsInlineLimit: 0,
    reportCompressedSize: true,
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.{ts,tsx}'],
    testTimeout: 20_000,
  },
});
