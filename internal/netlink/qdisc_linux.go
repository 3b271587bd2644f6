// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"errors"
	"fmt"

	rtnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// SetRate limits what a link sends by a token bucket (tbf), in place of the root queueing discipline it has.
func (n *Namespace) SetRate(link string, rate Rate) error {
	if rate.BytesPerSecond == 0 || rate.Burst == 0 || rate.Queue == 0 {
		return errors.New("limiting link " + link + ": rate, burst and queue must be more than nothing")
	}
	return n.withLink("limiting", link, func(l rtnl.Link) error {
		return rtnl.QdiscReplace(&rtnl.Tbf{
			QdiscAttrs: rtnl.QdiscAttrs{LinkIndex: l.Attrs().Index, Handle: rtnl.MakeHandle(1, 0), Parent: rtnl.HANDLE_ROOT},
			Rate:       rate.BytesPerSecond,
			Limit:      rate.Queue,
			Buffer:     rtnl.Xmittime(rate.BytesPerSecond, rate.Burst),
		})
	})
}

// ClearRate takes a link's limit away. A link without one is no error.
func (n *Namespace) ClearRate(link string) error {
	return n.withLink("clearing the limit of", link, func(l rtnl.Link) error {
		qdiscs, err := rtnl.QdiscList(l)
		if err != nil {
			return fmt.Errorf("listing queueing disciplines: %w", err)
		}
		for _, qdisc := range qdiscs {
			if qdisc.Type() != "tbf" {
				continue
			}
			if err := rtnl.QdiscDel(qdisc); err != nil && !errors.Is(err, unix.ENOENT) {
				return err
			}
		}
		return nil
	})
}
