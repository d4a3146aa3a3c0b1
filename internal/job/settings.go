// Package job turns settings into training runs: it opens the engine and the
// data, builds the task and the optimizer, and leaves a run folder.
package job

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/alecthomas/kong"

	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/engine"
	"github.com/kafisto/kafisto/models"
)

// Settings are everything that decides a run's result, and its engine and data
// folder. The fields are the command's flags and a settings file's keys at once,
// under the same names; the defaults are in the tags (see Defaults). A nil
// number means the optimizer's own default.
type Settings struct {
	Dataset       string  `json:"dataset" default:"fashion-sample" group:"task" help:"Data set: ${datasets}."`
	DataDir       string  `json:"data-dir" default:"" type:"path" group:"task" help:"Folder with the data set's files; empty uses the cache folder and downloads what is missing."`
	Model         string  `json:"model" default:"small-cnn" group:"task" help:"Network: ${models}."`
	Width         int     `json:"width" default:"0" group:"task" help:"Channels of an image network's first stage, with which all others grow and shrink, or of a language model's layers; 0 is the network's own."`
	Dropout       float64 `json:"dropout" default:"0.65" group:"task" help:"Language models: share of values that training drops, 0.65 in the paper."`
	Window        int     `json:"window" default:"35" group:"task" help:"Language models: words of backpropagation through time."`
	CriticSteps   int     `json:"critic-steps" default:"5" group:"task" help:"GANs: steps of the critic for one of the generator; the paper has 1 and 5."`
	Generated     int     `json:"generated" default:"2000" group:"task" help:"GANs: images that an evaluation generates."`
	Features      string  `json:"features" default:"" type:"path" group:"task" help:"GANs: folder of a run of an image classifier on the same data set, by whose features evaluations measure the Fréchet distance; empty measures none."`
	Initializer   string  `json:"initializer" default:"default" group:"task" help:"Starting values of convolutions and linear weights: ${initializers}; default is the network's own."`
	Epochs        int64   `json:"epochs" default:"3" group:"task" help:"Passes over the training data."`
	Steps         int64   `json:"steps" default:"0" group:"task" help:"Training steps, in place of whole epochs; 0 trains whole epochs."`
	BatchSize     int     `json:"batch-size" default:"128" group:"task" help:"Images in a minibatch, or parts of a text that are read side by side."`
	Augment       bool    `json:"augment" default:"false" negatable:"" group:"task" help:"Random crops with 4 pixels of padding and horizontal flips, as in the paper."`
	TrainExamples int     `json:"train-examples" default:"0" group:"task" help:"Use only the first so many training images or words; 0 uses all."`
	EvalExamples  int     `json:"eval-examples" default:"0" group:"task" help:"Use only the first so many held-out images, or words of each held-out text; 0 uses all."`
	Seed          int64   `json:"seed" default:"1" group:"task" help:"Seed of initial parameters, order and augmentation."`
	EvalEvery     int64   `json:"eval-every" default:"0" group:"task" help:"Steps between evaluations; 0 evaluates after every epoch."`
	SaveEvery     int64   `json:"save-every" default:"0" group:"task" help:"Steps between checkpoints; 0 saves after every epoch."`
	LossBound     float64 `json:"loss-bound" default:"0" group:"task" help:"A loss above it counts as divergence, as one that is not finite does; 0 sets no bound."`
	Retries       int     `json:"retries" default:"0" group:"task" help:"How often a run that has diverged goes back to a checkpoint in all, to go on with a smaller learning rate; 0 ends it."`
	RetryFactor   float64 `json:"retry-factor" default:"0.5" group:"task" help:"What each of these retries multiplies the learning rate by."`
	Engine        string  `json:"engine" default:"auto" group:"task" help:"Engine: ${engines}."`

	Optimizer            string   `json:"optimizer" default:"kafisto" group:"optimizer" help:"Optimizer: ${optimizers}."`
	LearningRate         *float64 `json:"learning-rate,omitempty" group:"optimizer" help:"Learning rate. Default: the paper's, kafisto 1, sgd 0.1, adam and adamw 0.0003."`
	CriticOptimizer      string   `json:"critic-optimizer" default:"" group:"optimizer" help:"GANs: the critic's optimizer; empty is the generator's, with its learning rate."`
	CriticLearningRate   *float64 `json:"critic-learning-rate,omitempty" group:"optimizer" help:"GANs: the critic's learning rate. Default: the generator's, or that of its own optimizer."`
	Schedule             string   `json:"schedule" default:"constant" group:"optimizer" help:"Schedule: ${schedules}."`
	ScheduleEvery        float64  `json:"schedule-every" default:"30" group:"optimizer" help:"Step schedule: epochs between decreases."`
	ScheduleFactor       float64  `json:"schedule-factor" default:"0.1" group:"optimizer" help:"Step schedule: what the learning rate is multiplied by."`
	ScheduleEpochs       float64  `json:"schedule-epochs" default:"0" group:"optimizer" help:"Paper's and cosine schedules: epochs that they are made for; 0 takes the paper's own (100 or 200), or the run's length for cosine."`
	ScheduleOn           string   `json:"schedule-on" default:"learning-rate" group:"optimizer" help:"What the schedule drives: learning-rate, or epsilon (KaFiStO, in place of the learning rate), which aims at (1-EPSILON) L."`
	WarmUp               float64  `json:"warm-up" default:"0" group:"optimizer" help:"Epochs over which the schedule's value is raised linearly; 0 starts with all of it."`
	WeightDecay          float64  `json:"weight-decay" default:"0.0005" group:"optimizer" help:"Weight decay: in the gradient (adamw: decoupled)."`
	DecoupledWeightDecay float64  `json:"decoupled-weight-decay" default:"0" group:"optimizer" help:"KaFiStO: decoupled weight decay."`
	DecayBiases          bool     `json:"decay-biases" default:"true" negatable:"" group:"optimizer" help:"Whether weight decay touches biases and normalisation parameters."`
	Momentum             float64  `json:"momentum" default:"0.9" group:"optimizer" help:"SGD: momentum."`
	Nesterov             bool     `json:"nesterov" default:"false" group:"optimizer" help:"SGD: Nesterov's momentum."`
	Beta1                float64  `json:"beta1" name:"beta1" default:"0.9" group:"optimizer" help:"Adam, AdamW: smoothing of the gradient."`
	Beta2                float64  `json:"beta2" name:"beta2" default:"0.999" group:"optimizer" help:"Adam, AdamW: smoothing of the squared gradient."`
	Epsilon              float64  `json:"epsilon" default:"0.00000001" group:"optimizer" help:"Adam, AdamW: added to the denominator."`
	ClipNorm             float64  `json:"clip-norm" default:"0" group:"optimizer" help:"SGD, Adam, AdamW: largest gradient norm; 0 does not clip."`

	Algorithm                string   `json:"algorithm" default:"dynamics" group:"kafisto" help:"KaFiStO: dynamics or vanilla."`
	Variant                  string   `json:"variant" default:"published" group:"kafisto" help:"KaFiStO: published (as the published code) or paper (eq. 24-25)."`
	VelocityDecay            *float64 `json:"velocity-decay,omitempty" group:"kafisto" help:"KaFiStO: alpha. Default 0.9."`
	ParameterVariance        *float64 `json:"parameter-variance,omitempty" group:"kafisto" help:"KaFiStO: initial sigma_x^2. Default 0.1 (vanilla, published: 1)."`
	VelocityVariance         *float64 `json:"velocity-variance,omitempty" group:"kafisto" help:"KaFiStO: initial sigma_p^2. Default 0.1."`
	CrossCovariance          *float64 `json:"cross-covariance,omitempty" group:"kafisto" help:"KaFiStO: initial sigma_c^2. Default 0."`
	VelocityNoise            *float64 `json:"velocity-noise,omitempty" group:"kafisto" help:"KaFiStO: qp. Default 0.01."`
	ConstantMeasurementNoise *float64 `json:"constant-measurement-noise,omitempty" group:"kafisto" help:"KaFiStO: fixes R. Default: adaptive."`
	ConstantStateNoise       *float64 `json:"constant-state-noise,omitempty" group:"kafisto" help:"KaFiStO: fixes qx. Default: adaptive (vanilla: 1)."`
	Target                   string   `json:"target" default:"0" group:"kafisto" help:"KaFiStO: the loss aimed at: a number, fraction:EPSILON for (1-EPSILON) L, or offset:U for L-U."`
	WholeNetwork             bool     `json:"whole-network" default:"false" group:"kafisto" help:"KaFiStO: one layer of all variables instead of one for each."`
}

