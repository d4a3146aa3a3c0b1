package experiment

import (
	"bytes"
	"embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed declarations
var declared embed.FS

// Names lists the experiments that are part of the program: the paper's tables
// and figures, and the comparison of the two variants.
func Names() []string {
	entries, err := declared.ReadDir("declarations")
	if err != nil {
		panic(err) // it is embedded
	}
	var names []string
	for _, entry := range entries {
		name, _ := strings.CutSuffix(entry.Name(), ".json")
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// ByName returns an experiment that is part of the program.
func ByName(name string) (Declaration, error) {
	if !slices.Contains(Names(), name) {
		return Declaration{}, fmt.Errorf("experiment: there is no experiment %q: take some of %s, or a file that ends in .json", name, strings.Join(Names(), ", "))
	}
	text, err := declared.ReadFile("declarations/" + name + ".json")
	if err != nil {
		return Declaration{}, fmt.Errorf("experiment: %w", err)
	}
	return Parse(bytes.NewReader(text))
}
