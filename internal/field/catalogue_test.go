// SPDX-License-Identifier: Apache-2.0

package field

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// shared returns a path below the folder that holds corpora and facts, and skips the test if there
// is no such file.
func shared(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("GYR_CORPORA")
	if dir == "" {
		dir = "../../../shared/corpora"
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("GYR_REQUIRE_CORPORA") == "1" {
			t.Fatal(err)
		}
		t.Skip("no corpora")
	}
	return path
}

func TestFieldsAreComplete(t *testing.T) {
	names := map[string]bool{}
	for _, f := range Default().All() {
		if names[f.Name] {
			t.Errorf("%s: twice", f.Name)
		}
		names[f.Name] = true
		if !strings.HasSuffix(f.Doc, ".") || len(f.Doc) > 420 || f.Doc[0] == ' ' {
			t.Errorf("%s: doc is not a sentence: %q", f.Name, f.Doc)
		}
		if n := getters(f); n != 1 && !(f.Flags&ByHostName != 0 && n == 2) {
			t.Errorf("%s: %d getters", f.Name, n)
		}
		list := f.Kind == KindStrings || f.Kind == KindInts || f.Kind == KindUints || f.Kind == KindIPs || f.Kind == KindNet
		if want := f.Flags&(IsList|AnyValue|EitherEnd) != 0 || f.Kind == KindNet; list != want {
			t.Errorf("%s: kind %d does not go with flags %b", f.Name, f.Kind, f.Flags)
		}
		if !f.Ours && (strings.Contains(f.Doc, "ours") || f.Class == "") {
			t.Errorf("%s: class %q", f.Name, f.Class)
		}
	}
}

func getters(f *Field) (n int) {
	for _, set := range []bool{
		f.Str != nil, f.Int != nil, f.Uint != nil, f.Bool != nil, f.Float != nil, f.IP != nil,
		f.Strs != nil, f.Uints != nil, f.Ints != nil, f.IPs != nil, f.Any != nil,
	} {
		if set {
			n++
		}
	}
	return n
}

// typeNames are the names that facts and --list use for a field's type.
var typeNames = map[string]event.ParamType{
	"UINT64": event.Uint64, "UINT32": event.Uint32, "INT64": event.Int64, "INT32": event.Int32, "INT16": event.Int16,
	"CHARBUF": event.CharBuf, "BYTEBUF": event.ByteBuf, "RELTIME": event.RelTime, "ABSTIME": event.AbsTime,
	"BOOL": event.Bool, "DOUBLE": event.Double, "PORT": event.Port, "IPADDR": event.IPAddr, "IPNET": event.IPNet,
	"DYN": event.Dyn, "DYNAMIC": event.Dyn,
}

var formatNames = map[string]event.Format{
	"NA": event.FormatNone, "DEC": event.FormatDec, "HEX": event.FormatHex, "ID": event.FormatID,
	"DIR": event.FormatDir, "10_PADDED_DEC": event.FormatPadded10,
}

// TestFieldsAgreeWithFacts holds names, types, formats, flags and argument rules to the published ones.
func TestFieldsAgreeWithFacts(t *testing.T) {
	file, err := os.Open(shared(t, "../facts/falco/fields.tsv"))
	if err != nil {
		t.Skip("no facts")
	}
	defer file.Close()
	cat := Default()
	published := map[string]bool{}
	agree := 0
	lines := bufio.NewScanner(file)
	lines.Scan()
	for lines.Scan() {
		row := strings.Split(lines.Text(), "\t")
		name, flags, arg := row[1], row[5], row[6]
		published[name] = true
		if problems := conforms(cat.Lookup(name), row[2], row[3], row[4], flags, arg); problems != nil {
			t.Errorf("%s: %s", name, strings.Join(problems, "; "))
			continue
		}
		agree++
	}
	for _, f := range cat.All() {
		if published[f.Name] == f.Ours {
			t.Errorf("%s: published is %v, ours is %v", f.Name, published[f.Name], f.Ours)
		}
	}
	t.Logf("%d of %d published fields agree in name, type, format, flags and argument rule; %d more are ours", agree, len(published), len(cat.All())-len(published))
	if agree != len(published) || agree < publishedFields {
		t.Errorf("%d of %d fields agree, all of at least %d have to", agree, len(published), publishedFields)
	}
}

