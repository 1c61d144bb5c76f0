// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// part is a stretch of a condition's text and the YAML value that it came from.
type part struct {
	start int // offset in the condition
	node  *yaml.Node
	file  *file
	marks []syntax.Mark // of a part written in CEL, lead from the condition's text to the value's
}

// condition is the text of a condition, joined from what defines and what appends.
type condition struct {
	text  string
	parts []part
	place place // of the first part
	// full is the text with the exceptions, in which text begins at lead.
	full string
	lead int
	// Of a condition in CEL: the expression, the condition without shields against replaced lists,
	// and the lists that it names.
	cel, shown string
	lists      []*syntax.Value
}

// display is the condition as people are shown it.
func (c *condition) display() string {
	if c.shown != "" {
		return c.shown
	}
	return c.text
}

// add appends a text behind a blank.
func (c *condition) add(more condition) {
	if c.shown != "" {
		c.shown += " " + more.display()
	}
	c.text += " "
	for _, p := range more.parts {
		p.start += len(c.text)
		c.parts = append(c.parts, p)
	}
	c.text += more.text
}

// list is a list as the files define it, after appends.
type list struct {
	name              string
	items             []string
	place             place
	index, visibility int
}

// macro is a macro as the files define it, after appends.
type macro struct {
	name              string
	cond              condition
	place             place
	index, visibility int
}

// entry is a value in an exception: a text or a list of entries.
type entry struct {
	given  bool
	isList bool
	text   string
	items  []entry
}

// exception is one exception of a rule.
type exception struct {
	name   string
	fields entry
	comps  entry
	values []entry
	place  place
}

// draft is a rule as the files define it, after appends and overrides.
type draft struct {
	name, desc, output string
	cond               condition
	outputPlace, place place
	priority           alert.Priority
	source             string
	unknownSource      bool
	tags               []string
	exceptions         []*exception
	enabled, warnTypes bool
	skipUnknown        bool
	capture            bool
	captureDuration    uint32
	index, visibility  int
}

// update is what an item changes of an earlier rule; nil means unchanged.
type update struct {
	name            string
	place           place
	source          string
	cond            *condition
	output, desc    *string
	outputPlace     place
	tags            []string
	hasTags         bool
	exceptions      []*exception
	hasExceptions   bool
	priority        *alert.Priority
	enabled         *bool
	warnTypes       *bool
	skipUnknown     *bool
	capture         *bool
	captureDuration *uint32
}

// collector gathers the items of all files, in the order of first definition.
type collector struct {
	opts     *Options
	lists    []*list
	macros   []*macro
	rules    []*draft
	listBy   map[string]*list
	macroBy  map[string]*macro
	ruleBy   map[string]*draft
	next     int
	edits    int // changes of lists and macros: what is resolved holds until the next
	engine   version
	hasEng   bool
	required []*Requirement
	fields   map[string]bool // exception fields already checked, by source and name
	warn     func(*fault)
}

// newCollector returns an empty collector.
func newCollector(o *Options) *collector {
	return &collector{
		opts: o, listBy: map[string]*list{}, macroBy: map[string]*macro{}, ruleBy: map[string]*draft{},
		fields: map[string]bool{},
	}
}

// tick returns the next definition's number.
func (c *collector) tick() int {
	c.next++
	return c.next - 1
}

// defineList adds a list or replaces one, which keeps its position.
func (c *collector) defineList(l *list) {
	c.edits++
	id := c.tick()
	l.index, l.visibility = id, id
	if old := c.listBy[l.name]; old != nil {
		l.index = old.index
		*old = *l
		return
	}
	c.lists = append(c.lists, l)
	c.listBy[l.name] = l
}

// appendList adds items to a list.
func (c *collector) appendList(l *list) error {
	c.edits++
	old := c.listBy[l.name]
	if old == nil {
		return &fault{
			code: ErrValidate, place: l.place, hint: diag.DidYouMean(l.name, names(c.lists, func(l *list) string { return l.name })),
			message: "List uses 'append' or 'override.items: append' but no list by that name already exists",
		}
	}
	old.items = append(slices.Clip(old.items), l.items...)
	old.visibility = c.tick()
	return nil
}

