// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"fmt"
	"strconv"
	"time"

	"github.com/aeolus-ebpf/aeolus/internal/model"
)

// Sentence says what is wrong, with its figure and since when.
func Sentence(a *Anomaly, client, server string) string {
	since := a.Since.Local().Format(time.TimeOnly)
	switch a.Kind {
	case ConnectFailures:
		return connectSentence(a, client, server) + " since " + since
	case Resets:
		return fmt.Sprintf("%s of the connections that end between %s and %s are reset since %s", percent(a.Value), client, server, since)
	case Retransmits:
		return fmt.Sprintf("%s of the segments between %s and %s are sent again, usually %s, since %s",
			percent(a.Value), client, server, percent(a.Usual), since)
	case Latency:
		return fmt.Sprintf("the path from %s to %s takes %s instead of %s since %s",
			client, server, seconds(a.Value), seconds(a.Usual), since)
	case Rate:
		return fmt.Sprintf("%s has %s %s a second with %s, usually %s, since %s",
			client, figure(a.Value), a.unit(), server, figure(a.Usual), since)
	case Silence:
		return fmt.Sprintf("%s has been silent towards %s since %s, usually %s %s a second",
			client, server, since, figure(a.Usual), a.unit())
	case NewEdge:
		return fmt.Sprintf("%s talks to %s for the first time since %s", client, server, since)
	}
	return fmt.Sprintf("%s between %s and %s since %s", a.Kind, client, server, since)
}

func connectSentence(a *Anomaly, client, server string) string {
	share := percent(a.Value)
	switch a.Cause {
	case model.EventRefused:
		return fmt.Sprintf("%s refuses %s of %s's connects", server, share, client)
	case model.EventUnreachable:
		return fmt.Sprintf("%s of %s's connects to %s find it unreachable", share, client, server)
	case model.EventNoRoute:
		return fmt.Sprintf("%s has no route to %s for %s of its connects", client, server, share)
	case model.EventNeverSent:
		return fmt.Sprintf("%s of %s's connects to %s are never sent", share, client, server)
	}
	return fmt.Sprintf("%s leaves %s of %s's connects unanswered", server, share, client)
}

// unit is what a rate counts: the evidence says it.
func (a *Anomaly) unit() string {
	if len(a.Evidence) > 0 && a.Evidence[0].Unit == "segments/s" {
		return "segments"
	}
	return "connections"
}

func percent(share float64) string { return figure(share*100) + " %" }

// figure writes a number with two or three significant digits.
func figure(value float64) string {
	switch {
	case value == 0:
		return "0"
	case value >= 99.5:
		return strconv.FormatFloat(value, 'f', 0, 64)
	case value >= 9.95:
		return strconv.FormatFloat(value, 'f', 0, 64)
	}
	return strconv.FormatFloat(value, 'g', 2, 64)
}

// seconds writes a time with its unit.
func seconds(value float64) string {
	switch {
	case value < 1e-3:
		return figure(value*1e6) + " µs"
	case value < 1:
		return figure(value*1e3) + " ms"
	}
	return figure(value) + " s"
}
