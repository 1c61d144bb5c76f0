// SPDX-License-Identifier: Apache-2.0

// Package form writes alerts in the forms that other products read: OCSF, ECS and CEF. Each form is
// one line of valid UTF-8, whatever the alert holds.
package form

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"hash/fnv"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
)

// Vendor and Name are how the product is called in all forms.
const (
	Vendor = "Gyrfalcon"
	Name   = "gyr"
)

// ID identifies an alert: the same one has the same ID at every receiver. It is 32 hexadecimal digits.
func ID(a *alert.Alert) string {
	h := fnv.New128a()
	var time [8]byte
	binary.BigEndian.PutUint64(time[:], a.Time)
	h.Write(time[:])
	for _, s := range []string{a.Hostname, a.Rule, a.Output} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}

// raw is the JSON value of a field, nil if the alert has none.
func raw(a *alert.Alert, key string) []byte {
	at, ok := slices.BinarySearchFunc(a.Fields, key, func(f alert.Field, key string) int { return strings.Compare(f.Key, key) })
	if !ok || len(a.Fields[at].JSON) == 0 || string(a.Fields[at].JSON) == "null" {
		return nil
	}
	return a.Fields[at].JSON
}

// notAvailable is what fields without a value print.
const notAvailable = "<NA>"

// text is the first of the fields that has a value, as text; "" if none has.
func text(a *alert.Alert, keys ...string) string {
	for _, key := range keys {
		v := raw(a, key)
		if len(v) == 0 {
			continue
		}
		s := ""
		switch {
		case v[0] != '"':
			s = string(v)
		case len(v) > 1 && bytes.IndexByte(v, '\\') < 0:
			s = string(v[1 : len(v)-1])
		case json.Unmarshal(v, &s) != nil:
			continue
		}
		if s != "" && s != notAvailable {
			return s
		}
	}
	return ""
}

// whole is a field's value if it is a whole number that is not negative, as its digits; else "".
func whole(a *alert.Alert, key string) string {
	s := text(a, key)
	if s == "" || len(s) > 18 || strings.Trim(s, "0123456789") != "" {
		return ""
	}
	if s = strings.TrimLeft(s, "0"); s == "" {
		s = "0"
	}
	return s
}

// object writes a JSON object; parts without a value are left out.
type object struct{ b []byte }

// comma parts what follows from what stands before it in the same object or list.
func (o *object) comma() {
	if n := len(o.b); n > 0 && o.b[n-1] != '{' && o.b[n-1] != '[' {
		o.b = append(o.b, ',')
	}
}

// sep begins a member. Its key may be empty: that of an output field is not ours to choose.
func (o *object) sep(key string) {
	o.comma()
	o.b = append(alert.AppendString(o.b, key), ':')
}

// str adds a text, unless it is empty.
func (o *object) str(key, value string) {
	if value != "" {
		o.sep(key)
		o.b = alert.AppendString(o.b, value)
	}
}

// raw adds a value that is JSON already, unless it is empty.
func (o *object) raw(key, value string) {
	if value != "" {
		o.sep(key)
		o.b = append(o.b, value...)
	}
}

// list adds a list of texts, unless it is empty.
func (o *object) list(key string, values ...string) {
	values = slices.DeleteFunc(slices.Clone(values), func(s string) bool { return s == "" })
	if len(values) == 0 {
		return
	}
	o.sep(key)
	o.b = append(o.b, '[')
	for _, v := range values {
		o.comma()
		o.b = alert.AppendString(o.b, v)
	}
	o.b = append(o.b, ']')
}

// group adds an object with the members that fill adds, unless there are none.
func (o *object) group(key string, fill func()) { o.wrap(func() { o.sep(key) }, "{", "}", fill) }

// items adds a list with what fill adds with item, unless there is nothing.
func (o *object) items(key string, fill func()) { o.wrap(func() { o.sep(key) }, "[", "]", fill) }

// item adds an object to a list, unless it stays empty.
func (o *object) item(fill func()) { o.wrap(o.comma, "{", "}", fill) }

// wrap adds something between brackets behind what begin adds, unless it stays empty.
func (o *object) wrap(begin func(), open, end string, fill func()) {
	before := len(o.b)
	begin()
	o.b = append(o.b, open...)
	inside := len(o.b)
	fill()
	if len(o.b) == inside {
		o.b = o.b[:before]
		return
	}
	o.b = append(o.b, end...)
}

// fields adds all output fields as they are.
func (o *object) fields(key string, a *alert.Alert) {
	o.group(key, func() {
		for i := range a.Fields {
			if v := a.Fields[i].JSON; len(v) > 0 {
				o.raw(a.Fields[i].Key, string(v))
			}
		}
	})
}

// techniques are the numbers of ATT&CK techniques among the tags.
func techniques(a *alert.Alert) (ids []string) {
	for _, t := range a.Tags {
		if len(t) >= 5 && t[0] == 'T' && strings.Trim(t[1:], "0123456789.") == "" {
			ids = append(ids, t)
		}
	}
	return ids
}

// container is the container of the alert; ok is false on the host.
func container(a *alert.Alert) (id string, ok bool) {
	id = text(a, "container.full_id", "container.id")
	return id, id != "" && id != "host" && text(a, "container.id") != "host"
}

// path is the file that the alert is about, "" if it is about none.
func path(a *alert.Alert) string {
	if p := text(a, "fd.name"); strings.HasPrefix(p, "/") {
		switch text(a, "fd.typechar", "fd.type") {
		case "", "f", "d", "file", "directory":
			return p
		}
	}
	for _, key := range []string{"fs.path.name", "fs.path.target", "evt.arg.path", "evt.arg.name"} {
		if p := text(a, key); strings.HasPrefix(p, "/") {
			return p
		}
	}
	return ""
}

// base is the last part of a path.
func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// clip cuts off a text between characters.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
