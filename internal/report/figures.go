package report

import "github.com/kafisto/kafisto/internal/runlog"

// scale is how a figure's vertical axis is divided.
type scale int

const (
	autoScale scale = iota // logarithmic if all values are positive and span a factor above 30
	linearScale
	logScale
)

// figure declares one quantity drawn over the run.
type figure struct {
	name    string // of its files, without ending
	section string // heading it belongs under
	title   string
	axis    string // what the vertical axis shows, and its unit
	scale   scale
	noisy   bool // draw the raw values pale and a moving average over them
	band    bool // fill between the points' low and high
	caption string
	series  series
	unigram string // split whose unigram perplexity is a dashed line; empty for none
}

const (
	sectionLearning = "Learning"
	sectionFilter   = "The filter"
)

// sectionTexts introduce the sections.
var sectionTexts = map[string]string{
	sectionFilter: "KaFiStO treats training as the tracking of unknown parameters: each minibatch's loss is a noisy measurement of them, and a Kalman filter decides how far to believe it. P is how uncertain the filter is about the parameters, R is how noisy it takes the measurement to be. A large P or a small R means large steps. Optimizers without a filter are not in these figures.",
}

// figures are all figures of a report, in order.
var figures = []figure{
	{
		name: "training-loss", section: sectionLearning, title: "Training loss", axis: "loss", noisy: true,
		caption: "Mean loss of each minibatch. Pale: as measured; strong: moving average over about 4 % of the points.",
		series:  fromSteps(func(s runlog.Step) (float64, bool) { return s.Loss, true }),
	},
	{
		name: "validation-loss", section: sectionLearning, title: "Validation loss", axis: "loss",
		caption: "Mean loss over the whole validation split, which is never trained on.",
		series:  evaluations(runlog.Validation, func(e runlog.Eval) (float64, bool) { return e.Loss, true }),
	},
	{
		name: "validation-error", section: sectionLearning, title: "Validation top-1 error", axis: "error, %", scale: linearScale,
		caption: "Share of validation examples whose most likely class is wrong; less is better.",
		series:  evaluations(runlog.Validation, func(e runlog.Eval) (float64, bool) { return e.Top1Error, !e.IsLanguage() }),
	},
	{
		name: "validation-perplexity", section: sectionLearning, title: "Validation perplexity", axis: "perplexity", scale: logScale,
		caption: "Exponential of the mean loss of a word of the validation text; less is better. Dashed: guessing words by how often they are in the training text.",
		series:  evaluations(runlog.Validation, perplexity), unigram: runlog.Validation,
	},
	{
		name: "test-perplexity", section: sectionLearning, title: "Test perplexity", axis: "perplexity", scale: logScale,
		caption: "The same on the test text, which decides nothing: the table has it at the lowest validation loss.",
		series:  evaluations(runlog.Test, perplexity), unigram: runlog.Test,
	},
	{
		name: "learning-rate", section: sectionLearning, title: "Effective learning rate", axis: "learning rate", scale: logScale, band: true, noisy: true,
		caption: "What multiplies the gradient in a step. Pale: median over layers; strong line and band: moving averages of median, smallest and largest. KaFiStO sets it anew at every step from loss, gradient, P and R; for the others it is what their schedule says.",
		series:  learningRates,
	},
	{
		name: "parameter-variance", section: sectionFilter, title: "P: parameter variance σx²", axis: "σx²",
		caption: "How far each parameter is taken to be from its best value. It grows with the state noise qx and shrinks with every measurement. It is the factor in front of the gradient; σ² of the Vanilla filter.",
		series:  covariance(0),
	},
	{
		name: "cross-covariance", section: sectionFilter, title: "P: cross-covariance σc²", axis: "σc²",
		caption: "How parameters and velocities go together: it decides how much of a step is carried over into the velocity. Kalman Dynamics only.",
		series:  covariance(1),
	},
	{
		name: "velocity-variance", section: sectionFilter, title: "P: velocity variance σp²", axis: "σp²",
		caption: "How uncertain the velocities are. Kalman Dynamics only.",
		series:  covariance(2),
	},
	{
		name: "measurement-noise", section: sectionFilter, title: "Measurement noise R", axis: "R", scale: logScale,
		caption: "Variance that the filter ascribes to the minibatch loss: with adaptive R a moving average of the mean squared loss of the examples, so it falls as the loss does.",
		series: fromSteps(func(s runlog.Step) (float64, bool) {
			if s.Filter == nil {
				return 0, false
			}
			return s.Filter.R, true
		}),
	},
	{
		name: "state-noise", section: sectionFilter, title: "State noise qx", axis: "qx", scale: logScale,
		caption: "How far the best parameters are taken to move from step to step, added to σx² before each step: with adaptive Q it follows how far the parameters are from their own moving average.",
		series: fromSteps(func(s runlog.Step) (float64, bool) {
			if s.Filter == nil {
				return 0, false
			}
			return s.Filter.Qx, true
		}),
	},
}

// panelFigures are figures that are drawn only as panels of a composite.
var panelFigures = []figure{
	{
		name: "filter-learning-rate", section: sectionFilter, title: "KaFiStO's effective learning rate", axis: "learning rate", scale: logScale, band: true, noisy: true,
		caption: "What multiplies the gradient in a step of KaFiStO: median, smallest and largest over layers.",
		series:  filterLearningRates,
	},
}
