package optim

import "github.com/gomlx/gomlx/core/graph"

// sgd is the rule of torch.optim.SGD without dampening:
//
//	buffer <- momentum * buffer + gradient      (the buffer starts at 0)
//	x      <- x - rate * buffer                 (without Nesterov)
//	x      <- x - rate * (gradient + momentum * buffer)
type sgd struct {
	momentum float64
	nesterov bool
}

func (s sgd) slots() []string {
	if s.momentum == 0 {
		return nil
	}
	return []string{"momentum_buffer"}
}

func (s sgd) prepare(rate, _ *graph.Node) func(*graph.Node, []*graph.Node) (*graph.Node, []*graph.Node) {
	return func(gradient *graph.Node, state []*graph.Node) (*graph.Node, []*graph.Node) {
		direction := gradient
		if s.momentum != 0 {
			buffer := graph.Add(graph.MulScalar(state[0], s.momentum), gradient)
			state = []*graph.Node{buffer}
			direction = buffer
			if s.nesterov {
				direction = graph.Add(gradient, graph.MulScalar(buffer, s.momentum))
			}
		}
		return graph.Neg(graph.Mul(direction, convert(rate, direction.DType()))), state
	}
}
