// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/checker"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/containers"
	"cel.dev/cel-go/common/decls"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/parser"

	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// Bounds of an expression: what a rules file holds is not trusted.
const (
	maxText  = 4 << 20 // characters
	maxNodes = 1 << 20
	maxDepth = 200 // of nesting, and of chains but those of && and ||
)

// source is the text of an expression.
type source struct {
	text string
	cel  common.Source
	// bytes are the byte offsets of the code points, nil if all are one byte long.
	bytes []int
	lines []int // byte offsets at which lines begin
}

// newSource indexes a text.
func newSource(text string) *source {
	s := &source{text: text, cel: common.NewTextSource(text), lines: []int{0}}
	for i := range len(text) {
		if text[i] == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	for i := range len(text) {
		if text[i] >= 0x80 {
			for at := range text {
				s.bytes = append(s.bytes, at)
			}
			s.bytes = append(s.bytes, len(text))
			break
		}
	}
	return s
}

// offset is the byte offset of a code point.
func (s *source) offset(point int32) int {
	at := max(int(point), 0)
	if s.bytes != nil {
		return s.bytes[min(at, len(s.bytes)-1)]
	}
	return min(at, len(s.text))
}

// position is the place of a code point.
func (s *source) position(point int32) syntax.Pos {
	at := s.offset(point)
	line, exact := slices.BinarySearch(s.lines, at)
	if !exact {
		line--
	}
	return syntax.Pos{Offset: at, Line: line + 1, Col: at - s.lines[line] + 1}
}

// place is the position of a location of the library.
func (s *source) place(l common.Location) syntax.Pos {
	point, ok := s.cel.LocationOffset(l)
	if !ok {
		point = 0
	}
	return s.position(point)
}

// parsers are the parser that leaves macros (exists, all, …) as calls, and the one that expands them
// for the type checker.
var parsers = sync.OnceValues(func() (*parser.Parser, *parser.Parser) {
	make := func(macros ...parser.Macro) *parser.Parser {
		p, err := parser.NewParser(
			parser.Macros(macros...), parser.MaxRecursionDepth(maxDepth), parser.ExpressionSizeCodePointLimit(maxText),
			parser.MaxExpressionNodeCount(maxNodes), parser.ErrorReportingLimit(1), parser.EnableVariadicOperatorASTs(true),
			parser.EnablePrattParser(true),
		)
		if err != nil {
			panic(err) // constants are wrong
		}
		return p
	}
	// CEL's own has() takes members of messages only.
	has := parser.NewGlobalMacro("has", 1, func(f parser.ExprHelper, _ ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
		return f.NewCall(hasValue, args...), nil
	})
	return make(), make(has, parser.AllMacro, parser.ExistsMacro, parser.ExistsOneMacro, parser.ExistsOneMacroNew)
})

// parse parses the expression, with or without expanding macros.
func (s *source) parse(expand bool) (*ast.AST, error) {
	p, expanding := parsers()
	if expand {
		p = expanding
	}
	parsed, errs := p.Parse(s.cel)
	if list := errs.GetErrors(); len(list) > 0 {
		msg := strings.TrimPrefix(list[0].Message, "Syntax error: ")
		msg = strings.Replace(msg, "mismatched input '<EOF>' expecting expression", "the expression ends too early", 1)
		return nil, &Error{Pos: s.place(list[0].Location), Msg: msg, Hint: s.syntaxHint()}
	}
	return parsed, nil
}

// words are operators of the rules language that stand between blanks, with what CEL has instead.
var words = []struct{ pattern, instead string }{
	{` and `, "&&"}, {` or `, "||"}, {`not `, "!"}, {` startswith `, `.startsWith("…")`}, {` endswith `, `.endsWith("…")`},
	{` contains `, `.contains("…")`}, {` icontains `, `.icontains("…")`}, {` pmatch `, `.pmatch(["…"])`}, {` glob `, `.glob("…")`},
	{` exists`, "has(…)"}, {` = `, "=="}, {` in (`, `in ["…"]`},
}

// syntaxHint tells those who write the rules language where CEL belongs how CEL says it.
func (s *source) syntaxHint() string {
	for _, w := range words {
		if strings.Contains(s.text, w.pattern) {
			return "this looks like the rules language, which stands under condition; CEL has " + w.instead + " instead of " + strings.Trim(w.pattern, " (")
		}
	}
	return ""
}

// check type-checks the expression. What has no declaration but looks like a field, a macro or a list
// is let through: the rules loader knows them and reports those that do not exist.
func (s *source) check(raw *ast.AST, cat *field.Catalogue) error {
	expanded, err := s.parse(true)
	if err != nil {
		return err
	}
	env, err := checker.NewEnv(containers.DefaultContainer, registry(), checker.ValidatedDeclarations(declared()), checker.CrossTypeNumericComparisons(true))
	if err != nil {
		return err
	}
	v := &variables{cat: cat, types: map[string]*types.Type{}}
	v.expr(raw.Expr())
	for name, typ := range v.types {
		if err := env.AddIdents(decls.NewVariable(name, typ)); err != nil {
			return &Error{Pos: syntax.Pos{Line: 1, Col: 1}, Msg: err.Error()}
		}
	}
	_, errs := checker.Check(expanded, s.cel, env)
	list := errs.GetErrors()
	if len(list) == 0 {
		return nil
	}
	slices.SortStableFunc(list, func(a, b *common.Error) int { return s.place(a.Location).Offset - s.place(b.Location).Offset })
	return s.explain(list[0])
}

var (
	undeclared = regexp.MustCompile(`^undeclared reference to '([^']*)'`)
	noRange    = regexp.MustCompile(`^expression of type '([^']*)' cannot be range of a comprehension`)
	noOverload = regexp.MustCompile(`^found no matching overload for '([^']*)' applied to '(.*)'$`)
)

// explain says an error of the type checker in words of ours.
func (s *source) explain(e *common.Error) error {
	out := &Error{Pos: s.place(e.Location), Msg: e.Message}
	if m := undeclared.FindStringSubmatch(e.Message); m != nil {
		out.Msg = "unknown function " + m[1]
		if at := out.Pos.Offset - len(m[1]); at >= 0 && strings.HasPrefix(s.text[at:], m[1]) {
			out.Pos.Offset, out.Pos.Col = at, out.Pos.Col-len(m[1])
		}
		out.Hint = diag.DidYouMean(m[1], functionNames())
		return out
	}
	if m := noRange.FindStringSubmatch(e.Message); m != nil {
		out.Msg = m[1] + " has no elements to go through"
		return out
	}
	m := noOverload.FindStringSubmatch(e.Message)
	if m == nil {
		return out
	}
	if symbol, ok := operators.FindReverse(m[1]); ok && symbol != "" {
		out.Msg = symbol + " cannot be applied to " + m[2]
	} else if m[1] == operators.Index {
		out.Msg = "[] cannot be applied to " + m[2]
	} else {
		out.Msg = m[1] + "() cannot be applied to " + m[2]
	}
	if strings.Contains(m[2], "list(string)") || strings.Contains(m[2], "list(int)") {
		out.Hint = "a field with many values is tested by exists: proc.aname.exists(a, a == \"bash\")"
	}
	return out
}

// variables collects the names in an expression that stand for fields, macros and lists, with the
// types that the checker is told.
type variables struct {
	cat   *field.Catalogue
	types map[string]*types.Type
	bound []string
}

// expr looks through an expression whose macros are not expanded.
func (v *variables) expr(e ast.Expr) {
	switch e.Kind() {
	case ast.IdentKind:
		if name := e.AsIdent(); !slices.Contains(v.bound, name) {
			v.types[name] = types.DynType
		}
	case ast.SelectKind:
		name, ok := chain(e)
		if !ok {
			v.expr(e.AsSelect().Operand())
			return
		}
		if first, _, _ := strings.Cut(name, "."); !slices.Contains(v.bound, first) {
			v.types[name] = typeOf(v.cat, name)
		}
	case ast.ListKind:
		for _, item := range e.AsList().Elements() {
			v.expr(item)
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			v.expr(entry.AsMapEntry().Key())
			v.expr(entry.AsMapEntry().Value())
		}
	case ast.CallKind:
		v.call(e.AsCall())
	}
}

// call looks through a call.
func (v *variables) call(call ast.CallExpr) {
	args := call.Args()
	if call.IsMemberFunction() {
		if target := call.Target(); target.Kind() != ast.IdentKind || target.AsIdent()+"."+call.FunctionName() != decode64 {
			v.expr(target)
		}
		if slices.Contains(quantifiers, call.FunctionName()) && len(args) == 2 && args[0].Kind() == ast.IdentKind {
			v.bound = append(v.bound, args[0].AsIdent())
			v.expr(args[1])
			v.bound = v.bound[:len(v.bound)-1]
			return
		}
	}
	for _, arg := range args {
		v.expr(arg)
	}
}

// chain returns names joined by dots as one name.
func chain(e ast.Expr) (string, bool) {
	switch e.Kind() {
	case ast.IdentKind:
		return e.AsIdent(), true
	case ast.SelectKind:
		sel := e.AsSelect()
		if name, ok := chain(sel.Operand()); ok {
			return name + "." + sel.FieldName(), true
		}
	}
	return "", false
}
