// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// Health is how the program is.
type Health struct {
	// Failing are the reasons for which events may go unseen; Degraded are those for which less is
	// done than configured while events are still seen and tested.
	Failing, Degraded []string
	// Details are shown to who asks for them; anything that encoding/json can write.
	Details any
}

// OK reports whether events are seen and tested.
func (h *Health) OK() bool { return len(h.Failing) == 0 }

// healthy is what Falco answers, to the byte.
const healthy = `{"status": "ok"}`

// HealthHandler answers health checks: 200 with Falco's text if all is well; 200 with the reasons if the
// program is degraded, since starting it again would mend nothing; 503 with the reasons if it fails.
// With ?verbose the details follow.
func HealthHandler(health func() Health) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := health()
		body := struct {
			Status  string   `json:"status"`
			Reasons []string `json:"reasons,omitempty"`
			Details any      `json:"details,omitempty"`
		}{Status: "ok", Reasons: append(h.Failing, h.Degraded...)}
		code := http.StatusOK
		switch {
		case len(h.Failing) > 0:
			body.Status, code = "failing", http.StatusServiceUnavailable
		case len(h.Degraded) > 0:
			body.Status = "degraded"
		}
		if r.URL.Query().Has("verbose") {
			body.Details = h.Details
		}
		if body.Status == "ok" && body.Details == nil {
			write(w, code, []byte(healthy))
			return
		}
		writeJSON(w, code, body)
	})
}

// JSONHandler answers with a value that does not change, as one line of JSON.
func JSONHandler(value any) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, value) })
}

// TextHandler answers with a text of the given type; what text appends is sent when it is complete.
func TextHandler(contentType string, text func(*http.Request) []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := text(r)
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(body)
	})
}

// writeJSON answers with a value.
func writeJSON(w http.ResponseWriter, code int, value any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		http.Error(w, "the answer could not be written", http.StatusInternalServerError)
		return
	}
	write(w, code, bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// write answers with JSON that is written already.
func write(w http.ResponseWriter, code int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write(body)
}
