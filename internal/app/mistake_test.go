// SPDX-License-Identifier: Apache-2.0

package app

import (
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/field"
)

// TestMistakes shows where in a command line's filter or format a mistake is.
func TestMistakes(t *testing.T) {
	cat := field.Default()
	for _, c := range []struct{ filter, format, want string }{
		{filter: "proc.nam = curl", want: "filter: filter_check called with nonexistent field proc.nam\n  proc.nam = curl\n  ^~~~~~~~\n  hint: did you mean proc.name?"},
		{filter: "evt.type=opne or evt.type = close", want: "filter: unknown event type opne\n  evt.type=opne or evt.type = close\n           ^~~~\n  hint: did you mean open?"},
		{filter: "evt.type=open\n and proc.nmae=3", want: "filter: filter_check called with nonexistent field proc.nmae\n   and proc.nmae=3\n       ^~~~~~~~~\n  hint: did you mean proc.name?"},
		{filter: "(proc.name=a", want: "filter: expected a ')' token\n  (proc.name=a\n              ^"},
		{filter: "proc.name = a\x1b[31m and", want: "filter: expected blank or '(' after 'and'\n  proc.name = a?[31m and\n                        ^"},
		{filter: "proc.name = a"},
		{format: "%evt.num %proc.nme x", want: "format: unknown field at \"proc.nme x\" (did you mean %proc.name?)\n  %evt.num %proc.nme x\n           ^~~~~~~~~"},
		{format: "%evt.num %", want: "format: invalid formatting syntax: formatting cannot end with a %\n  %evt.num %\n           ^\n  hint: write the percent sign's field name behind it"},
		{format: "%evt.num %proc.aname[2]"},
	} {
		var err error
		if c.filter != "" {
			_, _, _, err = CompileFilter(cat, c.filter)
		} else {
			_, err = ParseFormat(c.format, cat)
		}
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q%q\n got %s\nwant %s", c.filter, c.format, got, c.want)
		}
	}
}
