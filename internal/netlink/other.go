// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package netlink

import (
	"net/netip"
	"os"
	"os/exec"
)

// Namespace is an open network namespace; there are none on this system.
type Namespace struct{}

// Current answers ErrUnsupported.
func Current() (*Namespace, error) { return nil, ErrUnsupported }

// OpenPID answers ErrUnsupported.
func OpenPID(uint32) (*Namespace, error) { return nil, ErrUnsupported }

// OpenPath answers ErrUnsupported.
func OpenPath(string) (*Namespace, error) { return nil, ErrUnsupported }

// New answers ErrUnsupported.
func New() (*Namespace, error) { return nil, ErrUnsupported }

// Inode is 0.
func (*Namespace) Inode() uint32 { return 0 }

// File is nil.
func (*Namespace) File() *os.File { return nil }

// Close does nothing.
func (*Namespace) Close() error { return nil }

// Do answers ErrUnsupported.
func (*Namespace) Do(func() error) error { return ErrUnsupported }

// Start answers ErrUnsupported.
func (*Namespace) Start(*exec.Cmd) error { return ErrUnsupported }

// WriteSysctl answers ErrUnsupported.
func (*Namespace) WriteSysctl(string, string) error { return ErrUnsupported }

// AddVeth answers ErrUnsupported.
func (*Namespace) AddVeth(string, *Namespace, string) error { return ErrUnsupported }

// SetUp answers ErrUnsupported.
func (*Namespace) SetUp(string) error { return ErrUnsupported }

// SetDown answers ErrUnsupported.
func (*Namespace) SetDown(string) error { return ErrUnsupported }

// SetMTU answers ErrUnsupported.
func (*Namespace) SetMTU(string, int) error { return ErrUnsupported }

// DeleteLink answers ErrUnsupported.
func (*Namespace) DeleteLink(string) error { return ErrUnsupported }

// Links answers ErrUnsupported.
func (*Namespace) Links() ([]string, error) { return nil, ErrUnsupported }

// AddBridge answers ErrUnsupported.
func (*Namespace) AddBridge(string) error { return ErrUnsupported }

// AddToBridge answers ErrUnsupported.
func (*Namespace) AddToBridge(string, string) error { return ErrUnsupported }

// AddAddress answers ErrUnsupported.
func (*Namespace) AddAddress(string, netip.Prefix) error { return ErrUnsupported }

// DeleteAddress answers ErrUnsupported.
func (*Namespace) DeleteAddress(string, netip.Prefix) error { return ErrUnsupported }

// Addresses answers ErrUnsupported.
func (*Namespace) Addresses(AddressOptions) ([]netip.Addr, error) { return nil, ErrUnsupported }

// AddRoute answers ErrUnsupported.
func (*Namespace) AddRoute(Route) error { return ErrUnsupported }

// DeleteRoute answers ErrUnsupported.
func (*Namespace) DeleteRoute(Route) error { return ErrUnsupported }

// NoRoute answers ErrUnsupported.
func (*Namespace) NoRoute(netip.Addr) (bool, error) { return false, ErrUnsupported }

// SetRate answers ErrUnsupported.
func (*Namespace) SetRate(string, Rate) error { return ErrUnsupported }

// ClearRate answers ErrUnsupported.
func (*Namespace) ClearRate(string) error { return ErrUnsupported }

// AddTun answers ErrUnsupported.
func (*Namespace) AddTun(string) (*os.File, error) { return nil, ErrUnsupported }

// Nft answers ErrUnsupported.
func (*Namespace) Nft(string) error { return ErrUnsupported }

// NftRules answers ErrUnsupported.
func (*Namespace) NftRules() (string, error) { return "", ErrUnsupported }

// DisableConntrack answers ErrUnsupported.
func (*Namespace) DisableConntrack() error { return ErrUnsupported }

// Counters answers ErrUnsupported.
func (*Namespace) Counters() (Counters, error) { return nil, ErrUnsupported }

// Index knows where the host's network namespaces are; there are none on this system.
type Index struct{}

// NewIndex makes an empty index.
func NewIndex(string) *Index { return new(Index) }

// Refresh answers ErrUnsupported.
func (*Index) Refresh() ([]Place, error) { return nil, ErrUnsupported }

// Find finds nothing.
func (*Index) Find(uint32) (Place, bool) { return Place{}, false }

// Open answers ErrUnsupported.
func (*Index) Open(uint32) (*Namespace, error) { return nil, ErrUnsupported }

// NoRoute answers ErrUnsupported.
func (*Index) NoRoute(uint32, netip.Addr) (bool, error) { return false, ErrUnsupported }
