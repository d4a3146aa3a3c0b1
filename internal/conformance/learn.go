package conformance

import (
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto/internal/golden"
	"github.com/kafisto/kafisto/schedule"
)

func learnsConvex(t *testing.T, s suite)  { learns(t, s, convex()) }
func learnsNetwork(t *testing.T, s suite) { learns(t, s, network()) }

// learns: 200 steps take the loss below a third of what it was.
func learns(t *testing.T, s suite, tr *golden.Trajectory) {
	r := s.start(t, tr, dtypes.Float32, s.make(t, "test"), model.NewStore(), "/net").steps(0, 200)
	before, after := meanLoss(tr, tr.Init), meanLoss(tr, r.parameters())
	if !(after < before/3) {
		t.Errorf("the loss went from %g to %g", before, after)
	}
}

// repeats: two runs give the same bits.
func repeats(t *testing.T, s suite) {
	one, two := model.NewStore(), model.NewStore()
	for _, store := range []*model.Store{one, two} {
		s.start(t, convex(), dtypes.Float32, s.make(t, "test"), store, "/net").steps(0, 5)
	}
	sameBits(t, snapshot(t, one), snapshot(t, two))
}

// followsSchedule: a learning rate of 0 in the first three steps leaves the
// parameters as they are, to the bit; the fourth step moves them.
func followsSchedule(t *testing.T, s suite) {
	rate, err := schedule.Piecewise([]int64{3}, []float64{0, s.Rate})
	if err != nil {
		t.Fatal(err)
	}
	tr := convex()
	r := s.start(t, tr, dtypes.Float64, s.scheduled(t, "test", rate), model.NewStore(), "/net")
	moved := func() (moved bool) {
		for i, values := range r.parameters() {
			for j, value := range values {
				moved = moved || value != tr.Init[i][j]
			}
		}
		return moved
	}
	if r.steps(0, 3); moved() {
		t.Error("the parameters moved while the learning rate was 0")
	}
	if r.steps(3, 4); !moved() {
		t.Error("the parameters did not move when the learning rate rose")
	}
}
