// SPDX-License-Identifier: Apache-2.0

package rule

// The published codes of errors: the file cannot be used.
const (
	ErrFileRead         = "LOAD_ERR_FILE_READ"
	ErrYAMLParse        = "LOAD_ERR_YAML_PARSE"
	ErrYAMLValidate     = "LOAD_ERR_YAML_VALIDATE"
	ErrCompileCondition = "LOAD_ERR_COMPILE_CONDITION"
	ErrCompileOutput    = "LOAD_ERR_COMPILE_OUTPUT"
	ErrValidate         = "LOAD_ERR_VALIDATE"
	ErrExtension        = "LOAD_ERR_EXTENSION"
)

// The published codes of warnings: the file works, but perhaps not as its author thinks.
const (
	WarnUnknownSource      = "LOAD_UNKNOWN_SOURCE"
	WarnUnsafeNA           = "LOAD_UNSAFE_NA_CHECK"
	WarnNoEventType        = "LOAD_NO_EVTTYPE"
	WarnUnknownFilter      = "LOAD_UNKNOWN_FILTER"
	WarnUnusedMacro        = "LOAD_UNUSED_MACRO"
	WarnUnusedList         = "LOAD_UNUSED_LIST"
	WarnUnknownItem        = "LOAD_UNKNOWN_ITEM"
	WarnDeprecated         = "LOAD_DEPRECATED_ITEM"
	WarnExtension          = "LOAD_WARNING_EXTENSION"
	WarnAppendNoValues     = "LOAD_APPEND_NO_VALUES"
	WarnExceptionNotUnique = "LOAD_EXCEPTION_NAME_NOT_UNIQUE"
	WarnMacroName          = "LOAD_INVALID_MACRO_NAME"
	WarnListName           = "LOAD_INVALID_LIST_NAME"
	WarnCompileCondition   = "LOAD_COMPILE_CONDITION"
	WarnUnknownKey         = "LOAD_UNKNOWN_KEY"
)

// NotePrecedence is advice of ours: an appended condition binds otherwise than it reads.
const NotePrecedence = "GYR_APPEND_PRECEDENCE"

// descriptions are what the reports say of a code.
var descriptions = map[string]string{
	ErrFileRead:            "File read error",
	ErrYAMLParse:           "YAML parse error",
	ErrYAMLValidate:        "Error validating internal structure of YAML file",
	ErrCompileCondition:    "Error compiling condition",
	ErrCompileOutput:       "Error compiling output",
	ErrValidate:            "Error validating rule/macro/list/exception objects",
	ErrExtension:           "Error in extension item",
	WarnUnknownSource:      "Unknown event source",
	WarnUnsafeNA:           "Unsafe <NA> comparison in condition",
	WarnNoEventType:        "Condition has no event-type restriction",
	WarnUnknownFilter:      "Unknown field or event-type in condition or output",
	WarnUnusedMacro:        "Unused macro",
	WarnUnusedList:         "Unused list",
	WarnUnknownItem:        "Unknown rules file item",
	WarnDeprecated:         "Used deprecated item",
	WarnExtension:          "Warning in extension item",
	WarnAppendNoValues:     "Overriding/appending with no values",
	WarnExceptionNotUnique: "Multiple exceptions defined with the same name",
	WarnMacroName:          "Invalid macro name",
	WarnListName:           "Invalid list name",
	WarnCompileCondition:   "Warning in rule condition",
	WarnUnknownKey:         "Unknown key",
	NotePrecedence:         "Appended condition binds otherwise than it reads",
	LintAlwaysFalse:        "Condition that never holds",
	LintAlwaysTrue:         "Condition that always holds",
	LintShadowed:           "Rule that an earlier one hides",
	LintMissingField:       "Negated test of a field that may be missing",
	LintUnusedException:    "Exception without values",
}

// describe says in a few words what a code means, "" if it is none of ours.
func describe(code string) string { return descriptions[code] }
