// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math/rand"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

const (
	bindCompleted = "pv.kubernetes.io/bind-completed"
	selectedNode  = "volume.kubernetes.io/selected-node"
	migrated      = "storage.alpha.kubernetes.io/migrated-plugins"
)

var zones = []string{"z1", "z2", "z3"}

type world struct {
	*rand.Rand
	c     *testCase
	sizes map[int]bool
}

func (w *world) chance(percent int) bool { return w.Intn(100) < percent }

func pick[T any](w *world, list ...T) T { return list[w.Intn(len(list))] }

// Different for each volume: of equal ones the real binder takes any.
func (w *world) size() resource.Quantity {
	for {
		mi := 1024 + w.Intn(20000)
		if !w.sizes[mi] {
			w.sizes[mi] = true
			return resource.MustParse(fmt.Sprintf("%dMi", mi))
		}
	}
}

func generate(r *rand.Rand) *testCase {
	w := &world{Rand: r, c: &testCase{}, sizes: map[int]bool{}}
	w.c.Topic = pick(w, "volume-binding", "volume-binding", "volume-provisioning", "volume-limits",
		"volume-restrictions", "volume-zone", "volume-mixed")
	w.nodes()
	w.classes()
	w.csi()
	w.volumes()
	w.incoming()
	w.placed()
	w.attachments()
	return w.c
}

func (w *world) about(topic string) bool {
	return w.c.Topic == topic || w.c.Topic == "volume-mixed"
}

func (w *world) nodes() {
	for i := 0; i < 4+w.Intn(7); i++ {
		name := fmt.Sprintf("n%d", i)
		labels := map[string]string{"kubernetes.io/hostname": name, "disk": pick(w, "ssd", "hdd")}
		zone := pick(w, zones...)
		if w.chance(85) {
			labels["topology.kubernetes.io/zone"] = zone
			if w.chance(70) {
				labels["topology.kubernetes.io/region"] = pick(w, "r1", "r1", "r2")
			}
		}
		if w.chance(20) {
			labels["failure-domain.beta.kubernetes.io/zone"] = zone
		}
		n := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
		n.Status.Allocatable = v1.ResourceList{
			v1.ResourceCPU: resource.MustParse(pick(w, "4", "8", "100m")), v1.ResourceMemory: resource.MustParse("16Gi"),
			v1.ResourcePods: resource.MustParse("110")}
		if !w.chance(15) {
			n.Status.Allocatable[v1.ResourceCPU] = resource.MustParse("8")
		}
		w.c.Nodes = append(w.c.Nodes, n)
	}
}

func (w *world) class(name, provisioner string, mode storagev1.VolumeBindingMode) *storagev1.StorageClass {
	sc := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Provisioner: provisioner, VolumeBindingMode: &mode}
	w.c.Classes = append(w.c.Classes, sc)
	return sc
}

func (w *world) classes() {
	wait, now := storagev1.VolumeBindingWaitForFirstConsumer, storagev1.VolumeBindingImmediate
	w.class("local", "kubernetes.io/no-provisioner", wait)
	w.class("fast", "fast.csi.example.com", wait)
	w.class("now", "fast.csi.example.com", now)
	w.class("sized", "sized.csi.example.com", wait)
	w.class("ebs", "kubernetes.io/aws-ebs", wait)
	topo := w.class("topo", "topo.csi.example.com", wait)
	terms := 1 + w.Intn(2)
	for i := 0; i < terms; i++ {
		term := v1.TopologySelectorTerm{MatchLabelExpressions: []v1.TopologySelectorLabelRequirement{
			{Key: "topology.kubernetes.io/zone", Values: []string{pick(w, zones...), pick(w, zones...)}}}}
		if w.chance(30) {
			term.MatchLabelExpressions = append(term.MatchLabelExpressions,
				v1.TopologySelectorLabelRequirement{Key: "disk", Values: []string{"ssd"}})
		}
		topo.AllowedTopologies = append(topo.AllowedTopologies, term)
	}
	if w.chance(10) {
		topo.AllowedTopologies = []v1.TopologySelectorTerm{{}}
	}
}

