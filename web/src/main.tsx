// SPDX-License-Identifier: Apache-2.0

import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { LiveProvider } from './api/context';
import { Live } from './api/live';
import { sameOrigin } from './api/transport';
import { App } from './app';
import './styles/tokens.css';
import './styles/base.css';
import './styles/frame.css';
import './styles/map.css';
import './styles/page.css';
import './styles/drawer.css';

async function transport() {
  // In development a scenario can be shown without a controller: VITE_SCENARIO=failing npm run dev.
  const scenario: unknown = import.meta.env.DEV ? import.meta.env['VITE_SCENARIO'] : undefined;
  if (import.meta.env.DEV && typeof scenario === 'string') {
    const { Shop } = await import('./test/shop');
    const wanted = new URLSearchParams(window.location.hash.slice(1)).get('scenario') ?? scenario;
    return new Shop(wanted as ConstructorParameters<typeof Shop>[0]).transport;
  }
  return sameOrigin();
}

const root = document.getElementById('root');
if (root === null) throw new Error('the page has no element with id root');

void transport().then((made) => {
  const live = new Live(made);
  live.start();
  createRoot(root).render(
    <StrictMode>
      <LiveProvider value={live}>
        <App />
      </LiveProvider>
    </StrictMode>,
  );
});
