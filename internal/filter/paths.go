// SPDX-License-Identifier: Apache-2.0

package filter

import "strings"

// pathTrie tells whether a path lies below, or is, one of many others: their components are the
// beginning of the path's. Components may be patterns.
type pathTrie struct{ root pathNode }

// pathNode is reached by the components of a path.
type pathNode struct {
	names    map[string]*pathNode
	few      []pathName // instead of names while they are few
	patterns []pathPattern
	end      bool // a path of the set ends here
}

// pathName is a component without wildcards.
type pathName struct {
	name string
	next *pathNode
}

// fewNames is how many components are compared one by one before they are hashed.
const fewNames = 6

// pathPattern is a component with wildcards.
type pathPattern struct {
	pattern string
	next    *pathNode
}

// newPathTrie returns a trie over paths. Slashes at the ends and double ones mean nothing.
func newPathTrie(paths []string) *pathTrie {
	t := &pathTrie{}
	for _, p := range paths {
		n := &t.root
		for !n.end {
			var component string
			if component, p = nextComponent(p); component == "" {
				*n = pathNode{end: true} // what is longer adds nothing
				break
			}
			n = n.grow(component)
		}
	}
	return t
}

// nextComponent splits the first component from a path; it is empty at the path's end.
func nextComponent(p string) (component, rest string) {
	for len(p) > 0 && p[0] == '/' {
		p = p[1:]
	}
	if i := strings.IndexByte(p, '/'); i >= 0 {
		return p[:i], p[i:]
	}
	return p, ""
}

// grow returns the node behind n for a component and makes it if need be.
func (n *pathNode) grow(component string) *pathNode {
	if strings.ContainsAny(component, "?*[") {
		for _, p := range n.patterns {
			if p.pattern == component {
				return p.next
			}
		}
		next := &pathNode{}
		n.patterns = append(n.patterns, pathPattern{component, next})
		return next
	}
	next := n.child(component)
	switch {
	case next != nil:
		return next
	case n.names == nil && len(n.few) < fewNames:
		next = &pathNode{}
		n.few = append(n.few, pathName{component, next})
		return next
	case n.names == nil:
		n.names = make(map[string]*pathNode, 2*fewNames)
		for _, f := range n.few {
			n.names[f.name] = f.next
		}
		n.few = nil
	}
	next = &pathNode{}
	n.names[component] = next
	return next
}

// child returns the node behind n for a component without wildcards, nil if there is none.
func (n *pathNode) child(component string) *pathNode {
	if n.names != nil {
		return n.names[component]
	}
	for i := range n.few {
		if n.few[i].name == component {
			return n.few[i].next
		}
	}
	return nil
}

// has reports whether path lies below, or is, one of the set.
func (t *pathTrie) has(path string) bool { return t.root.has(path) }

// has reports whether the rest of a path fits what is below n.
func (n *pathNode) has(path string) bool {
	for !n.end {
		component, rest := nextComponent(path)
		if component == "" {
			return false
		}
		for i := range n.patterns {
			if p := &n.patterns[i]; glob(p.pattern, component, false) && p.next.has(rest) {
				return true
			}
		}
		next := n.child(component)
		if next == nil {
			return false
		}
		n, path = next, rest
	}
	return true
}
