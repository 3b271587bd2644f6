// SPDX-License-Identifier: Apache-2.0

package app

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// bpfObject is a program, map or link as bpftool shows it.
type bpfObject struct {
	ID      int    `json:"id"`
	Name    string `json:"name"`
	Type    string `json:"type"`
	Program int    `json:"prog_id"`
	Maps    []int  `json:"map_ids"`
}

// bpfObjects lists the kernel's programs, maps and links, without those that a living process other than the binary under
// test holds: this host may have others at work.
func bpfObjects(t *testing.T) (programs, maps, links []string) {
	t.Helper()
	allPrograms, allMaps, allLinks := bpftool(t, "prog"), bpftool(t, "map"), bpftool(t, "link")
	held := heldByOthers(t)
	for i, link := range allLinks {
		allLinks[i].Name = link.Type // links have no names
		if held["link_id"][link.ID] {
			held["prog_id"][link.Program] = true
		}
	}
	for _, program := range allPrograms {
		for _, id := range program.Maps {
			if held["prog_id"][program.ID] {
				held["map_id"][id] = true
			}
		}
	}
	return named(allPrograms, held["prog_id"]), named(allMaps, held["map_id"]), named(allLinks, held["link_id"])
}

func bpftool(t *testing.T, kind string) []bpfObject {
	t.Helper()
	out, err := exec.Command("bpftool", "-j", kind, "show").Output()
	require.NoError(t, err)
	var objects []bpfObject
	require.NoError(t, json.Unmarshal(out, &objects), "%s", out)
	return objects
}

func named(objects []bpfObject, held map[int]bool) []string {
	var all []string
	for _, o := range objects {
		// Loaders try small unnamed objects for a moment to learn what the kernel can do, and bpftool has its own.
		mine := o.Name == "" || strings.HasPrefix(o.Name, "pid_iter") || strings.HasPrefix(o.Name, "libbpf_")
		if !mine && !held[o.ID] {
			all = append(all, fmt.Sprintf("%d %s %s", o.ID, o.Type, o.Name))
		}
	}
	return all
}

// heldByOthers gives the ids, by their name in fdinfo, of what other programs have open.
func heldByOthers(t *testing.T) map[string]map[int]bool {
	t.Helper()
	held := map[string]map[int]bool{"prog_id": {}, "map_id": {}, "link_id": {}}
	descriptors, err := filepath.Glob("/proc/[0-9]*/fd/*")
	require.NoError(t, err)
	for _, descriptor := range descriptors {
		if target, err := os.Readlink(descriptor); err != nil || !strings.HasPrefix(target, "anon_inode:bpf") {
			continue
		}
		process := filepath.Dir(filepath.Dir(descriptor))
		if program, err := os.Readlink(process + "/exe"); err != nil || strings.HasPrefix(program, binary) {
			continue
		}
		info, err := os.ReadFile(filepath.Join(process, "fdinfo", filepath.Base(descriptor)))
		if err != nil {
			continue // it has just closed it
		}
		noteIDs(held, string(info))
	}
	return held
}

func noteIDs(held map[string]map[int]bool, info string) {
	for line := range strings.Lines(info) {
		var name string
		var id int
		if _, err := fmt.Sscanf(line, "%s %d", &name, &id); err == nil {
			if ids := held[strings.TrimSuffix(name, ":")]; ids != nil {
				ids[id] = true
			}
		}
	}
}
