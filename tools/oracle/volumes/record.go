// SPDX-License-Identifier: Apache-2.0

// record asks the real volume plugins of kube-scheduler about random clusters and prints one case
// per line, in the format that `ganglion sim oracle` replays. See README.md.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"reflect"
	"sort"
	"unsafe"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/latest"
	"k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/nodevolumelimits"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/volumebinding"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	"k8s.io/kubernetes/pkg/scheduler/metrics"
)

type testCase struct {
	ID          string                          `json:"id"`
	Topic       string                          `json:"topic"`
	Nodes       []*v1.Node                      `json:"nodes"`
	Pods        []*v1.Pod                       `json:"pods,omitempty"`
	Volumes     []*v1.PersistentVolume          `json:"persistentVolumes,omitempty"`
	Claims      []*v1.PersistentVolumeClaim     `json:"persistentVolumeClaims,omitempty"`
	Classes     []*storagev1.StorageClass       `json:"storageClasses,omitempty"`
	CSINodes    []*storagev1.CSINode            `json:"csiNodes,omitempty"`
	Drivers     []*storagev1.CSIDriver          `json:"csiDrivers,omitempty"`
	Capacities  []*storagev1.CSIStorageCapacity `json:"csiStorageCapacities,omitempty"`
	Attachments []*storagev1.VolumeAttachment   `json:"volumeAttachments,omitempty"`
	Pod         *v1.Pod                         `json:"pod"`
	Expect      expectation                     `json:"expect"`
}

type refusal struct {
	Plugin  string   `json:"plugin"`
	Code    string   `json:"code"`
	Reasons []string `json:"reasons"`
}

type nodeAnswer struct {
	OK bool `json:"ok"`
	*refusal
	Scores  map[string]int64 `json:"scores,omitempty"`
	Total   *int64           `json:"total,omitempty"`
	Volumes *volumePlan      `json:"volumes,omitempty"`
}

type volumePlan struct {
	Bind      map[string]string `json:"bind,omitempty"` // "namespace/claim" → volume
	Provision []string          `json:"provision,omitempty"`
}

type expectation struct {
	PreFilter *refusal               `json:"prefilter"`
	Nodes     map[string]*nodeAnswer `json:"nodes,omitempty"`
}

func profile() *config.KubeSchedulerProfile {
	cfg, err := latest.Default()
	if err != nil {
		panic(err)
	}
	p := &cfg.Profiles[0]
	var kept []config.Plugin
	for _, e := range p.Plugins.MultiPoint.Enabled {
		if e.Name != "DynamicResources" && e.Name != "DefaultPreemption" {
			kept = append(kept, e)
		}
	}
	p.Plugins.MultiPoint.Enabled = kept
	return p
}

func refused(s *fwk.Status) *refusal {
	reasons := append([]string{}, s.Reasons()...)
	sort.Strings(reasons)
	return &refusal{Plugin: s.Plugin(), Code: s.Code().String(), Reasons: reasons}
}

// The chosen volume and its claim are private members of the real binder.
func hidden(of any, member string) unsafe.Pointer {
	return reflect.ValueOf(of).Elem().FieldByName(member).UnsafePointer()
}

func planOf(pv *volumebinding.PodVolumes) *volumePlan {
	out := &volumePlan{}
	for _, b := range pv.StaticBindings {
		claim := (*v1.PersistentVolumeClaim)(hidden(b, "pvc"))
		if out.Bind == nil {
			out.Bind = map[string]string{}
		}
		out.Bind[claim.Namespace+"/"+claim.Name] = (*v1.PersistentVolume)(hidden(b, "pv")).Name
	}
	for _, d := range pv.DynamicProvisions {
		out.Provision = append(out.Provision, d.PVC.Namespace+"/"+d.PVC.Name)
	}
	sort.Strings(out.Provision)
	return out
}

// What the plugins hold in their listers and caches; no watch is started.
func fill(f informers.SharedInformerFactory, c *testCase) {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	for _, o := range c.Nodes {
		must(f.Core().V1().Nodes().Informer().GetIndexer().Add(o))
	}
	for _, o := range c.Volumes {
		must(f.Core().V1().PersistentVolumes().Informer().GetIndexer().Add(o))
	}
	for _, o := range c.Claims {
		must(f.Core().V1().PersistentVolumeClaims().Informer().GetIndexer().Add(o))
	}
	for _, o := range c.Classes {
		must(f.Storage().V1().StorageClasses().Informer().GetIndexer().Add(o))
	}
	for _, o := range c.CSINodes {
		must(f.Storage().V1().CSINodes().Informer().GetIndexer().Add(o))
	}
	for _, o := range c.Drivers {
		must(f.Storage().V1().CSIDrivers().Informer().GetIndexer().Add(o))
	}
	for _, o := range c.Capacities {
		must(f.Storage().V1().CSIStorageCapacities().Informer().GetIndexer().Add(o))
	}
	for _, o := range c.Attachments {
		must(f.Storage().V1().VolumeAttachments().Informer().GetIndexer().Add(o))
	}
}

var binder volumebinding.SchedulerVolumeBinder

