package report

import "github.com/kafisto/kafisto/internal/runlog"

// Headings of the filters' figures.
const (
	sectionFilter          = "The filter"
	sectionGeneratorFilter = "The generator's filter"
	sectionCriticFilter    = "The critic's filter"
)

// filterFigures are those of one network's filter. Their names begin with prefix,
// and their titles end with suffix.
func filterFigures(prefix, suffix, section string, of partOf) []figure {
	return []figure{
		{
			name: prefix + "parameter-variance", section: section, title: "P: parameter variance σx²" + suffix, axis: "σx²",
			caption: "How far each parameter is taken to be from its best value. It grows with the state noise qx and shrinks with every measurement. It is the factor in front of the gradient; σ² of the Vanilla filter.",
			series:  covariance(of, 0),
		},
		{
			name: prefix + "cross-covariance", section: section, title: "P: cross-covariance σc²" + suffix, axis: "σc²",
			caption: "How parameters and velocities go together: it decides how much of a step is carried over into the velocity. Kalman Dynamics only.",
			series:  covariance(of, 1),
		},
		{
			name: prefix + "velocity-variance", section: section, title: "P: velocity variance σp²" + suffix, axis: "σp²",
			caption: "How uncertain the velocities are. Kalman Dynamics only.",
			series:  covariance(of, 2),
		},
		{
			name: prefix + "measurement-noise", section: section, title: "Measurement noise R" + suffix, axis: "R", scale: logScale,
			caption: "Variance that the filter ascribes to the minibatch loss: with adaptive R a moving average of the mean squared loss of the examples, so it follows the size of the losses.",
			series:  fromFilters(of, func(f *runlog.Filter) (float64, bool) { return f.R, true }),
		},
		{
			name: prefix + "state-noise", section: section, title: "State noise qx" + suffix, axis: "qx", scale: logScale,
			caption: "How far the best parameters are taken to move from step to step, added to σx² before each step: with adaptive Q it follows how far the parameters are from their own moving average.",
			series:  fromFilters(of, func(f *runlog.Filter) (float64, bool) { return f.Qx, true }),
		},
	}
}
