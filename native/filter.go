package native

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Filter is KaFiStO's passes over the parameters in its Kalman Dynamics form: what
// touches all numbers of all layers, without the equations between the passes,
// which are for a few numbers a layer. It needs a backend with the kernels
// ([Available]); nothing of it has a gradient.
//
// Slices of nodes have one Float32 node a layer, in the layer's shape; what is one
// number a layer is a Float64 vector. Outputs take the memory of the inputs that
// they follow on where these are not needed any more; XLA copies where they are.
//
// Reference: the paper's section 3 (equations by number below); package filter has
// the same in plain Go.
type Filter struct {
	// Shapes are the layers', in the order of all arguments and results.
	Shapes []shapes.Shape
}

// sizes is the array that the C struct filter points to.
func (f Filter) sizes() []int64 {
	var sizes []int64
	for _, shape := range f.Shapes {
		sizes = append(sizes, int64(shape.Size()))
	}
	return sizes
}

// vector is the shape of one number a layer.
func (f Filter) vector() shapes.Shape { return shapes.Make(dtypes.Float64, len(f.Shapes)) }

// Predict moves the parameters by their velocities (eq. 17): nextX = x + p.
// Averages are nil, or of x; if beta is not nil, a Float64 scalar, they move first
// (eq. 24): nextAverages = beta averages + (1 - beta) x, empty otherwise. The
// distances, from which the state noise follows (eq. 25), are the sums of the
// squares of x less its newest average, one a layer; zero without averages.
func (f Filter) Predict(beta *Node, x, p, averages []*Node) (distances *Node, nextX, nextAverages []*Node) {
	inputs, n := make([]*Node, 1), len(f.Shapes)
	inputs = append(append(append(inputs, x...), p...), averages...)
	outputs := append([]shapes.Shape{f.vector()}, f.Shapes...)
	over := inPlace(n, 1, 1)
	if beta != nil {
		outputs = append(outputs, f.Shapes...)
		over = append(over, inPlace(n, 1+n, 1+2*n)...)
	} else {
		beta = Scalar(x[0].Graph(), dtypes.Float64, 0)
	}
	inputs[0] = beta
	out := call(kernel{"filter_predict", f.sizes(), over}, outputs, inputs...)
	return out[0], out[1 : 1+n], out[1+n:]
}

// Sums are over each layer's products of gradient g and parameters x with
// themselves and each other: |g|^2, g.x and |x|^2, one a layer.
func (f Filter) Sums(g, x []*Node) (gg, gx, xx *Node) {
	v := f.vector()
	out := call(kernel{"filter_sums", f.sizes(), nil}, []shapes.Shape{v, v, v}, append(append([]*Node{}, g...), x...)...)
	return out[0], out[1], out[2]
}

// Factors of a correction: Float64 vectors with one number a layer, none of them
// nil. A number of zero leaves its term out.
type Factors struct {
	Gain, VelocityGain *Node // of the direction d = g + Decay x
	Smoothing          *Node // of the averages
	Shrink             *Node // of x itself
	Decay              *Node
}

// Correct moves parameters and velocities along the direction d = g + Decay x (eq.
// 13 and its counterpart for velocities, Table 1): nextX = x - Gain d - Shrink x,
// nextP = velocityDecay p - VelocityGain d, and, where averages is not empty,
// nextAverages = Smoothing averages + (1 - Smoothing) nextX (eq. 24).
func (f Filter) Correct(factors Factors, velocityDecay float64, g, x, p, averages []*Node) (nextX, nextP, nextAverages []*Node) {
	n := len(f.Shapes)
	all := Concatenate([]*Node{factors.Gain, factors.VelocityGain, factors.Smoothing, factors.Shrink, factors.Decay}, 0)
	inputs := []*Node{all, Scalar(all.Graph(), dtypes.Float64, velocityDecay)}
	inputs = append(append(append(append(inputs, g...), x...), p...), averages...)
	outputs := append(append([]shapes.Shape{}, f.Shapes...), f.Shapes...)
	over := append(inPlace(n, 0, 2+n), inPlace(n, n, 2+2*n)...)
	if len(averages) > 0 {
		outputs = append(outputs, f.Shapes...)
		over = append(over, inPlace(n, 2*n, 2+3*n)...)
	}
	out := call(kernel{"filter_correct", f.sizes(), over}, outputs, inputs...)
	return out[:n], out[n : 2*n], out[2*n:]
}

// inPlace says that n outputs from the first on lie where n inputs do.
func inPlace(n, output, input int) (over [][2]int) {
	for i := range n {
		over = append(over, [2]int{output + i, input + i})
	}
	return over
}
