// SPDX-License-Identifier: Apache-2.0

package syntax

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/filter/internal/corpus"
)

// libraryDepth is the limit of nesting that the table of the parser assumes.
const libraryDepth = 100

// parseRow is a row of filter-parse.jsonl.
type parseRow struct {
	ID       string
	Input    string
	Expected parseExpected
	Real     json.RawMessage `json:"falco_0_44_1"`
}

type parseExpected struct {
	Accept    bool
	Message   string
	AsString  *string         `json:"as_string"`
	RoundTrip *bool           `json:"as_string_roundtrip_equal"`
	Positions string          `json:"node_positions"`
	AST       json.RawMessage `json:"ast"`
	EqualTo   string          `json:"ast_equal_to"`
	Equal     bool
	Variants  string `json:"whitespace_variants"`
	Pos       *struct{ Idx, Line, Col int }
}

func TestConformanceParse(t *testing.T) {
	score := corpus.NewScore(t, "filter-parse")
	for _, row := range corpus.Rows[parseRow](t, "filter-parse.jsonl") {
		score.Row(row.ID, checkParse(&row))
	}
	score.Hold(0)
}

// checkParse returns what differs from the row.
func checkParse(row *parseRow) string {
	e := &row.Expected
	p := newParser(row.Input, libraryDepth)
	n, err := p.condition()
	if (err == nil) != e.Accept {
		return fmt.Sprintf("%.80q: error %v", row.Input, err)
	}
	if complaint := checkReal(row, n, err); complaint != "" {
		return complaint
	}
	if e.Pos != nil && (Pos{e.Pos.Idx, e.Pos.Line, e.Pos.Col}) != p.pos {
		return fmt.Sprintf("%q: ends at %v", row.Input, p.pos)
	}
	if err == nil {
		if complaint := checkTree(row, n); complaint != "" {
			return complaint
		}
	}
	for _, variant := range variants(row) {
		if _, err := Parse(variant); (err == nil) != e.Accept {
			return fmt.Sprintf("variant %q: error %v", variant, err)
		}
	}
	return ""
}

// checkReal compares with what Falco 0.44.1 said, and with the expected message.
func checkReal(row *parseRow, n Node, err error) string {
	var real struct {
		AsString string `json:"as_string"`
		Message  string
	}
	if json.Unmarshal(row.Real, &real) != nil {
		real.Message = row.Expected.Message // it crashed
	}
	var syntax *Error
	if errors.As(err, &syntax) {
		if syntax.Msg != real.Message || row.Expected.Message != "" && syntax.Msg != row.Expected.Message {
			return fmt.Sprintf("%q: message %q, want %q", row.Input, syntax.Msg, real.Message)
		}
		return ""
	}
	if got := Canonical(n); got != real.AsString {
		return fmt.Sprintf("%q: prints %q, want %q", row.Input, got, real.AsString)
	}
	return ""
}

// checkTree compares the tree with what the row says of it.
func checkTree(row *parseRow, n Node) string {
	e := &row.Expected
	if e.AsString != nil && Canonical(n) != *e.AsString {
		return fmt.Sprintf("%q: prints %q", row.Input, Canonical(n))
	}
	if e.Positions != "" && positions(n) != e.Positions {
		return fmt.Sprintf("%q: positions %s, want %s", row.Input, positions(n), e.Positions)
	}
	if e.RoundTrip != nil {
		again, err := Parse(Canonical(n))
		if (err == nil && Equal(n, again)) != *e.RoundTrip {
			return fmt.Sprintf("%q: does not survive %q", row.Input, Canonical(n))
		}
	}
	if e.EqualTo != "" {
		other, err := Parse(e.EqualTo)
		if err != nil || Equal(n, other) != e.Equal {
			return fmt.Sprintf("%q: equal to %q is not %v", row.Input, e.EqualTo, e.Equal)
		}
	}
	if e.AST != nil {
		var want any
		_ = json.Unmarshal(e.AST, &want)
		got, _ := json.Marshal(tree(n))
		var have any
		_ = json.Unmarshal(got, &have)
		if !reflect.DeepEqual(want, have) {
			return fmt.Sprintf("%q: tree %s, want %s", row.Input, got, e.AST)
		}
	}
	return ""
}