// Defaults returns the settings of a run for which nothing was set.
func Defaults() Settings { return defaults() }

// defaults reads the tags once; no default is a pointer, so copies share nothing.
var defaults = sync.OnceValue(func() (s Settings) {
	if err := kong.ApplyDefaults(&s, Vars()); err != nil {
		panic(err) // the tags are wrong: a test shows it
	}
	return s
})

// Vars are the lists that the help texts name.
func Vars() kong.Vars {
	return kong.Vars{
		"datasets":     strings.Join(data.Names(), ", "),
		"models":       strings.Join(models.Names(), ", ") + "; for texts " + strings.Join(models.LanguageNames(), ", ") + "; GANs " + strings.Join(models.GANNames(), ", "),
		"initializers": strings.Join(initializerNames(), ", "),
		"engines":      "auto, go, xla:cpu or xla:cuda",
		"optimizers":   strings.Join(OptimizerNames(), ", "),
		"schedules":    strings.Join(ScheduleNames(), ", "),
	}
}

const (
	maxSettings = 1 << 20       // bytes of a settings file
	maxCount    = 1_000_000_000 // of every setting that counts something else
	maxRetries  = 100
)

// ReadSettings reads a settings file, a JSON object with any of the settings,
// and returns those that it names, by flag name. An unknown name, a value of
// the wrong kind and anything after the object are errors.
func ReadSettings(r io.Reader) (map[string]any, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxSettings+1))
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	if len(text) > maxSettings {
		return nil, fmt.Errorf("settings: the file is larger than %d bytes: is it a settings file?", maxSettings)
	}
	var values map[string]any
	for _, into := range []any{new(Settings), &values} {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		decoder.UseNumber()
		if err := decoder.Decode(into); err != nil {
			return nil, fmt.Errorf("settings: %w", plain(err))
		}
		if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
			return nil, errors.New("settings: there is more after the object: a settings file is one JSON object")
		}
	}
	if values == nil {
		return nil, errors.New("settings: a settings file is one JSON object")
	}
	for name := range values {
		if name != strings.ToLower(name) { // the decoder ignores case, flags do not
			return nil, fmt.Errorf("settings: unknown setting %q: names are in lower case", name)
		}
		if values[name] == nil {
			delete(values, name)
		}
	}
	return values, nil
}

