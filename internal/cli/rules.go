// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/app"
	"github.com/gyrfalcon/gyrfalcon/internal/config"
	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
)

// validateRules checks the files of -V, all of them as one set. With -L or -l a description of the
// rules goes with the result in JSON.
func (o *options) validateRules(cfg *config.Config, describe bool) error {
	loaded, err := app.LoadRules(cfg, o.validate, app.Catalogue(cfg))
	if err != nil {
		return err
	}
	set := loaded.Set
	var out []byte
	switch {
	case !cfg.JSONOutput:
		out = set.AppendReport(nil, o.verbose)
	case describe:
		if out, err = set.AppendReportAndDescription(nil, o.describe); err != nil {
			return o.unknownRule(set, err)
		}
	default:
		out = set.AppendReportJSON(nil)
	}
	o.stdout.Write(terminated(out))
	if !cfg.JSONOutput && !o.verbose {
		for _, p := range set.Problems {
			fmt.Fprintln(o.stderr, p.Text())
		}
	}
	if set.Err() != nil {
		return errSaid
	}
	return nil
}

// describeRules prints all rules, or the one that -l names.
func (o *options) describeRules(cfg *config.Config) error {
	loaded, err := app.LoadRules(cfg, o.rules, app.Catalogue(cfg))
	if err == nil {
		err = loaded.Err()
	}
	if err != nil {
		return err
	}
	name := o.describe
	if o.describeAll {
		name = ""
	}
	var out []byte
	if cfg.JSONOutput {
		out, err = loaded.Set.AppendDescription(nil, name)
	} else {
		out, err = loaded.Set.AppendList(nil, name)
	}
	if err != nil {
		return o.unknownRule(loaded.Set, err)
	}
	_, err = o.stdout.Write(terminated(out))
	return err
}

// terminated ends a text with exactly one newline.
func terminated(b []byte) []byte {
	return append([]byte(strings.TrimRight(string(b), "\n")), '\n')
}

// unknownRule adds the name that was probably meant to the error about a rule that is not there.
func (o *options) unknownRule(set *rule.Set, err error) error {
	var names []string
	for _, r := range set.Rules {
		names = append(names, r.Name)
	}
	if hint := diag.DidYouMean(o.describe, names); hint != "" && set.Rule(o.describe) == nil {
		return fmt.Errorf("%w (%s)", err, hint)
	}
	return err
}
