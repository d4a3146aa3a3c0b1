package report

import (
	"slices"

	"github.com/kafisto/kafisto/internal/runlog"
)

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
	// titled is the title where it depends on the runs; nil means title.
	titled func([]group) string
}

const (
	sectionLearning = "Learning"
	rateCaption     = "What multiplies the gradient in a step. Pale: median over layers; strong line and band: moving averages of median, smallest and largest. KaFiStO sets it anew at every step from loss, gradient, P and R; for the others it is what their schedule says."
)

// sectionTexts introduce the sections.
var sectionTexts = map[string]string{
	sectionGAN:             "A generator makes images from random vectors. A critic scores images, and learns to score real ones higher than generated ones; the generator learns to make images that are scored higher. Neither loss says by itself how good the images are.",
	sectionFilter:          "KaFiStO treats training as the tracking of unknown parameters: each minibatch's loss is a noisy measurement of them, and a Kalman filter decides how far to believe it. P is how uncertain the filter is about the parameters, R is how noisy it takes the measurement to be. A large P or a small R means large steps. Optimizers without a filter are not in these figures.",
	sectionGeneratorFilter: "The generator's Kalman filter, which takes each minibatch's loss as a noisy measurement of the parameters. P is how uncertain it is about them, R is how noisy it takes the measurement to be. Optimizers without a filter are not in these figures.",
	sectionCriticFilter:    "The critic has a filter of its own.",
}

// figures are all figures of a report, in order.
var figures = slices.Concat(
	learningFigures,
	ganFigures,
	filterFigures("", "", sectionFilter, alone),
	filterFigures("generator-", ", generator", sectionGeneratorFilter, generator),
	filterFigures("critic-", ", critic", sectionCriticFilter, critic),
)

// learningFigures are those of runs that train one network.
var learningFigures = []figure{
	{
		name: "training-loss", section: sectionLearning, title: "Training loss", axis: "loss", noisy: true,
		caption: "Mean loss of each minibatch. Pale: as measured; strong: moving average over about 4 % of the points.",
		series:  fromParts(alone, func(p part) float64 { return p.loss }),
	},
	{
		name: "validation-loss", section: sectionLearning, title: "Validation loss", axis: "loss",
		caption: "Mean loss over the whole validation split, which is never trained on.",
		series:  evaluations(runlog.Validation, func(e runlog.Eval) (float64, bool) { return e.Loss, e.GAN == nil }),
	},
	{
		name: "validation-error", section: sectionLearning, title: "Validation top-1 error", axis: "error, %", scale: linearScale,
		caption: "Share of validation examples whose most likely class is wrong; less is better.",
		series:  evaluations(runlog.Validation, func(e runlog.Eval) (float64, bool) { return e.Top1Error, taskOf(e) == classification }),
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
		caption: rateCaption,
		series:  learningRates(alone),
	},
}

// panelFigures are figures that are drawn only as panels of a composite.
var panelFigures = []figure{
	{
		name: "filter-learning-rate", section: sectionFilter, title: "KaFiStO's effective learning rate", axis: "learning rate", scale: logScale, band: true, noisy: true,
		caption: "What multiplies the gradient in a step of KaFiStO: median, smallest and largest over layers.",
		series:  learningRates(filtered),
	},
}
