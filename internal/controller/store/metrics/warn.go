// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"strings"
	"sync"
	"syscall"
	"time"
)

// warnEvery is how often what goes wrong is logged: whoever sends may send again and again.
const warnEvery = 10 * time.Second

// quiet logs little of what comes often.
type quiet struct {
	mu   sync.Mutex
	last time.Time
	left int
}

// warn logs that something went wrong, with how often it did since the last time.
func (s *Store) warn(what, why string) {
	q := &s.quiet
	q.mu.Lock()
	defer q.mu.Unlock()
	now := s.config.Now()
	if passed := now.Sub(q.last); passed >= 0 && passed < warnEvery {
		q.left++
		return
	}
	s.config.Logger.Warn(what, "error", why, "not-logged", q.left)
	q.last, q.left = now, 0
}

// explainText is explain for an error of which only the text has come through.
func explainText(directory, text string) string {
	for _, errno := range [...]syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS} {
		if strings.Contains(text, errno.Error()) {
			return explain(directory, errorText{text, errno}).Error()
		}
	}
	return text
}

// errorText is an error with a text of its own and a cause.
type errorText struct {
	text  string
	cause error
}

// Error is the text.
func (e errorText) Error() string { return e.text }

// Unwrap is the cause.
func (e errorText) Unwrap() error { return e.cause }
