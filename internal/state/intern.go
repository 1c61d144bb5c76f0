// SPDX-License-Identifier: Apache-2.0

package state

// interner hands out one string for equal bytes. It forgets what was not asked for during a whole
// generation, so its memory is bounded by two generations.
type interner struct {
	now, before map[string]string
	bytes       int
}

// generationBytes is the size at which a generation of interned texts ends.
const generationBytes = 1 << 20

// newInterner returns an empty interner.
func newInterner() interner { return interner{now: map[string]string{}} }

// str returns b as a string, which is shared and permanent.
func (in *interner) str(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if s, ok := in.now[string(b)]; ok {
		return s
	}
	s, ok := in.before[string(b)]
	if !ok {
		s = string(b)
	}
	if in.bytes += len(s) + 32; in.bytes > generationBytes {
		in.before, in.now, in.bytes = in.now, map[string]string{}, 0
	}
	in.now[s] = s
	return s
}

// text returns s as a string that does not borrow.
func (in *interner) text(s string) string {
	if len(s) == 0 {
		return ""
	}
	if v, ok := in.now[s]; ok {
		return v
	}
	return in.str([]byte(s))
}

// argv is a parsed block of arguments.
type argv struct {
	line string   // name and arguments, joined by blanks
	args []string // parts of line
}

// blocks caches parsed blocks of texts by their raw bytes.
type blocks[T any] struct {
	now, before map[string]T
	bytes       int
	limit       int
}

// newBlocks returns an empty cache, of which a generation ends at limit bytes.
func newBlocks[T any](limit int) blocks[T] {
	return blocks[T]{now: map[string]T{}, limit: limit}
}

// get returns what the cache has for key.
func (c *blocks[T]) get(key []byte) (T, bool) {
	if v, ok := c.now[string(key)]; ok {
		return v, true
	}
	v, ok := c.before[string(key)]
	if ok {
		c.put(string(key), v)
	}
	return v, ok
}

// put enters v under key.
func (c *blocks[T]) put(key string, v T) {
	if c.bytes += 2*len(key) + 64; c.bytes > c.limit {
		c.before, c.now, c.bytes = c.now, map[string]T{}, 0
	}
	c.now[key] = v
}
