// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"context"
	"database/sql"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	// Version of the database that this build writes: the number of the last migration.
	Version = 2
	// applicationID marks a database as ours; it reads AEOL.
	applicationID = 0x41454f4c
)

// header is what the first bytes of a database say.
type header struct {
	empty   bool
	version int
}

// readHeader looks at a database without SQLite, which would change files beside it already by looking.
func readHeader(file io.Reader) (header, error) {
	// Offsets are those of SQLite's file format, which is promised not to change.
	const length, versionAt, applicationAt = 100, 60, 68
	start := make([]byte, length)
	n, err := io.ReadFull(file, start)
	if n == 0 && errors.Is(err, io.EOF) {
		return header{empty: true}, nil
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return header{}, err
	}
	if n < length || !bytes.HasPrefix(start, []byte("SQLite format 3\x00")) {
		return header{}, ErrDamaged
	}
	found := header{version: int(binary.BigEndian.Uint32(start[versionAt:]))}
	// One that was only just made, and whose first changes are still in the log beside it, has no mark yet.
	if mark := binary.BigEndian.Uint32(start[applicationAt:]); mark != applicationID && (mark != 0 || found.version != 0) {
		return header{}, ErrForeign
	}
	if found.version > Version {
		return header{}, newer(found.version)
	}
	return found, nil
}

func newer(version int) error {
	return fmt.Errorf("its version is %d, and this Aeolus knows up to %d: %w", version, Version, ErrNewer)
}

// migrate brings the database up to this version, each step in a transaction of its own.
func (s *Store) migrate(ctx context.Context) error {
	var version int
	if err := s.db.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&version); err != nil {
		return err
	}
	if version > Version {
		return newer(version)
	}
	if version == Version {
		return nil
	}
	for next := version + 1; next <= Version; next++ {
		text, err := migration(next)
		if err != nil {
			return err
		}
		err = s.change(ctx, func(tx *sql.Tx) error {
			// Another process may have been faster.
			var now int
			if err := tx.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&now); err != nil || now >= next {
				return err
			}
			if now == 0 {
				if err := ownedByNobody(ctx, tx); err != nil {
					return err
				}
			}
			_, err := tx.ExecContext(ctx, fmt.Sprintf("%s;\nPRAGMA application_id = %d;\nPRAGMA user_version = %d", text, applicationID, next))
			return err
		})
		if err != nil {
			return fmt.Errorf("migrating from version %d to %d: %w", next-1, next, err)
		}
	}
	// From here on the file itself says which version it is, and an older Aeolus need not open it to know.
	_, err := s.db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`)
	return err
}

// ownedByNobody makes sure that a database without a version holds nothing of somebody else.
func ownedByNobody(ctx context.Context, tx *sql.Tx) error {
	var tables int
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema`).Scan(&tables); err != nil {
		return err
	}
	if tables > 0 {
		return ErrForeign
	}
	return nil
}

// migration gives the statements that lead to a version.
func migration(version int) (string, error) {
	names, err := fs.Glob(migrations, fmt.Sprintf("migrations/%04d_*.sql", version))
	if err != nil || len(names) != 1 {
		return "", fmt.Errorf("looking for migration %d: found %d", version, len(names))
	}
	text, err := migrations.ReadFile(names[0])
	return string(text), err
}

// Check tells whether a file is a database that this build can open, and gives its version. It changes nothing.
func Check(path string) (int, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("checking state %s: %w", path, err)
	}
	defer file.Close()
	found, err := readHeader(file)
	if err == nil && found.empty {
		err = ErrDamaged
	}
	if err != nil {
		return 0, fmt.Errorf("checking state %s: %w", path, err)
	}
	return found.version, nil
}
