package kafisto

import (
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
)

// state gives access to the optimizer's variables in a store. All are
// non-trainable; the scalars are Float64 but for the Int64 step counter.
type state struct {
	store                        *model.Store
	scope                        string
	count                        *model.Variable // updates done
	sx, sc, sp                   *model.Variable // P; sc and sp are nil in Vanilla
	measurementNoise, stateNoise *model.Variable // R, qx
}

// stateIn finds or makes the optimizer's variables.
func (o *Optimizer) stateIn(store *model.Store) *state {
	c := o.config
	s := &state{store: store, scope: "/" + c.Settings.Scope}
	s.count = s.scalar("step", int64(0))
	s.sx = s.scalar("parameter_variance", c.ParameterVariance)
	if c.Algorithm == Dynamics {
		s.sc = s.scalar("cross_covariance", c.CrossCovariance)
		s.sp = s.scalar("velocity_variance", c.VelocityVariance)
	}
	s.measurementNoise = s.scalar("measurement_noise", c.MeasurementNoise.Value)
	s.stateNoise = s.scalar("state_noise", c.StateNoise.Value)
	return s
}

// scalar finds or makes a variable. Variables that a GoMLX checkpoint restores
// come back as trainable, so this is always put right.
func (s *state) scalar(name string, start any) *model.Variable {
	return s.store.VariableWithValue(s.scope+"/"+name, start).SetTrainable(false)
}

// velocity is p of a trained variable, of its shape, starting at 0.
func (s *state) velocity(v *model.Variable) *model.Variable { return s.like(v, "velocity") }

// average is x_avg of a trained variable, of its shape, starting at 0.
func (s *state) average(v *model.Variable) *model.Variable { return s.like(v, "average") }

func (s *state) like(v *model.Variable, name string) *model.Variable {
	shape := shapes.Make(stateDType(v), v.Shape().Dimensions...)
	path := s.scope + "/" + name + "/" + strings.TrimPrefix(v.Path(), "/")
	return s.store.VariableWithShape(path, shape, initializer.Zero).SetTrainable(false)
}

// covariance returns P's nodes.
func (s *state) covariance(g *graph.Graph) covariance {
	P := covariance{sx: s.sx.NodeValue(g)}
	if s.sc != nil {
		P.sc, P.sp = s.sc.NodeValue(g), s.sp.NodeValue(g)
	}
	return P
}

// set stores the scalars after a step.
func (s *state) set(P covariance, R, qx *graph.Node) {
	s.sx.SetNodeValue(P.sx)
	if P.sc != nil {
		s.sc.SetNodeValue(P.sc)
		s.sp.SetNodeValue(P.sp)
	}
	s.measurementNoise.SetNodeValue(R)
	s.stateNoise.SetNodeValue(qx)
}

// normSquared is |x|^2 as a Float64 scalar.
func normSquared(x *graph.Node) *graph.Node { return dot(x, x) }

// dot is the sum of the products of two nodes' elements as a Float64 scalar.
func dot(x, y *graph.Node) *graph.Node {
	products := graph.Mul(graph.ConvertDType(x, accumulatorDType(x)), graph.ConvertDType(y, accumulatorDType(y)))
	return graph.ConvertDType(graph.ReduceAllSum(products), dtypes.Float64)
}

// accumulatorDType is a dtype with enough digits to sum in: the node's own, or
// Float32 for half precision.
func accumulatorDType(x *graph.Node) dtypes.DType {
	if x.DType() == dtypes.Float64 {
		return dtypes.Float64
	}
	return dtypes.Float32
}
