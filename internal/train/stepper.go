package train

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/runlog"
)

// Stepper does the training steps that Run does, without a run folder: for
// measuring them. It is for one goroutine; Close it when done.
type Stepper struct {
	store   *model.Store
	trained trained
	step    int64
}

// NewStepper prepares a problem's training step; it is compiled with the first
// batch. The seed is that of the initial parameters.
func NewStepper(backend compute.Backend, p Problem, o Optimizer, seed int64) (*Stepper, error) {
	store := model.NewStore()
	if err := store.SetRNGStateFromSeed(seed); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	g, err := prepare(backend, store, p, o)
	if err != nil {
		return nil, err
	}
	return &Stepper{store: store, trained: g}, nil
}

// Step trains on a batch, whose tensors it frees. A step in which something is
// not finite is an error, ErrDiverged.
func (s *Stepper) Step(b Batch) (runlog.Step, error) {
	record, err := s.trained.train(b)
	if err != nil {
		return record, err
	}
	s.step++
	record.Step = s.step
	if what := finite(record); what != "" {
		return record, fmt.Errorf("train: %w at step %d: %s", ErrDiverged, s.step, what)
	}
	return record, nil
}

// Close frees the compiled step and the variables.
func (s *Stepper) Close() {
	s.trained.close()
	s.store.Finalize()
}
