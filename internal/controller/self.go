// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/selfmetrics"
)

// newSelfMetrics makes what writes the controller's own figures into its store.
func (c *Controller) newSelfMetrics() *selfmetrics.Metrics {
	return selfmetrics.New(selfmetrics.Config{
		Ledger: c.ledger, Version: c.config.Version, Instance: c.config.Name, Store: c.metrics.Appendable(), Logger: c.config.Logger,
		Now: c.config.Now,
	})
}
