package openapi

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
)

// Older is the description of the API's first version, as if it were in OpenAPI
// 3.0: to check answers by it.
var Older = sync.OnceValues(func() (*Document, error) {
	data, err := V1()
	if err != nil {
		return nil, err
	}
	var d openapi2.T
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, fmt.Errorf("read the description of version 1: %w", err)
	}
	doc, err := openapi2conv.ToV3(&d)
	if err != nil {
		return nil, fmt.Errorf("read the description of version 1: %w", err)
	}
	doc.Servers = openapi3.Servers{{URL: d.BasePath}}
	if data, err = json.Marshal(doc); err != nil {
		return nil, err
	}
	var tree map[string]any
	if err := json.Unmarshal(data, &tree); err != nil {
		return nil, err
	}
	return newDocument(tree, nil)
})
