// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// manHead stands first in every manual page.
const manHead = ".\\\" SPDX-License-Identifier: Apache-2.0\n.\\\" Generated from the sources by go generate.\n"

// The manual pages of all commands are current; go generate writes them.
func TestManual(t *testing.T) {
	dir := filepath.Join("..", "..", "docs", "man")
	update := os.Getenv("GYR_UPDATE") == "1"
	pages := map[string]bool{"gyr.yaml.5": true}
	root := newRoot(io.Discard, io.Discard)
	root.InitDefaultCompletionCmd()
	var each func(cmd *cobra.Command)
	each = func(cmd *cobra.Command) {
		if !cmd.IsAvailableCommand() && cmd.HasParent() || cmd.Name() == "help" {
			return
		}
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
		pages[name] = true
		want := manual(t, cmd)
		file := filepath.Join(dir, name)
		if update {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
			t.Errorf("docs/man/%s is out of date: run go generate ./internal/cli", name)
		}
		for _, sub := range cmd.Commands() {
			each(sub)
		}
	}
	each(root)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if pages[e.Name()] {
			continue
		}
		if update {
			os.Remove(filepath.Join(dir, e.Name()))
		} else {
			t.Errorf("docs/man/%s is about nothing that there is", e.Name())
		}
	}
}

// manual is the page of one command.
func manual(t *testing.T, cmd *cobra.Command) []byte {
	t.Helper()
	cmd.DisableAutoGenTag = true
	var page bytes.Buffer
	page.WriteString(manHead)
	day := time.Unix(0, 0) // a date would change the pages from day to day
	header := &doc.GenManHeader{Section: "1", Source: "Gyrfalcon", Manual: "Gyrfalcon Manual", Date: &day}
	if err := doc.GenMan(cmd, header, &page); err != nil {
		t.Fatal(err)
	}
	return bytes.Replace(page.Bytes(), []byte(` "Jan 1970"`), []byte(` ""`), 1)
}
