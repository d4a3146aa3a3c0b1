package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/kafisto/kafisto/internal/runlog"
)

// fixture makes the log of a run that falls from loss 2.3 towards floor, with
// noise; filter says whether it has a Kalman filter with n entries of P.
func fixture(seed uint64, steps, entries int, floor float64) *runlog.Log {
	random := rand.New(rand.NewPCG(seed, 7))
	log := &runlog.Log{Starts: []runlog.Start{{Type: runlog.TypeStart, Engine: "go"}}}
	perEpoch := max(1, steps/3)
	for i := 1; i <= steps; i++ {
		t := float64(i) / float64(steps)
		loss := (floor + (2.3-floor)*math.Exp(-6*t)) * math.Exp(0.15*random.NormFloat64())
		s := runlog.Step{
			Type: runlog.TypeStep, Step: int64(i), Epoch: float64(i) / float64(perEpoch), Loss: loss,
			LearningRate: [3]float64{0.01, 0.01, 0.01}, Seconds: 0.1 + 0.01*random.Float64(),
		}
		if entries > 0 {
			rate := 0.02 / (1 + 3*t) * math.Exp(0.3*random.NormFloat64())
			s.LearningRate = [3]float64{rate / 20, rate, rate * 8}
			p := []float64{0.1 / (1 + 50*t), 0.02 / (1 + 9*t), 0.01 + 0.09*math.Exp(-30*t)}
			s.Filter = &runlog.Filter{R: 0.3 + 5*math.Exp(-8*t), P: p[:entries], Qx: 0.01 * math.Exp(-7*t), Innovation: -loss}
		}
		log.Steps = append(log.Steps, s)
		if i%perEpoch == 0 {
			log.Evals = append(log.Evals, runlog.Eval{
				Type: runlog.TypeEval, Step: int64(i), Epoch: s.Epoch, Split: runlog.Validation,
				Loss: loss * 1.1, Top1Error: 100 * (1 - math.Exp(-loss/2)), Examples: 2000, Seconds: 0.5,
			})
		}
	}
	log.End = &runlog.End{Type: runlog.TypeEnd, Step: int64(steps), Status: runlog.StatusFinished, Seconds: 70}
	return log
}

// divergedFixture is a run whose loss grows and ends not finite.
func divergedFixture(steps int) *runlog.Log {
	log := fixture(9, steps, 3, 0.4)
	for i := range log.Steps {
		log.Steps[i].Loss = math.Exp(float64(i) / float64(steps) * 6)
	}
	log.Evals = nil
	log.End = &runlog.End{Type: runlog.TypeEnd, Step: int64(steps), Status: runlog.StatusDiverged, Message: "the loss at step 120 is not finite"}
	return log
}

// demo is a report of three optimizers.
func demo(seeds int) Report {
	r := Report{
		Title: "KaFiStO, SGD and Adam", Task: "Fashion-MNIST sample, small convolutional network",
		Commit: "0123abcd", Version: "v0.1.0", Engine: "xla:cpu", Machine: "2 cores, 8 GiB, linux/amd64",
		Command: "kafisto compare --task fashion --optimizers kafisto,sgd,adam --seeds 1",
		Scaled:  "scaled down: 10,000 images, 3 epochs", Created: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC),
	}
	for i, name := range []string{"kafisto", "sgd", "adam"} {
		for seed := range uint64(seeds) {
			entries := 0
			settings := map[string]any{"batch": 128, "seed": seed + 1, "optimizer": map[string]any{"name": name, "learning_rate": []float64{1, 0.1, 0.001}[i]}, "augment": true}
			if i == 0 {
				entries = 3
			}
			r.Runs = append(r.Runs, Run{
				Label: fmt.Sprintf("%s seed %d", name, seed+1), Group: name, Seed: seed + 1, Settings: settings,
				Log: fixture(seed+10*uint64(i), 600, entries, 0.3+0.05*float64(i)),
			})
		}
	}
	return r
}
