// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"slices"

	"github.com/gyrfalcon/gyrfalcon/internal/app"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/engine"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
	"github.com/gyrfalcon/gyrfalcon/internal/filter"
)

// listFormats are the words for --format.
var listFormats = []string{"text", "markdown", "json"}

// allSources is the value of --list without a source.
const allSources = "*"

// listFormat translates --format.
func (o *options) listFormat() (field.ListFormat, error) {
	if o.markdown {
		return field.ListMarkdown, nil
	}
	switch o.format {
	case "text":
		return field.ListText, nil
	case "markdown":
		return field.ListMarkdown, nil
	case "json":
		return field.ListJSON, nil
	}
	text := fmt.Sprintf("--format: %q is not one of text, markdown, json", o.format)
	if hint := diag.DidYouMean(o.format, listFormats); hint != "" {
		text += " (" + hint + ")"
	}
	return 0, fmt.Errorf("%s", text)
}

// listFields lists the fields, those that the configuration defines included.
func (o *options) listFields(cfg *config.Config) error {
	format, err := o.listFormat()
	if err != nil {
		return err
	}
	source := o.list
	if source == allSources {
		source = ""
	}
	if sources := []string{"", filter.SyscallSource}; !slices.Contains(sources, source) {
		return fmt.Errorf("--list: unknown event source %q (only %s is there)", source, filter.SyscallSource)
	}
	return app.Catalogue(cfg).List(o.stdout, field.ListOptions{Format: format, Source: source, NamesOnly: o.namesOnly, Verbose: o.verbose})
}

// printEvents lists the events.
func (o *options) printEvents() error {
	format, err := o.listFormat()
	if err != nil {
		return err
	}
	return field.ListEvents(o.stdout, format)
}

// printIgnored lists the system calls that are not watched by default.
func (o *options) printIgnored() error {
	fmt.Fprintln(o.stdout, "Ignored syscall(s):")
	for _, name := range app.SyscallNames(engine.Ignored()) {
		fmt.Fprintln(o.stdout, "- "+name)
	}
	return nil
}