func (w *world) csi() {
	drivers := []string{"fast.csi.example.com", "sized.csi.example.com", "ebs.csi.aws.com", "topo.csi.example.com"}
	for _, n := range w.c.Nodes {
		if w.chance(12) {
			continue
		}
		cn := &storagev1.CSINode{ObjectMeta: metav1.ObjectMeta{Name: n.Name}}
		if w.chance(40) {
			cn.Annotations = map[string]string{migrated: pick(w, "kubernetes.io/aws-ebs", "kubernetes.io/gce-pd,kubernetes.io/aws-ebs", "kubernetes.io/cinder")}
		}
		for _, d := range drivers {
			driver := storagev1.CSINodeDriver{Name: d, NodeID: n.Name}
			limited := 15
			if w.about("volume-limits") {
				limited = 80
			}
			if w.chance(limited) {
				driver.Allocatable = &storagev1.VolumeNodeResources{Count: ptr.To(int32(w.Intn(4)))}
			}
			if w.chance(90) {
				cn.Spec.Drivers = append(cn.Spec.Drivers, driver)
			}
		}
		w.c.CSINodes = append(w.c.CSINodes, cn)
	}
	w.c.Drivers = append(w.c.Drivers, &storagev1.CSIDriver{ObjectMeta: metav1.ObjectMeta{Name: "sized.csi.example.com"},
		Spec: storagev1.CSIDriverSpec{StorageCapacity: ptr.To(!w.chance(10))}})
	w.c.Drivers = append(w.c.Drivers, &storagev1.CSIDriver{ObjectMeta: metav1.ObjectMeta{Name: "fast.csi.example.com"},
		Spec: storagev1.CSIDriverSpec{PreventPodSchedulingIfMissing: ptr.To(true)}})
	for i := 0; i < w.Intn(7); i++ {
		w.capacity(i)
	}
}

func (w *world) capacity(i int) {
	o := &storagev1.CSIStorageCapacity{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("cap%d", i), Namespace: "csi"},
		StorageClassName: pick(w, "sized", "sized", "sized", "fast")}
	switch w.Intn(5) {
	case 0:
		o.NodeTopology = &metav1.LabelSelector{}
	case 1:
	case 2:
		o.NodeTopology = &metav1.LabelSelector{MatchLabels: map[string]string{"topology.kubernetes.io/zone": pick(w, zones...)}}
	default:
		o.NodeTopology = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "kubernetes.io/hostname", Operator: metav1.LabelSelectorOpIn, Values: []string{"n0", "n1", fmt.Sprintf("n%d", w.Intn(8))}}}}
	}
	if w.chance(85) {
		o.Capacity = ptr.To(resource.MustParse(pick(w, "1Gi", "10Gi", "100Gi")))
	}
	if w.chance(30) {
		o.MaximumVolumeSize = ptr.To(resource.MustParse(pick(w, "1Gi", "50Gi")))
	}
	w.c.Capacities = append(w.c.Capacities, o)
}

// ---- volumes ----

func (w *world) affinity() *v1.VolumeNodeAffinity {
	var terms []v1.NodeSelectorTerm
	for i := 0; i < 1+w.Intn(2); i++ {
		term := v1.NodeSelectorTerm{}
		switch w.Intn(5) {
		case 0, 1:
			term.MatchExpressions = []v1.NodeSelectorRequirement{{Key: "kubernetes.io/hostname", Operator: v1.NodeSelectorOpIn,
				Values: []string{fmt.Sprintf("n%d", w.Intn(8)), fmt.Sprintf("n%d", w.Intn(8))}}}
		case 2:
			term.MatchExpressions = []v1.NodeSelectorRequirement{{Key: "topology.kubernetes.io/zone", Operator: v1.NodeSelectorOpIn,
				Values: []string{pick(w, zones...)}}}
		case 3:
			term.MatchExpressions = []v1.NodeSelectorRequirement{{Key: "topology.kubernetes.io/zone", Operator: v1.NodeSelectorOpNotIn,
				Values: []string{pick(w, zones...)}}, {Key: "disk", Operator: v1.NodeSelectorOpExists}}
		case 4:
			term.MatchExpressions = []v1.NodeSelectorRequirement{{Key: "disk", Operator: v1.NodeSelectorOpIn, Values: []string{"ssd"}}}
		}
		terms = append(terms, term)
	}
	return &v1.VolumeNodeAffinity{Required: &v1.NodeSelector{NodeSelectorTerms: terms}}
}

