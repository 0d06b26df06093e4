package wire

// GateSpec describes a gate of policies: GET /system/policy-spec.
type GateSpec struct {
	Name         string        `json:"name"`
	Description  string        `json:"description"`
	Artifact     string        `json:"supported_artifact_type"` // image
	State        string        `json:"state"`                   // active, deprecated, eol
	SupersededBy *string       `json:"superseded_by"`
	Triggers     []TriggerSpec `json:"triggers"`
}

// TriggerSpec describes one check of a gate.
type TriggerSpec struct {
	Name         string          `json:"name"`
	Description  string          `json:"description"`
	State        string          `json:"state"`
	SupersededBy *string         `json:"superseded_by"`
	Parameters   []ParameterSpec `json:"parameters"`
}

// ParameterSpec describes what a trigger is told.
type ParameterSpec struct {
	Name         string         `json:"name"`
	Description  string         `json:"description"`
	Example      *string        `json:"example"`
	Required     bool           `json:"required"`
	State        string         `json:"state"`
	SupersededBy *string        `json:"superseded_by"`
	Validator    map[string]any `json:"validator"` // how its text is read
}