// defineMacro adds a macro or replaces one, which keeps its position.
func (c *collector) defineMacro(m *macro) {
	c.edits++
	id := c.tick()
	m.index, m.visibility = id, id
	if old := c.macroBy[m.name]; old != nil {
		m.index = old.index
		*old = *m
		return
	}
	c.macros = append(c.macros, m)
	c.macroBy[m.name] = m
}

// appendMacro adds text to a macro's condition.
func (c *collector) appendMacro(m *macro) error {
	c.edits++
	old := c.macroBy[m.name]
	if old == nil {
		return &fault{
			code: ErrValidate, place: m.place, hint: diag.DidYouMean(m.name, names(c.macros, func(m *macro) string { return m.name })),
			message: "Macro uses 'append' or 'override.condition: append' but no macro by that name already exists",
		}
	}
	old.cond.add(m.cond)
	old.visibility = c.tick()
	return nil
}

// defineRule adds a rule or replaces one, which keeps its position.
func (c *collector) defineRule(r *draft) error {
	old := c.ruleBy[r.name]
	if old != nil && old.source != r.source {
		return unfit(r.place, "Rule has been re-defined with a different source")
	}
	if !c.opts.knows(r.source) {
		r.unknownSource = true
		c.warn(&fault{
			code: WarnUnknownSource, message: "Unknown source " + r.source + ", skipping", place: r.place,
			hint: diag.DidYouMean(r.source, c.opts.Sources),
		})
	}
	for _, e := range r.exceptions {
		if !e.fields.given {
			return unfit(e.place, "Rule exception item must have fields property with a list of fields")
		}
		if !r.unknownSource {
			if err := c.checkException(e, r.source); err != nil {
				return err
			}
		}
	}
	id := c.tick()
	r.index, r.visibility = id, id
	if old != nil {
		r.index = old.index
		*old = *r
		return nil
	}
	c.rules = append(c.rules, r)
	c.ruleBy[r.name] = r
	return nil
}

// appendRule adds to an earlier rule.
func (c *collector) appendRule(u *update) error {
	old := c.ruleBy[u.name]
	switch {
	case old == nil:
		return c.missing(u, "Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists")
	case !u.any():
		return unfit(u.place, "Appended rule must have exceptions or condition property")
	case u.source != "" && u.source != old.source:
		return unfit(u.place, "Rule has been re-defined with a different source")
	}
	if u.cond != nil && u.cond.text != "" {
		old.cond.add(*u.cond)
	}
	if u.output != nil && *u.output != "" {
		old.output += " " + *u.output
	}
	if u.desc != nil && *u.desc != "" {
		old.desc += " " + *u.desc
	}
	if u.hasTags {
		old.tags = sortedSet(append(slices.Clip(old.tags), u.tags...))
	}
	for _, e := range u.exceptions {
		if err := c.appendException(old, e); err != nil {
			return err
		}
	}
	old.visibility = c.tick()
	return nil
}

// appendException adds a new exception to a rule, or values to one that the rule has.
func (c *collector) appendException(r *draft, e *exception) error {
	i := slices.IndexFunc(r.exceptions, func(old *exception) bool { return old.name == e.name })
	if i >= 0 {
		switch old := r.exceptions[i]; {
		case e.fields.given:
			return unfit(e.place, "Can not append exception fields to existing rule, only values")
		case e.comps.given:
			return unfit(e.place, "Can not append exception comps to existing rule, only values")
		default:
			old.values = append(slices.Clip(old.values), e.values...)
		}
		return nil
	}
	switch {
	case !e.fields.given:
		return &fault{
			code: ErrValidate, place: e.place, message: "Rule exception must have fields property with a list of fields",
			hint: diag.DidYouMean(e.name, names(r.exceptions, func(e *exception) string { return e.name })),
		}
	case len(e.values) == 0:
		return unfit(e.place, "Rule exception must have values property with a list of values")
	}
	if !r.unknownSource {
		if err := c.checkException(e, r.source); err != nil {
			return err
		}
	}
	r.exceptions = append(slices.Clip(r.exceptions), e)
	return nil
}

