// SPDX-License-Identifier: Apache-2.0

import { act, cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LiveProvider } from './api/context';
import { Live } from './api/live';
import { App } from './app';
import { Shop, type Scenario } from './test/shop';

// The map itself needs a canvas: test/app sees it in a real browser.
vi.mock('./map/map', () => ({ default: () => <div data-testid="map" /> }));
vi.mock('./parts/chart', () => ({ Chart: ({ title, unit }: { title: string; unit: string }) => <figure aria-label={`${title} in ${unit}`} /> }));

let stop: (() => void) | undefined;

beforeEach(() => {
  Object.assign(window, { innerWidth: 1440 });
  // This page model has no dialogs; only that one is opened matters here.
  HTMLDialogElement.prototype.showModal = function (this: HTMLDialogElement) {
    this.open = true;
  };
});

afterEach(() => {
  stop?.();
  cleanup();
  window.history.replaceState(null, '', '/');
});

function open(scenario: Scenario, url = '/'): Shop {
  window.history.replaceState(null, '', url);
  const shop = new Shop(scenario);
  const live = new Live(shop.transport);
  stop = live.start();
  render(
    <LiveProvider value={live}>
      <App />
    </LiveProvider>,
  );
  return shop;
}

test('a quiet place says so with its numbers', async () => {
  open('quiet');
  const quiet = await screen.findByTestId('all-quiet');
  expect(quiet.textContent).toContain('All quiet');
  expect(quiet.textContent).toContain('11 workloads, 13 edges, 0 anomalies');
  expect(await screen.findByTestId('map')).toBeTruthy();
  expect(screen.getByRole('status', { name: 'live' })).toBeTruthy();
});

test('an anomaly appears and ends without a reload', async () => {
  const shop = open('quiet');
  await screen.findByTestId('all-quiet');
  act(() => shop.become('failing'));
  expect(await screen.findByText(/payment refuses 94 % of checkout/)).toBeTruthy();
  expect(screen.queryByTestId('all-quiet')).toBeNull();
  act(() => shop.become('quiet'));
  await waitFor(() => expect(screen.queryByTestId('all-quiet')).not.toBeNull());
});

test('learning is said', async () => {
  open('learning');
  expect((await screen.findByTestId('learning')).textContent).toContain('Learning what is usual');
});

test('an empty map says what is watched and what to try', async () => {
  open('empty');
  const notice = await screen.findByRole('status', { name: '' });
  expect((await screen.findByText('No connections yet')).closest('.notice')?.textContent).toContain('aeolus demo');
  expect(notice).toBeTruthy();
});

test('a missing token is explained with the next step', async () => {
  open('denied');
  expect((await screen.findByRole('alert')).textContent).toContain('Open the address that aeolus up printed');
});

test('the search finds a workload and opens it', async () => {
  open('quiet');
  await screen.findByTestId('all-quiet');
  fireEvent.keyDown(window, { key: '/' });
  const input = screen.getByRole('combobox', { name: /Search/ });
  expect(document.activeElement).toBe(input);
  fireEvent.change(input, { target: { value: 'paym' } });
  const first = (await screen.findAllByRole('option', { name: /payment/ }))[0];
  expect(first?.textContent).toContain('payment');
  fireEvent.keyDown(input, { key: 'Enter' });
  const drawer = await screen.findByRole('complementary', { name: 'Detail' });
  expect(within(drawer).getByRole('heading', { level: 1 }).textContent).toBe('payment');
  expect(window.location.search).toContain('open=node');
  fireEvent.keyDown(document.body, { key: 'Escape' });
  await waitFor(() => expect(screen.queryByRole('complementary', { name: 'Detail' })).toBeNull());
});

test('an edge has a sentence, figures with units, charts, events and connections', async () => {
  open('failing', '/table');
  const row = (await screen.findAllByRole('row')).find((candidate) => candidate.textContent?.includes('payment'));
  fireEvent.click(row as HTMLElement);
  // The drawer's frame comes first, what is in it a moment later.
  const lead = await screen.findByText((text, element) => element?.className.startsWith('lead') === true && text.includes('payment refuses 94 %'), {}, { timeout: 10_000 });
  const drawer = lead.closest('aside') as HTMLElement;
  expect(drawer.textContent).toMatch(/Share failed94.%/);
  await within(drawer).findByRole('figure', { name: 'Failures in 1/s' });
  expect((await within(drawer).findAllByText('payment refused a connect of checkout')).length).toBeGreaterThan(0);
  expect((await within(drawer).findAllByText(/10\.77\.0\.12:/)).length).toBeGreaterThan(0);
});

