// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/format"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
)

// output makes the texts of one rule's alerts.
type output struct {
	template *format.Template
	values   []value // sorted by key
}

// value is one output field: a field of the catalogue, a template, or else the time.
type value struct {
	key      string
	field    *field.Field
	arg      field.Arg
	template *format.Template
}

// newOutput collects what the alerts of a rule consist of. The time is among the output fields
// because it stands before the text.
func newOutput(r *rule.Rule, iso bool) output {
	out := output{template: r.Template, values: []value{{key: "evt.time"}}}
	if iso {
		out.values[0].key = "evt.time.iso8601"
	}
	out.addTokens("", r.Template)
	for _, f := range r.Fields {
		if f.Typed {
			out.addTokens(f.Key, f.Template)
		} else {
			out.add(value{key: f.Key, template: f.Template})
		}
	}
	slices.SortFunc(out.values, func(a, b value) int { return strings.Compare(a.key, b.key) })
	return out
}

// addTokens adds the fields of a template, under the given key if there is one.
func (out *output) addTokens(key string, t *format.Template) {
	for _, token := range t.Tokens() {
		k := key
		if k == "" {
			k = token.Key
		}
		out.add(value{key: k, field: token.Field, arg: token.Arg})
	}
}

// add adds an output field unless its key is taken.
func (out *output) add(v value) {
	if !slices.ContainsFunc(out.values, func(w value) bool { return w.key == v.key }) {
		out.values = append(out.values, v)
	}
}

// text renders the message; scratch is memory to build it in.
func (out *output) text(scratch []byte, c *field.Context) ([]byte, string) {
	scratch = out.template.AppendText(scratch, c)
	return scratch, string(scratch)
}

// fields renders the output fields. Their texts share one piece of memory.
func (out *output) fields(scratch []byte, c *field.Context) ([]byte, []alert.Field) {
	fields := make([]alert.Field, len(out.values))
	for i := range out.values {
		start := len(scratch)
		scratch = out.values[i].appendJSON(scratch, c)
		// For now only the length is right; the bytes follow when scratch has stopped growing.
		fields[i] = alert.Field{Key: out.values[i].key, JSON: scratch[start:]}
	}
	all := bytes.Clone(scratch)
	for i := range fields {
		n := len(fields[i].JSON)
		fields[i].JSON, all = all[:n:n], all[n:]
	}
	return scratch, fields
}

// appendJSON appends the value as JSON, null if the event has none.
func (v *value) appendJSON(dst []byte, c *field.Context) []byte {
	switch {
	case v.field != nil:
		if x, ok := v.field.Value(c, &v.arg); ok {
			return x.AppendJSON(dst)
		}
		return append(dst, "null"...)
	case v.template != nil:
		return alert.AppendString(dst, v.template.AppendText(nil, c))
	}
	return strconv.AppendUint(dst, c.Ev.Time(), 10)
}
