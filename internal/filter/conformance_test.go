// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/internal/corpus"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// mockCatalogue is the catalogue with the fields that the tables make up.
func mockCatalogue() *field.Catalogue {
	cat := field.Default()
	text := func(name string, s string) {
		cat.Add(&field.Field{Name: name, Type: event.CharBuf, Kind: field.KindString,
			Str: func(*field.Context, *field.Arg) (string, bool) { return s, true }})
	}
	text("c.true", "1")
	text("c.false", "0")
	text("c.doublequote", `hello "quoted"`)
	text("c.singlequote", "hello 'quoted'")
	cat.Add(&field.Field{Name: "c.buffer", Type: event.ByteBuf, Kind: field.KindBytes,
		Str: func(*field.Context, *field.Arg) (string, bool) { return "x", true }})
	return cat
}

// compileRow is a row of filter-compile.jsonl.
type compileRow struct {
	ID, Factory, Input string
	Expected           struct {
		OK       bool
		Warnings *int
		Message  string
	}
	Real *struct {
		OK       bool
		Message  string
		Warnings []string
	} `json:"falco_0_44_1"`
}

// newerLanguage says that a row is about "\xHH", which 0.44.1 does not know and we do; what it says
// of it does not count then.
func newerLanguage(row *compileRow) bool {
	return strings.Contains(row.Input, `\x`)
}

func TestConformanceCompile(t *testing.T) {
	score := corpus.NewScore(t, "filter-compile")
	for _, row := range corpus.Rows[compileRow](t, "filter-compile.jsonl") {
		cat := field.Default()
		mock := strings.HasPrefix(row.Factory, "mock")
		if mock {
			cat = mockCatalogue()
		}
		score.Row(row.ID, checkCompile(&row, cat, mock))
	}
	score.Hold(0)
}

// checkCompile returns what differs from the row.
func checkCompile(row *compileRow, cat *field.Catalogue, mock bool) string {
	n, err := syntax.Parse(row.Input)
	var warnings []Warning
	if err == nil {
		_, warnings, err = NewCompiler(cat).Compile(n, "syscall")
	}
	if (err == nil) != row.Expected.OK {
		return fmt.Sprintf("%q: error %v", row.Input, err)
	}
	if row.Expected.Warnings != nil && err == nil && len(warnings) != *row.Expected.Warnings {
		return fmt.Sprintf("%q: warnings %v", row.Input, warnings)
	}
	if row.Real == nil || newerLanguage(row) || mock && strings.Contains(row.Real.Message, "nonexistent field c.") {
		return ""
	}
	if err != nil {
		if err.Error() != row.Real.Message {
			return fmt.Sprintf("%q: message %q, want %q", row.Input, err, row.Real.Message)
		}
		return ""
	}
	var texts []string
	for _, w := range warnings {
		texts = append(texts, w.Msg)
	}
	if !slices.Equal(texts, row.Real.Warnings) && len(texts)+len(row.Real.Warnings) > 0 {
		return fmt.Sprintf("%q: warnings %q, want %q", row.Input, texts, row.Real.Warnings)
	}
	return ""
}

func TestConformanceEvalMock(t *testing.T) {
	score := corpus.NewScore(t, "filter-eval-mock")
	for _, row := range corpus.Rows[struct {
		ID       string
		Input    struct{ Filter string }
		Expected json.RawMessage
	}](t, "filter-eval-mock.jsonl") {
		complaint := ""
		got, err := matchMock(row.Input.Filter)
		want := string(row.Expected) == "true"
		if err != nil && (want || strings.Contains(string(row.Expected), "OK")) || err == nil && got != want {
			complaint = fmt.Sprintf("%q: %v (%v), want %s", row.Input.Filter, got, err, row.Expected)
		}
		score.Row(row.ID, complaint)
	}
	score.Hold(0)
}

// matchMock compiles and evaluates a condition over made-up fields.
func matchMock(text string) (bool, error) {
	n, err := syntax.Parse(text)
	if err != nil {
		return false, err
	}
	f, _, err := NewCompiler(mockCatalogue()).Compile(n, "")
	if err != nil {
		return false, err
	}
	return f.Match(&field.Context{Epoch: 1}), nil
}

// typesRow is a row of filter-evttypes.jsonl.
type typesRow struct {
	ID, Input string
	Expected  struct {
		Same string `json:"same_event_types_as"`
	}
	Real struct {
		Events int      `json:"n_event_codes"`
		Names  []string `json:"event_names"`
		Calls  int      `json:"n_sc"`
	} `json:"falco_0_44_1"`
}

func TestConformanceEventTypes(t *testing.T) {
	score := corpus.NewScore(t, "filter-evttypes")
	for _, row := range corpus.Rows[typesRow](t, "filter-evttypes.jsonl") {
		score.Row(row.ID, checkTypes(&row))
	}
	score.Hold(0)
}

