package report

import "github.com/kafisto/kafisto/internal/runlog"

// sectionGAN is the heading of the figures of generative adversarial networks.
const sectionGAN = "Generator and critic"

// Captions that figures of generator and critic share.
const (
	averageCaption = " Pale: as measured; strong: moving average over about 4 % of the points."
	normCaption    = "Euclidean norm of the loss's gradient with respect to all parameters of the network." + averageCaption
)

// ganFigures are those of generative adversarial networks. Losses and estimates may
// be negative, so their axes are linear.
var ganFigures = []figure{
	{
		name: "frechet", section: sectionGAN, titled: frechetTitle, title: "Fréchet distance", axis: "distance",
		caption: "How far apart training images and generated ones are, by the features of a classifier that this program has trained; less is better. It is not FID, whose features are of another network, and does not compare with it.",
		series:  evaluations(runlog.Validation, frechet),
	},
	{
		name: "validation-wasserstein", section: sectionGAN, title: "Wasserstein estimate, validation", axis: "estimate", scale: linearScale,
		caption: "The critic's mean score of the validation images, which are never trained on, less that of generated ones.",
		series:  evaluations(runlog.Validation, wasserstein),
	},
	{
		name: "wasserstein", section: sectionGAN, title: "Wasserstein estimate, training", axis: "estimate", scale: linearScale, noisy: true,
		caption: "The critic's mean score of the minibatch's images less that of the generated ones: by how much it tells them apart." + averageCaption,
		series:  fromCritics(func(c *runlog.Critic) float64 { return c.Wasserstein }),
	},
	{
		name: "generator-loss", section: sectionGAN, title: "Generator's loss", axis: "loss", scale: linearScale, noisy: true,
		caption: "The opposite of the critic's mean score of the generated images." + averageCaption,
		series:  fromParts(generator, func(p part) float64 { return p.loss }),
	},
	{
		name: "critic-loss", section: sectionGAN, title: "Critic's loss", axis: "loss", scale: linearScale, noisy: true,
		caption: "The opposite of the Wasserstein estimate, and the gradient penalty." + averageCaption,
		series:  fromParts(critic, func(p part) float64 { return p.loss }),
	},
	{
		name: "slope", section: sectionGAN, title: "Slope of the critic", axis: "mean norm", scale: linearScale, noisy: true,
		caption: "Mean norm of the scores' gradients with respect to the images, at mixtures of real and generated ones. The gradient penalty draws it to 1." + averageCaption,
		series:  fromCritics(func(c *runlog.Critic) float64 { return c.Slope }),
	},
	{
		name: "generator-gradient-norm", section: sectionGAN, title: "Generator's gradient norm", axis: "norm", noisy: true,
		caption: normCaption,
		series:  fromParts(generator, func(p part) float64 { return p.gradientNorm }),
	},
	{
		name: "critic-gradient-norm", section: sectionGAN, title: "Critic's gradient norm", axis: "norm", noisy: true,
		caption: normCaption,
		series:  fromParts(critic, func(p part) float64 { return p.gradientNorm }),
	},
	{
		name: "generator-learning-rate", section: sectionGAN, title: "Generator's effective learning rate", axis: "learning rate", scale: logScale, band: true, noisy: true,
		caption: rateCaption,
		series:  learningRates(generator),
	},
	{
		name: "critic-learning-rate", section: sectionGAN, title: "Critic's effective learning rate", axis: "learning rate", scale: logScale, band: true, noisy: true,
		caption: rateCaption,
		series:  learningRates(critic),
	},
}

// fromCritics makes a series from what pick reads of the critic's steps.
func fromCritics(pick func(*runlog.Critic) float64) series {
	return fromSteps(func(s runlog.Step) (float64, bool) {
		if s.Critic == nil {
			return 0, false
		}
		return pick(s.Critic), true
	})
}
