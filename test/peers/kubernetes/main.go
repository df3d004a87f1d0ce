// The control plane of Kubernetes in one program, so that what both servers share is linked once: started as kube-apiserver
// or as kube-controller-manager it is just that.
package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	manager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	servers := map[string]func() *cobra.Command{
		"kube-apiserver":          apiserver.NewAPIServerCommand,
		"kube-controller-manager": manager.NewControllerManagerCommand,
	}
	command, known := servers[filepath.Base(os.Args[0])]
	if !known {
		os.Stderr.WriteString("Call it kube-apiserver or kube-controller-manager.\n")
		os.Exit(2)
	}
	os.Exit(cli.Run(command()))
}
