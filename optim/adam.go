package optim

import "github.com/gomlx/gomlx/core/graph"

// adam is the rule of torch.optim.Adam and AdamW, without amsgrad, in step t
// (from 1):
//
//	m <- beta1 * m + (1 - beta1) * gradient
//	v <- beta2 * v + (1 - beta2) * gradient^2
//	x <- x - rate / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
type adam struct {
	beta1, beta2, epsilon float64
}

func (a adam) slots() []string { return []string{"exp_avg", "exp_avg_sq"} }

func (a adam) prepare(rate, count *graph.Node) func(*graph.Node, []*graph.Node) (*graph.Node, []*graph.Node) {
	g := rate.Graph()
	correction1 := graph.OneMinus(graph.Pow(graph.Const(g, a.beta1), count))
	correction2 := graph.Sqrt(graph.OneMinus(graph.Pow(graph.Const(g, a.beta2), count)))
	size := graph.Div(rate, correction1)
	return func(gradient *graph.Node, state []*graph.Node) (*graph.Node, []*graph.Node) {
		dtype := gradient.DType()
		m := graph.Add(graph.MulScalar(state[0], a.beta1), graph.MulScalar(gradient, 1-a.beta1))
		v := graph.Add(graph.MulScalar(state[1], a.beta2), graph.MulScalar(graph.Square(gradient), 1-a.beta2))
		denominator := graph.AddScalar(graph.Div(graph.Sqrt(v), convert(correction2, dtype)), a.epsilon)
		change := graph.Neg(graph.Mul(graph.Div(m, denominator), convert(size, dtype)))
		return change, []*graph.Node{m, v}
	}
}
