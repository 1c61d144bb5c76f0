// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/gyrfalcon/gyrfalcon/internal/app"
	"github.com/gyrfalcon/gyrfalcon/internal/diag"
	"github.com/gyrfalcon/gyrfalcon/internal/rule"
)

func init() { rulesCommands = append(rulesCommands, newRulesConvert) }

const rulesConvertLong = `Translate the conditions of rules into CEL, or from CEL into the rules language that Falco reads.
The rest of the files stays as it is, comments included. Translated conditions mean exactly the
same, which is checked; one that cannot be translated is kept, and it is said why.

The result goes to standard output unless --write is given. The exit code is 1 if a condition was
kept. docs/rules-cel.md describes how CEL is written here.`

const rulesConvertExample = `  gyr rules convert --to cel my_rules.yaml                  print it in CEL
  gyr rules convert --to cel -r falco_rules.yaml mine.yaml  mine.yaml uses lists of falco_rules.yaml
  gyr rules convert --to falco --write my_rules.yaml        back, in place`

// convertOptions are the flags of "gyr rules convert".
type convertOptions struct {
	*options
	to     string
	macros bool
	write  bool
	rules  []string
}

// newRulesConvert builds the subcommand that translates conditions.
func newRulesConvert(o *options) *cobra.Command {
	c := &convertOptions{options: o}
	cmd := &cobra.Command{
		Use:     "convert --to cel|falco FILE...",
		Short:   "Translate conditions into CEL and back",
		Long:    rulesConvertLong,
		Example: rulesConvertExample,
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return c.convert(args) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&c.to, "to", "", "the `language` of the result: cel or falco")
	f.BoolVar(&c.macros, "macros", false, "translate macros into CEL, too; from CEL they always are")
	f.BoolVarP(&c.write, "write", "w", false, "change the files instead of printing the result")
	f.StringArrayVarP(&c.rules, "rules", "r", nil, "rules `file` whose lists and macros the others use; repeatable")
	return cmd
}

// convert translates the files.
func (c *convertOptions) convert(files []string) error {
	languages := []string{"cel", "falco"}
	if c.to != languages[0] && c.to != languages[1] {
		text := fmt.Sprintf("--to: %q is not cel or falco", c.to)
		if hint := diag.DidYouMean(c.to, languages); hint != "" {
			text += " (" + hint + ")"
		}
		return fmt.Errorf("%s", text)
	}
	cfg, _, err := c.load()
	if err != nil {
		return err
	}
	o := rule.ConvertOptions{ToCEL: c.to == "cel", Macros: c.macros || c.to == "falco"}
	o.Catalogue = app.Catalogue(cfg)
	if o.Context, err = readSources(c.rules); err != nil {
		return err
	}
	sources, err := readSources(files)
	if err != nil {
		return err
	}
	converted, err := rule.Convert(sources, o)
	if err != nil {
		return err
	}
	kept := 0
	for _, f := range converted {
		kept += len(f.Kept)
		if err := c.deliver(f); err != nil {
			return err
		}
	}
	if kept > 0 {
		return errSaid
	}
	return nil
}

// deliver prints or writes one result and says what was not translated.
func (c *convertOptions) deliver(f rule.Converted) error {
	for _, p := range f.Kept {
		fmt.Fprintln(c.stderr, p.Text())
	}
	if !c.write {
		_, err := c.stdout.Write(f.Content)
		return err
	}
	fmt.Fprintf(c.stderr, "%s: %d translated, %d kept\n", f.Name, f.Done, len(f.Kept))
	if f.Done == 0 {
		return nil
	}
	info, err := os.Stat(f.Name)
	if err != nil {
		return err
	}
	return os.WriteFile(f.Name, f.Content, info.Mode().Perm())
}

// readSources reads rules files.
func readSources(files []string) (sources []rule.Source, err error) {
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		sources = append(sources, rule.Source{Name: name, Content: content})
	}
	return sources, nil
}
