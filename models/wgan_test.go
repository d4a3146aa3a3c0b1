package models

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/internal/engine/enginetest"
	"github.com/kafisto/kafisto/internal/graphtest"
	"github.com/kafisto/kafisto/native"
	"github.com/kafisto/kafisto/schedule"
)

// madeCritique are the script's real and generated images and shares.
func madeCritique(dtype dtypes.DType, batch int) []any {
	return []any{madeTensor(dtype, "images real", batch, 32, 32, 3),
		madeTensor(dtype, "images generated", batch, 32, 32, 3), madeShares(dtype, batch)}
}

// penalties are the gradient penalties alone of a critique.
func penalties(critique []*Node) *Node {
	nothing := ZerosLike(critique[2])
	return CriticLosses(nil, []*Node{nothing, nothing, critique[2]})
}

// TestGradientNormsByDifferences holds the norm of a score's gradient against central differences of
// the score for each number of an image.
func TestGradientNormsByDifferences(t *testing.T) {
	const numbers, step = 32 * 32 * 3, 1e-6
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		gan, store := newGAN(t, 1, dtypes.Float64)
		image := madeTensor(dtypes.Float64, "images real", 1, 32, 32, 3)
		exec := model.MustNewExec(backend, store, func(scope *model.Scope, image *Node) *Node {
			return GradientNorms(gan.Judge(scope.In("critic"), image), image)
		})
		judge := model.MustNewExec(backend, store, func(scope *model.Scope, images *Node) *Node {
			return gan.Judge(scope.In("critic"), images)
		})
		const part = numbers / 4 // images at a time
		pixels, squares := graphtest.Of(image).Flat, 0.0
		for first := 0; first < numbers; first += part {
			moved := graphtest.Zeros(2*part, 32, 32, 3)
			for i := range 2 * part {
				copy(moved.Flat[i*numbers:], pixels)
			}
			for i := range part {
				moved.Flat[2*i*numbers+first+i] += step
				moved.Flat[(2*i+1)*numbers+first+i] -= step
			}
			scores := results(t, judge, moved.Tensor())[0].Flat
			for i := range part {
				squares += math.Pow((scores[2*i]-scores[2*i+1])/(2*step), 2)
			}
		}
		mustMatchGolden(t, "norm", results(t, exec, image)[0].Flat, []float64{math.Sqrt(squares)}, 1e-6)
	})
}

// set gives a variable a value.
func set(t *testing.T, v *model.Variable, value *tensors.Tensor) {
	t.Helper()
	if err := v.SetValue(value); err != nil {
		t.Fatal(err)
	}
}

// TestPenaltyByDifferences holds the gradient of the penalty with respect to every weight of the
// critic against central differences.
func TestPenaltyByDifferences(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		gan, store := newGAN(t, 1, dtypes.Float64)
		inputs := madeCritique(dtypes.Float64, 2)
		build := func(gradients bool) *model.Exec {
			return model.MustNewExec(backend, store, func(scope *model.Scope, in []*Node) []*Node {
				scope.SetTraining(in[0].Graph(), true)
				loss := ReduceAllMean(penalties(gan.Critique(scope.In("critic"), in[0], in[1], in[2])))
				if !gradients {
					return []*Node{loss}
				}
				_, slopes := gradientsBelow(store, "/critic", loss)
				return slopes
			})
		}
		slopes, penalty := results(t, build(true), inputs...), build(false)
		for v := range store.IterVariables() {
			if !strings.HasPrefix(v.Path(), "/critic") {
				continue
			}
			start := graphtest.Of(v.MustValue())
			want := graphtest.NumericGradient(func(x graphtest.Array) float64 {
				set(t, v, x.Tensor())
				return results(t, penalty, inputs...)[0].Flat[0]
			}, start, 1e-6)
			set(t, v, start.Tensor())
			graphtest.MustMatch(t, v.Path(), slopes[0], want, 1e-6)
			slopes = slopes[1:]
		}
		if len(slopes) != 0 {
			t.Errorf("%d gradients too many", len(slopes))
		}
	})
}

// TestPenaltySingle holds penalties and their gradients by the convolutions for float32, which are
// kernels and other lowerings than those for float64, against double precision. The limit is about a
// hundred roundings: of a gradient of a gradient through three layers of up to 1024 products.
func TestPenaltySingle(t *testing.T) {
	var names []string
	run := func(t *testing.T, backend compute.Backend, dtype dtypes.DType) []graphtest.Array {
		gan, store := newGAN(t, 16, dtype)
		exec := model.MustNewExec(backend, store, func(scope *model.Scope, in []*Node) []*Node {
			scope.SetTraining(in[0].Graph(), true)
			losses := penalties(gan.Critique(scope.In("critic"), in[0], in[1], in[2]))
			var slopes []*Node
			names, slopes = gradientsBelow(store, "/critic", ReduceAllMean(losses))
			return append(slopes, losses)
		})
		return results(t, exec, madeCritique(dtype, 4)...)
	}
	want := run(t, enginetest.Backend(t, "go"), dtypes.Float64)
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		worst := 0.0
		for i, got := range run(t, backend, dtypes.Float32) {
			name, difference, size := append(names, "penalties")[i], 0.0, 0.0
			for j, v := range want[i].Flat {
				difference, size = difference+math.Pow(got.Flat[j]-v, 2), size+v*v
			}
			relative := math.Sqrt(difference / max(size, 1e-2)) // biases in front of a norm have none
			worst = max(worst, relative)
			if !(relative <= 1e-5) {
				t.Errorf("%s: differs by %.2g of its norm, %.2g", name, relative, math.Sqrt(size))
			}
		}
		t.Logf("kernels %t: largest difference %.2g", native.Available(backend), worst)
	})
}

