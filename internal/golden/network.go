package golden

import "math"

// GoNetwork is a trajectory's network in plain Go, with hand-written
// derivatives: the independent twin of the graph form in goldengraph.
type GoNetwork struct {
	layers []int
	steps  int
	batch  int
	x      []float64
	labels []int32
}

// Network returns the trajectory's network and its data.
func (t *Trajectory) Network() *GoNetwork {
	return &GoNetwork{t.Layers, t.Steps, t.Batch, t.X, t.Labels}
}

// LossAndGradients evaluates the network on the minibatch of the given step,
// counted from 0; steps beyond the trajectory's start over. It returns the
// mean loss, the mean of the squared per-example losses and the mean loss's
// gradient, in the form of params.
func (n *GoNetwork) LossAndGradients(params [][]float64, step int) (loss, meanSquare float64, gradients [][]float64) {
	gradients = make([][]float64, len(params))
	for i := range params {
		gradients[i] = make([]float64, len(params[i]))
	}
	first := step % n.steps * n.batch
	for i := first; i < first+n.batch; i++ {
		inputs := n.x[i*n.layers[0] : (i+1)*n.layers[0]]
		l := n.example(params, inputs, int(n.labels[i]), gradients)
		loss += l / float64(n.batch)
		meanSquare += l * l / float64(n.batch)
	}
	return loss, meanSquare, gradients
}

// example returns one example's loss and adds its share to the gradients.
func (n *GoNetwork) example(params [][]float64, inputs []float64, label int, gradients [][]float64) float64 {
	last := len(n.layers) - 2
	units := [][]float64{inputs}
	for k := 0; k <= last; k++ {
		y := affine(params[2*k], params[2*k+1], units[k])
		if k < last {
			for j := range y {
				y[j] = math.Tanh(y[j])
			}
		}
		units = append(units, y)
	}
	logits := units[last+1]
	total := logSumExp(logits)
	delta := make([]float64, len(logits)) // derivative with respect to the affine map's output
	for j := range logits {
		delta[j] = math.Exp(logits[j]-total) / float64(n.batch)
	}
	delta[label] -= 1 / float64(n.batch)
	for k := last; k >= 0; k-- {
		delta = backward(params[2*k], units[k], delta, gradients[2*k], gradients[2*k+1])
		for j, u := range units[k] {
			delta[j] *= 1 - u*u // the derivative of tanh; of no use below the first map
		}
	}
	return total - logits[label]
}

// affine is xW + b with W [in, out].
func affine(w, b, x []float64) []float64 {
	y := append([]float64(nil), b...)
	for i, xi := range x {
		for j := range y {
			y[j] += xi * w[i*len(y)+j]
		}
	}
	return y
}

// backward adds to the gradients of an affine map and returns its input's.
func backward(w, x, delta, gradW, gradB []float64) []float64 {
	dx := make([]float64, len(x))
	for j, d := range delta {
		gradB[j] += d
	}
	for i, xi := range x {
		for j, d := range delta {
			gradW[i*len(delta)+j] += xi * d
			dx[i] += w[i*len(delta)+j] * d
		}
	}
	return dx
}

func logSumExp(values []float64) float64 {
	largest := math.Inf(-1)
	for _, v := range values {
		largest = max(largest, v)
	}
	sum := 0.0
	for _, v := range values {
		sum += math.Exp(v - largest)
	}
	return largest + math.Log(sum)
}
