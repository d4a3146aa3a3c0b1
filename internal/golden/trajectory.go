// Package golden reads golden trajectories: small networks trained step by
// step by an independent implementation, which ours has to follow. The
// project's own files are in testdata (its README.md says where they come
// from); KAFISTO_GOLDEN_DIR names folders with more.
package golden

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Trajectory is one network and every step of its training: a multilayer
// perceptron with tanh hidden units and a softmax cross-entropy loss, in
// float64. Everything is flat and row-major. A loaded trajectory is valid: all
// lengths agree.
type Trajectory struct {
	Name   string // file name without .json
	Case   string // the writer's name for it
	Source string // which implementation wrote it

	Layers []int // widths of the network, input first; at least two
	Steps  int
	Batch  int

	// Init and Final are the parameters before the first and after the last
	// step, in the order W1, b1, W2, b2, ...; W is [in, out], y = xW + b.
	Init, Final [][]float64

	X      []float64 // inputs, [Steps, Batch, Layers[0]]
	Labels []int32   // classes, [Steps, Batch], below Layers' last

	Options Options
	Log     []Entry // one a step
}

// Entry is what a trajectory says about one step.
type Entry struct {
	Loss           float64   // mean loss of the minibatch, at the predicted parameters
	LossSquareMean float64   // mean squared per-example loss, at the predicted parameters
	R              float64   // measurement noise after the update; 0 for baselines
	P              []float64 // covariance after the update: 1 number (vanilla), 4 (dynamics, row-major), nil for baselines
	Qx             *float64  // state noise of the step; nil where the algorithm has none
	ParamNorms     []float64 // Euclidean norm of each parameter tensor after the update
}

// file is the form on disk. Pointers tell what is missing from what is zero.
type file struct {
	Case       string          `json:"case"`
	Source     string          `json:"source"`
	Layers     []int           `json:"layers"`
	Activation *string         `json:"activation"`
	Loss       *string         `json:"loss"`
	Steps      int             `json:"steps"`
	Batch      int             `json:"batch"`
	Options    json.RawMessage `json:"options"`
	Init       [][]float64     `json:"init"`
	X          []float64       `json:"x"`
	Labels     []int32         `json:"labels"`
	Log        []fileEntry     `json:"log"`
	Final      [][]float64     `json:"final"`
}

type fileEntry struct {
	Loss           *float64  `json:"loss"`
	LossSquareMean *float64  `json:"lossSquareMean"`
	R              *float64  `json:"R"`
	P              numbers   `json:"P"`
	Qx             *float64  `json:"qx"`
	ParamNorms     []float64 `json:"paramNorms"`
}

// numbers reads a number or a list of numbers.
type numbers []float64

// UnmarshalJSON implements json.Unmarshaler.
func (s *numbers) UnmarshalJSON(data []byte) error {
	var list []float64
	if err := json.Unmarshal(data, &list); err == nil {
		*s = list
		return nil
	}
	var number float64
	if err := json.Unmarshal(data, &number); err != nil {
		return errors.New("entry P must be a number or a list of numbers")
	}
	*s = numbers{number}
	return nil
}

// Load reads and checks one file.
func Load(path string) (*Trajectory, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("golden: %w", err)
	}
	return Parse(strings.TrimSuffix(filepath.Base(path), ".json"), data)
}

// Parse reads and checks a trajectory from a file's content; name is used in
// errors and becomes the trajectory's Name.
func Parse(name string, data []byte) (*Trajectory, error) {
	var f file
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("golden: %s: not a trajectory: %w", name, err)
	}
	options, err := parseOptions(f.Options)
	if err != nil {
		return nil, fmt.Errorf("golden: %s: %w", name, err)
	}
	if err := f.check(options); err != nil {
		return nil, fmt.Errorf("golden: %s: %w", name, err)
	}
	t := &Trajectory{
		Name: name, Case: f.Case, Source: f.Source,
		Layers: f.Layers, Steps: f.Steps, Batch: f.Batch,
		Init: f.Init, Final: f.Final, X: f.X, Labels: f.Labels,
		Options: options,
	}
	for _, e := range f.Log {
		t.Log = append(t.Log, e.entry(options))
	}
	return t, nil
}

func (e *fileEntry) entry(options Options) Entry {
	entry := Entry{Loss: *e.Loss, LossSquareMean: *e.LossSquareMean, ParamNorms: e.ParamNorms}
	if options.Baseline() {
		return entry
	}
	entry.R, entry.P, entry.Qx = *e.R, e.P, e.Qx
	return entry
}