func (w *world) source(name string) v1.PersistentVolumeSource {
	switch w.Intn(9) {
	case 0:
		return v1.PersistentVolumeSource{Local: &v1.LocalVolumeSource{Path: "/mnt/" + name}}
	case 1:
		return v1.PersistentVolumeSource{AWSElasticBlockStore: &v1.AWSElasticBlockStoreVolumeSource{VolumeID: pick(w, "vol-"+name, "aws://z1/vol-"+name)}}
	case 2:
		return v1.PersistentVolumeSource{HostPath: &v1.HostPathVolumeSource{Path: "/x"}}
	case 3:
		return v1.PersistentVolumeSource{CSI: &v1.CSIPersistentVolumeSource{Driver: "ebs.csi.aws.com", VolumeHandle: "vol-" + name}}
	case 4:
		return v1.PersistentVolumeSource{CSI: &v1.CSIPersistentVolumeSource{Driver: "sized.csi.example.com", VolumeHandle: "vol-" + name}}
	default:
		return v1.PersistentVolumeSource{CSI: &v1.CSIPersistentVolumeSource{Driver: "fast.csi.example.com", VolumeHandle: pick(w, "h-"+name, "h-"+name, "h-shared")}}
	}
}

func (w *world) volume(name, class string) *v1.PersistentVolume {
	pv := &v1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: "7"}}
	pv.Spec.StorageClassName = class
	pv.Spec.Capacity = v1.ResourceList{v1.ResourceStorage: w.size()}
	pv.Spec.AccessModes = pick(w, []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce}, []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce},
		[]v1.PersistentVolumeAccessMode{v1.ReadWriteOnce, v1.ReadOnlyMany}, []v1.PersistentVolumeAccessMode{v1.ReadWriteOncePod})
	pv.Spec.PersistentVolumeSource = w.source(name)
	if w.chance(70) {
		pv.Spec.NodeAffinity = w.affinity()
	}
	if w.chance(15) {
		pv.Spec.VolumeMode = ptr.To(v1.PersistentVolumeBlock)
	}
	if w.chance(8) {
		pv.Spec.VolumeAttributesClassName = ptr.To("gold")
	}
	if w.chance(40) {
		pv.Labels = map[string]string{"tier": pick(w, "a", "b")}
	}
	zoned := 10
	if w.about("volume-zone") {
		zoned = 70
	}
	if w.chance(zoned) {
		if pv.Labels == nil {
			pv.Labels = map[string]string{}
		}
		key := pick(w, "topology.kubernetes.io/zone", "topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/region",
			"failure-domain.beta.kubernetes.io/region")
		pv.Labels[key] = pick(w, "z1", "z2", "z1__z3", "r1", "z1____z2", "")
	}
	pv.Status.Phase = v1.VolumeAvailable
	if w.chance(8) {
		pv.Status.Phase = v1.VolumeReleased
	}
	if w.chance(4) {
		pv.DeletionTimestamp = &metav1.Time{Time: metav1.Unix(1700000000, 0).Time}
		pv.Finalizers = []string{"kubernetes.io/pv-protection"}
	}
	w.c.Volumes = append(w.c.Volumes, pv)
	return pv
}

func (w *world) volumes() {
	for i := 0; i < 1+w.Intn(8); i++ {
		w.volume(fmt.Sprintf("pv%d", i), pick(w, "local", "local", "local", "fast", "topo", "sized", ""))
	}
}

// ---- claims ----

