package engine

import (
	"fmt"
	"strings"
)

// Choice names a backend as a user does.
type Choice string

// The choices.
const (
	Auto    Choice = "auto"     // the first that works of xla:cuda, xla:cpu, go
	Go      Choice = "go"       // GoMLX's own backend, part of every binary
	XLACPU  Choice = "xla:cpu"  // OpenXLA on the CPU, through a PJRT plugin
	XLACUDA Choice = "xla:cuda" // OpenXLA on an NVIDIA GPU, through a PJRT plugin
)

// Choices returns all choices, auto first and then in auto's order.
func Choices() []Choice {
	return []Choice{Auto, XLACUDA, XLACPU, Go}
}

// Parse returns the choice that text names. Upper case and surrounding space
// do not matter. Anything else, the empty text too, is an error that names
// the valid choices.
func Parse(text string) (Choice, error) {
	word := Choice(strings.ToLower(strings.TrimSpace(text)))
	for _, choice := range Choices() {
		if word == choice {
			return choice, nil
		}
	}
	return "", fmt.Errorf("engine: unknown engine %q: choose auto, go, xla:cpu or xla:cuda", text)
}

// plugin is the word for the choice in a PJRT plugin's file name: cpu or cuda.
func (c Choice) plugin() string {
	return strings.TrimPrefix(string(c), "xla:")
}
