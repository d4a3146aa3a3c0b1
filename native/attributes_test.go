//go:build cgo && linux && (amd64 || arm64)

package native

import (
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/go-xla/stablehlo"
	xlashapes "github.com/gomlx/go-xla/types/shapes"
)

// TestAttributes checks the text of the attributes that a foreign call has.
func TestAttributes(t *testing.T) {
	program := stablehlo.New("attributes").Main()
	var values []*stablehlo.Value
	for _, dims := range [][]int{nil, {7}, {2, 3, 4}} {
		value, err := program.Input(xlashapes.Make(dtypes.Float32, dims...))
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, value)
	}
	alias := func(indices, operand string) string {
		return "#stablehlo.output_operand_alias<output_tuple_indices = [" + indices + "], operand_index = " + operand + ", operand_tuple_indices = []>"
	}
	for _, c := range []struct{ what, got, want string }{
		{"no integers", integers(nil), "array<i64: >"},
		{"integers", integers([]int64{1, -2, 3000000000}), "array<i64: 1, -2, 3000000000>"},
		{"the only output", aliases([][2]int{{0, 3}}, 1), "[" + alias("", "3") + "]"},
		{"one of several outputs", aliases([][2]int{{1, 0}}, 2), "[" + alias("1", "0") + "]"},
		{"two outputs", aliases([][2]int{{0, 2}, {1, 4}}, 2), "[" + alias("0", "2") + ", " + alias("1", "4") + "]"},
		{"layouts", rowMajor(values),
			"[dense<> : tensor<0xindex>, dense<[0]> : tensor<1xindex>, dense<[2, 1, 0]> : tensor<3xindex>]"},
		{"text", text("as it is").ToStableHLO(), "as it is"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.what, c.got, c.want)
		}
	}
}

// TestCustomCall: go-xla still names the operation that calls foreign functions.
func TestCustomCall(t *testing.T) {
	statement, err := customCall()
	if err != nil {
		t.Fatal(err)
	}
	if got := statement.OpType.ToStableHLO(); got != "stablehlo.custom_call" {
		t.Errorf("the operation is %s", got)
	}
}
