// SPDX-License-Identifier: Apache-2.0

// Package dest holds the destinations of alerts, one in each file.
package dest

import (
	"bytes"
	"context"
	"io"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/output"
	"github.com/gyrfalcon/gyrfalcon/internal/output/form"
)

// Form is how a line is made of an alert.
type Form string

// The forms. FormFalco is the zero value.
const (
	FormFalco Form = ""
	FormOCSF  Form = "ocsf"
	FormECS   Form = "ecs"
	FormCEF   Form = "cef"
)

// Format says how alerts are written as lines.
type Format struct {
	// Form is the form of lines; the others but Unbuffered and Version are for FormFalco.
	Form Form
	// Version is the program's, which other forms than Falco's tell.
	Version string
	JSON    bool
	// Unbuffered writes every line by itself instead of a batch at once. Neither holds lines back.
	Unbuffered bool
	alert.Options
}

// Append appends an alert as one line, without the newline.
func (f *Format) Append(dst []byte, a *alert.Alert) []byte {
	switch f.Form {
	case FormOCSF:
		return form.AppendOCSF(dst, a, f.Version)
	case FormECS:
		return form.AppendECS(dst, a, f.Version)
	case FormCEF:
		return form.AppendCEF(dst, a, f.Version)
	}
	if f.JSON {
		return a.AppendJSON(dst, &f.Options)
	}
	return a.AppendText(dst, &f.Options)
}

// ContentType is the media type of a line, as Falco names it.
func (f *Format) ContentType() string {
	if f.JSON && f.Form == FormFalco || f.Form == FormOCSF || f.Form == FormECS {
		return "application/json"
	}
	return "text/plain"
}

// lines writes alerts as lines into w, using buf as memory, which it returns. An error is an *output.Failure
// whose Left are the alerts that were not written entirely; torn says that of the first of them a part was.
func (f *Format) lines(ctx context.Context, w io.Writer, buf []byte, alerts []*alert.Alert) (mem []byte, torn bool, err error) {
	buf = buf[:0]
	first := 0 // of the alerts in buf
	for i, a := range alerts {
		buf = append(f.Append(buf, a), '\n')
		if !f.Unbuffered && i < len(alerts)-1 && len(buf) < maxWrite {
			continue
		}
		n, err := 0, ctx.Err()
		if err == nil {
			n, err = w.Write(buf)
		}
		if err != nil {
			first += bytes.Count(buf[:n], []byte{'\n'})
			return buf, n > 0 && buf[n-1] != '\n', &output.Failure{Left: alerts[first:], Err: err}
		}
		buf, first = buf[:0], i+1
	}
	return buf, false, nil
}

// maxWrite is the size from which lines are written without waiting for the batch's others.
const maxWrite = 64 << 10
