package data

// Locate tells whether dir, or the publisher's folder inside it, holds a data set,
// without reading it: nil if it does. Where it does not the error satisfies
// errors.Is(err, fs.ErrNotExist). An embedded set is everywhere.
func Locate(name, dir string) error {
	set, err := find(name)
	if err != nil {
		return err
	}
	_, err = set.locate(dir)
	return err
}
