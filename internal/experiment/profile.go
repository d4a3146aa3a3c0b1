package experiment

import (
	"cmp"
	"fmt"
	"strings"
)

// Profile is how much of an experiment is done.
type Profile string

// The profiles.
const (
	// Full is the paper's experiment.
	Full Profile = "full"
	// Short is scaled down to minutes on two cores: fewer images, fewer epochs, a
	// narrower network, as the declaration says.
	Short Profile = "short"
)

// Profiles lists the profiles.
func Profiles() []Profile { return []Profile{Full, Short} }

// ParseProfile returns the profile of that name.
func ParseProfile(name string) (Profile, error) {
	for _, p := range Profiles() {
		if string(p) == name {
			return p, nil
		}
	}
	return "", fmt.Errorf("experiment: unknown profile %q: use full or short", name)
}

// Scaled says in words how the declaration is scaled down; "" if it is not.
func (d Declaration) Scaled(p Profile) string {
	if p == Full {
		return ""
	}
	return strings.TrimSpace("scaled down: " + cmp.Or(d.ShortNote, "see the settings"))
}
