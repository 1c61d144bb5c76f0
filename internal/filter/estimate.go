// SPDX-License-Identifier: Apache-2.0

package filter

import "github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"

// Estimate is what the compiler thinks of a condition, or of a part of one.
type Estimate struct {
	Cost   float64 // of evaluating it for an event, on average, in nanoseconds
	Chance float64 // that it holds
	Places int     // in the rule set that refer to the same test; 0 if it was merged into another
	Once   bool    // it is evaluated at most once for an event
	// Constant says that it is always Value.
	Constant, Value bool
}

// Estimate tells what the compiler thinks of a condition, or of a part of one, whose rule set it has
// compiled. The error is of type *Error.
func (c *Compiler) Estimate(n syntax.Node, source string) (Estimate, error) {
	c.looking = true
	defer func() { c.looking = false }()
	e, err := (&builder{Compiler: c, source: source}).node(n)
	if err != nil {
		return Estimate{}, err
	}
	value, constant := e.always()
	return Estimate{Cost: e.cost, Chance: e.likely(), Places: e.uses, Once: e.memo >= 0, Constant: constant, Value: value}, nil
}
