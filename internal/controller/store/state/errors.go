// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"fmt"
	"syscall"

	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// What can be wrong with a database; the texts say what to do.
var (
	// ErrNewer is wrapped by the error for a database that a newer Aeolus has written.
	ErrNewer = errors.New("a newer Aeolus has written it: run that one, or restore a backup that this one can read")
	// ErrForeign is wrapped by the error for a database of another program.
	ErrForeign = errors.New("it is a database, but not one of Aeolus: move it away, or choose another directory")
	// ErrDamaged is wrapped by the error for a file that is no sound database.
	ErrDamaged = errors.New("it is damaged: restore a backup into another directory (aeolus restore FILE --data-dir DIR), " +
		"or move the file away and start without what it holds")
	// ErrBusy is wrapped by the error for a database that another process holds.
	ErrBusy = errors.New("another process holds it: end that one, or try again")
	// ErrUnknown is wrapped by the error for what is not there.
	ErrUnknown = errors.New("it is not known here")
)

// explain turns SQLite's codes into words, and into what the operating system would have said.
func explain(err error) error {
	var problem *sqlite.Error
	if !errors.As(err, &problem) {
		return err
	}
	if problem.Code() == codes.SQLITE_IOERR_SHMSIZE {
		return fmt.Errorf("%w (%s)", syscall.ENOSPC, problem)
	}
	switch problem.Code() & 0xff {
	case codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB:
		return fmt.Errorf("%w (%s)", ErrDamaged, problem)
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
		return ErrBusy
	case codes.SQLITE_FULL:
		return syscall.ENOSPC
	case codes.SQLITE_READONLY:
		return fmt.Errorf("%w (%s)", syscall.EROFS, problem)
	}
	return err
}
