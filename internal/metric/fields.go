// SPDX-License-Identifier: Apache-2.0

package metric

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
)

// The names of the alert and its text.
const (
	AlertRule = "Falco internal: metrics snapshot"
	AlertText = "Falco metrics snapshot"
)

// Fields returns the figures as the output fields of the alert, sorted by key, each key once.
func Fields(s *Snapshot, o *Options) []alert.Field {
	var all []alert.Field
	for _, r := range table {
		if r.Key == "" || !o.has(r.Group) {
			continue
		}
		r.Read(s, func(v Sample) {
			if v.Quiet || !r.Zero && r.Kind != Info && v.number() == 0 && !o.Empty {
				return
			}
			all = append(all, alert.Field{Key: r.Key + v.Suffix + r.keyUnit(o), JSON: r.appendJSON(nil, &v, o)})
		})
	}
	slices.SortStableFunc(all, func(a, b alert.Field) int { return strings.Compare(a.Key, b.Key) })
	return slices.CompactFunc(all, func(a, b alert.Field) bool { return a.Key == b.Key })
}

// keyUnit is the end of the key of a figure of memory.
func (r *Row) keyUnit(o *Options) string {
	switch {
	case r.Unit != Bytes && r.Unit != KiB:
		return ""
	case o.MemoryMB:
		return "mb"
	case r.Unit == KiB:
		return "kb"
	}
	return "bytes"
}

// appendJSON appends the value.
func (r *Row) appendJSON(dst []byte, v *Sample, o *Options) []byte {
	memory := r.Unit == Bytes || r.Unit == KiB
	switch {
	case r.Kind == Info:
		return alert.AppendString(dst, v.Text)
	case memory && o.MemoryMB:
		return appendDecimal(dst, tenth(v.number()/(1<<20)))
	case r.Unit == KiB:
		return strconv.AppendUint(dst, v.Whole>>10, 10)
	case v.Real:
		return appendDecimal(dst, v.Float)
	}
	return strconv.AppendUint(dst, v.Whole, 10)
}

// appendDecimal appends a number that JSON shows to be no whole one, as Falco does: 3 is 3.0.
func appendDecimal(dst []byte, f float64) []byte {
	from := len(dst)
	dst = appendFloat(dst, f)
	if !slices.ContainsFunc(dst[from:], func(c byte) bool { return c == '.' || c == 'e' }) {
		dst = append(dst, ".0"...)
	}
	return dst
}

// AppendLine appends the line of a sample for the file, with its end.
func AppendLine(dst []byte, sample uint64, fields []alert.Field) []byte {
	dst = append(dst, `{"output_fields":{`...)
	for i := range fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = alert.AppendString(dst, fields[i].Key)
		dst = append(dst, ':')
		dst = append(dst, fields[i].JSON...)
	}
	dst = append(dst, `},"sample":`...)
	dst = strconv.AppendUint(dst, sample, 10)
	return append(dst, "}\n"...)
}
