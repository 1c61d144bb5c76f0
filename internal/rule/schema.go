// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

// schemaKeys are the keys of the items that the published schema knows.
var schemaKeys = func() []string {
	all := slices.Concat([]string{"required_engine_version", "required_plugin_versions"}, listKeys, macroKeys, ruleKeys)
	return sortedSet(all)
}()

// checkSchema compares the documents with the published schema. It is weak: scalars may have any
// type, and only the shape and the keys count. The second result is false if there is nothing to
// compare.
func (f *file) checkSchema() ([]string, bool) {
	docs, err := f.documents()
	if err != nil {
		return nil, false
	}
	var out []string
	for _, doc := range docs {
		doc = deref(doc)
		if doc.Kind != yaml.SequenceNode {
			out = append(out, "failed for <root>: expected a list of items")
			continue
		}
		for i, item := range doc.Content {
			path := fmt.Sprintf("<root>[%d]", i)
			item = deref(item)
			if item.Kind != yaml.MappingNode {
				out = append(out, "failed for "+path+": expected a mapping")
				continue
			}
			out = append(out, schemaItem(item, path)...)
		}
	}
	return out, true
}

// schemaItem compares one item.
func schemaItem(item *yaml.Node, path string) []string {
	out := unexpected(item, path, schemaKeys)
	all := get(item, "exceptions")
	if all == nil || all.Kind != yaml.SequenceNode {
		return out
	}
	for i, e := range all.Content {
		at := fmt.Sprintf("%s.exceptions[%d]", path, i)
		e = deref(e)
		if e.Kind != yaml.MappingNode {
			out = append(out, "failed for "+at+": expected a mapping")
			continue
		}
		out = append(out, unexpected(e, at, exceptionKeys)...)
		if get(e, "name") == nil {
			out = append(out, "failed for "+at+": missing property 'name'")
		}
	}
	return out
}

// unexpected lists the keys of a map that the schema does not know.
func unexpected(n *yaml.Node, path string, known []string) []string {
	var out []string
	for _, key := range keys(n) {
		if !slices.Contains(known, key) {
			out = append(out, "failed for "+path+": unexpected property '"+key+"'")
		}
	}
	return out
}
