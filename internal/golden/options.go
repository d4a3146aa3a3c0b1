package golden

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The algorithms a trajectory may follow, as files name them.
const (
	Vanilla  = "vanilla"
	Dynamics = "dynamics"
	SGD      = "SGD"
	Adam     = "Adam"
	AdamW    = "AdamW"
)

// The variants of Vanilla and Dynamics, as files name them.
const (
	Published = "published"
	Paper     = "paper"
)

// Options are a trajectory's settings. A nil field is absent from the file (or
// null there) and has the default of the algorithm and variant.
type Options struct {
	Algorithm string `json:"algorithm"` // Vanilla, Dynamics, SGD, Adam or AdamW
	Variant   string `json:"variant"`   // Published (where the file says nothing) or Paper; means nothing for baselines

	// Schedule is the learning rate of every step, in place of LR; nil for a
	// constant one.
	Schedule    []float64 `json:"schedule"`
	LR          *float64  `json:"lr"`
	WeightDecay *float64  `json:"weight_decay"`

	// The published code's names.
	Sigma  *float64 `json:"sigma"`   // Vanilla: start of P
	Q      *float64 `json:"q"`       // Vanilla: constant state noise
	SW     *float64 `json:"sw"`      // Dynamics: start of P's sx
	SC     *float64 `json:"sc"`      // Dynamics, both variants: start of P's sc
	SV     *float64 `json:"sv"`      // Dynamics: start of P's sp
	A      *float64 `json:"a"`       // Dynamics: the velocities' decay alpha
	QW     *float64 `json:"qw"`      // Dynamics: start of qx's moving average
	QX     *float64 `json:"qx"`      // Dynamics: constant qx; nil for adaptive
	QV     *float64 `json:"qv"`      // Dynamics: constant qp
	R      *float64 `json:"r"`       // constant measurement noise; nil for adaptive
	AlphaR *float64 `json:"alpha_r"` // factor of R's moving average

	// The paper variant's names.
	Alpha *float64 `json:"alpha"` // the velocities' decay
	SX    *float64 `json:"sx"`    // start of P's sx
	SP    *float64 `json:"sp"`    // start of P's sp
	QP    *float64 `json:"qp"`    // constant qp
	BR    *float64 `json:"bR"`    // factor of R's moving average
	BX    *float64 `json:"bx"`    // factor of x_avg's moving average

	// PyTorch's names.
	Momentum *float64  `json:"momentum"`
	Nesterov *bool     `json:"nesterov"`
	Betas    []float64 `json:"betas"` // two numbers
	Eps      *float64  `json:"eps"`
}

// Baseline reports whether the trajectory is PyTorch's rather than the
// filter's.
func (o *Options) Baseline() bool {
	return o.Algorithm == SGD || o.Algorithm == Adam || o.Algorithm == AdamW
}

// optionKeys lists what each algorithm's files may set besides algorithm,
// variant and schedule: the published code's names and the paper variant's may
// stand in files of either.
var optionKeys = map[string]string{
	SGD:      "lr momentum nesterov weight_decay",
	Adam:     "lr betas eps weight_decay",
	AdamW:    "lr betas eps weight_decay",
	Vanilla:  "lr sigma sx q r alpha_r bR weight_decay",
	Dynamics: "lr sw sx sc sv sp a alpha qw qx qv qp r alpha_r bR bx weight_decay",
}

// sameOptions are names of one setting, of which a file may give one.
var sameOptions = [][]string{{"sigma", "sx"}, {"sw", "sx"}, {"sv", "sp"}, {"a", "alpha"}, {"qv", "qp"}, {"alpha_r", "bR"}, {"qw", "qx"}}

// torchDefaults are options of PyTorch's that the baselines do not have, with
// the one value that changes nothing.
var torchDefaults = map[string]string{
	"dampening": "0", "amsgrad": "false", "maximize": "false", "foreach": "false", "fused": "false", "capturable": "false", "differentiable": "false",
}

// parseOptions refuses what it does not know: a setting that is ignored would
// make the comparison meaningless. A null is an option that is not there.
func parseOptions(data []byte) (Options, error) {
	var present map[string]json.RawMessage
	if err := json.Unmarshal(data, &present); err != nil || present == nil {
		return Options{}, errors.New("options are missing or not an object")
	}
	var o Options
	if err := json.Unmarshal(data, &o); err != nil {
		return Options{}, fmt.Errorf("options: %w", err)
	}
	if o.Variant == "" {
		o.Variant = Published
	}
	known, ok := optionKeys[o.Algorithm]
	if !ok {
		return Options{}, fmt.Errorf("options: algorithm %q is not known: known are %s",
			o.Algorithm, strings.Join(slices.Sorted(maps.Keys(optionKeys)), ", "))
	}
	if o.Variant != Published && o.Variant != Paper {
		return Options{}, fmt.Errorf("options: variant %q is not known: known are %s and %s", o.Variant, Published, Paper)
	}
	maps.DeleteFunc(present, func(key string, value json.RawMessage) bool {
		return string(value) == "null" || o.Baseline() && torchDefaults[key] != "" && neutral(key, value)
	})
	allowed := append(strings.Fields(known), "algorithm", "variant", "schedule")
	for _, key := range slices.Sorted(maps.Keys(present)) {
		if !slices.Contains(allowed, key) {
			return Options{}, fmt.Errorf("options: %q is not known for %s: known are %s", key, o.Algorithm, known)
		}
	}
	for _, names := range sameOptions {
		if present[names[0]] != nil && present[names[1]] != nil {
			return Options{}, fmt.Errorf("options: %s and %s are the same setting: give one", names[0], names[1])
		}
	}
	if o.Betas != nil && len(o.Betas) != 2 {
		return Options{}, fmt.Errorf("options: betas has %d numbers: it needs 2", len(o.Betas))
	}
	return o, nil
}

// neutral tells whether an option has the value that changes nothing.
func neutral(key string, value json.RawMessage) bool {
	var number float64
	if torchDefaults[key] == "0" && json.Unmarshal(value, &number) == nil {
		return number == 0
	}
	return string(value) == torchDefaults[key]
}