func (w *world) claim(name string, sane bool) *v1.PersistentVolumeClaim {
	pvc := &v1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "team", UID: types.UID("uid-" + name), ResourceVersion: "3"}}
	pvc.Spec.AccessModes = []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce}
	pvc.Spec.VolumeMode = ptr.To(v1.PersistentVolumeFilesystem)
	pvc.Spec.Resources.Requests = v1.ResourceList{v1.ResourceStorage: resource.MustParse(pick(w, "1Gi", "2500Mi", "5G", "8Gi", "15Gi"))}
	pvc.Status.Phase = v1.ClaimPending
	class := pick(w, "local", "local", "local", "fast", "topo", "sized")
	if w.about("volume-provisioning") {
		class = pick(w, "fast", "topo", "topo", "sized", "sized", "sized", "local", "ebs")
	}
	pvc.Spec.StorageClassName = &class
	if w.chance(12) {
		pvc.Spec.AccessModes = []v1.PersistentVolumeAccessMode{v1.ReadWriteOncePod}
	}
	if w.chance(10) {
		pvc.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": pick(w, "a", "b")}}
	}
	if w.chance(8) {
		pvc.Spec.VolumeMode = ptr.To(v1.PersistentVolumeBlock)
	}
	if w.chance(6) {
		pvc.Spec.VolumeAttributesClassName = ptr.To("gold")
	}
	bound := 30
	if w.about("volume-zone") || w.about("volume-limits") {
		bound = 75
	}
	if w.chance(bound) {
		w.bind(pvc, w.volume("pv-"+name, class))
	} else if w.chance(10) {
		pvc.Annotations = map[string]string{selectedNode: fmt.Sprintf("n%d", w.Intn(6))}
	} else if w.chance(12) && len(w.c.Volumes) > 0 { // somebody kept a volume for it
		pv := pick(w, w.c.Volumes...)
		if pv.Spec.ClaimRef == nil {
			pv.Spec.ClaimRef = &v1.ObjectReference{Kind: "PersistentVolumeClaim", Namespace: "team", Name: name, UID: pick(w, pvc.UID, "", "uid-other")}
			pv.Spec.StorageClassName = class
		}
	}
	if !sane && w.chance(12) {
		w.spoil(pvc)
	}
	w.c.Claims = append(w.c.Claims, pvc)
	return pvc
}

func (w *world) bind(pvc *v1.PersistentVolumeClaim, pv *v1.PersistentVolume) {
	pv.Spec.ClaimRef = &v1.ObjectReference{Kind: "PersistentVolumeClaim", Namespace: pvc.Namespace, Name: pvc.Name, UID: pvc.UID}
	pv.Status.Phase = v1.VolumeBound
	pvc.Spec.VolumeName = pv.Name
	pvc.Annotations = map[string]string{bindCompleted: "yes"}
	pvc.Status.Phase = v1.ClaimBound
}

func (w *world) spoil(pvc *v1.PersistentVolumeClaim) {
	switch w.Intn(9) {
	case 0:
		pvc.Status.Phase = v1.ClaimLost
		pvc.Spec.VolumeName = "pv-gone"
	case 1:
		pvc.DeletionTimestamp = &metav1.Time{Time: metav1.Unix(1700000000, 0).Time}
		pvc.Finalizers = []string{"kubernetes.io/pvc-protection"}
	case 2:
		pvc.Spec.StorageClassName = ptr.To("now")
		pvc.Spec.VolumeName = ""
		pvc.Annotations = nil
	case 3:
		pvc.Spec.StorageClassName = ptr.To("nosuch")
		pvc.Spec.VolumeName = ""
		pvc.Annotations = nil
	case 4:
		pvc.Spec.VolumeName = "pv-gone"
		pvc.Annotations = map[string]string{bindCompleted: "yes"}
	case 5:
		delete(pvc.Annotations, bindCompleted)
	case 6:
		pvc.Spec.StorageClassName = nil
		pvc.Spec.VolumeName = ""
	case 7:
		pvc.Annotations = map[string]string{"volume.beta.kubernetes.io/storage-class": "local"}
		pvc.Spec.VolumeName = ""
	case 8:
		pvc.Spec.StorageClassName = ptr.To("")
	}
}

// ---- pods ----

func (w *world) pod(name string) *v1.Pod {
	p := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "team", UID: types.UID("uid-" + name)}}
	p.Spec.SchedulerName = "default-scheduler"
	p.Spec.RestartPolicy = v1.RestartPolicyAlways
	p.Spec.Containers = []v1.Container{{Name: "c", Image: "i", Resources: v1.ResourceRequirements{
		Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse("500m"), v1.ResourceMemory: resource.MustParse("128Mi")}}}}
	return p
}

func addVolume(p *v1.Pod, name string, source v1.VolumeSource) {
	p.Spec.Volumes = append(p.Spec.Volumes, v1.Volume{Name: name, VolumeSource: source})
}

