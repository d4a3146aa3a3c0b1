// Package experiment reproduces the paper's tables and figures: each is a
// declaration, a JSON file of rows of settings and the numbers that the paper
// prints for them. A declaration and a profile (the paper's own settings, or
// scaled down) make a grid of training runs. The runs lie in a results folder,
// each under a name that its settings decide, so that a run that several tables
// have in common is done once, several processes can share the folder, and a
// grid that was stopped goes on where it was.
package experiment
