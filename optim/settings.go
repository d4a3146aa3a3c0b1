package optim

// The algorithms' names, as Settings gives them.
const (
	NameSGD   = "SGD"
	NameAdam  = "Adam"
	NameAdamW = "AdamW"
)

// Settings are what an optimizer really uses: every default filled in, nothing
// that the algorithm does not have. They are for logs and assertions; changing
// them changes nothing.
type Settings struct {
	Algorithm string `json:"algorithm"` // NameSGD, NameAdam or NameAdamW
	Scope     string `json:"scope"`     // last part of the path of its state, "optim/<scope>"

	LearningRate float64 `json:"learning_rate"` // of the first step
	Scheduled    bool    `json:"scheduled"`     // whether the learning rate may change later

	Momentum float64 `json:"momentum,omitempty"` // SGD; 0 for none
	Nesterov bool    `json:"nesterov,omitempty"` // SGD
	Beta1    float64 `json:"beta1,omitempty"`    // Adam, AdamW: of the gradient's moving average
	Beta2    float64 `json:"beta2,omitempty"`    // Adam, AdamW: of the squared gradient's moving average
	Epsilon  float64 `json:"epsilon,omitempty"`  // Adam, AdamW

	WeightDecay    float64 `json:"weight_decay"`    // 0 for none
	DecoupledDecay bool    `json:"decoupled_decay"` // AdamW: decay shrinks the parameters, it does not enter the gradient
	PartialDecay   bool    `json:"partial_decay"`   // whether some variables are excluded from decay
	ClipNorm       float64 `json:"clip_norm"`       // largest global gradient norm; 0 for no clipping
}
