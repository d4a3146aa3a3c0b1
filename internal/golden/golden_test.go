package golden

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kafisto/kafisto/internal/alloctest"
)

func all(*Trajectory) bool { return true }

func TestOwnTrajectoriesAreComplete(t *testing.T) {
	kinds := map[string]int{}
	Own(t, all, func(t *testing.T, tr *Trajectory) {
		kinds[tr.Options.Algorithm+tr.Options.Variant]++
		for step, entry := range tr.Log {
			if entry.Loss < 0 || entry.LossSquareMean < entry.Loss*entry.Loss*(1-1e-12) {
				t.Errorf("step %d: loss %g with mean square %g cannot be", step, entry.Loss, entry.LossSquareMean)
			}
		}
	})
	for _, kind := range []string{"SGDpublished", "Adampublished", "AdamWpublished", "vanillapublished", "dynamicspublished", "dynamicspaper"} {
		if kinds[kind] == 0 {
			t.Errorf("there is no trajectory of %s", kind)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	data, err := own.ReadFile("testdata/dynamics_default.json")
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		edit func(f map[string]any)
		want string
	}{
		"unknown option":    {func(f map[string]any) { f["options"].(map[string]any)["momentum"] = 0.9 }, `"momentum" is not known`},
		"option's case":     {func(f map[string]any) { f["options"].(map[string]any)["SW"] = 0.9 }, `"SW" is not known`},
		"option twice":      {func(f map[string]any) { o := f["options"].(map[string]any); o["a"], o["alpha"] = 0.9, 0.9 }, "the same setting"},
		"unknown variant":   {func(f map[string]any) { f["options"].(map[string]any)["variant"] = "mine" }, `variant "mine"`},
		"unknown algorithm": {func(f map[string]any) { f["options"].(map[string]any)["algorithm"] = "lion" }, `"lion"`},
		"no options":        {func(f map[string]any) { delete(f, "options") }, "options are missing"},
		"schedule's length": {func(f map[string]any) { f["options"].(map[string]any)["schedule"] = []float64{1} }, "1 values for 30 steps"},
		"activation":        {func(f map[string]any) { f["activation"] = "relu" }, "only tanh"},
		"loss":              {func(f map[string]any) { f["loss"] = "mse" }, "only softmax"},
		"one layer":         {func(f map[string]any) { f["layers"] = []int{6} }, "at least 2"},
		"negative width":    {func(f map[string]any) { f["layers"] = []int{6, -1, 4} }, "between 1 and"},
		"huge width":        {func(f map[string]any) { f["layers"] = []int{6, 1 << 40, 4} }, "between 1 and"},
		"short x":           {func(f map[string]any) { f["x"] = f["x"].([]any)[1:] }, "x has 1439"},
		"short labels":      {func(f map[string]any) { f["labels"] = f["labels"].([]any)[1:] }, "labels has 239"},
		"label":             {func(f map[string]any) { f["labels"].([]any)[3] = 4 }, "label 3 is 4"},
		"short log":         {func(f map[string]any) { f["log"] = f["log"].([]any)[1:] }, "log has 29"},
		"short init":        {func(f map[string]any) { f["init"] = f["init"].([]any)[1:] }, "init has 3 tensors"},
		"short final":       {func(f map[string]any) { f["final"].([]any)[1] = []float64{} }, "final tensor 1 has 0"},
		"no loss":           {func(f map[string]any) { delete(f["log"].([]any)[2].(map[string]any), "loss") }, "log entry 2"},
		"no R":              {func(f map[string]any) { delete(f["log"].([]any)[2].(map[string]any), "R") }, "R is missing"},
		"no qx":             {func(f map[string]any) { delete(f["log"].([]any)[2].(map[string]any), "qx") }, "qx is missing"},
		"scalar P":          {func(f map[string]any) { f["log"].([]any)[2].(map[string]any)["P"] = 1.5 }, "P has 1 numbers"},
		"text P":            {func(f map[string]any) { f["log"].([]any)[2].(map[string]any)["P"] = "x" }, "P must be"},
		"norms":             {func(f map[string]any) { f["log"].([]any)[2].(map[string]any)["paramNorms"] = nil }, "paramNorms has 0"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var f map[string]any
			if err := json.Unmarshal(data, &f); err != nil {
				t.Fatal(err)
			}
			c.edit(f)
			edited, err := json.Marshal(f)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Parse("case", edited)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "golden: case: ") {
				t.Errorf("error is %v, want one with %q", err, c.want)
			}
		})
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.json")); err == nil {
		t.Error("a missing file was loaded")
	}
}

