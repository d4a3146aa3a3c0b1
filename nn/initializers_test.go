package nn

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/graphtest"
)

// draw draws weights from the random state that the seed gives.
func draw(t *testing.T, backend compute.Backend, seed int64, initializer Initializer, dims ...int) []float32 {
	t.Helper()
	store := model.NewStore()
	if err := store.SetRNGStateFromSeed(seed); err != nil {
		t.Fatal(err)
	}
	exec := model.MustNewExec(backend, store, func(scope *model.Scope, g *Graph) *Node {
		return scope.WithInitializer(initializer(scope)).
			VariableWithShape("w", shapes.Make(dtypes.Float32, dims...)).NodeValue(g)
	})
	return tensors.MustCopyFlatData[float32](exec.MustCall()[0])
}

// TestInitializers checks the moments of the draws of convolutions and linear layers, and the bounds
// of uniform ones.
func TestInitializers(t *testing.T) {
	kernel, matrix := []int{3, 3, 40, 50}, []int{120, 150}
	fanIn := func(scope *model.Scope) model.VariableInitializer { return FanInUniform(scope, 100) }
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		for _, c := range []struct {
			name        string
			initializer Initializer
			dims        []int
			variance    float64
			uniform     bool
		}{
			{"fan-in uniform", fanIn, kernel, 1.0 / 300, true},
			{"xavier-normal", XavierNormal, kernel, 2.0 / (360 + 450), false},
			{"xavier-normal", XavierNormal, matrix, 2.0 / (120 + 150), false},
			{"xavier-uniform", XavierUniform, kernel, 2.0 / (360 + 450), true},
			{"xavier-uniform", XavierUniform, matrix, 2.0 / (120 + 150), true},
			{"kaiming-normal", KaimingNormal, kernel, 2.0 / 450, false},
			{"kaiming-normal", KaimingNormal, matrix, 2.0 / 150, false},
			{"kaiming-uniform", KaimingUniform, kernel, 2.0 / 360, true},
			{"kaiming-uniform", KaimingUniform, matrix, 2.0 / 120, true},
			{"orthogonal", Orthogonal, kernel, 1.0 / 360, false},
			{"orthogonal", Orthogonal, matrix, 1.0 / 150, false},
		} {
			draws := draw(t, backend, 1, c.initializer, c.dims...)
			n, bound := float64(len(draws)), math.Sqrt(3*c.variance)
			var sum, squares, largest float64
			for _, v := range draws {
				sum += float64(v)
				squares += float64(v) * float64(v)
				largest = max(largest, math.Abs(float64(v)))
			}
			// Five standard errors: the fourth moment is at most three times the variance squared.
			if mean := sum / n; math.Abs(mean) > 5*math.Sqrt(c.variance/n) {
				t.Errorf("%s %v: mean is %g", c.name, c.dims, mean)
			}
			if got := squares / n; math.Abs(got-c.variance) > 5*c.variance*math.Sqrt(2/n) {
				t.Errorf("%s %v: variance is %g, want %g", c.name, c.dims, got, c.variance)
			}
			// The largest of 18,000 uniform draws is within 0.1 % of the bound, that of normal ones far beyond it.
			if inside := largest <= bound*(1+1e-6) && largest > 0.999*bound; inside != c.uniform {
				t.Errorf("%s %v: largest draw is %g, bound of a uniform distribution %g", c.name, c.dims, largest, bound)
			}
		}
	})
}

func TestSeedDecidesDraws(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		for _, name := range InitializerNames() {
			initializer, err := InitializerByName(name)
			if err != nil {
				t.Fatal(err)
			}
			first := draw(t, backend, 1, initializer, 3, 3, 16, 24)
			if again := draw(t, backend, 1, initializer, 3, 3, 16, 24); !slices.Equal(first, again) {
				t.Errorf("%s: the same seed gives other draws", name)
			}
			if other := draw(t, backend, 2, initializer, 3, 3, 16, 24); slices.Equal(first, other) {
				t.Errorf("%s: another seed gives the same draws", name)
			}
		}
	})
}

func TestInitializersRefuse(t *testing.T) {
	if got := strings.Join(InitializerNames(), ", "); got != "kaiming-normal, kaiming-uniform, orthogonal, xavier-normal, xavier-uniform" {
		t.Errorf("names are %s", got)
	}
	if _, err := InitializerByName("he"); err == nil || !strings.Contains(err.Error(), `"he", choose one of: kaiming-normal, `) {
		t.Errorf("unknown name: %v", err)
	}
	for _, initializer := range initializers {
		for _, dims := range [][]int{{}, {4}, {2, 3, 4}, {1, 2, 3, 4, 5}, {0, 4}} {
			graphtest.MustFail(t, enginetest.Backend(t, "go"), func(g *Graph) *Node {
				return initializer(model.NewStore().RootScope())(g, shapes.Make(dtypes.Float32, dims...))
			}, "weights must be [height, width, in, out] or [in, out]")
		}
	}
}
