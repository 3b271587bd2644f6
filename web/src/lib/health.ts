// SPDX-License-Identifier: Apache-2.0

import { Health } from '../gen/aeolus/query/v1/query_pb';

export type HealthName = 'ok' | 'quiet' | 'degraded' | 'failing' | 'unknown';

export function healthName(health: Health): HealthName {
  switch (health) {
    case Health.OK:
      return 'ok';
    case Health.QUIET:
      return 'quiet';
    case Health.DEGRADED:
      return 'degraded';
    case Health.FAILING:
      return 'failing';
    default:
      return 'unknown';
  }
}

/** The word that stands beside every health colour. */
export const HEALTH_WORDS: Record<HealthName, string> = {
  ok: 'Healthy',
  quiet: 'Quiet',
  degraded: 'Degraded',
  failing: 'Failing',
  unknown: 'Unknown',
};
