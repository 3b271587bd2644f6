// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/aeolus-ebpf/aeolus/internal/collector"
	"github.com/aeolus-ebpf/aeolus/internal/pki"
)

// collectorDirectory is where the certificate of a host's collector is kept, in the data directory.
const collectorDirectory = "collector"

// collectorConfig is what a collector is to run: the files, or the default with this host's certificate and token.
func (a *app) collectorConfig(flags collectorFlags) (collector.Config, error) {
	if len(flags.files) > 0 {
		return collector.Config{Files: flags.files, Set: flags.set}, nil
	}
	config := collector.Config{Text: collector.Default()}
	data, err := filepath.Abs(flags.data)
	if err != nil {
		return config, fmt.Errorf("finding %s: %w", flags.data, err)
	}
	if _, given := a.Getenv("AEOLUS_COLLECTOR_CERTIFICATES"); !given {
		directory := filepath.Join(data, collectorDirectory)
		if err := a.collectorCertificate(data, directory); err != nil {
			return config, err
		}
		config.Set = append(config.Set, certificateSettings(directory)...)
	}
	if _, given := a.Getenv("AEOLUS_COLLECTOR_SPOOL"); !given {
		config.Set = append(config.Set, "extensions.file_storage.directory="+literal(filepath.Join(data, collectorDirectory, "spool")))
	}
	if flags.token == "" {
		a.note("no --token is given: metrics are there to be scraped, and are not written to the controller")
		config.Set = append(config.Set, "service.pipelines.metrics.exporters=[prometheus]")
	} else {
		config.Set = append(config.Set, "exporters.prometheus_remote_write.http.headers.Authorization="+literal("Bearer "+flags.token))
	}
	config.Set = append(config.Set, flags.set...)
	return config, nil
}

// literal is a text as YAML that means nothing else than itself.
func literal(text string) string { return strconv.Quote(strings.ReplaceAll(text, "$", "$$")) }

func certificateSettings(directory string) []string {
	file := func(name string) string { return literal(filepath.Join(directory, name)) }
	return []string{
		"receivers.aeolus.tls.cert_file=" + file("collector.crt"), "receivers.aeolus.tls.key_file=" + file("collector.key"),
		"receivers.aeolus.tls.client_ca_file=" + file("ca.crt"),
		"exporters.aeolus.tls.cert_file=" + file("collector.crt"), "exporters.aeolus.tls.key_file=" + file("collector.key"),
		"exporters.aeolus.tls.ca_file=" + file("ca.crt"),
	}
}

// collectorCertificate makes sure that there is a certificate: one that was brought here, or one from the authority of
// the controller that keeps its data here.
func (a *app) collectorCertificate(data, directory string) error {
	brought := filepath.Join(directory, "ca.crt")
	authority, err := pki.LoadAuthority(filepath.Join(data, authorityDirectory))
	if errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(brought); err == nil {
			return nil
		}
		return hint(fmt.Errorf("finding a certificate in %s: there is none, and no controller's authority in %s to issue one", directory, data),
			"start aeolus controller here once, or bring what aeolus certificate collector writes, or give a --config")
	}
	if err != nil {
		return fmt.Errorf("opening the certificate authority in %s: %w", data, err)
	}
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	name := hostName()
	if name != "" {
		hosts = append(hosts, name)
	} else {
		name = "this-host"
	}
	fits := func(leaf *x509.Certificate) bool { return names(leaf, hosts) }
	issue := func() (tls.Certificate, error) { return authority.IssueCollector(name, hosts...) }
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return fmt.Errorf("making %s: %w", directory, err)
	}
	if _, err := authority.OpenLeaf(directory, "collector", fits, issue); err != nil {
		return fmt.Errorf("issuing the collector's certificate: %w", err)
	}
	if err := copyFile(pki.AuthorityFile(filepath.Join(data, authorityDirectory)), brought); err != nil {
		return fmt.Errorf("writing the authority's certificate: %w", err)
	}
	return nil
}

// hostName is this host's name, if a collector can have it.
func hostName() string {
	name, err := os.Hostname()
	if err != nil || pki.CheckCollector(name) != nil {
		return ""
	}
	return name
}
