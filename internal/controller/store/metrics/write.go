// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage/remote"

	"github.com/aeolus-ebpf/aeolus/internal/controller/crowd"
	"github.com/aeolus-ebpf/aeolus/internal/controller/protoshape"
	"github.com/aeolus-ebpf/aeolus/internal/defect"
)

// writeHandler receives remote write, 1.0 and 2.0.
type writeHandler struct {
	store   *Store
	library http.Handler
	shapes  map[remoteapi.WriteMessageType]*protoshape.Shape
	most    counts
	slots   *crowd.Slots
}

// RemoteWrite receives Prometheus' remote write.
func (s *Store) RemoteWrite() http.Handler { return s.visits.guard(s.write) }

func (s *Store) newWriteHandler() http.Handler {
	accepted := remoteapi.MessageTypes{remoteapi.WriteV1MessageType, remoteapi.WriteV2MessageType}
	h := &writeHandler{
		store: s, most: s.config.Write.counts(),
		slots: crowd.NewSlots(s.config.Write.Concurrent, s.config.Write.InFlight),
		shapes: map[remoteapi.WriteMessageType]*protoshape.Shape{
			remoteapi.WriteV1MessageType: writeV1(), remoteapi.WriteV2MessageType: writeV2(),
		},
	}
	if s.Local() {
		// What goes wrong is logged here, in few words: the library would log every sample, in words of the sender.
		h.library = remote.NewWriteHandler(slog.New(slog.DiscardHandler), s.registry, receiving{s}, accepted, true, false, true)
	} else {
		h.library = s.newForward()
	}
	return h
}

// counts are the limits of one request by part.
func (w WriteLimits) counts() counts {
	most := counts{partSeries: w.Series, partSample: w.Samples, partHistogram: w.Samples / 10, partLabel: w.Labels}
	for p, n := range most {
		if n == 0 {
			most[p] = w.Others
		}
	}
	return most
}

// ServeHTTP answers as the specification of remote write says: 415 for what is not remote write, 400 for what can never
// be taken, 413 for what is too large, 429 for who sends too much, 503 for when there are too many at once.
func (h *writeHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := h.store.accounts
	a.requests.In(1)
	request := &taken{tenant: a.of(r.Context()), now: h.store.config.Now()}
	var refused *rejection
	if fault := defect.Guard(func() error {
		refused = h.take(w, r, request)
		return nil
	}); fault != nil {
		h.store.config.Logger.Error("receiving remote write", "error", fault)
		refused = reject(http.StatusBadRequest, "defect", "the controller could not take this: a defect in Aeolus, which its log describes")
	}
	request.book(a)
	if refused == nil {
		a.requests.Out(1)
		return
	}
	a.requests.Drop(refused.cause, 1)
	if refused.code != 0 {
		refused.write(w)
	}
}

// take takes a request, or says why not. A rejection without a status has been answered already.
func (h *writeHandler) take(w http.ResponseWriter, r *http.Request, request *taken) *rejection {
	kind, refused := h.kind(r)
	if refused != nil {
		return refused
	}
	packed, refused := readBody(r, request.tenant.body)
	if refused != nil {
		return refused
	}
	size, refused := snappySize(packed, h.store.config.Write.DecodedBytes)
	if refused != nil {
		return refused
	}
	if !h.slots.Take(size) {
		return busy()
	}
	defer h.slots.Give(size)
	body, refused := unpackSnappy(packed)
	if refused != nil {
		return refused
	}
	var n counts
	if err := h.shapes[kind].Count(body, n[:], h.most.bounds()); errors.Is(err, protoshape.ErrTooMany) {
		return reject(http.StatusRequestEntityTooLarge, "too-many", err.Error())
	} else if err != nil {
		return reject(http.StatusBadRequest, "malformed", err.Error())
	}
	if n == (counts{}) && len(body) > 0 {
		// One version's series are unknown fields to the other: taking it for empty would lose all of them.
		return reject(http.StatusBadRequest, "malformed", fmt.Sprintf("the body holds nothing of a %s", kind))
	}
	samples := n[partSample] + n[partHistogram]
	if wait, ok := request.tenant.take(samples, request.now); !ok {
		request.refuse("rate-limit", uint64(samples), errors.New("too many samples a second"), labels.EmptyLabels())
		return &rejection{http.StatusTooManyRequests, "rate-limit",
			fmt.Sprintf("too many samples: at most %g a second are taken from this credential", request.tenant.perSecond), wait}
	}
	request.lenient = kind == remoteapi.WriteV1MessageType
	r.Body = io.NopCloser(bytes.NewReader(packed))
	answer := newRecorded()
	h.library.ServeHTTP(answer, r.WithContext(request.into(r.Context())))
	if kind == remoteapi.WriteV1MessageType && answer.code/100 == 2 && h.store.Local() {
		h.store.families.learnV1(body, n[partMetadata])
	}
	return h.answer(w, answer, request, n)
}

// kind reads what kind of message comes. The library looks at that after the body, which may be of another kind.
func (h *writeHandler) kind(r *http.Request) (remoteapi.WriteMessageType, *rejection) {
	if r.Method != http.MethodPost {
		return "", reject(http.StatusMethodNotAllowed, "method", "remote write is sent by POST")
	}
	content := r.Header.Get("Content-Type")
	kind := remoteapi.WriteV1MessageType
	if content != "" {
		var err error
		if kind, err = remoteapi.ParseProtoMsg(content); err != nil {
			return "", reject(http.StatusUnsupportedMediaType, "content-type", err.Error())
		}
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != string(remoteapi.SnappyBlockCompression) {
		return "", reject(http.StatusUnsupportedMediaType, "content-encoding", fmt.Sprintf("encoding %.100q is not known here: snappy is", encoding))
	}
	return kind, nil
}

// answer gives the sender the library's answer, made honest: nothing is called stored that was not.
func (h *writeHandler) answer(w http.ResponseWriter, got *recorded, request *taken, n counts) *rejection {
	for name, values := range got.header {
		w.Header()[name] = values
	}
	if !h.store.Local() {
		return h.relayed(w, got, request, n)
	}
	cause := "invalid-series"
	switch {
	case got.code/100 == 5:
		cause = causeStorage
		request.undone(cause)
	case strings.Contains(got.text(), "too far in the future"):
		// The library looks at that before it asks for a sample to be stored; of remote write 1.0 it stores nothing then.
		cause = "future"
		if request.lenient {
			request.undone(cause)
		}
	}
	request.missed(cause, n)
	// An exemplar is no sample: that some were refused is counted, and said in the header of those that were written. A
	// request that failed for them would make senders count samples as lost that are here.
	lost := request.total()
	switch {
	case got.code/100 == 5:
		h.store.warn("receiving remote write", got.text())
		return reject(got.code, causeStorage, explainText(h.store.directory, got.text()))
	case got.code/100 == 2 && lost == 0:
		w.WriteHeader(got.code)
		return nil
	case got.code/100 == 2, lost+request.exemplarTotal() > 0:
		return reject(http.StatusBadRequest, "partial", request.words())
	}
	return reject(got.code, "malformed", got.text())
}