// replaceInRule replaces parts of an earlier rule.
func (c *collector) replaceInRule(u *update) error {
	old := c.ruleBy[u.name]
	switch {
	case old == nil:
		return c.missing(u, "An 'override.<key>: replace' to a rule was requested but no rule by that name already exists")
	case !u.any():
		return unfit(u.place, "The rule must have at least one property to replace")
	case u.source != "" && u.source != old.source:
		return unfit(u.place, "Rule has been re-defined with a different source")
	}
	if u.cond != nil {
		old.cond = *u.cond
	}
	if u.output != nil {
		old.output = *u.output
	}
	set(&old.desc, u.desc)
	set(&old.priority, u.priority)
	set(&old.enabled, u.enabled)
	set(&old.warnTypes, u.warnTypes)
	set(&old.skipUnknown, u.skipUnknown)
	set(&old.capture, u.capture)
	set(&old.captureDuration, u.captureDuration)
	if u.hasTags {
		old.tags = sortedSet(u.tags)
	}
	if u.hasExceptions {
		// The given exceptions replace all, comparison by comparison as written: the reference
		// neither checks them here nor fills in what they leave out.
		for _, e := range u.exceptions {
			if !e.fields.given {
				return unfit(e.place, "Rule exception item must have fields property with a list of fields")
			}
		}
		old.exceptions = u.exceptions
	}
	old.visibility = c.tick()
	return nil
}

// enableRule switches an earlier rule on or off.
func (c *collector) enableRule(name string, on bool, p place) error {
	old := c.ruleBy[name]
	if old == nil {
		return c.missing(&update{name: name, place: p}, "Rule has 'enabled' key but no rule by that name already exists")
	}
	old.enabled = on
	return nil
}

// missing is the error of an item whose rule does not exist.
func (c *collector) missing(u *update, message string) error {
	return &fault{
		code: ErrValidate, message: message, place: u.place,
		hint: diag.DidYouMean(u.name, names(c.rules, func(r *draft) string { return r.name })),
	}
}

// any reports whether the update changes anything.
func (u *update) any() bool {
	return u.cond != nil || u.output != nil || u.desc != nil || u.hasTags || u.hasExceptions || u.priority != nil ||
		u.enabled != nil || u.warnTypes != nil || u.skipUnknown != nil || u.capture != nil || u.captureDuration != nil
}

// requireEngine notes the version that a file asks for.
func (c *collector) requireEngine(want version, p place) error {
	have, _ := parseVersion(EngineVersion)
	if !have.satisfies(want) {
		return unfit(p, "Rules require engine version "+want.String()+", but engine version is "+EngineVersion)
	}
	if !c.hasEng || c.engine.compare(want) < 0 {
		c.engine, c.hasEng = want, true
	}
	return nil
}

// requirePlugin notes the plugins that a file asks for.
func (c *collector) requirePlugin(r *Requirement) error {
	seen := map[string]bool{}
	for _, want := range r.Alternatives {
		if _, ok := parseVersion(want.Version); !ok {
			return unfit(r.place, "Invalid required version '"+want.Version+"' for plugin '"+want.Name+"'")
		}
		if seen[want.Name] {
			return unfit(r.place, "Defined multiple alternative version requirements for plugin '"+want.Name+"'")
		}
		seen[want.Name] = true
	}
	c.required = append(c.required, r)
	return nil
}

// set assigns a value that was given.
func set[T any](dst *T, v *T) {
	if v != nil {
		*dst = *v
	}
}

// names lists the names of items.
func names[T any](items []T, name func(T) string) []string {
	out := make([]string, len(items))
	for i, item := range items {
		out[i] = name(item)
	}
	return out
}

// trimOutput removes the blanks around an output.
func trimOutput(text string) string { return strings.Trim(text, " \t\n\r\f\v") }