// Check returns an error that names the first setting that cannot be, as far as
// can be told before data and engine are opened. (Kong would call a method named
// Validate by itself, before a contender's settings are put in.)
func (s Settings) Check() error {
	unknownTask := s.checkTask()
	_, unknownEngine := engine.Parse(s.Engine)
	_, target := parseTarget(s.Target)
	for _, err := range []error{unknownTask, unknownEngine, target} {
		if err != nil {
			return err
		}
	}
	if !slices.Contains(OptimizerNames(), s.Optimizer) {
		return fmt.Errorf("settings: unknown optimizer %q: use one of %s", s.Optimizer, strings.Join(OptimizerNames(), ", "))
	}
	for _, least := range []struct {
		name       string
		value, min int64
	}{
		{"epochs", s.Epochs, 1}, {"steps", s.Steps, 0}, {"batch-size", int64(s.BatchSize), 1}, {"window", int64(s.Window), 1},
		{"critic-steps", int64(s.CriticSteps), 1}, {"generated", int64(s.Generated), 2},
		{"train-examples", int64(s.TrainExamples), 0}, {"eval-examples", int64(s.EvalExamples), 0},
		{"eval-every", s.EvalEvery, 0}, {"save-every", s.SaveEvery, 0},
	} {
		if least.value < least.min || least.value > maxCount {
			return fmt.Errorf("settings: %s is %d: it must be between %d and %d", least.name, least.value, least.min, maxCount)
		}
	}
	if s.Seed < 0 {
		return fmt.Errorf("settings: seed is %d: it must be at least 0", s.Seed)
	}
	if name := s.notFinite(); name != "" {
		return fmt.Errorf("settings: %s is not a finite number: give one that is", name)
	}
	if s.Retries < 0 || s.Retries > maxRetries {
		return fmt.Errorf("settings: retries is %d: it must be between 0 and %d", s.Retries, maxRetries)
	}
	if s.RetryFactor <= 0 || s.RetryFactor >= 1 {
		return fmt.Errorf("settings: retry-factor is %g: it must be above 0 and below 1", s.RetryFactor)
	}
	if s.LossBound < 0 {
		return fmt.Errorf("settings: loss-bound is %g: it must be at least 0", s.LossBound)
	}
	if err := s.checkSchedule(); err != nil {
		return err
	}
	perEpoch, err := s.StepsPerEpoch()
	if err == nil { // less than one minibatch an epoch is for the task to refuse
		_, err = NewOptimizer(s, max(perEpoch, 1), max(s.length(perEpoch), 1))
	}
	return err
}

// Length returns how many training steps in all the settings, which Check has
// passed, ask for: that many, or so many epochs of full minibatches.
func (s Settings) Length() (int64, error) {
	perEpoch, err := s.StepsPerEpoch()
	return s.length(perEpoch), err
}

func (s Settings) length(stepsPerEpoch int64) int64 {
	if s.Steps > 0 {
		return s.Steps
	}
	return s.Epochs * stepsPerEpoch
}

// Hash identifies the results of a run: it is of all settings but the engine, the
// data folder and the length of the run; the length too where the schedule depends on
// it. Settings that have their defaults are not in it, so
// that a setting that a later version adds leaves the hash of a run that does
// not use it as it was.
func (s Settings) Hash() string {
	values, defaults := s.Map(), Defaults().Map()
	maps.DeleteFunc(values, func(name string, value any) bool {
		return value == defaults[name] || slices.Contains(place, name) || slices.Contains(length, name) && !s.scheduleFollowsLength()
	})
	text, err := json.Marshal(values) // sorts the names
	if err != nil {
		panic(err) // of text, numbers and truth values
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Map returns the settings by name, numbers as json.Number, which is exact.
func (s Settings) Map() map[string]any {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // the type has only marshalable fields
	}
	values := map[string]any{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&values); err != nil {
		panic(err)
	}
	return values
}

// sortedNames returns the keys of both maps, each once.
func sortedNames(a, b map[string]any) []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(names)
	return slices.Compact(names)
}
