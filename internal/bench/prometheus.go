// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// prometheus is a Prometheus that runs beside.
type prometheus struct {
	*service
	base, directory, version string
}

// startPrometheus starts one that takes remote write: the given program, or the one that is found; nil where there is none.
func startPrometheus(ctx context.Context, program, directory string) (*prometheus, error) {
	if program == "" {
		found, err := findProgram("prometheus")
		if err != nil {
			return nil, nil
		}
		program = found
	}
	version, err := exec.CommandContext(ctx, program, "--version").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("asking %s for its version: %w", program, err)
	}
	if err := os.Mkdir(directory, 0o700); err != nil {
		return nil, fmt.Errorf("making a directory: %w", err)
	}
	config := filepath.Join(directory, "prometheus.yml")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		return nil, fmt.Errorf("writing a configuration: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("looking for a free port: %w", err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return nil, fmt.Errorf("looking for a free port: %w", err)
	}
	// A build of its own says no number.
	called, _, _ := strings.Cut(string(version), "(branch")
	p := &prometheus{base: "http://" + address, directory: filepath.Join(directory, "data"), version: strings.TrimSpace(strings.Replace(called, ", version", "", 1))}
	command := exec.Command(program, "--config.file="+config, "--storage.tsdb.path="+p.directory, "--web.listen-address="+address,
		"--web.enable-remote-write-receiver", "--log.level=error")
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(command.SysProcAttr)
	p.service = &service{command: command, said: new(bytes.Buffer), ended: make(chan struct{})}
	command.Stderr = p.said
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", program, err)
	}
	go func() {
		defer close(p.ended)
		_ = command.Wait()
	}()
	if err := p.ready(ctx); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// stop ends it, if there is one.
func (p *prometheus) stop() {
	if p != nil {
		p.service.stop()
	}
}

func (p *prometheus) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+"/-/ready", http.NoBody)
		if err != nil {
			return err
		}
		if answer, err := client.Do(request); err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-p.ended:
			return fmt.Errorf("starting Prometheus: it has ended: %s", strings.TrimSpace(p.said.String()))
		case <-ctx.Done():
			return fmt.Errorf("waiting for Prometheus: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
