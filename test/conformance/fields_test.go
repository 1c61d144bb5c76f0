// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/field"
)

// notCompared are the fields that depend on the machine of the reference run, with the reason.
var notCompared = []struct{ prefix, why string }{
	{"evt.hostname", "name of the machine that replays"},
	{"evt.reltime", "the reference never starts the clock in a replay"},
	{"container.cni.json", "written by the container plugin of the machine that replays"},
	{"k8s.", "written by the container plugin of the machine that replays"},
	{"proc.ppid.duration", "the reference mixes the clocks of file and machine"},
	{"proc.exe_ino.ctime_duration_", "the reference prints memory that nothing has set"},
	{"evt.pluginname", "no plugin is loaded"},
	{"evt.plugininfo", "no plugin is loaded"},
	{"fd.cproto", "names of services come from the machine that replays"},
	{"fd.sproto", "names of services come from the machine that replays"},
	{"fd.lproto", "names of services come from the machine that replays"},
	{"fd.rproto", "names of services come from the machine that replays"},
	{"user.name", "users that the capture lacks come from the machine that replays"},
	{"user.homedir", "users that the capture lacks come from the machine that replays"},
	{"user.shell", "users that the capture lacks come from the machine that replays"},
	{"user.loginname", "users that the capture lacks come from the machine that replays"},
	{"group.name", "groups that the capture lacks come from the machine that replays"},
}

// compared reports whether a field depends on the capture alone.
func compared(name string) bool {
	for _, n := range notCompared {
		if strings.HasPrefix(name, n.prefix) {
			return false
		}
	}
	return true
}

// fieldRow is what the reference said of one event.
type fieldRow struct {
	Num    uint64                     `json:"evt.num"`
	Fields map[string]json.RawMessage `json:"fields"`
}

// askedField is a field with its argument.
type askedField struct {
	name string
	f    *field.Field
	arg  field.Arg
}

// resolve finds the fields of those names.
func resolve(t *testing.T, names map[string]bool) []askedField {
	cat := field.Default()
	var list []askedField
	for name := range names {
		base, arg, has := strings.Cut(strings.TrimSuffix(name, "]"), "[")
		f, a, err := cat.Resolve(base, arg, has)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		list = append(list, askedField{name, f, a})
	}
	slices.SortFunc(list, func(a, b askedField) int { return strings.Compare(a.name, b.name) })
	return list
}

// TestFields compares all fields of the sampled events of all captures.
func TestFields(t *testing.T) {
	rows := map[string]map[uint64]fieldRow{}
	names := map[string]bool{}
	list := captures(t)
	for _, c := range list {
		of := map[uint64]fieldRow{}
		lines(t, c.fields, func(b []byte) {
			var r fieldRow
			if err := json.Unmarshal(b, &r); err != nil {
				t.Fatal(err)
			}
			of[r.Num] = r
			for n := range r.Fields {
				if compared(n) {
					names[n] = true
				}
			}
		})
		rows[c.name] = of
	}
	asked := resolve(t, names)
	result := newAgreement()
	for _, c := range list {
		of := rows[c.name]
		seen := 0
		replay(t, c.file, nil, func(ctx *field.Context) {
			row, ok := of[ctx.Ev.Num]
			if !ok {
				return
			}
			seen++
			for i := range asked {
				compareField(result, &c, ctx, &asked[i], row)
			}
		})
		if seen != len(of) {
			t.Errorf("%s: %d of %d sampled events were seen", c.name, seen, len(of))
		}
	}
	result.report(t, "fields")
}

// compareField compares one value; a field that neither side has does not count.
func compareField(result *agreement, c *capture, ctx *field.Context, a *askedField, row fieldRow) {
	want, has := row.Fields[a.name]
	var got []byte
	if v, ok := a.f.Value(ctx, &a.arg); ok {
		got = v.AppendJSON(nil)
	}
	if got == nil && !has {
		return
	}
	base, _, _ := strings.Cut(a.name, "[")
	result.add(base, has && got != nil && sameJSON(got, want), "%s: %s #%d %s: got %s, want %s", a.name, c.name, ctx.Ev.Num, ctx.Ev.Info().Name, cut(got), cut(want))
}

// TestCounts compares how many events of each type reach the rules.
func TestCounts(t *testing.T) {
	result := newAgreement()
	typ := field.Default().Lookup("evt.type")
	for _, c := range captures(t) {
		b, err := os.ReadFile(c.counts)
		if err != nil {
			t.Fatal(err)
		}
		var want struct {
			Events int            `json:"events"`
			ByType map[string]int `json:"by_type"`
		}
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatal(err)
		}
		got := countEvents(t, c.file, typ, want.Events) // the reference did not come to the end of every file
		for name := range want.ByType {
			got[name] += 0
		}
		for name, n := range got {
			result.add(name, n == want.ByType[name], "%s: got %d, want %d", c.name, n, want.ByType[name])
		}
	}
	result.report(t, "counts")
}
