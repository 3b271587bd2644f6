// SPDX-License-Identifier: Apache-2.0

package feature

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// errState goes with no: the host was set up otherwise. It is not an error of the kernel's.
var errState = errors.New("set up otherwise")

// errNotHeld goes with no: a capability that this process lacks.
var errNotHeld = errors.New("this process does not have it")

// errWrongResult goes with no: the program was accepted and does something else.
var errWrongResult = errors.New("accepted, but does something else")

// errUnmounted goes with unknown: the trial needs a file system that is not there.
var errUnmounted = errors.New("not mounted")

// errnoNotSupported is the kernel's own ENOTSUPP, which is not meant for user space and reaches it nevertheless.
const errnoNotSupported = unix.Errno(524)

// absent lists errors by which a kernel says that it knows no such thing. The trial programs are valid, so that an
// invalid argument can only mean a program type, helper or attach type that this kernel has not heard of.
var absent = []error{
	ebpf.ErrNotSupported, btf.ErrNotFound, fs.ErrNotExist, errNeverRan, errWrongResult,
	unix.EINVAL, unix.ENOSYS, unix.EOPNOTSUPP, errnoNotSupported, unix.ENODEV, unix.ENXIO, unix.E2BIG,
}

// judge turns the error of a trial into a verdict and the error to show.
func judge(err error, privileged bool) (Verdict, error) {
	if err == nil {
		return Yes, nil
	}
	if errors.Is(err, errState) || errors.Is(err, errNotHeld) {
		return No, err
	}
	for _, untried := range []error{errUnmounted, ErrPermission, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, untried) {
			return Unknown, err
		}
	}
	if !privileged {
		// "Not supported" proves nothing either: the library says it when its own trials were refused.
		return Unknown, fmt.Errorf("%w (needs CAP_SYS_ADMIN, or CAP_BPF with CAP_PERFMON and CAP_NET_ADMIN): %w",
			ErrPermission, err)
	}
	if refused(err) {
		return No, refusal(err)
	}
	if slices.ContainsFunc(absent, func(sign error) bool { return errors.Is(err, sign) }) {
		return No, err
	}
	// Out of memory, interrupted, busy: it says nothing about the kernel.
	return Unknown, err
}

func refused(err error) bool { return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) }

// refusal tells a verifier's from a policy's. The verifier explains itself (and refuses with EACCES); a policy gives
// EPERM before a word was written to the log.
func refusal(err error) error {
	var explained *ebpf.VerifierError
	if errors.As(err, &explained) && len(explained.Log) > 0 {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDenied, err)
}
