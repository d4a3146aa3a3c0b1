package train

import (
	"fmt"
	"os"
	"sort"
	"syscall"
	"testing"
	"time"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/models"
	"github.com/kafisto/kafisto/optim"
)

func TestZZ(t *testing.T) {
	eng := os.Getenv("ZZ_ENGINE")
	if eng == "" {
		eng = "xla:cpu"
	}
	b := enginetest.Backend(t, engine.Choice(eng))
	store := model.NewStore()
	net, _ := models.ByName("resnet18", 100)
	p := Problem{Model: func(scope *model.Scope, spec any, in []*graph.Node) []*graph.Node {
		return []*graph.Node{net(scope, in[0])}
	}, Losses: kafisto.SparseCrossEntropyLogits}
	o := KaFiStO("kafisto", kafisto.New().WeightDecay(5e-4).MustDone())
	if os.Getenv("ZZ_OPT") == "sgd" {
		o = Baseline("sgd", optim.SGD().LearningRate(0.01).Momentum(0.9).WeightDecay(5e-4).MustDone())
	}
	g, err := newGraphs(b, store, p, o)
	if err != nil {
		t.Fatal(err)
	}
	var times []float64
	for i := 0; i < 12; i++ {
		x := tensors.FromShape(shapes.Make(dtypes.Float32, 128, 32, 32, 3))
		tensors.MustMutableFlatData(x, func(f []float32) {
			for j := range f {
				f[j] = float32((j*7919)%1000)/500 - 1
			}
		})
		y := tensors.FromShape(shapes.Make(dtypes.Int32, 128, 1))
		var a, z syscall.Rusage
		syscall.Getrusage(0, &a)
		s := time.Now()
		r, err := g.train(Batch{Inputs: []*tensors.Tensor{x}, Labels: []*tensors.Tensor{y}, Size: 128})
		if err != nil {
			t.Fatal(err)
		}
		d := time.Since(s).Seconds()
		syscall.Getrusage(0, &z)
		fmt.Printf("%.3f s loss %.5f faults %d user %.2f sys %.2f rss %d MB\n", d, r.Loss, z.Minflt-a.Minflt, float64(z.Utime.Nano()-a.Utime.Nano())/1e9, float64(z.Stime.Nano()-a.Stime.Nano())/1e9, z.Maxrss/1024)
		if i > 1 {
			times = append(times, d)
		}
	}
	sort.Float64s(times)
	fmt.Printf("median %.3f min %.3f\n", times[len(times)/2], times[0])
}
