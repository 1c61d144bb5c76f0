// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"fmt"
	"slices"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// opRule says which operators a group of types has and what messages call it.
type opRule struct {
	ops  []string
	name string
}

// opRules are the operators by group; every group has exists besides.
var opRules = [...]opRule{
	groupNumber: {[]string{"=", "!=", "<", "<=", ">", ">=", "in", "intersects"}, "numeric"},
	groupBool:   {[]string{"=", "!=", "in", "intersects"}, "numeric"},
	groupText: {[]string{"=", "!=", "<", "<=", ">", ">=", "contains", "in", "icontains", "startswith", "glob", "pmatch",
		"endswith", "intersects", "iglob", "regex"}, "string"},
	groupBytes: {[]string{"=", "!=", "contains", "in", "startswith", "endswith", "intersects", "bcontains", "bstartswith"}, "buffer"},
	groupIP:    {[]string{"=", "!=", "in", "intersects"}, "ip address and network"},
	groupNet:   {[]string{"=", "!=", "in", "intersects"}, "ip address and network"},
}

// listTypes are the types of which there are lists that can be compared.
var listTypes = []event.ParamType{event.CharBuf, event.Uint64, event.RelTime, event.AbsTime, event.Bool, event.IPAddr, event.IPNet}

// listOps are the operators of lists.
var listOps = []string{"in", "intersects"}

// plainOp is an operator without its second spelling.
func plainOp(op string) string {
	if op == "==" {
		return "="
	}
	return op
}

// checkOperator reports why a type cannot be compared with an operator; "" if it can. modified
// says that a modifier follows the operator.
func checkOperator(t event.ParamType, list bool, op string, modified bool) string {
	if list {
		switch {
		case !slices.Contains(listTypes, t):
			return fmt.Sprintf("filter error: list filters are not supported for type '%s'", typeName(t))
		case !slices.Contains(listOps, op):
			return fmt.Sprintf("filter error: '%s' operator not supported list filters", op)
		}
		return ""
	}
	g := groupOf(t)
	if g == groupNone {
		return fmt.Sprintf("filter error: '%s' operator not supported for type '%s'", op, typeName(t))
	}
	rule := &opRules[g]
	switch {
	case slices.Contains(rule.ops, op):
		return ""
	case modified && (g == groupIP || g == groupNet):
		return fmt.Sprintf("filter error: '%s' with modifier not supported for %s filters", op, rule.name)
	}
	return fmt.Sprintf("filter error: '%s' operator not supported for %s filters", op, rule.name)
}
