package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"
)

// Set returns the settings with some changed, each value written as for a flag.
// An unknown name and a value of the wrong kind are errors; whether the values
// make sense is for Check to tell.
func (s Settings) Set(values map[string]string) (Settings, error) {
	kinds := fieldTypes()
	object := map[string]json.RawMessage{}
	for name, value := range values {
		raw := json.RawMessage(value)
		switch kind := kinds[name]; {
		case kind == nil:
			raw = json.RawMessage("0") // for ReadSettings to refuse the name
		case kind.Kind() == reflect.String:
			raw, _ = json.Marshal(value) // text never fails
		case !json.Valid(raw) || value == "null":
			return s, fmt.Errorf("settings: %s is %q: it must be %s", name, value, kindOf(kind))
		}
		object[name] = raw
	}
	text, err := json.Marshal(object)
	if err != nil {
		return s, fmt.Errorf("settings: %w", err)
	}
	strict, err := ReadSettings(strings.NewReader(string(text)))
	if err != nil {
		return s, err
	}
	return s.with(strict)
}

// Merge returns the settings with those that a settings file has, see ReadSettings.
func (s Settings) Merge(file io.Reader) (Settings, error) {
	values, err := ReadSettings(file)
	if err != nil {
		return s, err
	}
	return s.with(values)
}

// with returns the settings with those that ReadSettings has read. They share
// no memory with s.
func (s Settings) with(values map[string]any) (Settings, error) {
	if name := s.notFinite(); name != "" {
		return s, fmt.Errorf("settings: %s is not a finite number: give one that is", name)
	}
	var changed Settings
	for _, layer := range []any{s, values} {
		text, err := json.Marshal(layer)
		if err == nil {
			err = json.Unmarshal(text, &changed)
		}
		if err != nil {
			return s, fmt.Errorf("settings: %w", plain(err))
		}
	}
	return changed, nil
}

// fieldTypes are the types of the settings by name, without pointers.
func fieldTypes() map[string]reflect.Type {
	types := map[string]reflect.Type{}
	fields := reflect.TypeFor[Settings]()
	for i := range fields.NumField() {
		field := fields.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		types[name] = field.Type
		if field.Type.Kind() == reflect.Pointer {
			types[name] = field.Type.Elem()
		}
	}
	return types
}

// Kind is the kind of a setting's value: String, Bool, Int, Int64 or Float64;
// Invalid where there is no setting of that name.
func Kind(name string) reflect.Kind {
	if t := fieldTypes()[name]; t != nil {
		return t.Kind()
	}
	return reflect.Invalid
}

// plain says an error of encoding/json in a user's words.
func plain(err error) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) && kind.Field != "" {
		return fmt.Errorf("%s is a %s: it must be %s", kind.Field, kind.Value, kindOf(kind.Type))
	}
	if errors.As(err, &kind) {
		return errors.New("a settings file is one JSON object")
	}
	if name, found := strings.CutPrefix(err.Error(), "json: unknown field "); found {
		return fmt.Errorf("unknown setting %s: settings have the names of flags", name)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the file ends too early: a settings file is one JSON object")
	}
	return fmt.Errorf("not JSON: %s", strings.TrimPrefix(err.Error(), "json: "))
}

// kindOf names a setting's kind.
func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	}
	return "text in quotes"
}

// Shared returns by name the settings that are no optimizer's own and decide
// the result: the task, the optimizer's name, its schedule and what decays.
func (s Settings) Shared() map[string]any {
	values := s.Map()
	fields := reflect.TypeOf(s)
	for i := range fields.NumField() {
		tag := fields.Field(i).Tag
		name, _, _ := strings.Cut(tag.Get("json"), ",")
		shared := tag.Get("group") == "task" && name != "data-dir" ||
			name == "optimizer" || name == "decay-biases" || strings.HasPrefix(name, "schedule") || name == "warm-up"
		if !shared {
			delete(values, name)
		}
	}
	return values
}

// notFinite names a setting that is NaN or infinite, "" if none is.
func (s Settings) notFinite() string {
	fields := reflect.ValueOf(s)
	for i := range fields.NumField() {
		field := reflect.Indirect(fields.Field(i))
		if field.Kind() != reflect.Float64 {
			continue
		}
		if v := field.Float(); math.IsNaN(v) || math.IsInf(v, 0) {
			name, _, _ := strings.Cut(fields.Type().Field(i).Tag.Get("json"), ",")
			return name
		}
	}
	return ""
}
