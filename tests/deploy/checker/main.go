// Reads what this project deploys with the libraries of those who will read it: Docker Compose's loader, kustomize,
// and Alertmanager's templates, which Grafana's messages are executed by.
//
//	checker compose FILE [PROFILE...]  prints the project with every variable put in, as `docker compose config` does
//	checker kustomize DIRECTORY        prints the manifests, as `kubectl kustomize` does
//	checker message                    reads {"templates", "message", "data"} and prints what the message says
//	checker annotations                reads {"annotations", "labels", "values"} and prints what each of them says
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"text/template"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	alertmanager "github.com/prometheus/alertmanager/template"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

func main() {
	said, err := answer(os.Args[1], os.Args[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Stdout.Write(said)
}

func answer(command string, arguments []string) ([]byte, error) {
	switch command {
	case "compose":
		return compose(arguments[0], arguments[1:])
	case "kustomize":
		return kustomize(arguments[0])
	case "message":
		return message()
	case "annotations":
		return annotations()
	}
	return nil, fmt.Errorf("no such command: %s", command)
}

func compose(file string, profiles []string) ([]byte, error) {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithOsEnv, cli.WithProfiles(profiles), cli.WithResolvedPaths(true))
	if err != nil {
		return nil, err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return nil, err
	}
	return project.MarshalJSON()
}

func kustomize(directory string) ([]byte, error) {
	found, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), directory)
	if err != nil {
		return nil, err
	}
	return found.AsYaml()
}

func message() ([]byte, error) {
	var asked struct {
		Templates []string
		Message   string
		Data      struct {
			Status string
			Alerts []alertmanager.Alert
			Labels alertmanager.KV
		}
	}
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return nil, err
	}
	all, err := alertmanager.New()
	if err != nil {
		return nil, err
	}
	for _, text := range asked.Templates {
		if err := all.Parse(strings.NewReader(text)); err != nil {
			return nil, err
		}
	}
	said, err := all.ExecuteTextString(asked.Message, &alertmanager.Data{
		Status: asked.Data.Status, Alerts: asked.Data.Alerts, CommonLabels: asked.Data.Labels,
	})
	return []byte(said), err
}

type value struct {
	Labels map[string]string
	Value  float64
}

// What Grafana puts before every annotation, so that its text may say $labels and $values.
const preamble = "{{- $labels := .Labels -}}{{- $values := .Values -}}"

func annotations() ([]byte, error) {
	var asked struct {
		Annotations map[string]string
		Labels      map[string]string
		Values      map[string]float64
	}
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return nil, err
	}
	values := map[string]value{}
	for name, number := range asked.Values {
		values[name] = value{asked.Labels, number}
	}
	functions := template.FuncMap{
		"externalURL": func() string { return "https://grafana.example.com/" },
		"humanizeTimestamp": func(seconds float64) string {
			return time.Unix(int64(seconds), 0).UTC().String()
		},
		"reReplaceAll": func(pattern, by, text string) string {
			return regexp.MustCompile(pattern).ReplaceAllString(text, by)
		},
		"urlquery": url.QueryEscape,
	}
	said := map[string]string{}
	for name, text := range asked.Annotations {
		parsed, err := template.New(name).Funcs(functions).Option("missingkey=error").Parse(preamble + text)
		if err != nil {
			return nil, err
		}
		var out strings.Builder
		if err := parsed.Execute(&out, map[string]any{"Labels": asked.Labels, "Values": values}); err != nil {
			return nil, err
		}
		said[name] = out.String()
	}
	return json.Marshal(said)
}