test('the table puts the worst first and sorts by a column', async () => {
  open('failing', '/table');
  const names = (): string[] => screen.getAllByRole('row').slice(1).map((row) => row.querySelectorAll('td')[1]?.textContent ?? '');
  await screen.findByText('Failing');
  expect(names().slice(0, 2)).toEqual(['checkout', 'cart']);
  fireEvent.click(screen.getByRole('button', { name: /^Opened/ }));
  expect(window.location.search).toBe('?sort=-opens');
  await waitFor(() => expect(names()[0]).toBe('load'));
});

test('what is not known is a dash with its reason', async () => {
  open('quiet', '/table');
  const row = (await screen.findAllByRole('row')).find((candidate) => candidate.textContent?.includes('ssh.service')) as HTMLElement;
  const dashes = within(row).getAllByLabelText(/^Not known/);
  expect(dashes.every((dash) => dash.textContent === '–')).toBe(true);
});

test('names are text and nothing else', async () => {
  const shop = new Shop('quiet');
  const graph = shop.graph();
  const evil = '<img src=x onerror=alert(1)>';
  for (const edge of graph.edges) edge.clientName = evil;
  shop.graph = () => graph;
  window.history.replaceState(null, '', '/table');
  const live = new Live(shop.transport);
  stop = live.start();
  const { container } = render(
    <LiveProvider value={live}>
      <App />
    </LiveProvider>,
  );
  expect((await screen.findAllByText(evil)).length).toBeGreaterThan(0);
  expect(container.querySelector('img[src="x"]')).toBeNull();
});

test.each([
  ['/events', 'Events', 'payment refused a connect of checkout'],
  ['/anomalies', 'Anomalies', /cart retransmits 3\.1 %/],
  ['/connections', 'Connections', /10\.77\.0\.12:41000/],
])('%s is a view of its own', async (url, title, text) => {
  open('failing', url);
  const main = screen.getByRole('main');
  expect(await within(main).findByRole('heading', { name: new RegExp(`^${title}`) })).toBeTruthy();
  expect((await within(main).findAllByText(text)).length).toBeGreaterThan(0);
});

test('a log of another program is an event that leads to no edge', async () => {
  open('failing', '/events?kinds=log');
  const text = await screen.findByText('disk /dev/vda is nearly full');
  expect(text.closest('a')).toBeNull();
  fireEvent.click(text);
  expect(screen.queryByRole('complementary', { name: 'Detail' })).toBeNull();
});

test('back returns to where one was', async () => {
  open('failing');
  fireEvent.click(await screen.findByText(/payment refuses 94 %/));
  await screen.findByRole('complementary', { name: 'Detail' });
  act(() => {
    window.history.replaceState(null, '', '/');
    window.dispatchEvent(new PopStateEvent('popstate'));
  });
  await waitFor(() => expect(screen.queryByRole('complementary', { name: 'Detail' })).toBeNull());
});

test('? lists the keys', async () => {
  open('quiet');
  fireEvent.keyDown(document.body, { key: '?' });
  expect(await screen.findByRole('heading', { name: 'Keys' })).toBeTruthy();
});

test('an anomaly can be acknowledged, and that be taken back', async () => {
  open('failing');
  fireEvent.click(await screen.findByText(/payment refuses 94 % of checkout/));
  const seen = within(await screen.findByTestId('seen'));
  fireEvent.change(seen.getByLabelText('Comment'), { target: { value: 'the card provider is down' } });
  fireEvent.click(seen.getByRole('button', { name: 'Acknowledge' }));
  expect(await seen.findByText(/Acknowledged by default/)).toBeTruthy();
  expect(seen.getByText('the card provider is down')).toBeTruthy();
  fireEvent.click(seen.getByRole('button', { name: 'Take it back' }));
  expect(await seen.findByRole('button', { name: 'Acknowledge' })).toBeTruthy();
});
