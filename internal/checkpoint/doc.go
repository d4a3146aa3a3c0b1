// Package checkpoint saves and restores a training run: every variable of a
// GoMLX store (parameters, the optimizer's state, the random state) and what the
// training loop needs to go on.
//
// A checkpoint is a folder named step-000000123 (for a second one of the same
// step: step-000000123-2, and so on) with three files:
//
//   - variables.safetensors: the values, readable by any safetensors reader,
//     each under its variable's path;
//   - manifest.json: a [Manifest], with size and SHA-256 of the variables' file;
//   - manifest.sha256: the SHA-256 of manifest.json, as sha256sum writes it.
//
// It is written under another name, flushed to disk and renamed, so that it is
// either there as a whole or not at all. [Load] takes the newest one that is
// whole. Damaged ones are named, never deleted. [Rewind] takes a run back.
//
// Variables of GoMLX's metrics are not saved: their paths hold a random
// identifier, so they would pile up with every resume.
//
// One process at a time may save to a folder; see package lockfile.
package checkpoint
