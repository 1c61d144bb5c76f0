// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strconv"
	"strings"
)

// step is one part of a dotted path: a key, an index, or the place after a list's end.
type step struct {
	key    string
	index  int
	isKey  bool
	append bool
}

// parsePath splits "a.b[2].c[]" into its steps. A backslash takes the meaning from a following dot,
// bracket or backslash; any other use of it is an error.
func parsePath(path string) ([]step, error) {
	var steps []step
	var key strings.Builder
	pending := false // a key has been begun, or one must follow
	flush := func() {
		if pending {
			steps = append(steps, step{key: key.String(), isKey: true})
			key.Reset()
			pending = false
		}
	}
	for i := 0; i < len(path); i++ {
		switch c := path[i]; c {
		case '\\':
			i++
			if i == len(path) || !strings.ContainsRune(`.[]\`, rune(path[i])) {
				return nil, fmt.Errorf("key %q: a backslash must stand before one of . [ ] and itself", path)
			}
			key.WriteByte(path[i])
			pending = true
		case '.':
			if !pending && (len(steps) == 0 || steps[len(steps)-1].isKey) {
				return nil, fmt.Errorf("key %q: empty part before the dot at position %d", path, i+1)
			}
			flush()
			if i+1 == len(path) {
				return nil, fmt.Errorf("key %q: nothing follows the last dot", path)
			}
		case '[':
			if !pending && (len(steps) == 0 || steps[len(steps)-1].isKey) {
				return nil, fmt.Errorf("key %q: no key before the bracket at position %d", path, i+1)
			}
			flush()
			s, n, err := parseIndex(path[i:])
			if err != nil {
				return nil, fmt.Errorf("key %q: %w", path, err)
			}
			steps = append(steps, s)
			i += n - 1
			if i+1 < len(path) && path[i+1] != '.' && path[i+1] != '[' {
				return nil, fmt.Errorf("key %q: expected a dot after the bracket at position %d", path, i+1)
			}
		default:
			key.WriteByte(c)
			pending = true
		}
	}
	flush()
	if len(steps) == 0 {
		return nil, fmt.Errorf("empty key")
	}
	return steps, nil
}

// parseIndex reads "[3]" or "[]" at the start of text and says how long it is.
func parseIndex(text string) (step, int, error) {
	end := strings.IndexByte(text, ']')
	if end < 0 {
		return step{}, 0, fmt.Errorf("missing %q", "]")
	}
	if end == 1 {
		return step{append: true}, 2, nil
	}
	n, err := strconv.ParseUint(text[1:end], 10, 16)
	if err != nil {
		return step{}, 0, fmt.Errorf("%q is not an index (a number, or nothing to append)", text[1:end])
	}
	return step{index: int(n)}, end + 1, nil
}

// Get returns the value at a dotted path, nil if there is none.
func (v *Value) Get(path string) (*Value, error) {
	steps, err := parsePath(path)
	if err != nil {
		return nil, err
	}
	for _, s := range steps {
		switch {
		case s.append:
			return nil, fmt.Errorf("key %q: [] can only be set", path)
		case s.isKey:
			v = v.Lookup(s.key)
		case v.Kind == Sequence && s.index < len(v.Items):
			v = v.Items[s.index]
		default:
			v = nil
		}
		if v == nil {
			return nil, nil
		}
	}
	return v, nil
}

// Set puts value at a dotted path and makes the maps and lists on the way there. A scalar in the
// way is replaced; an index may be at most one past the end of its list.
func (v *Value) Set(path string, value *Value) error {
	steps, err := parsePath(path)
	if err != nil {
		return err
	}
	for _, s := range steps {
		if s.isKey {
			v = v.child(s.key, value.Pos)
			continue
		}
		if v.Kind != Sequence {
			*v = Value{Kind: Sequence, Pos: value.Pos}
		}
		if s.append {
			s.index = len(v.Items)
		}
		if s.index > len(v.Items) {
			return fmt.Errorf("key %q: index %d is beyond the end of a list of %d", path, s.index, len(v.Items))
		}
		if s.index == len(v.Items) {
			v.Items = append(v.Items, &Value{Pos: value.Pos})
		}
		v = v.Items[s.index]
	}
	*v = *value
	return nil
}

// child returns the value of a key, which it makes if need be.
func (v *Value) child(name string, pos Pos) *Value {
	if v.Kind != Map {
		*v = Value{Kind: Map, Pos: pos}
	}
	if old := v.Lookup(name); old != nil {
		return old
	}
	made := &Value{Pos: pos}
	v.Keys = append(v.Keys, Key{Name: name, Pos: pos, Value: made})
	return made
}
