// SPDX-License-Identifier: Apache-2.0

package field

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// ListFormat is how a list is printed.
type ListFormat uint8

// The list formats.
const (
	ListText ListFormat = iota
	ListMarkdown
	ListManual // of events: as markdown, with what gyr and Falco tell of each
	ListJSON
)

// ListOptions choose what a list of fields shows.
type ListOptions struct {
	Format    ListFormat
	Source    string // fields of this source alone; "" for all
	NamesOnly bool
	Verbose   bool // with types, in text
}

// The columns of a list as text.
const (
	listIndent = 30
	listWidth  = 120
)

// typeName are the published names of the parameter types.
var typeName = [...]string{
	"NONE", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64", "CHARBUF", "BYTEBUF", "ERRNO",
	"SOCKADDR", "SOCKTUPLE", "FD", "PID", "FDLIST", "FSPATH", "SYSCALLID", "SIGTYPE", "RELTIME", "ABSTIME", "PORT",
	"L4PROTO", "SOCKFAMILY", "BOOL", "IPV4ADDR", "DYNAMIC", "FLAGS8", "FLAGS16", "FLAGS32", "UID", "GID", "DOUBLE",
	"SIGSET", "CHARBUFARRAY", "CHARBUF_PAIR_ARRAY", "IPV4NET", "IPV6ADDR", "IPV6NET", "IPADDR", "IPNET", "MODE",
	"FSRELPATH", "ENUMFLAGS8", "ENUMFLAGS16", "ENUMFLAGS32", "FD32", "PID32",
}

// TypeName is the published name of a type: CHARBUF, UINT64.
func TypeName(t event.ParamType) string {
	if int(t) < len(typeName) {
		return typeName[t]
	}
	return fmt.Sprintf("TYPE%d", t)
}

// classDocs describe the classes of fields, by name and source.
var classDocs = map[[2]string]struct{ short, long string }{
	{"evt", ""}:             {"All events", "Fields that events of every source have."},
	{"evt", syscalls}:       {"System calls", "Fields of system calls and of what else the kernel tells. The parameters of an event are evt.arg.NAME; what they are is shown by --list-events."},
	{"process", syscalls}:   {"", "Fields of the process and the thread that caused the event."},
	{"user", syscalls}:      {"", "Fields of the user for whom the thread acts."},
	{"group", syscalls}:     {"", "Fields of the group for which the thread acts."},
	{"fd", syscalls}:        {"", "Fields of the descriptor that the event is about: an open file, a socket, a pipe."},
	{"fs.path", syscalls}:   {"File system paths", "Fields of the paths that a successful call on the file system names."},
	{"fdlist", syscalls}:    {"Poll events", "Fields of the descriptors that poll and ppoll wait for."},
	{"util", ""}:            {"", "Fields for tests."},
	{"container", syscalls}: {"", "Fields of the container that the process runs in."},
	{"k8s", syscalls}:       {"", "Fields of the Kubernetes pod that the container is part of, as the container runtime tells them."},
	{"k8smeta", syscalls}:   {"", "Fields of the Kubernetes pod that the container is part of and of what owns it, as the cluster's API tells them."},
}

// tags are what a list says of a field beside its type and manual.
func (f *Field) tags() []string {
	var tags []string
	add := func(on bool, tag string) {
		if on {
			tags = append(tags, tag)
		}
	}
	add(f.Arg == ArgOptional, "ARG_ALLOWED")
	add(f.Arg == ArgRequired, "ARG_REQUIRED")
	add(f.Flags&Deprecated != 0, "EPF_DEPRECATED")
	add(f.Flags&IsList != 0, "EPF_IS_LIST")
	add(f.Flags&NoRHS != 0, "EPF_NO_RHS")
	add(f.Flags&NoTransformer != 0, "EPF_NO_TRANSFORMER")
	add(f.Flags&FilterOnly != 0, "FILTER_ONLY")
	add(f.Ours, "GYRFALCON")
	return tags
}

// section is a run of fields of one class.
type section struct {
	class, source string
	fields        []*Field
}

// sections groups the fields that lists show.
func (c *Catalogue) sections(o ListOptions) []section {
	var all []section
	for _, f := range c.fields {
		if f.Flags&(TableOnly|PrintOnly) != 0 || o.Source != "" && f.Sources != "" && f.Sources != o.Source {
			continue
		}
		i := slices.IndexFunc(all, func(s section) bool { return s.class == f.Class && s.source == f.Sources })
		if i < 0 {
			i = len(all)
			all = append(all, section{class: f.Class, source: f.Sources})
		}
		all[i].fields = append(all[i].fields, f)
	}
	return all
}

// eventSource is the source that a list names for a section.
func (s section) eventSource() string {
	if s.source == "" {
		return syscalls
	}
	return s.source
}

