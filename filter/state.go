package filter

import (
	"errors"
	"fmt"
	"slices"
)

// State is everything a filter remembers between steps, beside the layers
// themselves: save it with them to continue a run exactly.
type State struct {
	Covariance       Covariance  `json:"covariance"`
	MeasurementNoise float64     `json:"measurement_noise"` // R
	StateNoise       float64     `json:"state_noise"`       // qx
	Steps            int64       `json:"steps"`             // updates done
	Velocities       [][]float64 `json:"velocities,omitempty"`
	Averages         [][]float64 `json:"averages,omitempty"` // x_avg
}

// State returns a copy of the filter's state. Between Predict and Update it
// returns an error: a prediction cannot be continued without its measurement.
func (f *Filter) State() (State, error) {
	if f.predicted {
		return State{}, errors.New("filter: State between Predict and Update: call Update first")
	}
	return State{f.P, f.R, f.qx, f.steps, cloneAll(f.p), cloneAll(f.average)}, nil
}

// Restore continues from a state saved by a filter of the same configuration
// and layers; constant noises are this filter's. On an error, as for values that
// are not finite, nothing is changed.
func (f *Filter) Restore(s State) error {
	if err := sameShape("velocities", s.Velocities, f.p); err != nil {
		return err
	}
	if err := sameShape("averages", s.Averages, f.average); err != nil {
		return err
	}
	for i, values := range append([][]float64{{s.Covariance.Parameter, s.Covariance.Cross, s.Covariance.Velocity, s.MeasurementNoise, s.StateNoise}}, append(s.Velocities, s.Averages...)...) {
		if err := finite("value", i, values); err != nil {
			return fmt.Errorf("filter: the state is not usable: %w", err)
		}
	}
	f.P, f.R, f.qx, f.steps, f.predicted = s.Covariance, s.MeasurementNoise, s.StateNoise, s.Steps, false
	if noise := f.config.MeasurementNoise; !noise.Adaptive {
		f.R = noise.Value
	}
	if noise := f.config.StateNoise; !noise.Adaptive {
		f.qx = noise.Value
	}
	f.p, f.average = cloneAll(s.Velocities), cloneAll(s.Averages)
	return nil
}

func cloneAll(layers [][]float64) [][]float64 {
	if layers == nil {
		return nil
	}
	out := make([][]float64, len(layers))
	for i, l := range layers {
		out[i] = slices.Clone(l)
	}
	return out
}

func sameShape(what string, got, want [][]float64) error {
	if len(got) != len(want) {
		return fmt.Errorf("filter: the state has %s for %d layers, this filter for %d: use the configuration it was saved with", what, len(got), len(want))
	}
	for i := range got {
		if len(got[i]) != len(want[i]) {
			return fmt.Errorf("filter: the state's %s of layer %d have %d numbers, the layer %d: use the layers it was saved with", what, i, len(got[i]), len(want[i]))
		}
	}
	return nil
}
