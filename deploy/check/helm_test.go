package check

import (
	"bytes"
	"encoding/base64"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/fake"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the rendered charts anew")

// values are the ways to install the chart that are looked at.
var values = map[string]string{
	"default": ``,
	"scaled": `
store: {external: true, secret: tidepole-store}
blobs: s3://tidepole?region=eu-central-1
secret: mine
server: {replicas: 2, workers: 0, env: [{name: OTEL_EXPORTER_OTLP_ENDPOINT, value: "http://collector:4318"}]}
worker: {enabled: true, autoscaling: {kind: hpa}}
ingress: {enabled: true, className: nginx, tls: [{hosts: [tidepole.example], secretName: tls}]}
monitoring: {enabled: true, labels: {release: prometheus}}`,
	"keda": `
store: {external: true, secret: tidepole-store}
blobs: s3://tidepole?region=eu-central-1
worker: {enabled: true, autoscaling: {kind: keda, min: 0}, nodeSelector: {pool: big}, extraArgs: [--max-layers=500]}`,
}

// kinds are Kubernetes' types: what has a field that they do not know is refused.
var kinds = map[string]func() any{
	"Secret": func() any { return &core.Secret{} }, "Service": func() any { return &core.Service{} },
	"ServiceAccount": func() any { return &core.ServiceAccount{} }, "StatefulSet": func() any { return &apps.StatefulSet{} },
	"Deployment": func() any { return &apps.Deployment{} }, "Ingress": func() any { return &networking.Ingress{} },
	"HorizontalPodAutoscaler": func() any { return &autoscaling.HorizontalPodAutoscaler{} },
	"PodDisruptionBudget":     func() any { return &policy.PodDisruptionBudget{} },
	"ScaledObject":            func() any { return &map[string]any{} }, // of KEDA
	"PodMonitor":              func() any { return &map[string]any{} }, // of the Prometheus operator
}

