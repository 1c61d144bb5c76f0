// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
)

// optSet says of each option character whether it is one and whether a value follows it.
type optSet struct{ valid, valued [256]bool }

// parseOptString reads a description of options as getopt takes it.
func parseOptString(s string) *optSet {
	var set optSet
	s = strings.TrimPrefix(s, ":")
	for i := 0; i < len(s); i++ {
		if s[i] == ':' {
			continue
		}
		set.valid[s[i]] = true
		if i+1 < len(s) && s[i+1] == ':' {
			set.valued[s[i]] = true
			i++
		}
	}
	return &set
}

// scan walks over the short options of args and calls found with each option's name, "?" for
// one that is unknown, and its value.
func (set *optSet) scan(args []string, found func(name, value string, valued bool)) {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--", len(arg) < 2 || arg[0] != '-':
			return
		case arg[1] == '-':
			continue
		}
		for j := 1; j < len(arg); j++ {
			opt := arg[j]
			switch {
			case opt == ':' || !set.valid[opt]:
				found("?", "", false)
				continue
			case !set.valued[opt]:
				found(arg[j:j+1], "", false)
				continue
			case j+1 < len(arg):
				found(arg[j:j+1], arg[j+1:], true)
			case i+1 < len(args):
				i++
				found(arg[j:j+1], args[i], true)
			default:
				found("", "", false) // the value is missing
			}
			break
		}
	}
}

// options is what getopt finds in the list args: names and values, or with a selector the last
// value of that option.
func options(args, optstring *source, selector string, selected bool) *source {
	out := &source{name: "getopt", typ: event.CharBuf, arg: optstring.arg, list: !selected, cost: args.cost + optstring.cost + 150}
	var fixed *optSet
	if optstring.field == nil && optstring.cost == 1 { // a literal
		s, _ := optstring.str(nil, optstring.arg)
		fixed = parseOptString(s)
	}
	read := func(c *field.Context, dst []string) (set *optSet, list []string, ok bool) {
		set = fixed
		if set == nil {
			s, ok := optstring.str(c, optstring.arg)
			if !ok {
				return nil, dst, false
			}
			set = parseOptString(s)
		}
		list, ok = appendTexts(c, dst, []*source{args})
		if args.strs == nil && ok { // one text with all arguments
			s := list[len(dst)]
			list = list[:len(dst)]
			for word := range strings.FieldsSeq(s) {
				list = append(list, word)
			}
		}
		return set, list, ok
	}
	if selected {
		out.str = func(c *field.Context, _ *field.Arg) (result string, ok bool) {
			n := len(c.Strs)
			set, list, ok := read(c, c.Strs)
			c.Strs = list[:n]
			if !ok {
				return "", false
			}
			return set.last(list[n:], selector[0])
		}
		return out
	}
	out.strs = func(c *field.Context, dst []string) ([]string, bool) {
		set, list, ok := read(c, dst)
		if !ok {
			return dst, false
		}
		return set.flat(list, len(dst)), true
	}
	return out
}

// last returns the last value of an option: for one without value its name.
func (set *optSet) last(args []string, opt byte) (result string, ok bool) {
	if !set.valid[opt] {
		return "", false
	}
	pending := byte(0)
	set.scan(args, func(name, value string, valued bool) {
		switch {
		case name == "": // the last argument asks for a value that is not there
			arg := args[len(args)-1]
			pending = arg[len(arg)-1]
			if pending == opt {
				result, ok = "", true
			}
		case name[0] == opt && name != "?" && valued:
			result, ok = value, true
		case name[0] == opt && set.valid[name[0]] && !valued:
			result, ok = name, true
		}
	})
	return result, ok
}

// flat replaces the arguments behind the first n of list by the names and values found in them.
func (set *optSet) flat(list []string, n int) []string {
	end := len(list)
	args := list[n:end]
	set.scan(args, func(name, value string, valued bool) {
		list = append(list, name)
		if valued {
			list = append(list, value)
		}
	})
	return append(list[:n], list[end:]...)
}
