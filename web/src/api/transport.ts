// SPDX-License-Identifier: Apache-2.0

import type { Interceptor, Transport } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-web';

/** Connect over fetch to the origin that served the page. */
export function sameOrigin(token: string | undefined): Transport {
  const authorize: Interceptor = (next) => (request) => {
    if (token !== undefined) request.header.set('Authorization', `Bearer ${token}`);
    return next(request);
  };
  return createConnectTransport({ baseUrl: window.location.origin, useBinaryFormat: true, interceptors: [authorize] });
}
