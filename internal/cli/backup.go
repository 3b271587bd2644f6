// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	queryv1 "github.com/aeolus-ebpf/aeolus/api/proto/aeolus/query/v1"
	"github.com/aeolus-ebpf/aeolus/internal/controller/store/backup"
	"github.com/aeolus-ebpf/aeolus/internal/table"
	"github.com/aeolus-ebpf/aeolus/internal/units"
	"github.com/aeolus-ebpf/aeolus/internal/up"
	"github.com/aeolus-ebpf/aeolus/internal/version"
)

func (a *app) backupCommand() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "backup FILE [flags]",
		Short: "Write everything that a controller keeps into one file",
		Long: `Writes what a running controller keeps into a file: anomalies, acknowledgements and rules, metrics, and what was seen.
It goes on meanwhile. With --data-dir the data directory of a controller that does not run is taken instead.

The file is a tar archive, compressed with zstd. Certificates and their keys are not in it: keep a copy of the data
directory's authority/ yourself. What was seen within the last two minutes may be missing.`,
		Example: `  aeolus backup aeolus.tar.zst
  sudo aeolus backup aeolus.tar.zst --data-dir /var/lib/aeolus   of a controller that does not run`,
		Args: oneArgument("a file to write"),
		RunE: func(cmd *cobra.Command, args []string) error {
			write := a.backupOnline
			if data != "" {
				write = func(ctx context.Context, to io.Writer) error { return a.backupOffline(ctx, data, to) }
			}
			return a.backupTo(cmd.Context(), args[0], write)
		},
	}
	cmd.Flags().StringVar(&data, "data-dir", "", "`directory` of a controller that does not run")
	group(cmd.Flags(), "Where it keeps things", "data-dir")
	a.connectionFlags(cmd.Flags())
	return cmd
}

// backupTo writes a file under another name first, so that it is there wholly or not at all.
func (a *app) backupTo(ctx context.Context, path string, write func(context.Context, io.Writer) error) error {
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return hint(fmt.Errorf("backing up to %s: %w", path, errors.Join(os.ErrExist, err)), "choose another name, or move it away")
	}
	hidden := path + ".partial"
	file, err := os.OpenFile(hidden, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("backing up: %w", err)
	}
	counted := &progressWriter{app: a, to: file}
	err = write(ctx, counted)
	a.progressDone()
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(hidden))
	}
	if err := os.Rename(hidden, path); err != nil {
		return fmt.Errorf("backing up: %w", err)
	}
	_, err = fmt.Fprintf(a.Out, "%s: %s\n", table.Clean(path), units.Bytes(float64(counted.written)))
	return err
}

// progressWriter shows how much has been written.
type progressWriter struct {
	app     *app
	to      io.Writer
	written int64
}

// Write writes.
func (p *progressWriter) Write(from []byte) (int, error) {
	n, err := p.to.Write(from)
	p.written += int64(n)
	p.app.progress("backing up: %s", units.Bytes(float64(p.written)))
	return n, err
}

func (a *app) backupOnline(ctx context.Context, to io.Writer) error {
	s, err := a.dial()
	if err != nil {
		return err
	}
	stream, err := s.Backup(ctx, &queryv1.BackupRequest{})
	if err != nil {
		return s.explain(err)
	}
	defer stream.Close()
	for stream.Receive() {
		if _, err := to.Write(stream.Msg().GetData()); err != nil {
			return fmt.Errorf("backing up: %w", err)
		}
	}
	return s.explain(stream.Err())
}

func (a *app) backupOffline(ctx context.Context, data string, to io.Writer) error {
	held, err := takeData(data)
	if err != nil {
		return err
	}
	defer held.Leave()
	parts, err := backup.Directory(data)
	if err != nil {
		return err
	}
	return backup.Write(ctx, to, backup.Params{Directory: data, Made: a.Now(), Program: version.String(), Parts: parts})
}

// takeData keeps everybody else out of a data directory.
func takeData(data string) (*up.Places, error) {
	absolute, err := filepath.Abs(data)
	if err != nil {
		return nil, err
	}
	held, err := up.TakePlaces(absolute, absolute)
	if errors.Is(err, up.ErrTaken) {
		return nil, hint(err, "end that one; a backup can be made of one that runs, without --data-dir")
	}
	return held, err
}

func (a *app) restoreCommand() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "restore FILE --data-dir DIR",
		Short: "Restore a backup into an empty data directory",
		Long: `Unpacks what aeolus backup wrote into a data directory. Nothing is overwritten: where the directory holds a state,
metrics or history already, nothing is done; nor is anything with a backup that a newer Aeolus has made, or that is not
whole. Then start the controller with that --data-dir.`,
		Example: "  sudo aeolus restore aeolus.tar.zst --data-dir /var/lib/aeolus-restored",
		Args:    oneArgument("the file to restore"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if data == "" {
				return usagef("where to? aeolus restore FILE --data-dir DIR")
			}
			return a.restore(cmd.Context(), args[0], data)
		},
	}
	cmd.Flags().StringVar(&data, "data-dir", "", "`directory` to restore into; made if it is not there")
	group(cmd.Flags(), "Where it keeps things", "data-dir")
	return cmd
}

func (a *app) restore(ctx context.Context, path, data string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("restoring: %w", err)
	}
	defer file.Close()
	held, err := takeData(data)
	if err != nil {
		return err
	}
	defer held.Leave()
	manifest, err := backup.Restore(ctx, file, data, backup.Known(), backup.Sound(ctx))
	if err != nil {
		return fmt.Errorf("restoring %s: %w", path, err)
	}
	_, err = fmt.Fprintf(a.Out, "%s: restored what aeolus %s kept on %s\n", table.Clean(data), table.Clean(manifest.Program),
		manifest.Made.In(a.Location).Format("2006-01-02 15:04:05"))
	return err
}
