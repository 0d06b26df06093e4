package wire

// Service is one process of the server, or a part of one.
type Service struct {
	Host    string `json:"host_id"`
	Name    string `json:"service_name"`
	BaseURL string `json:"base_url"`
	Up      bool   `json:"status"`
	Message string `json:"status_message"`
	Version string `json:"version"`
	Detail  Status `json:"service_detail"`
}

// ErrorCode is one of the error_codes that faults may have.
type ErrorCode struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}
