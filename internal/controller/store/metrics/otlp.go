// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage/remote"

	"github.com/aeolus-ebpf/aeolus/internal/controller/crowd"
	"github.com/aeolus-ebpf/aeolus/internal/controller/protoshape"
	"github.com/aeolus-ebpf/aeolus/internal/defect"
)

const (
	protobufType = "application/x-protobuf"
	jsonType     = "application/json"

	// jsonWeight is how much more memory a body takes once it is read from JSON; deepest is how deep it may be nested.
	jsonWeight = 8
	deepest    = 100
)

// otlpHandler receives OTLP metrics.
type otlpHandler struct {
	store   *Store
	library http.Handler
	shape   *protoshape.Shape
	most    counts
	// inFlight is how many bytes all requests may have together.
	inFlight int64
	slots    *crowd.Slots
}

func (s *Store) newOTLPHandler() *otlpHandler {
	h := &otlpHandler{
		store: s, shape: otlpMetrics(), most: s.config.Write.counts(), inFlight: s.config.Write.InFlight,
		slots: crowd.NewSlots(s.config.Write.Concurrent, s.config.Write.InFlight),
	}
	if s.Local() {
		h.library = remote.NewOTLPWriteHandler(slog.New(slog.DiscardHandler), s.registry, receiving{s}, s.prometheusConfig,
			remote.OTLPOptions{LookbackDelta: s.config.Query.Lookback})
	}
	return h
}

// Outcome is what came of a request with OTLP metrics.
type Outcome struct {
	// Code is an HTTP status; Text says what was wrong, or which samples were refused of a request that was taken.
	Code int
	Text string
	// Refused samples of a request that was taken.
	Refused uint64
	// Again is in how many seconds to come again; 0 for not at all.
	Again int
}

// TakeOTLP takes an encoded ExportMetricsServiceRequest.
func (s *Store) TakeOTLP(ctx context.Context, body []byte, asJSON bool) Outcome {
	a := s.accounts
	a.requests.In(1)
	if !s.visits.enter() {
		a.requests.Drop("ending", 1)
		return Outcome{Code: http.StatusServiceUnavailable, Text: "the controller is ending", Again: 1}
	}
	defer s.visits.leave()
	request := &taken{tenant: a.of(ctx), now: s.config.Now(), lenient: true}
	var refused *rejection
	if fault := defect.Guard(func() error {
		refused = s.otlp.take(ctx, body, asJSON, request)
		return nil
	}); fault != nil {
		s.config.Logger.Error("receiving OTLP metrics", "error", fault)
		refused = reject(http.StatusBadRequest, "defect", "the controller could not take this: a defect in Aeolus, which its log describes")
		request.undone("defect")
	}
	request.book(a)
	if refused != nil {
		a.requests.Drop(refused.cause, 1)
		return Outcome{Code: refused.code, Text: refused.text, Again: int(refused.again.Seconds())}
	}
	a.requests.Out(1)
	outcome := Outcome{Code: http.StatusOK, Refused: request.total()}
	if request.total()+request.exemplarTotal() > 0 {
		outcome.Text = request.words()
	}
	return outcome
}

func (h *otlpHandler) take(ctx context.Context, body []byte, asJSON bool, request *taken) *rejection {
	if h.library == nil {
		return reject(http.StatusNotImplemented, "elsewhere", "metrics are kept by another server: send them there")
	}
	size := int64(len(body))
	if asJSON {
		// What was read of it has many times its size.
		size = min(jsonWeight*size, h.inFlight)
	}
	if !h.slots.Take(size) {
		return busy()
	}
	defer h.slots.Give(size)
	samples, refused := h.count(body, asJSON)
	if refused != nil {
		return refused
	}
	if wait, ok := request.tenant.take(samples, request.now); !ok {
		request.refuse("rate-limit", uint64(samples), errors.New("too many samples a second"), labels.EmptyLabels())
		return &rejection{http.StatusTooManyRequests, "rate-limit",
			fmt.Sprintf("too many samples: at most %g a second are taken from this credential", request.tenant.perSecond), wait}
	}
	inner, err := http.NewRequestWithContext(request.into(ctx), http.MethodPost, "/", io.NopCloser(bytes.NewReader(body)))
	if err != nil {
		return reject(http.StatusInternalServerError, "defect", err.Error())
	}
	inner.Header.Set("Content-Type", protobufType)
	if asJSON {
		inner.Header.Set("Content-Type", jsonType)
	}
	answer := newRecorded()
	h.library.ServeHTTP(answer, inner)
	switch {
	case answer.code/100 == 2:
		return nil
	case answer.code/100 == 5:
		request.undone(causeStorage)
		h.store.warn("receiving OTLP metrics", answer.text())
		return reject(http.StatusServiceUnavailable, causeStorage, explainText(h.store.directory, answer.text()))
	}
	request.undone("malformed")
	return reject(http.StatusBadRequest, "malformed", answer.text())
}

// count counts what is in a body. Of JSON only the objects are counted: each point and each attribute is one.
func (h *otlpHandler) count(body []byte, asJSON bool) (int, *rejection) {
	if asJSON {
		if crowd.JSONDepth(body) > deepest {
			return 0, reject(http.StatusBadRequest, "malformed", fmt.Sprintf("the message is nested deeper than %d levels", deepest))
		}
		objects := bytes.Count(body, []byte{'{'})
		if objects > h.most[structure] {
			return 0, reject(http.StatusRequestEntityTooLarge, "too-many", "the request is too large: too many objects")
		}
		return max(1, bytes.Count(body, []byte(`imeUnixNano"`))), nil
	}
	var n counts
	err := h.shape.Count(body, n[:], h.most.bounds())
	if errors.Is(err, protoshape.ErrTooMany) {
		return 0, reject(http.StatusRequestEntityTooLarge, "too-many", err.Error())
	}
	if err != nil {
		return 0, reject(http.StatusBadRequest, "malformed", err.Error())
	}
	return n[partSample] + n[partHistogram], nil
}
