// SPDX-License-Identifier: Apache-2.0

import type { Transport } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-web';

/** Connect over fetch to the origin that served the page, which has set a cookie for the token in the address it printed. */
export function sameOrigin(): Transport {
  return createConnectTransport({ baseUrl: window.location.origin, useBinaryFormat: true });
}