// List prints the fields to w. Deprecated fields are left out unless names alone are asked for.
func (c *Catalogue) List(w io.Writer, o ListOptions) error {
	out := bufio.NewWriter(w)
	all := c.sections(o)
	switch {
	case o.NamesOnly && o.Format == ListJSON:
		return listJSON(w, map[string]any{"fieldnames": names(all)})
	case o.NamesOnly:
		for _, name := range names(all) {
			fmt.Fprintln(out, name)
		}
	case o.Format == ListJSON:
		return listJSON(w, map[string]any{"fieldclasses": jsonClasses(all)})
	case o.Format == ListMarkdown:
		for _, s := range all {
			s.markdown(out)
		}
	default:
		for _, s := range all {
			s.text(out, o.Verbose)
		}
	}
	return out.Flush()
}

func names(all []section) []string {
	var list []string
	for _, s := range all {
		for _, f := range s.fields {
			list = append(list, f.Name)
		}
	}
	return list
}

func (s section) text(w *bufio.Writer, verbose bool) {
	doc := classDocs[[2]string{s.class, s.source}]
	fmt.Fprintf(w, "-------------------------------\n%-*s%s", listIndent, "Field Class:", s.class)
	if doc.short != "" {
		fmt.Fprintf(w, " (%s)", doc.short)
	}
	fmt.Fprintf(w, "\n%-*s", listIndent, "Description:")
	wrap(w, doc.long)
	fmt.Fprintf(w, "\n%-*s%s \n\n", listIndent, "Event Sources:", s.eventSource())
	for _, f := range s.fields {
		if f.Flags&Deprecated != 0 {
			continue
		}
		if len(f.Name) > listIndent {
			fmt.Fprintf(w, "%s\n%-*s", f.Name, listIndent, "")
		} else {
			fmt.Fprintf(w, "%-*s", listIndent, f.Name)
		}
		text := f.Doc
		if tags := f.tags(); tags != nil {
			text = "(" + strings.Join(tags, ",") + ") " + text
		}
		if verbose {
			text = "(Type: " + TypeName(f.Type) + ") " + text
		}
		wrap(w, text)
		w.WriteByte('\n')
	}
	w.WriteByte('\n')
}

// wrap prints words behind the indent, in lines of at most listWidth.
func wrap(w *bufio.Writer, text string) {
	n := 0
	for word := range strings.FieldsSeq(text) {
		if n += len(word) + 1; n > listWidth-listIndent {
			fmt.Fprintf(w, "\n%-*s", listIndent, "")
			n = len(word) + 1
		}
		w.WriteString(word)
		w.WriteByte(' ')
	}
}

func (s section) markdown(w *bufio.Writer) {
	doc := classDocs[[2]string{s.class, s.source}]
	fmt.Fprintf(w, "## Field Class: %s\n\n", s.class)
	if doc.long != "" {
		fmt.Fprintf(w, "%s\n\n", doc.long)
	}
	fmt.Fprintf(w, "Event Sources: %s \n\nName | Type | Description\n:----|:-----|:-----------\n", s.eventSource())
	for _, f := range s.fields {
		if f.Flags&Deprecated != 0 {
			continue
		}
		typ := TypeName(f.Type)
		if f.Flags&IsList != 0 {
			typ = "LIST(" + typ + ")"
		}
		ours := ""
		if f.Ours {
			ours = "*Gyrfalcon's own.* "
		}
		fmt.Fprintf(w, "`%s` | %s | %s%s\n", f.Name, typ, ours, strings.ReplaceAll(f.Doc, "|", "\\|"))
	}
	w.WriteByte('\n')
}

// jsonClass and jsonField are a class and a field in a list as JSON.
type jsonClass struct {
	Name         string      `json:"name"`
	ShortDesc    string      `json:"shortdesc,omitempty"`
	Desc         string      `json:"desc"`
	EventSources []string    `json:"event_sources"`
	Fields       []jsonField `json:"fields"`
}

type jsonField struct {
	Name     string   `json:"name"`
	DataType string   `json:"data_type"`
	Desc     string   `json:"desc"`
	IsList   bool     `json:"is_list"`
	Tags     []string `json:"tags"`
}

func jsonClasses(all []section) []jsonClass {
	classes := make([]jsonClass, 0, len(all))
	for _, s := range all {
		doc := classDocs[[2]string{s.class, s.source}]
		cl := jsonClass{Name: s.class, ShortDesc: doc.short, Desc: doc.long, EventSources: []string{s.eventSource()}}
		for _, f := range s.fields {
			if f.Flags&Deprecated != 0 {
				continue
			}
			tags := f.tags()
			if tags == nil {
				tags = []string{}
			}
			cl.Fields = append(cl.Fields, jsonField{f.Name, TypeName(f.Type), f.Doc, f.Flags&IsList != 0, tags})
		}
		classes = append(classes, cl)
	}
	return classes
}

func listJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
