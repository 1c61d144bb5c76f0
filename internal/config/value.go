// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// Pos is where a key or a value was written.
type Pos struct {
	File      string // path as given, or "-o" with the option's text for the command line
	Line, Col int    // 1-based
}

// Kind says what a Value is.
type Kind uint8

// The kinds of values.
const (
	Null Kind = iota
	Scalar
	Sequence
	Map
)

// String names the kind in messages.
func (k Kind) String() string {
	return [...]string{"nothing", "a value", "a list", "a map"}[k]
}

// Value is a node of a merged configuration: aliases are resolved, variables replaced, and every
// node still knows where it was written.
type Value struct {
	Pos   Pos
	Kind  Kind
	Text  string // of a Scalar
	Plain bool   // a Scalar without quotes: it may be a number or a switch
	// Secret says that nobody else should see the value.
	Secret bool
	Env    string   // name of the first variable that was replaced in a Scalar, "" for none
	Items  []*Value // of a Sequence
	Keys   []Key    // of a Map, in the order in which they were written
}

// Key is one entry of a map.
type Key struct {
	Name  string
	Pos   Pos
	Value *Value
}

// Lookup returns the value of a map's key, nil if there is none.
func (v *Value) Lookup(name string) *Value {
	if v == nil || v.Kind != Map {
		return nil
	}
	for i := range v.Keys {
		if v.Keys[i].Name == name {
			return v.Keys[i].Value
		}
	}
	return nil
}

// set puts a key into a map, replacing an earlier entry of that name where it stands.
func (v *Value) set(k Key) {
	for i := range v.Keys {
		if v.Keys[i].Name == k.Name {
			v.Keys[i] = k
			return
		}
	}
	v.Keys = append(v.Keys, k)
}

// Bool reads a scalar as the YAML of Falco does: true, yes, on, y and their opposites, quoted or
// not, in lower, upper or title case.
func (v *Value) Bool() (value, ok bool) {
	if v == nil || v.Kind != Scalar || v.Text == "" {
		return false, false
	}
	lower := strings.ToLower(v.Text)
	if v.Text != lower && v.Text != strings.ToUpper(v.Text) && v.Text != strings.ToUpper(lower[:1])+lower[1:] {
		return false, false
	}
	switch lower {
	case "true", "yes", "on", "y":
		return true, true
	case "false", "no", "off", "n":
		return false, true
	}
	return false, false
}

// Int reads a scalar as a whole number, decimal, 0x or 0o, quoted or not.
func (v *Value) Int() (int64, bool) {
	if v == nil || v.Kind != Scalar {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(v.Text), 0, 64)
	return n, err == nil
}

// Float reads a scalar as a number.
func (v *Value) Float() (float64, bool) {
	if v == nil || v.Kind != Scalar {
		return 0, false
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(v.Text), 64)
	return n, err == nil
}

// AppendJSON appends the value as JSON: scalars without quotes become numbers and switches where
// they look like them.
func (v *Value) AppendJSON(b []byte) []byte {
	switch v.Kind {
	case Scalar:
		if v.Plain {
			if on, ok := v.Bool(); ok && len(v.Text) > 1 {
				return strconv.AppendBool(b, on)
			}
			if n, ok := v.Int(); ok {
				return strconv.AppendInt(b, n, 10)
			}
			if f, ok := v.Float(); ok && !math.IsInf(f, 0) && !math.IsNaN(f) {
				return strconv.AppendFloat(b, f, 'g', -1, 64)
			}
		}
		return appendString(b, v.Text)
	case Sequence:
		b = append(b, '[')
		for i, item := range v.Items {
			if i > 0 {
				b = append(b, ',')
			}
			b = item.AppendJSON(b)
		}
		return append(b, ']')
	case Map:
		b = append(b, '{')
		for i := range v.Keys {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, v.Keys[i].Name), ':')
			b = v.Keys[i].Value.AppendJSON(b)
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}

// appendString appends a text as JSON.
func appendString(b []byte, text string) []byte {
	quoted, _ := json.Marshal(text) // texts cannot fail
	return append(b, quoted...)
}
