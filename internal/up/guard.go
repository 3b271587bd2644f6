// SPDX-License-Identifier: Apache-2.0

package up

import (
	"fmt"

	"github.com/aeolus-ebpf/aeolus/internal/defect"
)

// guarded runs one role and says which one an error came from; a panic is one, so that the others can end in order.
func guarded(role string, run func() error) error {
	if err := defect.Guard(run); err != nil {
		return fmt.Errorf("running the %s: %w", role, err)
	}
	return nil
}