func TestParseAccepts(t *testing.T) {
	for name, options := range map[string]string{
		"nulls":           `{"algorithm":"dynamics","schedule":null,"r":null,"sigma":null,"betas":null}`,
		"the other names": `{"algorithm":"dynamics","variant":"paper","sw":0.2,"alpha_r":0.5,"a":0.5,"qv":0.1}`,
		"vanilla, paper":  `{"algorithm":"vanilla","variant":"paper","sx":0.2,"bR":0.5}`,
		"constant qx":     `{"algorithm":"dynamics","variant":"paper","qx":0.2}`,
	} {
		if _, err := parseOptions([]byte(options)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := parseOptions([]byte(`{"algorithm":"SGD","dampening":0.0,"maximize":false}`)); err != nil {
		t.Errorf("PyTorch's defaults: %v", err)
	}
	if _, err := parseOptions([]byte(`{"algorithm":"SGD","dampening":0.5}`)); err == nil {
		t.Error("a dampening that we do not have was accepted")
	}
}

func TestEachTakesFurtherFolders(t *testing.T) {
	data, err := own.ReadFile("testdata/vanilla_decay.json")
	if err != nil {
		t.Fatal(err)
	}
	one, two := t.TempDir(), t.TempDir()
	for _, path := range []string{filepath.Join(one, "strange.json"), filepath.Join(two, "other.json")} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv(EnvDir, one+string(os.PathListSeparator)+two)
	var seen []string
	Each(t, func(tr *Trajectory) bool { return tr.Options.Algorithm == Vanilla }, func(t *testing.T, tr *Trajectory) {
		if strings.Contains(t.Name(), "/extra/") {
			seen = append(seen, tr.Name)
		}
	})
	if strings.Join(seen, " ") != "strange other" {
		t.Errorf("extra trajectories are %v, want strange and other", seen)
	}
}

func FuzzParse(f *testing.F) {
	data, err := own.ReadFile("testdata/vanilla_decay.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"layers":[1,1],"steps":1,"batch":1,"options":{"algorithm":"SGD"},"init":[[1],[1]],"x":[1],"labels":[0],
		"log":[{"loss":1,"lossSquareMean":1,"paramNorms":[1,1]}],"final":[[1],[1]]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var tr *Trajectory
		var err error
		alloctest.Within(t, 1<<20+256*len(data), func() { tr, err = Parse("fuzz", data) })
		if err != nil {
			return
		}
		// What was accepted can be used without a panic.
		_, _, gradients := tr.Network().LossAndGradients(tr.Init, tr.Steps)
		if len(gradients) != len(tr.Init) || len(tr.Log) != tr.Steps {
			t.Errorf("accepted an inconsistent trajectory: %d gradients for %d tensors", len(gradients), len(tr.Init))
		}
	})
}

// TestGradients compares the hand-written derivatives with central differences
// on random networks.
func TestGradients(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := &GoNetwork{layers: rapid.SliceOfN(rapid.IntRange(1, 4), 2, 4).Draw(rt, "layers"), steps: 2, batch: 3}
		number := rapid.Float64Range(-1.5, 1.5)
		n.x = rapid.SliceOfN(number, 6*n.layers[0], 6*n.layers[0]).Draw(rt, "x")
		n.labels = rapid.SliceOfN(rapid.Int32Range(0, int32(n.layers[len(n.layers)-1]-1)), 6, 6).Draw(rt, "labels")
		var params [][]float64
		for k := 0; k+1 < len(n.layers); k++ {
			in, out := n.layers[k], n.layers[k+1]
			params = append(params, rapid.SliceOfN(number, in*out, in*out).Draw(rt, "w"), rapid.SliceOfN(number, out, out).Draw(rt, "b"))
		}
		_, _, gradients := n.LossAndGradients(params, 1)
		const h = 1e-5
		for i := range params {
			for j := range params[i] {
				start := params[i][j]
				params[i][j] = start + h
				above, _, _ := n.LossAndGradients(params, 1)
				params[i][j] = start - h
				below, _, _ := n.LossAndGradients(params, 1)
				params[i][j] = start
				if want := (above - below) / (2 * h); math.Abs(want-gradients[i][j]) > 1e-8 {
					rt.Fatalf("tensor %d, number %d: gradient %g, differences say %g", i, j, gradients[i][j], want)
				}
			}
		}
	})
}

// TestNetworkGivesLoggedLoss: a baseline's first loss is at its initial
// parameters, its last step's parameters follow from nothing else.
func TestNetworkGivesLoggedLoss(t *testing.T) {
	Each(t, func(tr *Trajectory) bool { return tr.Options.Baseline() }, func(t *testing.T, tr *Trajectory) {
		loss, square, _ := tr.Network().LossAndGradients(tr.Init, 0)
		Check(t, 0, "loss", []float64{loss, square}, []float64{tr.Log[0].Loss, tr.Log[0].LossSquareMean}, 1e-10)
	})
}

func TestRelativeError(t *testing.T) {
	for _, c := range []struct{ got, want, error float64 }{
		{1, 2, 0.5}, {2, 2, 0}, {1e-6, 0, 1e-3},
		{math.NaN(), 1, math.Inf(1)}, {1, math.NaN(), math.Inf(1)},
		{math.Inf(1), 1, math.Inf(1)}, {math.Inf(1), math.Inf(1), math.Inf(1)},
	} {
		if e := RelativeError(c.got, c.want); math.Abs(e-c.error) > 1e-15 {
			t.Errorf("RelativeError(%g, %g) = %g, want %g", c.got, c.want, e, c.error)
		}
	}
}
