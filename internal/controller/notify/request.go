// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// alert is one alert as Alertmanager's API v2 takes it.
type alert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     string            `json:"startsAt"`
	EndsAt       string            `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// alertOf writes an entry as it is told now.
func (t *table) alertOf(e *entry, now time.Time) alert {
	ends := e.closed
	if e.firing {
		// If it is not repeated, it ends by itself.
		ends = now.Add(4 * t.config.Resend)
	}
	return alert{
		Labels: e.labels, Annotations: e.annotations, StartsAt: e.since.UTC().Format(timeFormat), EndsAt: ends.UTC().Format(timeFormat),
		GeneratorURL: link(t.config.ExternalURL, e.id),
	}
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 4 << 10

// statusError is an answer that is not the one wished for.
type statusError struct {
	status int
	words  string
}

func (e statusError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("it answered %d %s: %s", e.status, http.StatusText(e.status), e.words))
}

// post sends alerts to an Alertmanager.
func post(ctx context.Context, client *http.Client, address string, parcels []parcel) error {
	alerts := make([]alert, 0, len(parcels))
	for i := range parcels {
		alerts = append(alerts, parcels[i].alert)
	}
	body, err := json.Marshal(alerts)
	if err != nil {
		return fmt.Errorf("encoding alerts: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("making a request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "aeolus")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	words, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if response.StatusCode/100 != 2 {
		return statusError{response.StatusCode, clean(string(words), maxLabel)}
	}
	return err
}

// refusedForGood tells whether an answer means that the same alerts will never be taken.
func refusedForGood(err error) bool {
	var status statusError
	if !errors.As(err, &status) {
		return false
	}
	return status.status == http.StatusBadRequest || status.status == http.StatusRequestEntityTooLarge ||
		status.status == http.StatusUnprocessableEntity
}

// cause names why a request was not answered well, in one of a few words.
func cause(err error) string {
	var status statusError
	var network net.Error
	switch {
	case errors.As(err, &status) && status.status >= 500:
		return "server-error"
	case errors.As(err, &status) && (status.status == http.StatusUnauthorized || status.status == http.StatusForbidden):
		return "not-allowed"
	case errors.As(err, &status):
		return "rejected"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.As(err, &network) && network.Timeout():
		return "timeout"
	}
	return "unreachable"
}