func (w *world) inline() v1.VolumeSource {
	id, kinds := pick(w, "a", "a", "b"), 6
	if w.c.Topic == "volume-restrictions" {
		kinds = 4 // disks that clash
	}
	switch w.Intn(kinds) {
	case 0:
		return v1.VolumeSource{GCEPersistentDisk: &v1.GCEPersistentDiskVolumeSource{PDName: id, ReadOnly: w.chance(50)}}
	case 1:
		return v1.VolumeSource{AWSElasticBlockStore: &v1.AWSElasticBlockStoreVolumeSource{VolumeID: "vol-" + id, ReadOnly: w.chance(50)}}
	case 2:
		return v1.VolumeSource{ISCSI: &v1.ISCSIVolumeSource{TargetPortal: "1.2.3.4", IQN: "iqn." + id, ReadOnly: w.chance(50)}}
	case 3:
		mons := pick(w, []string{"m1", "m2"}, []string{"m2", "m3"}, []string{"m4"})
		return v1.VolumeSource{RBD: &v1.RBDVolumeSource{CephMonitors: mons, RBDPool: pick(w, "p", "p", "q"), RBDImage: id, ReadOnly: w.chance(50)}}
	case 4:
		return v1.VolumeSource{Cinder: &v1.CinderVolumeSource{VolumeID: "c-" + id}}
	default:
		return v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}
	}
}

func (w *world) ephemeral(p *v1.Pod, name string, sane bool) {
	addVolume(p, name, v1.VolumeSource{Ephemeral: &v1.EphemeralVolumeSource{VolumeClaimTemplate: &v1.PersistentVolumeClaimTemplate{}}})
	if !sane && w.chance(10) {
		return // not made yet
	}
	pvc := w.claim(p.Name+"-"+name, sane)
	if sane || !w.chance(8) {
		pvc.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: p.Name, UID: p.UID, Controller: ptr.To(true)}}
	}
}

func claimSource(name string) v1.VolumeSource {
	return v1.VolumeSource{PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: name}}
}

func (w *world) incoming() {
	p := w.pod("new")
	for i := 0; i < 1+w.Intn(3); i++ {
		name := fmt.Sprintf("v%d", i)
		switch {
		case w.about("volume-restrictions") && w.chance(60), w.chance(10):
			addVolume(p, name, w.inline())
		case w.chance(15):
			w.ephemeral(p, name, false)
		case w.chance(2):
			addVolume(p, name, claimSource("nosuch"))
		default:
			w.claim("claim-"+name, false)
			addVolume(p, name, claimSource("claim-"+name))
		}
	}
	w.c.Pod = p
}

func (w *world) placed() {
	for i := 0; i < w.Intn(10); i++ {
		p := w.pod(fmt.Sprintf("old%d", i))
		p.Spec.NodeName = w.c.Nodes[w.Intn(len(w.c.Nodes))].Name
		if w.c.Topic == "volume-restrictions" {
			p.Spec.NodeName = w.c.Nodes[w.Intn(3)].Name
		}
		for j := 0; j < 1+w.Intn(2); j++ {
			name := fmt.Sprintf("v%d", j)
			switch {
			case w.about("volume-restrictions") && w.chance(70):
				addVolume(p, name, w.inline())
			case w.chance(15):
				w.ephemeral(p, name, true)
			case w.chance(25) && len(w.c.Claims) > 0:
				addVolume(p, name, claimSource(pick(w, w.c.Claims...).Name))
			default:
				claim := "claim-" + p.Name + "-" + name
				w.claim(claim, true)
				addVolume(p, name, claimSource(claim))
			}
		}
		w.c.Pods = append(w.c.Pods, p)
	}
}

func (w *world) attachments() {
	if !w.about("volume-limits") {
		return
	}
	for i := 0; i < w.Intn(5) && len(w.c.Volumes) > 0; i++ {
		pv := pick(w, w.c.Volumes...)
		va := &storagev1.VolumeAttachment{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("va%d", i)}}
		va.Spec.Attacher = pick(w, "fast.csi.example.com", "sized.csi.example.com", "ebs.csi.aws.com")
		va.Spec.NodeName = w.c.Nodes[w.Intn(len(w.c.Nodes))].Name
		va.Spec.Source.PersistentVolumeName = &pv.Name
		w.c.Attachments = append(w.c.Attachments, va)
	}
}