func load(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.LoadDir(filepath.Join(deploy, "helm", "tidepole"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return c
}

// cluster is one that Helm asks for secrets.
type cluster struct{ dynamic.Interface }

func newCluster(secrets ...runtime.Object) cluster {
	scheme := runtime.NewScheme()
	if err := core.AddToScheme(scheme); err != nil {
		panic(err)
	}
	return cluster{fake.NewSimpleDynamicClient(scheme, secrets...)}
}

func (c cluster) GetClientFor(_, _ string) (dynamic.NamespaceableResourceInterface, bool, error) {
	return c.Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"}), true, nil
}

// render is what Helm makes of the chart; at is the cluster, if it asks one.
func render(c *chart.Chart, text string, at ...cluster) (string, error) {
	v, err := chartutil.ReadValues([]byte(text))
	if err != nil {
		return "", err
	}
	all, err := chartutil.ToRenderValues(c, v, chartutil.ReleaseOptions{Name: "tidepole", Namespace: "tidepole", Revision: 1, IsInstall: true}, chartutil.DefaultCapabilities)
	if err != nil {
		return "", err
	}
	files, err := map[string]string(nil), error(nil)
	if len(at) > 0 {
		files, err = engine.RenderWithClientProvider(c, all, at[0])
	} else {
		files, err = engine.Engine{Strict: true}.Render(c, all)
	}
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasSuffix(name, ".yaml") && strings.TrimSpace(files[name]) != "" {
			fmt.Fprintf(&b, "---\n%s\n", strings.Trim(files[name], "\n"))
		}
	}
	return b.String(), nil
}

func TestChart(t *testing.T) {
	for name, text := range values {
		t.Run(name, func(t *testing.T) {
			var at []cluster
			if !strings.Contains(text, "secret: mine") {
				at = append(at, newCluster())
			}
			out, err := render(load(t), text, at...)
			if err != nil {
				t.Fatal(err)
			}
			var kept strings.Builder
			kept.WriteString("# Rendered by go test -update in deploy/check.\n")
			seen := map[string]bool{}
			for _, doc := range strings.Split(out, "---\n") {
				if strings.TrimSpace(doc) == "" {
					continue
				}
				o := decode(t, doc)
				id := o.kind + "/" + o.name
				if seen[id] || o.name == "" {
					t.Errorf("%s is there twice, or has no name", id)
				}
				seen[id] = true
				o.checkPods(t, id)
				if s, ok := o.value.(*core.Secret); ok { // random
					if len(s.Data["admin-password"]) != 32 || len(s.Data["registry-key"]) != 32 {
						t.Errorf("secret of %d and %d bytes", len(s.Data["admin-password"]), len(s.Data["registry-key"]))
					}
					continue
				}
				kept.WriteString("---\n" + strings.TrimSpace(doc) + "\n")
			}
			golden := filepath.Join("testdata", name+".yaml")
			if *update {
				if err := os.WriteFile(golden, []byte(kept.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil || !bytes.Equal(want, []byte(kept.String())) {
				t.Errorf("%s is not what the chart gives (go test -run Chart -update in deploy/check writes it): %v", golden, err)
			}
		})
	}
}

func TestChartRefuses(t *testing.T) {
	for text, says := range map[string]string{
		"server: {replicas: 2}":                                     "store.external",
		"worker: {enabled: true}":                                   "store.external and blobs",
		"store: {external: true}":                                   "store.secret",
		"worker: {autoscaling: {kind: magic}}":                      "hpa, keda",
		"server: {grace: forever}":                                  "30s",
		"store: {external: true, secret: x}\nserver: {replicas: 2}": "blobs",
		"server: {workers: 3}":                                      "server.resources.limits.memory",
		"analysis: {memory: 4Gi}":                                   "server.resources.limits.memory",
		"analysis: {disk: 32Gi}":                                    "server.temporary",
		"analysis: {disk: lots}":                                    "4Gi",
		"server: {temporary: 500M}":                                 "server.temporary",
		"store: {external: true, secret: x}\nblobs: s3://b\nserver: {workers: 0}\nworker: {enabled: true, workers: 3}": "worker.resources.limits.memory",
	} {
		if _, err := render(load(t), text, newCluster()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
}

// The key stays what it is, and is not made where it would not.
func TestChartKeepsItsKey(t *testing.T) {
	if _, err := render(load(t), ""); err == nil || !strings.Contains(err.Error(), "kubectl -n tidepole create secret") {
		t.Errorf("without a cluster: %v", err)
	}
	if _, err := render(load(t), "secret: mine"); err != nil {
		t.Errorf("without a cluster, with a Secret: %v", err)
	}
	kept := newCluster(&core.Secret{
		TypeMeta:   meta.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: meta.ObjectMeta{Namespace: "tidepole", Name: "tidepole"},
		Data:       map[string][]byte{"admin-password": []byte("first"), "registry-key": bytes.Repeat([]byte("k"), 32)},
	})
	out, err := render(load(t), "", kept)
	if err != nil || !strings.Contains(out, `registry-key: "`+base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 32))+`"`) {
		t.Errorf("the key that is there is not kept: %v", err)
	}
}

// Two installations on one Prometheus do not scale each other.
func TestChartScalesByItsOwnQueue(t *testing.T) {
	const base = "store: {external: true, secret: s}\nblobs: s3://b\nsecret: mine\nworker: {enabled: true, autoscaling: {kind: %s, labels: %s}}"
	for values, want := range map[[2]string]string{
		{"keda", "{}"}:           `tidepole_queue_length{app_kubernetes_io_instance="tidepole",namespace="tidepole"}`,
		{"keda", "{job: other}"}: `tidepole_queue_length{job="other"}`,
		{"hpa", "{}"}:            `matchLabels: {state: queued, app_kubernetes_io_instance: "tidepole", namespace: "tidepole"}`,
	} {
		if out, err := render(load(t), fmt.Sprintf(base, values[0], values[1])); err != nil || !strings.Contains(out, want) {
			t.Errorf("%v: there is no %s: %v", values, want, err)
		}
	}
}

// object is one that the chart makes.
type object struct {
	kind, name string
	value      any
}

func decode(t *testing.T, doc string) object {
	t.Helper()
	var about struct {
		Kind     string
		Metadata struct{ Name string }
	}
	if err := yaml.Unmarshal([]byte(doc), &about); err != nil {
		t.Fatalf("%v in\n%s", err, doc)
	}
	make, ok := kinds[about.Kind]
	if !ok {
		t.Fatalf("unknown kind %q in\n%s", about.Kind, doc)
	}
	o := object{about.Kind, about.Metadata.Name, make()}
	if err := yaml.UnmarshalStrict([]byte(doc), o.value); err != nil {
		t.Errorf("%s: %v in\n%s", about.Kind, err, doc)
	}
	return o
}

// checkPods looks at what a pod may do, and that it is found by its selector.
func (o object) checkPods(t *testing.T, id string) {
	t.Helper()
	var pod core.PodTemplateSpec
	var selector map[string]string
	switch v := o.value.(type) {
	case *apps.Deployment:
		pod, selector = v.Spec.Template, v.Spec.Selector.MatchLabels
	case *apps.StatefulSet:
		pod, selector = v.Spec.Template, v.Spec.Selector.MatchLabels
	default:
		return
	}
	for k, v := range selector {
		if pod.Labels[k] != v {
			t.Errorf("%s: the selector wants %s=%s, and its pods have %q", id, k, v, pod.Labels[k])
		}
	}
	if s := pod.Spec.SecurityContext; s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.SeccompProfile == nil {
		t.Errorf("%s may run as root, or call what it wants", id)
	}
	if a := pod.Spec.AutomountServiceAccountToken; a == nil || *a {
		t.Errorf("%s has a token of the cluster", id)
	}
	for _, c := range pod.Spec.Containers {
		checkEnd(t, id, c.Args, time.Duration(*pod.Spec.TerminationGracePeriodSeconds)*time.Second)
		s := c.SecurityContext
		if s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || len(s.Capabilities.Drop) != 1 {
			t.Errorf("%s: container %s may too much: %+v", id, c.Name, s)
		}
		if c.LivenessProbe == nil || c.ReadinessProbe == nil || c.Resources.Limits.Memory().IsZero() {
			t.Errorf("%s: container %s has no probes, or no limit", id, c.Name)
		}
		checkRoom(t, id, pod.Spec, c)
	}
}

// ownMemory is what a server, or a worker, is to have besides its analyses.
const ownMemory = 1 << 30

// checkRoom looks whether a pod has room for all that its container works on at once:
// Kubernetes ends one that takes more.
func checkRoom(t *testing.T, id string, pod core.PodSpec, c core.Container) {
	t.Helper()
	given := map[string]int64{}
	for _, arg := range c.Args {
		name, value, _ := strings.Cut(arg, "=")
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			given[name] = n
		}
	}
	workers, memory, disk := given["--workers"], given["--max-memory"], given["--max-disk"]
	if memory <= 0 || disk <= 0 {
		t.Fatalf("%s: analyses have no limits: %v", id, c.Args)
	}
	if has := c.Resources.Limits.Memory().Value(); has < workers*memory+ownMemory {
		t.Errorf("%s: %d analyses of %d bytes of memory, in %d", id, workers, memory, has)
	}
	for _, v := range pod.Volumes {
		if v.Name != "temporary" {
			continue
		}
		if has := v.EmptyDir.SizeLimit.Value(); has < workers*disk {
			t.Errorf("%s: %d analyses of %d bytes of disk, in %d", id, workers, disk, has)
		}
		return
	}
	t.Errorf("%s: there is no volume for temporary files", id)
}