func makeFramework(ctx context.Context, c *testCase) framework.Framework {
	client := fake.NewClientset()
	f := informers.NewSharedInformerFactory(client, 0)
	snapshot := cache.NewSnapshot(c.Pods, c.Nodes)
	registry := plugins.NewInTreeRegistry()
	real := registry["VolumeBinding"]
	registry["VolumeBinding"] = func(ctx context.Context, args runtime.Object, h fwk.Handle) (fwk.Plugin, error) {
		p, err := real(ctx, args, h)
		if err == nil {
			binder = p.(*volumebinding.VolumeBinding).Binder
		}
		return p, err
	}
	fr, err := frameworkruntime.NewFramework(ctx, registry, profile(),
		frameworkruntime.WithClientSet(client),
		frameworkruntime.WithInformerFactory(f),
		frameworkruntime.WithSnapshotSharedLister(snapshot),
		frameworkruntime.WithSharedCSIManager(nodevolumelimits.NewCSIManager(f.Storage().V1().CSINodes().Lister())),
		frameworkruntime.WithMetricsRecorder(metrics.NewMetricsAsyncRecorder(1000, 1e12, ctx.Done())),
		frameworkruntime.WithWaitingPods(frameworkruntime.NewWaitingPodsMap()),
		frameworkruntime.WithPodsInPreBind(frameworkruntime.NewPodsInPreBindMap()),
	)
	if err != nil {
		panic(err)
	}
	fill(f, c)
	return fr
}

// False: a plugin failed rather than answered, which is no case.
func ask(ctx context.Context, c *testCase) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	fr := makeFramework(ctx, c)
	state := framework.NewCycleState()
	infos, err := fr.SnapshotSharedLister().NodeInfos().List()
	if err != nil {
		panic(err)
	}
	_, status, _ := fr.RunPreFilterPlugins(ctx, state, c.Pod)
	if status.Code() == fwk.Error {
		return false
	}
	if !status.IsSuccess() {
		c.Expect.PreFilter = refused(status)
		return true
	}
	claims, err := binder.GetPodVolumeClaims(klog.FromContext(ctx), c.Pod)
	if err != nil {
		return false
	}
	c.Expect.Nodes = map[string]*nodeAnswer{}
	var feasible []fwk.NodeInfo
	for _, n := range infos {
		name := n.Node().Name
		s := fr.RunFilterPlugins(ctx, state, c.Pod, n)
		if s.Code() == fwk.Error {
			return false
		}
		if !s.IsSuccess() {
			c.Expect.Nodes[name] = &nodeAnswer{refusal: refused(s)}
			continue
		}
		pv, _, err := binder.FindPodVolumes(klog.FromContext(ctx), c.Pod, claims, n.Node())
		if err != nil {
			return false
		}
		feasible = append(feasible, n)
		c.Expect.Nodes[name] = &nodeAnswer{OK: true, Scores: map[string]int64{}, Total: new(int64), Volumes: planOf(pv)}
	}
	return score(ctx, fr, state, c, feasible)
}

func score(ctx context.Context, fr framework.Framework, state fwk.CycleState, c *testCase, feasible []fwk.NodeInfo) bool {
	if len(feasible) == 0 {
		return true
	}
	if s := fr.RunPreScorePlugins(ctx, state, c.Pod, feasible); !s.IsSuccess() {
		return false
	}
	scores, s := fr.RunScorePlugins(ctx, state, c.Pod, feasible)
	if !s.IsSuccess() {
		return false
	}
	weights := map[string]int64{"TaintToleration": 3, "NodeAffinity": 2, "PodTopologySpread": 2, "InterPodAffinity": 2}
	for _, n := range scores {
		a := c.Expect.Nodes[n.Name]
		*a.Total = n.TotalScore
		for _, p := range n.Scores {
			w := weights[p.Name]
			if w == 0 {
				w = 1
			}
			a.Scores[p.Name] = p.Score / w
		}
	}
	return true
}

func main() {
	n := flag.Int("n", 400, "cases")
	seed := flag.Int64("seed", 1, "of the random clusters")
	flag.Parse()
	klog.SetOutput(os.Stderr)
	metrics.Register()
	out := json.NewEncoder(os.Stdout)
	r := rand.New(rand.NewSource(*seed))
	kinds := map[string]int{}
	for made := 0; made < *n; {
		c := generate(r)
		if !ask(context.Background(), c) {
			continue
		}
		key := "feasible or mixed"
		if c.Expect.PreFilter != nil {
			key = c.Expect.PreFilter.Plugin
			if kinds[key] > *n/12 {
				continue // enough of those
			}
		}
		kinds[key]++
		for _, a := range c.Expect.Nodes {
			if a.refusal != nil {
				kinds[a.Plugin+": "+fmt.Sprint(a.Reasons)]++
			} else if len(a.Volumes.Bind)+len(a.Volumes.Provision) > 0 {
				kinds["chosen volumes"]++
			}
		}
		c.ID = fmt.Sprintf("%s-%03d", c.Topic, made)
		made++
		if err := out.Encode(c); err != nil {
			panic(err)
		}
	}
	for k, v := range kinds {
		fmt.Fprintln(os.Stderr, v, k)
	}
}
