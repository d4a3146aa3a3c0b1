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

// optionKeys lists what each kind of file may set besides algorithm, variant
// and schedule, by "algorithm" or "algorithm/variant".
var optionKeys = map[string]string{
	SGD:                        "lr momentum nesterov weight_decay",
	Adam:                       "lr betas eps weight_decay",
	AdamW:                      "lr betas eps weight_decay",
	Vanilla + "/" + Published:  "lr sigma q r alpha_r weight_decay",
	Dynamics + "/" + Published: "lr sw sc sv a qw qv r alpha_r weight_decay",
	Vanilla + "/" + Paper:      "lr sigma q r bR weight_decay",
	Dynamics + "/" + Paper:     "lr alpha sx sc sp qp r bR bx weight_decay",
}

// parseOptions refuses what it does not know: a setting that is ignored would
// make the comparison meaningless.
func parseOptions(data []byte) (Options, error) {
	var present map[string]json.RawMessage
	if err := json.Unmarshal(data, &present); err != nil || present == nil {
		return Options{}, errors.New("options are missing or not an object")
	}
	var o Options
	if err := json.Unmarshal(data, &o); err != nil {
		return Options{}, fmt.Errorf("options: %w", err)
	}
	kind := o.Algorithm
	if !o.Baseline() {
		if o.Variant == "" {
			o.Variant = Published
		}
		kind += "/" + o.Variant
	}
	known, ok := optionKeys[kind]
	if !ok {
		return Options{}, fmt.Errorf("options: algorithm %q with variant %q is not known: known are %s",
			o.Algorithm, o.Variant, strings.Join(slices.Sorted(maps.Keys(optionKeys)), ", "))
	}
	allowed := append(strings.Fields(known), "algorithm", "variant", "schedule")
	for _, key := range slices.Sorted(maps.Keys(present)) {
		if !slices.Contains(allowed, key) {
			return Options{}, fmt.Errorf("options: %q is not known for %s: known are %s", key, kind, known)
		}
	}
	if o.Betas != nil && len(o.Betas) != 2 {
		return Options{}, fmt.Errorf("options: betas has %d numbers: it needs 2", len(o.Betas))
	}
	return o, nil
}
