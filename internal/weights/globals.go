package weights

import (
	"fmt"

	"github.com/kafisto/kafisto/internal/checkpoint/safetensors"
)

// The functions that a pickle of tensors names.
const (
	orderedDict      global = "collections.OrderedDict"
	rebuildTensor    global = "torch._utils._rebuild_tensor_v2"
	rebuildParameter global = "torch._utils._rebuild_parameter"
)

// storageTypes are the types of storages that it names, and those of their numbers.
var storageTypes = map[global]safetensors.DType{
	"torch.DoubleStorage": safetensors.F64, "torch.FloatStorage": safetensors.F32,
	"torch.HalfStorage": safetensors.F16, "torch.BFloat16Storage": safetensors.BF16,
	"torch.LongStorage": safetensors.I64, "torch.IntStorage": safetensors.I32, "torch.ShortStorage": safetensors.I16,
	"torch.CharStorage": safetensors.I8, "torch.ByteStorage": safetensors.U8, "torch.BoolStorage": safetensors.Bool,
}

// global pushes a name; every other than the above is refused.
func (u *unpickler) global() error {
	module, err := u.line()
	if err != nil {
		return err
	}
	name, err := u.line()
	if err != nil {
		return err
	}
	g := global(module + "." + name)
	if _, isStorage := storageTypes[g]; !isStorage && g != orderedDict && g != rebuildTensor && g != rebuildParameter {
		return fmt.Errorf("its pickle asks for %q, which no dict of tensors needs: refused, and not to be trusted", g)
	}
	u.push(g)
	return nil
}

// reduce makes what a call of one of the three functions would.
func (u *unpickler) reduce() error {
	values, err := u.pop(2)
	if err != nil {
		return err
	}
	function, _ := values[0].(global)
	arguments, ok := values[1].(tuple)
	if !ok {
		return errShape
	}
	var made any
	switch {
	case function == orderedDict && len(arguments) == 0:
		made = &dict{}
	case function == rebuildTensor && len(arguments) >= 6:
		made, err = tensorFrom(arguments)
	case function == rebuildParameter && len(arguments) == 3:
		made = arguments[0]
	default:
		return errShape
	}
	u.push(made)
	return err
}

// build sets attributes of an object. State dicts have some (versions of their modules), which are
// of no use here.
func (u *unpickler) build() error {
	attributes, err := u.pop(1)
	if err != nil {
		return err
	}
	if _, ok := attributes[0].(*dict); !ok {
		return errShape
	}
	_, err = top[*dict](u)
	return err
}

// tensorFrom makes a tensor of the arguments storage, offset, shape, strides, and two of no use here.
func tensorFrom(arguments tuple) (*Tensor, error) {
	s, isStorage := arguments[0].(*storage)
	offset, isNumber := arguments[1].(int64)
	shape, err := wholeNumbers(arguments[2])
	if err != nil {
		return nil, err
	}
	strides, err := wholeNumbers(arguments[3])
	if err != nil {
		return nil, err
	}
	if !isStorage || !isNumber {
		return nil, errShape
	}
	return newTensor(s, offset, shape, strides)
}

// wholeNumbers are the numbers of a tuple.
func wholeNumbers(value any) ([]int64, error) {
	values, ok := value.(tuple)
	if !ok || len(values) > maxRank {
		return nil, errShape
	}
	numbers := make([]int64, len(values))
	for i, value := range values {
		if numbers[i], ok = value.(int64); !ok {
			return nil, errShape
		}
	}
	return numbers, nil
}

// persistent pushes the storage that a tuple describes: "storage", its type, its key, where it was,
// the count of its numbers, and in the old form None, or else what it is a part of.
func (u *unpickler) persistent() error {
	description, err := top[tuple](u)
	if err != nil {
		return err
	}
	u.stack = u.stack[:len(u.stack)-1]
	if len(description) != 5 && (len(description) != 6 || description[5] != nil) {
		return errShape
	}
	kind, _ := description[1].(global)
	key, isText := description[2].(string)
	count, isNumber := description[4].(int64)
	dtype, known := storageTypes[kind]
	if description[0] != "storage" || !known || !isText || !isNumber {
		return errShape
	}
	if count < 0 || count > maxFile {
		return fmt.Errorf("its storage %q claims %d numbers: it is damaged", key, count)
	}
	if u.storages == nil {
		u.storages = map[string]*storage{}
	}
	s := u.storages[key]
	if s == nil {
		s = &storage{dtype: dtype, count: count}
		u.storages[key] = s
	}
	if s.dtype != dtype || s.count != count {
		return fmt.Errorf("its storage %q is described in two ways: it is damaged", key)
	}
	u.push(s)
	return nil
}
