// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// The nft program gets this long: it waits for the kernel's transaction alone.
const nftTimeout = 10 * time.Second

// Nft applies packet filter rules, in nft's own language, in the namespace: all of them or none. It needs the nft
// program.
func (n *Namespace) Nft(rules string) error {
	_, err := n.nft(rules, "-f", "-")
	return err
}

// NftRules lists the namespace's packet filter rules, in nft's own language.
func (n *Namespace) NftRules() (string, error) { return n.nft("", "list", "ruleset") }

// DisableConntrack keeps the connection tracker away from every packet of the namespace. The table it makes is named
// aeolus_notrack.
func (n *Namespace) DisableConntrack() error {
	return n.Nft(`table inet aeolus_notrack {
		chain in { type filter hook prerouting priority raw; notrack; }
		chain out { type filter hook output priority raw; notrack; }
	}`)
}

func (n *Namespace) nft(input string, arguments ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), nftTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, "nft", arguments...)
	command.Stdin = strings.NewReader(input)
	var output, complaint bytes.Buffer
	command.Stdout, command.Stderr = &output, &complaint
	// Only the start needs the namespace; waiting holds no thread.
	if err := n.Start(command); err != nil {
		return "", fmt.Errorf("starting nft: %w", err)
	}
	if err := command.Wait(); err != nil {
		return "", fmt.Errorf("running nft in %s: %w: %s", n, err, strings.TrimSpace(complaint.String()))
	}
	return output.String(), nil
}
