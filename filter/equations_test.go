package filter

import (
	"math"
	"testing"
)

// One test for each numbered equation of the paper's sections 3.1 to 3.5. They
// use numbers small enough to check by hand.

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-12*max(1, math.Abs(want)) {
		t.Errorf("%s is %.15g, want %.15g", what, got, want)
	}
}

// oneStep runs a step over the given layers and returns the filter.
func oneStep(t *testing.T, c Config, m Measurement, layers ...[]float64) (*Filter, Step) {
	t.Helper()
	f, err := New(c, layers...)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Predict(); err != nil {
		t.Fatal(err)
	}
	s, err := f.Update(m)
	if err != nil {
		t.Fatal(err)
	}
	return f, s
}

// constant is a configuration with R = 1 and constant state noise.
func constant(a Algorithm, sx, q float64) Config {
	c := NewConfig(a, Paper)
	c.ParameterVariance = sx
	c.MeasurementNoise = Noise{Value: 1}
	c.StateNoise = Noise{Value: q}
	return c
}

func TestEquation11VanillaPredictionKeepsParameters(t *testing.T) {
	x := []float64{3, -4}
	f, err := New(constant(Vanilla, 0.1, 1), x)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Predict(); err != nil {
		t.Fatal(err)
	}
	near(t, "x[0]", x[0], 3)
	near(t, "x[1]", x[1], -4)
}

func TestEquation12VanillaPredictionAddsStateNoise(t *testing.T) {
	f, err := New(constant(Vanilla, 0.1, 0.7), []float64{1})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Predict(); err != nil {
		t.Fatal(err)
	}
	near(t, "P", f.P.Parameter, 0.8)
}

func TestEquation13VanillaUpdate(t *testing.T) {
	x := []float64{3, -4}
	c := constant(Vanilla, 0.5, 0.5) // predicted P = 1
	c.Target = ConstantTarget(0.5)
	_, s := oneStep(t, c, Measurement{Loss: 2.5, Gradients: [][]float64{{2, 1}}}, x)
	// P (L - Lmin) / (P |g|^2 + R) = 1 * 2 / (5 + 1)
	near(t, "x[0]", x[0], 3-2.0/6*2)
	near(t, "x[1]", x[1], -4-2.0/6)
	near(t, "effective learning rate", s.LearningRates[0], 2.0/6)
	near(t, "innovation", s.Innovation, -2)
}

func TestEquation14VanillaCovariance(t *testing.T) {
	_, s := oneStep(t, constant(Vanilla, 0.5, 0.5), Measurement{Loss: 2, Gradients: [][]float64{{2, 1}}}, []float64{3, -4})
	near(t, "P", s.Covariance.Parameter, 1.0/(5+1)) // R P / (P |g|^2 + R)
}

func TestEquation17ParametersMoveByVelocities(t *testing.T) {
	x, p := []float64{1, 2}, []float64{0.5, -1}
	move(x, p, 0.9)
	near(t, "x[0]", x[0], 1.5)
	near(t, "x[1]", x[1], 1)
}

func TestEquation18VelocitiesDecay(t *testing.T) {
	x, p := []float64{1, 2}, []float64{0.5, -1}
	move(x, p, 0.9)
	near(t, "p[0]", p[0], 0.45)
	near(t, "p[1]", p[1], -0.9)
}

func TestEquation19DynamicsMeasuresLossAtPrediction(t *testing.T) {
	x := []float64{1}
	f, _ := oneStep(t, constant(Dynamics, 0.1, 0), Measurement{Loss: 1, Gradients: [][]float64{{1}}}, x)
	posterior := x[0]
	velocity := f.p[0][0]
	if err := f.Predict(); err != nil {
		t.Fatal(err)
	}
	if velocity == 0 {
		t.Fatal("the velocity stayed 0")
	}
	near(t, "the parameter the loss is measured at", x[0], posterior+velocity)
}

func TestEquation20CovarianceFollowsDynamics(t *testing.T) {
	// F P F' + Q by matrix products.
	P, alpha, qx, qp := Covariance{0.3, 0.05, 0.2}, 0.9, 0.01, 0.02
	F := [2][2]float64{{1, 1}, {0, alpha}}
	M := [2][2]float64{{P.Parameter, P.Cross}, {P.Cross, P.Velocity}}
	var want [2][2]float64
	for i := range 2 {
		for j := range 2 {
			for k := range 2 {
				for l := range 2 {
					want[i][j] += F[i][k] * M[k][l] * F[j][l]
				}
			}
		}
	}
	got := P.predictDynamics(alpha, qx, qp)
	near(t, "sx", got.Parameter, want[0][0]+qx)
	near(t, "sc", got.Cross, want[0][1])
	near(t, "sc (lower)", got.Cross, want[1][0])
	near(t, "sp", got.Velocity, want[1][1]+qp)
}

