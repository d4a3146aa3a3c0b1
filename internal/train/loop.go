package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/kafisto/kafisto/internal/checkpoint"
)

// loop evaluates, saves and trains, each when it is due; a new best is always
// saved. What is due depends on the step and the state that checkpoints carry alone,
// so that a resumed run does exactly what an uninterrupted one does.
func (r *run) loop(ctx context.Context) error {
	batches, err := r.Problem.Train(ctx, r.step)
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	defer batches.Close()
	for {
		if r.toEvaluate() {
			if err := r.evaluate(ctx); err != nil {
				return err
			}
		}
		stopped := ctx.Err() != nil
		nothing := stopped && r.step == 0 // variables may have no values yet
		if regular := r.toSave(); (regular || stopped) && r.saved < r.step && !nothing {
			if err := r.save(!regular); err != nil {
				return err
			}
		}
		if r.step >= r.Steps && r.Evaluated == r.step {
			return nil
		}
		if stopped {
			return fmt.Errorf("train: %w after step %d of %d", ErrStopped, r.step, r.Steps)
		}
		if err := r.trainStep(ctx, batches); err != nil {
			return err
		}
	}
}

// due tells whether something that happens every so many steps is due now. Rivals
// are evaluated before the first step too: to compare with, it is never the best.
func (r *run) due(every int64) bool {
	return (r.step > 0 || r.Problem.Rivals != nil) && (r.step%every == 0 || r.step >= r.Steps)
}

// toEvaluate tells whether an evaluation is due that was not made yet.
func (r *run) toEvaluate() bool { return r.due(r.EvalEvery) && r.Evaluated < r.step }

// toSave tells whether a run that nobody stops has a checkpoint of this step, just
// like this one.
func (r *run) toSave() bool {
	best := r.Best != nil && r.Best.Step == r.step
	return (r.due(r.SaveEvery) || best) && !r.toEvaluate()
}

// trainStep does one step, or none when ctx is cancelled.
func (r *run) trainStep(ctx context.Context, batches Stream) error {
	batch, err := batches.Next()
	if ctx.Err() != nil {
		if err == nil {
			batch.Finalize()
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("train: reading the batch of step %d: %w", r.step+1, err)
	}
	began := time.Now()
	s, err := r.trained.train(batch)
	if errors.Is(err, context.Canceled) {
		return nil // in a compilation, in this process's first step: there is nothing to save
	}
	if err != nil {
		return err
	}
	s.Step, s.Epoch = r.step+1, float64(r.step+1)/float64(r.Problem.StepsPerEpoch)
	s.Seconds = time.Since(began).Seconds()
	what := finite(s)
	if what == "" {
		what = r.aboveBound("loss", s.Loss)
	}
	if what == "" && s.Critic != nil {
		what = r.aboveBound("critic's loss", s.Critic.Loss)
	}
	if what != "" {
		return r.diverged(s.Step, what)
	}
	r.step++
	if err := r.log.Append(s); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	r.Console.Step(s)
	return nil
}

// aboveBound says that a loss is above the run's bound, "" if it is not.
func (r *run) aboveBound(what string, loss float64) string {
	if r.LossBound == 0 || loss <= r.LossBound {
		return ""
	}
	return fmt.Sprintf("the %s is %.4g, above the bound %g", what, loss, r.LossBound)
}

// divergedAdvice ends the error of a run that has diverged.
const divergedAdvice = "; check the data, and try a smaller learning rate: --resume with more --retries goes back and on with one"

// diverged says what is not finite, and names a variable that is not either.
func (r *run) diverged(step int64, what string) error {
	among := ""
	if err := checkpoint.CheckFinite(r.store); err != nil {
		among = fmt.Sprintf(" (among others: %v)", err)
	}
	return fmt.Errorf("train: %w at step %d: %s%s%s", ErrDiverged, step, what, among, divergedAdvice)
}

// cursor is the place in the data after that many steps.
func (r *run) cursor(step int64) checkpoint.Cursor {
	return checkpoint.Cursor{Epoch: step / r.Problem.StepsPerEpoch, Step: step % r.Problem.StepsPerEpoch}
}

// save makes the log durable and writes a checkpoint of this step, for a stop alone
// or as every run has it.
func (r *run) save(stop bool) error {
	if r.Held != nil {
		if err := r.Held(); err != nil {
			return fmt.Errorf("train: step %d not saved: %w", r.step, err)
		}
	}
	if err := r.log.Sync(); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	state, err := json.Marshal(r.progress)
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	meta := checkpoint.Meta{
		Step: r.step, Seed: r.Seed, SettingsHash: r.Settings, Program: r.Version, Stop: stop, State: state,
		Cursor: r.cursor(r.step),
	}
	if r.Best != nil {
		meta.BestStep = r.Best.Step
	}
	_, err = checkpoint.Save(filepath.Join(r.Dir, CheckpointsFolder), r.store, meta)
	switch {
	case errors.Is(err, checkpoint.ErrNotPruned):
		r.Console.Message(err.Error())
	case errors.Is(err, checkpoint.ErrNotFinite):
		return r.diverged(r.step, "a variable is not finite")
	case err != nil:
		return fmt.Errorf("train: %w", err)
	}
	r.saved = r.step
	if r.Saved != nil {
		r.Saved()
	}
	return nil
}