// publishedFields is how many fields the published catalogue has, those of its plugins included.
const publishedFields = 319

// conforms returns in what a field differs from its published row.
func conforms(f *Field, typ, list, format, flags, arg string) (problems []string) {
	if f == nil {
		return []string{"missing"}
	}
	bad := func(what string, got, want any) {
		problems = append(problems, fmt.Sprintf("%s %v, want %v", what, got, want))
	}
	if want := typeNames[typ]; f.Type != want {
		bad("type", f.Type, want)
	}
	if want, ok := formatNames[format]; !ok || f.Format != want {
		bad("format", f.Format, format)
	}
	if want := list == "list"; want != (f.Flags&IsList != 0) {
		bad("list", !want, want)
	}
	want := ArgNone
	switch {
	case strings.HasPrefix(arg, "required"):
		want = ArgRequired
	case arg == "optional":
		want = ArgOptional
	}
	if f.Arg != want {
		bad("argument rule", f.Arg, want)
	}
	if got := flagNames(f); got != keepFlags(flags) {
		bad("flags", got, keepFlags(flags))
	}
	return problems
}

var flagOrder = []struct {
	name string
	flag Flags
}{
	{"FILTER_ONLY", FilterOnly}, {"PRINT_ONLY", PrintOnly}, {"TABLE_ONLY", TableOnly}, {"NO_RHS", NoRHS},
	{"NO_TRANSFORMER", NoTransformer}, {"DEPRECATED", Deprecated}, {"FORMAT_SUGGESTED", FormatSuggested},
}

func flagNames(f *Field) string {
	var names []string
	for _, x := range flagOrder {
		if f.Flags&x.flag != 0 && !(f.Name == "util.cnt" && x.flag == TableOnly) {
			names = append(names, x.name)
		}
	}
	return strings.Join(names, "|")
}

// keepFlags brings the flags of the facts that fields have too into our order.
func keepFlags(text string) string {
	var names []string
	for _, x := range flagOrder {
		for _, word := range strings.Split(strings.ReplaceAll(text, "(no value)", ""), "|") {
			if word == x.name {
				names = append(names, word)
			}
		}
	}
	return strings.Join(names, "|")
}

// TestFieldsAgreeWithReference holds the fields to what the real program says of its own.
func TestFieldsAgreeWithReference(t *testing.T) {
	file, err := os.Open(shared(t, "reference/fields.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cat := Default()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	rows, agree := 0, 0
	for lines.Scan() {
		var row struct {
			Class, Name, Type, Desc string
			ArgRequired             bool `json:"arg_required"`
			ArgAllowed              bool `json:"arg_allowed"`
			IsList                  bool `json:"is_list"`
			TableOnly               bool `json:"table_only"`
			Deprecated              bool
		}
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		rows++
		f := cat.Lookup(row.Name)
		if f == nil {
			t.Errorf("%s: missing", row.Name)
			continue
		}
		rule := ArgNone
		if row.ArgRequired {
			rule = ArgRequired
		} else if row.ArgAllowed {
			rule = ArgOptional
		}
		if f.Class != row.Class || f.Type != typeNames[row.Type] || f.Arg != rule || f.Flags&IsList != 0 != row.IsList ||
			f.Flags&TableOnly != 0 != row.TableOnly && f.Name != "util.cnt" || f.Flags&Deprecated != 0 != row.Deprecated {
			t.Errorf("%s: got %+v, want %+v", row.Name, f, row)
			continue
		}
		agree++
		if strings.EqualFold(f.Doc, row.Desc) {
			t.Errorf("%s: doc is not ours", f.Name)
		}
	}
	t.Logf("%d of %d fields agree with what the real program says", agree, rows)
	if agree != rows || rows < 200 {
		t.Errorf("%d of %d fields agree", agree, rows)
	}
}
