// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aeolus-ebpf/aeolus/internal/testkit"
)

const (
	// writerVariable makes the test binary a writer that is to be killed; its value is the directory.
	writerVariable = "AEOLUS_ARCHIVE_WRITER"
	// crashVariable names the step at which the writer kills itself, and how often it passes it before.
	crashVariable = "AEOLUS_ARCHIVE_CRASH"
)

// writeUntilKilled adds events, seals and merges as fast as it can, and says which events it has added and which are in
// segments. Every second of the clock is ten minutes of the rows', so that there is much to merge.
func writeUntilKilled() int {
	clock := &testClock{now: begin}
	a, err := Open(Config{Directory: os.Getenv(writerVariable), Now: clock.Now, RetentionTime: 365 * 24 * time.Hour})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	if last := a.Bounds().Events.Newest; !last.IsZero() {
		clock.set(last.Add(time.Second))
	}
	// An earlier life may have lost rows that were added after this one's newest.
	for _, gap := range a.Gaps(Range{}) {
		if gap.To.After(clock.Now()) {
			clock.set(gap.To.Add(time.Second))
		}
	}
	var step string
	var passes int
	fmt.Sscanf(os.Getenv(crashVariable), "%s %d", &step, &passes)
	a.crash = func(at string) {
		if at != step {
			return
		}
		if passes--; passes < 0 {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	g := newGenerator(uint64(os.Getpid()), 20)
	g.number = os.Getpid() * 1_000_000
	for {
		for range 5 {
			// The clock takes leaps here, so the mark of life comes with each of them.
			a.alive(false)
			event, edge := g.event(clock.Now()), g.edge(clock.Now().Truncate(10*time.Second))
			edge.Sent, edge.RTTSum = 1, 0
			// What is said before it is added may be found or not; what is said after must be found or in the gap.
			fmt.Printf("event %s %d\n", event.ID, event.Time.UnixNano())
			a.AddEvents([]Event{event})
			a.AddEdges([]Edge{edge})
			clock.advance(20 * time.Second)
		}
		a.alive(false)
		if err := a.sealAll(true); err != nil {
			fmt.Println("error", err)
			return 1
		}
		fmt.Println("sealed")
		a.alive(false)
		if err := a.maintain(context.Background()); err != nil {
			fmt.Println("error", err)
			return 1
		}
	}
}

// life is what a writer said before it was killed.
type life struct {
	// sealed events were in segments; the others were in memory, or on the way.
	sealed, loose map[string]time.Time
	said          string
}

func runWriter(t *testing.T, directory, crash string, after time.Duration) life {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), writerVariable+"="+directory, crashVariable+"="+crash)
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	kill := time.AfterFunc(after, func() { command.Process.Signal(syscall.SIGKILL) })
	defer kill.Stop()
	l := life{sealed: map[string]time.Time{}, loose: map[string]time.Time{}}
	lines := bufio.NewReader(output)
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			break
		}
		var id string
		var at int64
		switch n, _ := fmt.Sscanf(line, "event %s %d", &id, &at); {
		case n == 2:
			l.loose[id] = instantOf(at)
		case line == "sealed\n":
			maps.Copy(l.sealed, l.loose)
			clear(l.loose)
		default:
			l.said += line
		}
	}
	command.Wait()
	return l
}

// verify opens the directory as the next process would, and compares it with what all lives before have said.
func verify(t *testing.T, directory string, lives []life) {
	t.Helper()
	a, err := Open(Config{Directory: directory, RetentionTime: 365 * 24 * time.Hour, Now: func() time.Time { return begin.Add(300 * 24 * time.Hour) }})
	require.NoError(t, err)
	require.Zero(t, a.Stats().Broken, "a torn segment")
	seen := map[string]int{}
	for _, e := range collect(t, a.Events(context.Background(), EventQuery{})) {
		seen[e.ID]++
	}
	for id, n := range seen {
		require.Equal(t, 1, n, "event %s is counted %d times", id, n)
	}
	lost := 0
	for _, l := range lives {
		require.Empty(t, l.said)
		for id, at := range l.sealed {
			require.Contains(t, seen, id, "sealed at %s", at)
		}
		for id, at := range l.loose {
			if _, ok := seen[id]; ok {
				continue
			}
			lost++
			inGap := false
			for _, gap := range a.Gaps(Range{}) {
				inGap = inGap || !at.Before(gap.From) && !at.After(gap.To)
			}
			require.True(t, inGap, "event %s of %s was lost and no gap says so: %v", id, at, a.Gaps(Range{}))
		}
	}
	// A process that had said nothing yet may have been killed too.
	require.GreaterOrEqual(t, len(a.Gaps(Range{})), len(lives))
	// Each event came with an edge that sent one byte: edges add up however they were merged.
	edges, err := a.SumEdges(context.Background(), EdgeQuery{})
	require.NoError(t, err)
	var sent uint64
	for _, e := range edges {
		sent += e.Sent
	}
	require.InDelta(t, len(seen), int(sent), float64(5*len(lives)), "edges were lost or counted twice")
	t.Logf("%d events, %d lost, %d gaps", len(seen), lost, len(a.Gaps(Range{})))
	require.NoError(t, a.Close())
	left, err := filepath.Glob(filepath.Join(directory, "*"+temporary))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestKill_atAnyMoment(t *testing.T) {
	times := 5
	if testkit.Full() {
		times = 100
	}
	directory := t.TempDir()
	var lives []life
	for range times {
		l := runWriter(t, directory, "", time.Duration(150+rand.IntN(400))*time.Millisecond)
		if len(l.sealed)+len(l.loose) == 0 {
			continue
		}
		lives = append(lives, l)
	}
	verify(t, directory, lives)
}

func TestKill_atEachStep(t *testing.T) {
	for _, step := range []string{"write", "sync", "rename", "renamed", "merged"} {
		for _, passes := range []int{0, 45} {
			if step == "merged" && passes > 0 {
				passes = 2
			}
			t.Run(fmt.Sprintf("%s/%d", step, passes), func(t *testing.T) {
				directory := t.TempDir()
				lives := []life{runWriter(t, directory, fmt.Sprintf("%s %d", step, passes), time.Minute)}
				entries, err := os.ReadDir(directory)
				require.NoError(t, err)
				var temporaries int
				for _, entry := range entries {
					if strings.HasSuffix(entry.Name(), temporary) {
						temporaries++
					}
				}
				require.Equal(t, step == "write" || step == "sync" || step == "rename", temporaries == 1, "it was killed where it should not have been")
				verify(t, directory, lives)
				lives = append(lives, runWriter(t, directory, "merged 0", time.Minute))
				verify(t, directory, lives)
			})
		}
	}
}