// TestPenaltyWithoutSlope takes critics whose scores hardly depend on the image, or not at all, which
// is where the root's derivative is infinite: everything is finite, and a norm of 0 moves nothing.
func TestPenaltyWithoutSlope(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		gan, store := newGAN(t, 1, dtypes.Float32)
		last := store.GetVariable("/critic/conv4/weights")
		weights := tensors.MustCopyFlatData[float32](last.MustValue())
		exec := model.MustNewExec(backend, store, func(scope *model.Scope, in []*Node) []*Node {
			scope.SetTraining(in[0].Graph(), true)
			losses := penalties(gan.Critique(scope.In("critic"), in[0], in[1], in[2]))
			_, slopes := gradientsBelow(store, "/critic", ReduceAllMean(losses))
			return append(slopes, losses)
		})
		for _, size := range []float32{0, 1e-30, 1e-18, 1e-9} {
			small := make([]float32, len(weights))
			for i, v := range weights {
				small[i] = size * v
			}
			set(t, last, tensors.FromFlatDataAndDimensions(small, last.Shape().Dimensions...))
			for i, got := range results(t, exec, madeCritique(dtypes.Float32, 2)...) {
				for _, v := range got.Flat {
					if math.IsNaN(v) || math.IsInf(v, 0) || (size == 0 && v != 0 && v != PenaltyWeight) {
						t.Fatalf("weights of size %g, result %d: %g", size, i, v)
					}
				}
			}
		}
	})
}

// wganSteps are the steps of a critic and of a generator, each with a filter of its own, in one store.
type wganSteps struct {
	gan               GAN
	store             *model.Store
	critic, generator *model.Exec
	losses            *model.Exec // the critic's, of the present parameters
}

// newWGANSteps builds the steps as GoMLX programs do, with section 5.2's settings.
func newWGANSteps(t *testing.T, backend compute.Backend) wganSteps {
	t.Helper()
	gan, store := newGAN(t, 2, dtypes.Float32)
	step := func(name string, losses kafisto.PerExampleLoss, network func(scope *model.Scope, in []*Node) []*Node) *model.Exec {
		opt := kafisto.New().Target(kafisto.OffsetTarget(schedule.Constant(4))).VelocityDecay(0.5).Scope(name + " filter").
			Only(func(v *model.Variable) bool { return strings.HasPrefix(v.Path(), "/"+name+"/") }).MustDone()
		wrapped, loss := kafisto.Model(opt, network), kafisto.Loss(opt, losses)
		return model.MustNewExec(backend, store, func(scope *model.Scope, in []*Node) []*Node {
			g := in[0].Graph()
			scope.SetTraining(g, true)
			l := loss(nil, wrapped(scope, nil, in))
			opt.UpdateGraph(scope, g, l)
			return []*Node{l, opt.Report(g).MeasurementNoise}
		})
	}
	critique := func(scope *model.Scope, in []*Node) []*Node {
		return gan.Critique(scope.In("critic"), in[0], in[1], in[2])
	}
	return wganSteps{
		gan: gan, store: store,
		critic: step("critic", CriticLosses, critique),
		generator: step("generator", GeneratorLosses, func(scope *model.Scope, in []*Node) []*Node {
			return []*Node{gan.Judge(scope.In("critic"), gan.Generate(scope.In("generator"), in[0]))}
		}),
		losses: model.MustNewExec(backend, store, func(scope *model.Scope, in []*Node) *Node {
			return CriticLosses(nil, critique(scope, in))
		}),
	}
}

// below are the bytes of the trainable parameters below a path, to see whether they change.
func (w wganSteps) below(path string) string {
	var text strings.Builder
	for v := range w.store.IterVariables() {
		if v.Trainable && strings.HasPrefix(v.Path(), path) {
			fmt.Fprintln(&text, v.Path(), tensors.MustCopyFlatData[float32](v.MustValue()))
		}
	}
	return text.String()
}

// TestWGANUnderKaFiStO takes steps of both networks, each with its filter: the first loss is the mean
// of the losses and R is made of them, each step moves its own network alone, and both engines
// do the same.
func TestWGANUnderKaFiStO(t *testing.T) {
	steps := map[string][]float64{}
	enginetest.Each(t, func(t *testing.T, backend compute.Backend) {
		w := newWGANSteps(t, backend)
		sum := 0.0
		for _, v := range results(t, w.losses, madeCritique(dtypes.Float32, 3)...)[0].Flat {
			sum += v
		}
		for i := range 3 {
			generator, critic := w.below("/generator"), w.below("/critic")
			got := results(t, w.critic, madeCritique(dtypes.Float32, 3)...)
			if i == 0 {
				mustMatchGolden(t, "first loss", got[0].Flat, []float64{sum / 3}, 1e-5)
			}
			if w.below("/critic") == critic || w.below("/generator") != generator {
				t.Error("the critic's step moves not just the critic")
			}
			critic = w.below("/critic")
			got = append(got, results(t, w.generator, madeLatents(dtypes.Float32, 3, w.gan.Latent))...)
			if w.below("/critic") != critic || w.below("/generator") == generator {
				t.Error("the generator's step moves not just the generator")
			}
			for _, value := range got {
				steps[t.Name()] = append(steps[t.Name()], value.Flat[0])
			}
		}
		t.Logf("loss and R of critic and generator: %.6g", steps[t.Name()])
		for _, v := range steps[t.Name()] {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("not finite: %g", steps[t.Name()])
			}
		}
	})
	if onXLA, ok := steps[t.Name()+"/xla:cpu"]; ok {
		mustMatchGolden(t, "engines", onXLA, steps[t.Name()+"/go"], 1e-3)
	}
}