func TestEquation21OnlyParametersAreMeasured(t *testing.T) {
	// T = [I 0]: the velocity changes through the cross covariance alone.
	c := constant(Dynamics, 0.1, 0)
	c.VelocityVariance, c.VelocityNoise = 0, 0 // then sc stays 0
	f, _ := oneStep(t, c, Measurement{Loss: 1, Gradients: [][]float64{{2}}}, []float64{1})
	near(t, "velocity", f.p[0][0], 0)
}

func TestEquation22CovarianceUpdate(t *testing.T) {
	// P - P diag(h, 0) P by matrix products.
	P, h := Covariance{0.3, 0.05, 0.2}, 0.7
	got := P.update(h)
	near(t, "sx", got.Parameter, 0.3-0.3*h*0.3)
	near(t, "sc", got.Cross, 0.05-0.3*h*0.05)
	near(t, "sp", got.Velocity, 0.2-0.05*h*0.05)
}

func TestEquation23MeasurementNoise(t *testing.T) {
	c := NewConfig(Vanilla, Published)
	_, mean := MeanAndMeanSquare([]float64{1, 3}) // 5, not the square of the mean 2
	near(t, "mean square", mean, 5)
	_, s := oneStep(t, c, Measurement{Loss: 2, MeanSquaredLoss: mean, Gradients: [][]float64{{1}}}, []float64{1})
	near(t, "R", s.MeasurementNoise, 0.9*1+0.1*5)
	c = NewConfig(Vanilla, Paper)
	_, s = oneStep(t, c, Measurement{Loss: 2, MeanSquaredLoss: mean, Gradients: [][]float64{{1}}}, []float64{1})
	near(t, "the paper variant's first R", s.MeasurementNoise, 5)
}

func TestEquation24MovingAverageOfParameters(t *testing.T) {
	x := []float64{1}
	c := NewConfig(Dynamics, Paper)
	f, _ := oneStep(t, c, Measurement{Loss: 1, MeanSquaredLoss: 1, Gradients: [][]float64{{1}}}, x)
	near(t, "x_avg after the first step", f.average[0][0], 1) // starts at x_0
	posterior := x[0]
	if err := f.Predict(); err != nil {
		t.Fatal(err)
	}
	near(t, "x_avg", f.average[0][0], 0.9*1+0.1*posterior)
}

func TestEquation25StateNoise(t *testing.T) {
	x := []float64{1, 5}
	c := NewConfig(Dynamics, Paper)
	f, s := oneStep(t, c, Measurement{Loss: 1, MeanSquaredLoss: 1, Gradients: [][]float64{{1, 2}}}, x)
	near(t, "first qx", s.StateNoise, 0)
	a, b := x[0], x[1]
	if err := f.Predict(); err != nil {
		t.Fatal(err)
	}
	da, db := a-(0.9*1+0.1*a), b-(0.9*5+0.1*b)
	near(t, "qx", f.qx, (da*da+db*db)/2)
}

func TestEquation25StateNoiseAsPublished(t *testing.T) {
	x := []float64{3, 4}
	f, s := oneStep(t, DefaultConfig(), Measurement{Loss: 1, MeanSquaredLoss: 1, Gradients: [][]float64{{1, 2}}}, x)
	first := 0.9*0.01 + 0.1*5/2 // x_avg starts at 0; the norm of x over n
	near(t, "first qx", s.StateNoise, first)
	near(t, "x_avg", f.average[0][0], 0.1*x[0]) // right after the step
	a, b := 0.9*x[0], 0.9*x[1]
	if err := f.Predict(); err != nil {
		t.Fatal(err)
	}
	near(t, "second qx", f.qx, 0.9*first+0.1*math.Sqrt(a*a+b*b)/2)
}

func TestEquation26LargestLayerDecidesCovariance(t *testing.T) {
	c := constant(Vanilla, 0.5, 0.5) // predicted P = 1
	_, s := oneStep(t, c, Measurement{Loss: 2, Gradients: [][]float64{{1}, {3}, {2}}}, []float64{1}, []float64{1}, []float64{1})
	near(t, "P", s.Covariance.Parameter, 1-9.0/(9+1))
	for i, g := range []float64{1, 3, 2} {
		near(t, "effective learning rate", s.LearningRates[i], 2/(g*g+1)) // each layer has its own S
	}
}

func TestSection31WholeNetworkHasOneMeasurement(t *testing.T) {
	c := constant(Vanilla, 0.5, 0.5)
	c.WholeNetwork = true
	_, s := oneStep(t, c, Measurement{Loss: 2, Gradients: [][]float64{{1}, {3}}}, []float64{1}, []float64{1})
	near(t, "P", s.Covariance.Parameter, 1-10.0/(10+1))
	near(t, "effective learning rate", s.LearningRates[0], 2.0/11)
	near(t, "effective learning rate", s.LearningRates[1], 2.0/11)
}