// checkTypes returns what differs from what Falco 0.44.1 gave.
func checkTypes(row *typesRow) string {
	types, calls, err := typesOfText(row.Input)
	if err != nil {
		return fmt.Sprintf("%q: %v", row.Input, err)
	}
	published := 0 // Falco has not got the events of ours
	for typ := range types.All() {
		if !event.Lookup(typ).IsOwn() {
			published++
		}
	}
	if published != row.Real.Events || calls.Len() != row.Real.Calls {
		return fmt.Sprintf("%q: %d events and %d calls, want %d and %d", row.Input, published, calls.Len(), row.Real.Events, row.Real.Calls)
	}
	if row.Real.Names != nil {
		names := []string{}
		for typ := range types.All() {
			if info := event.Lookup(typ); !info.IsOwn() {
				names = append(names, info.Name)
			}
		}
		slices.Sort(names)
		if names = slices.Compact(names); !slices.Equal(names, row.Real.Names) {
			return fmt.Sprintf("%q: %v, want %v", row.Input, names, row.Real.Names)
		}
	}
	if row.Expected.Same != "" {
		other, otherCalls, err := typesOfText(row.Expected.Same)
		if err != nil || other != types || otherCalls != calls {
			return fmt.Sprintf("%q: not the types of %q", row.Input, row.Expected.Same)
		}
	}
	return ""
}

// typesOfText derives the event types of a condition's text.
func typesOfText(text string) (EventSet, SyscallSet, error) {
	n, err := syntax.Parse(text)
	if err != nil {
		return EventSet{}, SyscallSet{}, err
	}
	return ConditionTypes(n)
}

// transformRow is a row of transformers.jsonl.
type transformRow struct {
	ID    string
	Input struct {
		Transformer, Type string
		List              bool
		Values            []any
	}
	Expected struct {
		Type           string
		Values         []any
		Supported      []string `json:"supported_types"`
		SupportedLists string   `json:"supported_list_types"`
	}
}

func TestConformanceTransformers(t *testing.T) {
	score := corpus.NewScore(t, "transformers")
	for _, row := range corpus.Rows[transformRow](t, "transformers.jsonl") {
		complaint := ""
		if row.Input.Values == nil {
			complaint = checkTransformTypes(&row)
		} else {
			complaint = checkTransform(&row)
		}
		score.Row(row.ID, complaint)
	}
	score.Hold(0)
}

// checkTransformTypes compares the types that a transformer takes.
func checkTransformTypes(row *transformRow) string {
	for typ := range typeNames {
		name := "PT_" + typeNames[typ]
		want := slices.Contains(row.Expected.Supported, name)
		if got := transformable(row.Input.Transformer, &source{typ: event.ParamType(typ)}); got != want {
			return fmt.Sprintf("%s of %s: %v", row.Input.Transformer, name, got)
		}
		want = want || row.Expected.SupportedLists == "all_param_types()"
		if got := transformable(row.Input.Transformer, &source{typ: event.ParamType(typ), list: true}); got != want {
			return fmt.Sprintf("%s of a list of %s: %v", row.Input.Transformer, name, got)
		}
	}
	return ""
}

// checkTransform compares what a transformer makes of values. The table also has several values
// where there is no list: each is transformed by itself.
func checkTransform(row *transformRow) string {
	in := &source{typ: typeCalled(row.Input.Type), list: row.Input.List, arg: &field.Arg{}}
	var got []any
	c := &field.Context{}
	var texts []string
	var numbers []uint64
	for _, v := range row.Input.Values {
		switch v := v.(type) {
		case string:
			texts = append(texts, v)
		case float64:
			numbers = append(numbers, uint64(v))
		}
	}
	switch {
	case numbers != nil:
		in.uints = func(_ *field.Context, dst []uint64) ([]uint64, bool) { return append(dst, numbers...), true }
	case row.Input.List || len(texts) != 1:
		in.strs = func(_ *field.Context, dst []string) ([]string, bool) { return append(dst, texts...), true }
	default:
		in.str = func(*field.Context, *field.Arg) (string, bool) { return texts[0], true }
	}
	out := transformed(row.Input.Transformer, in)
	switch {
	case out.strs != nil:
		list, _ := out.strs(c, nil)
		for _, s := range list {
			got = append(got, s)
		}
	case out.uint != nil:
		n, _ := out.uint(c, nil)
		got = append(got, float64(n))
	default:
		s, _ := out.str(c, nil)
		got = append(got, s)
	}
	if typeName(out.typ) != strings.TrimPrefix(row.Expected.Type, "PT_") || !slices.Equal(got, row.Expected.Values) {
		return fmt.Sprintf("%s %v: %s %v, want %s %v", row.Input.Transformer, row.Input.Values, typeName(out.typ), got, row.Expected.Type, row.Expected.Values)
	}
	return ""
}

// typeCalled is the type of a published name.
func typeCalled(name string) event.ParamType {
	return event.ParamType(slices.Index(typeNames[:], strings.TrimPrefix(name, "PT_")))
}

func TestErrorsAreOfOneType(t *testing.T) {
	for _, text := range []string{"nope.nope = 1", "proc.name > proc", "a", "evt.type = nope", "proc.pid = x", "join(proc.name) = x", "proc.name regex '('", "fd.cip.name < 1"} {
		n, err := syntax.Parse(text)
		if err != nil {
			continue
		}
		_, _, err = NewCompiler(field.Default()).Compile(n, "syscall")
		var e *Error
		if !errors.As(err, &e) || e.Msg == "" || e.Pos.Line == 0 || e.At.Line == 0 {
			t.Errorf("%s: %#v", text, err)
		}
	}
}
