// Package runlog reads and writes the log of a training run: JSON lines, one
// record a line, each with a "type". The log is the only source of reports.
package runlog

// Record types, the value of a record's "type" field.
const (
	TypeStart = "start" // first line of every process that works on the run
	TypeStep  = "step"  // one training step
	TypeEval  = "eval"  // one evaluation over a whole split
	TypeEnd   = "end"   // last line of every process that ended in order
)

// Statuses of an end record.
const (
	StatusFinished = "finished" // all steps done
	StatusStopped  = "stopped"  // a signal; resumable
	StatusDiverged = "diverged" // a loss, gradient or state was not finite
	StatusRetried  = "retried"  // as diverged, but the run goes back and on; a start record follows
)

// Start says what is run, where and with what.
type Start struct {
	Type    string `json:"type"`
	Time    string `json:"time"` // RFC 3339, UTC
	Step    int64  `json:"step"` // steps done before this process started
	Version string `json:"version"`
	Go      string `json:"go"`
	GoMLX   string `json:"gomlx,omitempty"` // its version
	Engine  string `json:"engine"`          // go, xla:cpu or xla:cuda
	// Kernels are those of xla:cpu: their instruction set, or none.
	Kernels string `json:"kernels,omitempty"`
	Cores   int    `json:"cores"`
	// Retries is how often the run has gone back after divergence, each time to go on
	// with smaller learning rates.
	Retries int `json:"retries,omitempty"`
	// SaveEvery is the number of steps between checkpoints; 0 in logs of earlier
	// versions.
	SaveEvery int64 `json:"save_every,omitempty"`
}

// Filter is the state of a KaFiStO filter after a step.
type Filter struct {
	R          float64   `json:"R"`          // measurement-noise variance
	P          []float64 `json:"P"`          // [sigma^2] (Vanilla) or [sigma_x^2, sigma_c^2, sigma_p^2] (Dynamics)
	Qx         float64   `json:"qx"`         // state-noise variance of the parameters
	Innovation float64   `json:"innovation"` // Lmin - L, the measurement minus its prediction
}

// Step is one training step, numbered from 1.
type Step struct {
	Type         string     `json:"type"`
	Step         int64      `json:"step"`
	Epoch        float64    `json:"epoch"`         // epochs done after this step, fractional
	Loss         float64    `json:"loss"`          // minibatch mean
	LearningRate [3]float64 `json:"learning_rate"` // effective, over layers: minimum, median, maximum
	GradientNorm float64    `json:"gradient_norm"`
	Filter       *Filter    `json:"filter,omitempty"` // KaFiStO only
	// Critic is what the critic did; nil but for a generative adversarial network,
	// where loss, rates, gradient norm and filter of the step are the generator's.
	Critic  *Critic `json:"critic,omitempty"`
	Seconds float64 `json:"seconds"` // duration of the step
}

// Critic is the critic's part of a GAN's training step, which may be several
// steps of its own: the last of them, before the generator's.
type Critic struct {
	Loss         float64    `json:"loss"`        // minibatch mean, with the gradient penalty
	Wasserstein  float64    `json:"wasserstein"` // mean score of the real images less that of the generated
	Slope        float64    `json:"slope"`       // mean norm of the scores' gradients, which the penalty draws to 1
	LearningRate [3]float64 `json:"learning_rate"`
	GradientNorm float64    `json:"gradient_norm"` // over the critic's parameters
	Filter       *Filter    `json:"filter,omitempty"`
}

// Eval is one evaluation of the posterior parameters over a whole split.
type Eval struct {
	Type      string  `json:"type"`
	Step      int64   `json:"step"`
	Epoch     float64 `json:"epoch"`
	Split     string  `json:"split"` // Validation or Test
	Loss      float64 `json:"loss"`
	Top1Error float64 `json:"top1_error"` // percent; 0 where there are no classes
	Top5Error float64 `json:"top5_error"` // percent; 0 where there are no classes
	// Perplexity is exp(Loss) of a language model; 0 for other tasks.
	Perplexity float64 `json:"perplexity,omitempty"`
	// UnigramPerplexity is what a language model has to be below: that of guessing
	// words by how often they are in the training text; 0 for other tasks.
	UnigramPerplexity float64 `json:"unigram_perplexity,omitempty"`
	// GAN is what was found out about generated images; nil for other tasks. The
	// loss is then Wasserstein's opposite.
	GAN      *GAN    `json:"gan,omitempty"`
	Examples int     `json:"examples"` // images or words
	Seconds  float64 `json:"seconds"`
}

// GAN is what an evaluation of a generative adversarial network finds out.
type GAN struct {
	// Wasserstein is the critic's mean score of the split's images less that of the
	// generated ones: its estimate of their distance.
	Wasserstein float64 `json:"wasserstein"`
	// Generated is the number of generated images.
	Generated int `json:"generated"`
	// Frechet is the Fréchet distance between the training images and the generated
	// ones by the features of a classifier that this program has trained, which is
	// not FID; nil where there is no classifier.
	Frechet *float64 `json:"frechet,omitempty"`
	// Features names the classifier; distances by different ones do not compare.
	Features string `json:"features,omitempty"`
}

// End says how a process left the run.
type End struct {
	Type    string  `json:"type"`
	Step    int64   `json:"step"`
	Status  string  `json:"status"`
	Message string  `json:"message,omitempty"` // what went wrong, one sentence
	Seconds float64 `json:"seconds"`           // of this process
}
