// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"fmt"
)

// gate lets so many questions through at once; the others wait until one has been answered, or their time is over.
type gate chan struct{}

// GetMaxConcurrent is how many there may be.
func (g gate) GetMaxConcurrent() int { return cap(g) }

// Insert waits for a place.
func (g gate) Insert(ctx context.Context, _ string) (int, error) {
	select {
	case g <- struct{}{}:
		return 0, nil
	case <-ctx.Done():
		return 0, fmt.Errorf("waiting for other queries: %w", context.Cause(ctx))
	}
}

// Delete gives a place back.
func (g gate) Delete(int) { <-g }

// Close does nothing: a gate holds nothing.
func (g gate) Close() error { return nil }
