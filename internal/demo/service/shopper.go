// SPDX-License-Identifier: Apache-2.0

package service

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// maxShoppers bounds how many are in the shop at once; those beyond it go away and are counted as shed.
const maxShoppers = 256

// shop sends shoppers at random moments, perSecond of them on average, until the context ends. They do not wait for each
// other, so a shop that became slow gets as many as a fast one.
func (s *Service) shop(ctx context.Context) {
	inside := make(chan struct{}, maxShoppers)
	var shoppers sync.WaitGroup
	defer shoppers.Wait()
	mean := float64(time.Second) / s.spec.PerSecond
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		// Half steady, half random: visits differ, the rate does not run away.
		next.Reset(time.Duration(mean/2 + min(rand.ExpFloat64(), 4)*mean/2))
		select {
		case inside <- struct{}{}:
			shoppers.Go(func() {
				_ = s.handle(ctx)
				<-inside
			})
		default:
			s.served.shed.Add(1)
		}
	}
}