// variants are the texts that must be accepted like the row's input.
func variants(row *parseRow) []string {
	if row.Expected.Variants == "" {
		return nil
	}
	in := row.Input
	return []string{" " + in + " ", strings.ReplaceAll(in, " ", "\n"), strings.ReplaceAll(in, " ", "\t")}
}

// positions lists the nodes with their positions in the notation of the table.
func positions(n Node) string {
	var b strings.Builder
	at := func(kind string, p Pos) { fmt.Fprintf(&b, "%s%d %d %d", kind, p.Offset, p.Line, p.Col) }
	operand := func(o Operand) bool {
		switch o := o.(type) {
		case *Field:
			at("field", o.Pos)
		case *Transform:
			at("transformer", o.Pos)
		case *Value:
			at("value", o.Pos)
		case *List:
			at("list", o.Pos)
			return false
		}
		return true
	}
	Walk(n, func(n Node) bool {
		switch n := n.(type) {
		case *And:
			at("and", n.Pos)
		case *Or:
			at("or", n.Pos)
		case *Not:
			at("not", n.Pos)
		case *Ident:
			at("identifier", n.Pos)
		case *Exists:
			at("unary", n.Pos)
			walkOperand(n.Left, operand)
		case *Compare:
			at("binary", n.Pos)
			walkOperand(n.Left, operand)
			walkOperand(n.Right, operand)
		}
		return true
	})
	return b.String()
}

// tree is a node in the notation of the table.
func tree(n Node) any {
	all := func(children []Node) []any {
		var out []any
		for _, c := range children {
			out = append(out, tree(c))
		}
		return out
	}
	switch n := n.(type) {
	case *And:
		return map[string]any{"and": all(n.Children)}
	case *Or:
		return map[string]any{"or": all(n.Children)}
	case *Not:
		return map[string]any{"not": tree(n.Child)}
	case *Ident:
		return map[string]any{"identifier": n.Name}
	case *Exists:
		return map[string]any{"unary": []any{operandTree(n.Left), "exists"}}
	case *Compare:
		op := strings.TrimSpace(n.Op + " " + string(n.Mod))
		return map[string]any{"binary": []any{operandTree(n.Left), op, operandTree(n.Right)}}
	}
	return nil
}

// operandTree is one side of a comparison in the notation of the table.
func operandTree(o Operand) any {
	switch o := o.(type) {
	case *Field:
		if o.HasArg {
			return map[string]any{"field": o.Name, "arg": o.Arg}
		}
		return map[string]any{"field": o.Name}
	case *Transform:
		args := []any{}
		for _, a := range o.Args {
			args = append(args, operandTree(a))
		}
		return map[string]any{"transformer": o.Name, "args": args}
	case *Value:
		return map[string]any{"value": o.Text}
	case *List:
		items := []any{}
		for _, i := range o.Items {
			items = append(items, i.(*Value).Text)
		}
		return map[string]any{"list": items}
	}
	return nil
}

// bytesOf reads a text of the table: a string, or an object with its bytes in hexadecimal.
func bytesOf(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var object struct{ Hex string }
	_ = json.Unmarshal(raw, &object)
	b, _ := hex.DecodeString(object.Hex)
	return string(b)
}

func TestConformanceEscape(t *testing.T) {
	score := corpus.NewScore(t, "filter-escape")
	for _, row := range corpus.Rows[struct {
		ID, Op          string
		Input, Expected json.RawMessage
	}](t, "filter-escape.jsonl") {
		in, want := bytesOf(row.Input), bytesOf(row.Expected)
		var got string
		var err error
		switch row.Op {
		case "escape":
			got = Escape(in)
		case "unescape":
			got, err = Unescape(in)
		case "roundtrip":
			got, err = Unescape(Escape(in))
		}
		if err != nil {
			got = "ERROR"
		}
		complaint := ""
		if got != want {
			complaint = fmt.Sprintf("%s %q: %q (%v), want %q", row.Op, in, got, err, want)
		}
		score.Row(row.ID, complaint)
	}
	score.Hold(0)
}
