// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"slices"
	"strings"
)

// trie tells whether a text begins (or, built backwards, ends) with one of many others. It is a
// radix tree laid out level by level in one array, the children of a node side by side: the cost
// is that of the longest common part, whatever the number of texts.
type trie struct {
	nodes    []trieNode
	labels   string // of all nodes
	tables   [][256]uint32
	backward bool
}

// fewChildren is the number of children that a node tells apart without a table.
const fewChildren = 14

// trieNode is reached by the bytes of its label; it fills half a cache line.
type trieNode struct {
	label    uint32 // where it begins in labels
	children uint32 // index of the first child, or of the table
	size     uint16 // of the label
	end      bool   // a text of the set ends here
	wide     bool   // children is the index of a table with the child of each byte, 0: none
	count    uint8  // of the children, without a table
	keys     [fewChildren]byte
}

// newPrefixTrie returns a trie over texts for has.
func newPrefixTrie(texts []string) *trie { return buildTrie(texts, false) }

// newSuffixTrie returns a trie that matches ends of texts.
func newSuffixTrie(texts []string) *trie { return buildTrie(texts, true) }

// pendingNode is a node of which only the place is known yet: the texts below it, sorted, which
// agree in their first depth bytes.
type pendingNode struct {
	texts []string
	depth int
}

// maxLabel is the longest label; longer common parts take several nodes.
const maxLabel = 1<<16 - 1

// buildTrie builds a trie. Texts that begin with a shorter one of the set add nothing.
func buildTrie(texts []string, backward bool) *trie {
	ordered := make([]string, len(texts))
	for i, t := range texts {
		if backward {
			t = reversed(t)
		}
		ordered[i] = t
	}
	slices.Sort(ordered)
	kept := ordered[:0]
	for _, t := range ordered {
		if len(kept) == 0 || !strings.HasPrefix(t, kept[len(kept)-1]) {
			kept = append(kept, t)
		}
	}
	t := &trie{backward: backward}
	if len(kept) == 0 {
		return t
	}
	var labels strings.Builder
	t.nodes = make([]trieNode, 1, len(kept)+1)
	queue := []pendingNode{{kept, 0}}
	for at := 0; at < len(queue); at++ {
		queue = append(queue, t.fill(at, queue[at], &labels)...)
		queue[at].texts = nil
	}
	t.labels = labels.String()
	return t
}

// reversed returns the bytes of s from the last to the first.
func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

// fill makes node number at and places for its children, which it returns.
func (t *trie) fill(at int, p pendingNode, labels *strings.Builder) []pendingNode {
	first, last := p.texts[0], p.texts[len(p.texts)-1]
	end, limit := p.depth, min(len(first), len(last), p.depth+maxLabel)
	for end < limit && first[end] == last[end] {
		end++
	}
	n := trieNode{label: uint32(labels.Len()), size: uint16(end - p.depth), end: end == len(first)}
	labels.WriteString(first[p.depth:end])
	var keys []byte
	var children []pendingNode
	for start := 0; start < len(p.texts) && !n.end; {
		b := p.texts[start][end]
		stop := start + 1
		for stop < len(p.texts) && p.texts[stop][end] == b {
			stop++
		}
		keys = append(keys, b)
		children = append(children, pendingNode{p.texts[start:stop], end})
		start = stop
	}
	n.children = uint32(len(t.nodes))
	if len(keys) > fewChildren {
		n.wide = true
		var table [256]uint32
		for i, b := range keys {
			table[b] = n.children + uint32(i)
		}
		n.children = uint32(len(t.tables))
		t.tables = append(t.tables, table)
	} else {
		n.count = uint8(copy(n.keys[:], keys))
	}
	t.nodes[at] = n
	t.nodes = append(t.nodes, make([]trieNode, len(children))...)
	return children
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
	for {
		if n.size > 0 {
			if !strings.HasPrefix(s, t.labels[n.label:n.label+uint32(n.size)]) {
				return false
			}
			s = s[n.size:]
		}
		if n.end {
			return true
		}
		if s == "" {
			return false
		}
		if n = t.child(n, s[0]); n == nil {
			return false
		}
	}
}

// hasSuffix is has from the end of s.
func (t *trie) hasSuffix(s string) bool {
	n := &t.nodes[0]
	for {
		size := int(n.size)
		if len(s) < size {
			return false
		}
		label := t.labels[n.label : n.label+uint32(size)]
		for i := range size {
			if s[len(s)-1-i] != label[i] {
				return false
			}
		}
		if n.end {
			return true
		}
		if s = s[:len(s)-size]; s == "" {
			return false
		}
		if n = t.child(n, s[len(s)-1]); n == nil {
			return false
		}
	}
}

// child returns the child whose label begins with b, nil if there is none.
func (t *trie) child(n *trieNode, b byte) *trieNode {
	if n.wide {
		if i := t.tables[n.children][b]; i != 0 {
			return &t.nodes[i]
		}
		return nil
	}
	for i, key := range n.keys[:n.count] {
		if key == b {
			return &t.nodes[n.children+uint32(i)]
		}
	}
	return nil
}
