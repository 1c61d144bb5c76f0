// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"slices"
	"strings"
)

// Selection switches rules on or off: those with a tag, or those whose name fits a pattern with
// "*" for any text. Of two given criteria each switches by itself.
type Selection struct {
	Enable bool
	Rule   string // name or pattern, "" if by tag only
	Tag    string
}

// matches reports whether the selection is about the rule.
func (s *Selection) matches(r *Rule) bool {
	return s.Rule != "" && wildcard(s.Rule, r.Name) || s.Tag != "" && slices.Contains(r.Tags, s.Tag)
}

// applySelection switches the rules of the set, selection by selection. The order of evaluation
// stays that of definition; the reference moves a rule that it switches on to the end.
func applySelection(s *Set, all []Selection) {
	for i := range all {
		idle := true
		for _, r := range s.Rules {
			if all[i].matches(r) {
				r.Enabled, idle = all[i].Enable, false
			}
		}
		if idle {
			s.IdleSelection = append(s.IdleSelection, i)
		}
	}
}

// applyIdle notes the entries of append_output that restrict themselves to rules that are not there.
func applyIdle(s *Set, all []Addition) {
	for i := range all {
		a := &all[i]
		fits := func(r *Rule) bool { return a.fits(r.Source, r.Name, r.Tags) }
		if (a.Source != "" || a.Rule != "" || len(a.Tags) > 0) && !slices.ContainsFunc(s.Rules, fits) {
			s.IdleAppend = append(s.IdleAppend, i)
		}
	}
}

// wildcard reports whether name fits the pattern, in which "*" stands for any text.
func wildcard(pattern, name string) bool {
	first, rest, found := strings.Cut(pattern, "*")
	if !found {
		return pattern == name
	}
	if !strings.HasPrefix(name, first) {
		return false
	}
	name = name[len(first):]
	for {
		middle, after, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(name, rest)
		}
		i := strings.Index(name, middle)
		if i < 0 {
			return false
		}
		name, rest = name[i+len(middle):], after
	}
}
