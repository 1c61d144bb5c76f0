// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"slices"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// functionOf are the functions that stand for transformers of one argument.
var functionOf = map[string]string{
	"tolower": "lower", "toupper": "upper", "b64": decode64, "basename": "basename", "len": "size", "val": "val",
}

// operand writes a field or a transformer.
func (p *printer) operand(o syntax.Operand) {
	switch o := o.(type) {
	case *syntax.Field:
		p.str(fieldName(o.Name))
		p.argument(o.Arg, o.HasArg)
	case *syntax.Transform:
		p.transform(o)
	case *syntax.Value:
		p.str(quote(o.Text))
	case *syntax.List:
		p.str("[")
		p.operands(o.Items)
		p.str("]")
	}
}

// operands writes operands with commas between them.
func (p *printer) operands(all []syntax.Operand) {
	for i, o := range all {
		if i > 0 {
			p.str(", ")
		}
		p.operand(o)
	}
}

// transform writes a transformer.
func (p *printer) transform(t *syntax.Transform) {
	switch name := functionOf[t.Name]; {
	case name != "":
		p.str(name + "(")
		p.operands(t.Args)
	case t.Name == "join" && len(t.Args) == 2:
		p.operand(t.Args[1])
		p.str(".join(")
		p.operand(t.Args[0])
	default:
		if len(t.Args) > maxConcat {
			p.fail("%s has more than %d arguments", t.Name, maxConcat)
		}
		p.str(t.Name + "(")
		p.operands(t.Args)
	}
	p.str(")")
	p.argument(t.Arg, t.HasArg)
}

// argument writes an argument in brackets, if there is one: a number, or a text in quotes.
func (p *printer) argument(arg string, has bool) {
	switch {
	case !has:
	case integer.MatchString(arg) && !strings.ContainsAny(arg, "-xX") && len(arg) < 10:
		p.str("[" + arg + "]")
	default:
		p.str("[" + quote(arg) + "]")
	}
}

// fieldName writes the name of a field; parts that CEL keeps for itself stand in backquotes.
func fieldName(name string) string {
	parts := strings.Split(name, ".")
	for i, part := range parts {
		if i > 0 && slices.Contains(reserved[:celWords], part) {
			parts[i] = "`" + part + "`"
		}
	}
	return strings.Join(parts, ".")
}

// celWords is how many of the reserved words CEL itself keeps.
const celWords = 21
