package optim_test

import "math"

// reference is one optimizer in plain Go, straight from PyTorch's
// documentation: the independent twin of the graph form. Parameter 0 is a
// matrix, the others are vectors, for the exclusion from decay.
type reference struct {
	adam, decoupled, nesterov, vectorsUndecayed      bool
	momentum, decay, beta1, beta2, epsilon, clipNorm float64
	m, v                                             [][]float64 // buffer or moments
	t                                                int
}

func (r *reference) step(x, gradients [][]float64, rate float64) (norm float64) {
	r.t++
	for _, g := range gradients {
		for _, v := range g {
			norm += v * v
		}
	}
	norm = math.Sqrt(norm)
	scale := 1.0
	if r.clipNorm > 0 && r.clipNorm/(norm+1e-6) < 1 {
		scale = r.clipNorm / (norm + 1e-6)
	}
	for i := range x {
		if r.m == nil || len(r.m) <= i {
			r.m, r.v = append(r.m, make([]float64, len(x[i]))), append(r.v, make([]float64, len(x[i])))
		}
		decay := r.decay
		if i > 0 && r.vectorsUndecayed {
			decay = 0
		}
		for j := range x[i] {
			r.number(&x[i][j], &r.m[i][j], &r.v[i][j], gradients[i][j]*scale, rate, decay)
		}
	}
	return norm
}

func (r *reference) number(x, m, v *float64, gradient, rate, decay float64) {
	if r.decoupled {
		*x -= rate * decay * *x
	} else {
		gradient += decay * *x
	}
	if !r.adam {
		direction := gradient
		if r.momentum != 0 {
			if r.t == 1 {
				*m = gradient
			} else {
				*m = r.momentum**m + gradient
			}
			direction = *m
			if r.nesterov {
				direction = gradient + r.momentum**m
			}
		}
		*x -= rate * direction
		return
	}
	*m = r.beta1**m + (1-r.beta1)*gradient
	*v = r.beta2**v + (1-r.beta2)*gradient*gradient
	mHat := *m / (1 - math.Pow(r.beta1, float64(r.t)))
	vHat := *v / (1 - math.Pow(r.beta2, float64(r.t)))
	*x -= rate * mHat / (math.Sqrt(vHat) + r.epsilon)
}
