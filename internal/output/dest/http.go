// SPDX-License-Identifier: Apache-2.0

package dest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
)

// A Body makes the bodies of requests out of alerts: all that one HTTP destination has to know.
type Body struct {
	// Name is how the destination is called.
	Name string
	// ContentType is the media type of bodies.
	ContentType string
	// Batch is how many alerts one body may hold.
	Batch int
	// Append appends the body for alerts, up to Batch, to dst. Several goroutines call it.
	Append func(dst []byte, alerts []*alert.Alert) []byte
}

// HTTP posts alerts.
type HTTP struct {
	post *poster
	body Body
}

// NewHTTP returns the output that posts alerts as body says. It reads the certificates that p names,
// but does not connect.
func NewHTTP(p Post, body Body) (*HTTP, error) {
	o, err := newPoster(p)
	if err != nil {
		return nil, err
	}
	return &HTTP{post: o, body: body}, nil
}

// Lines is the Body of one alert a request, as Falco posts them.
func Lines(f Format) Body {
	return Body{Name: "http", ContentType: f.ContentType(), Batch: 1, Append: func(dst []byte, alerts []*alert.Alert) []byte {
		return f.Append(dst, alerts[0])
	}}
}

// Name is the destination's name.
func (h *HTTP) Name() string { return h.body.Name }

// Host is all of the URL that may be shown.
func (h *HTTP) Host() string { return h.post.host }

// round is the work on one batch, shared by the goroutines that do it.
type round struct {
	alerts  []*alert.Alert
	next    atomic.Int64
	stopped atomic.Bool

	mu      sync.Mutex
	left    []bool // by alert: it is to be tried again or was not tried
	refused int
	failure *output.Failure // the one that counts: the first, a temporary one before others
}

// Send posts the alerts. While they come singly, each is answered before the next is sent; of a batch
// several requests are under way, up to Post.Concurrency, and may arrive in another order. After the
// first failure that is not the fault of a single alert no more requests are begun.
func (h *HTTP) Send(ctx context.Context, alerts []*alert.Alert) error {
	chunks := (len(alerts) + h.body.Batch - 1) / h.body.Batch
	r := &round{alerts: alerts, left: make([]bool, chunks)}
	if workers := min(h.post.Concurrency, chunks); workers <= 1 {
		h.work(ctx, r)
	} else {
		var all sync.WaitGroup
		for range workers {
			all.Go(func() { h.work(ctx, r) })
		}
		all.Wait()
	}
	return h.result(r)
}

// bodies is memory for bodies to use again.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

// maxKeptBody is the size up to which the memory of a body is kept.
const maxKeptBody = 1 << 20

// work posts one chunk of the round after the other.
func (h *HTTP) work(ctx context.Context, r *round) {
	buf := bodies.Get().(*[]byte)
	for !r.stopped.Load() {
		at := int(r.next.Add(1)) - 1
		if at >= len(r.left) {
			break
		}
		chunk := r.chunk(at, h.body.Batch)
		*buf = h.body.Append((*buf)[:0], chunk)
		if err := h.post.post(ctx, *buf, h.body.ContentType); err != nil {
			r.fail(at, len(chunk), err)
			buf = new([]byte) // a request that ended early may still be reading its body
		}
	}
	if cap(*buf) <= maxKeptBody {
		bodies.Put(buf)
	}
}

// chunk are the alerts of one request.
func (r *round) chunk(at, size int) []*alert.Alert {
	return r.alerts[at*size : min((at+1)*size, len(r.alerts))]
}

// fail notes what became of a chunk. An answer that condemns the alerts alone lets the round go on.
func (r *round) fail(at, alerts int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var f *output.Failure
	if !errors.As(err, &f) {
		f = &output.Failure{Err: err}
	}
	var s *statusError
	if !f.Temporary && errors.As(err, &s) {
		r.refused += alerts
	} else {
		r.left[at] = true
		r.stopped.Store(true)
	}
	if r.failure == nil || f.Temporary && !r.failure.Temporary || f.After > r.failure.After {
		r.failure = f
	}
}

// result tells what became of the whole round.
func (h *HTTP) result(r *round) error {
	if r.failure == nil {
		return nil
	}
	f := &output.Failure{Left: []*alert.Alert{}, Refused: r.refused, Temporary: r.failure.Temporary, After: r.failure.After, Err: r.failure.Err}
	begun := int(r.next.Load())
	for at := range r.left {
		if r.left[at] || at >= begun {
			f.Left = append(f.Left, r.chunk(at, h.body.Batch)...)
		}
	}
	return f
}

// Close ends the connections.
func (h *HTTP) Close() error {
	h.post.close()
	return nil
}
