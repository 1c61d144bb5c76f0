// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"slices"
	"strings"
)

// trie tells whether a text begins (or, built backwards, ends) with one of many others. It is a
// radix tree: the cost is that of the longest common part, whatever the number of texts.
type trie struct {
	nodes    []trieNode
	backward bool
}

// trieNode is reached by the bytes of label. children are sorted by their labels' first bytes,
// which keys repeats.
type trieNode struct {
	label    string
	keys     string
	children []uint32
	table    *[256]uint32 // index by byte instead of keys, for nodes with many children; 0: none
	end      bool         // a text of the set ends here
}

// wideNode is the number of children from which a node gets a table.
const wideNode = 12

// newPrefixTrie returns a trie over texts for has.
func newPrefixTrie(texts []string) *trie { return buildTrie(texts, false) }

// newSuffixTrie returns a trie that matches ends of texts.
func newSuffixTrie(texts []string) *trie { return buildTrie(texts, true) }

// buildTrie builds a trie. Texts that begin with a shorter one of the set add nothing.
func buildTrie(texts []string, backward bool) *trie {
	sorted := make([]string, len(texts))
	for i, t := range texts {
		if backward {
			t = reversed(t)
		}
		sorted[i] = t
	}
	slices.Sort(sorted)
	kept := sorted[:0]
	for _, t := range sorted {
		if len(kept) == 0 || !strings.HasPrefix(t, kept[len(kept)-1]) {
			kept = append(kept, t)
		}
	}
	t := &trie{backward: backward}
	if len(kept) > 0 {
		t.add(kept, 0)
	}
	return t
}

// reversed returns the bytes of s from the last to the first.
func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

// add appends the node for the sorted texts, which agree in their first depth bytes, and returns
// its index.
func (t *trie) add(texts []string, depth int) uint32 {
	first, last := texts[0], texts[len(texts)-1]
	end := depth
	for end < len(first) && end < len(last) && first[end] == last[end] {
		end++
	}
	at := uint32(len(t.nodes))
	t.nodes = append(t.nodes, trieNode{label: first[depth:end], end: end == len(first)})
	if end == len(first) {
		return at
	}
	var keys []byte
	var children []uint32
	for start := 0; start < len(texts); {
		b := texts[start][end]
		stop := start + 1
		for stop < len(texts) && texts[stop][end] == b {
			stop++
		}
		keys = append(keys, b)
		children = append(children, t.add(texts[start:stop], end))
		start = stop
	}
	n := &t.nodes[at]
	n.keys, n.children = string(keys), children
	if len(keys) >= wideNode {
		n.table = new([256]uint32)
		for i, b := range keys {
			n.table[b] = children[i]
		}
	}
	return at
}

// has reports whether one of the texts is the beginning (the end) of s.
func (t *trie) has(s string) bool {
	if len(t.nodes) == 0 {
		return false
	}
	if t.backward {
		return t.hasSuffix(s)
	}
	n := &t.nodes[0]
	for strings.HasPrefix(s, n.label) {
		if n.end {
			return true
		}
		s = s[len(n.label):]
		if s == "" {
			return false
		}
		if n = t.child(n, s[0]); n == nil {
			return false
		}
	}
	return false
}

// hasSuffix is has from the end of s.
func (t *trie) hasSuffix(s string) bool {
	n := &t.nodes[0]
	for {
		if len(s) < len(n.label) {
			return false
		}
		for i := range len(n.label) {
			if s[len(s)-1-i] != n.label[i] {
				return false
			}
		}
		if n.end {
			return true
		}
		s = s[:len(s)-len(n.label)]
		if s == "" {
			return false
		}
		if n = t.child(n, s[len(s)-1]); n == nil {
			return false
		}
	}
}

// child returns the child whose label begins with b, nil if there is none.
func (t *trie) child(n *trieNode, b byte) *trieNode {
	if n.table != nil {
		if i := n.table[b]; i != 0 {
			return &t.nodes[i]
		}
		return nil
	}
	if i := strings.IndexByte(n.keys, b); i >= 0 {
		return &t.nodes[n.children[i]]
	}
	return nil
}
