/* SPDX-License-Identifier: Apache-2.0
 * proto_cases — objects as client-go encodes them: base64 of the protobuf body, and the JSON that
 * the same object has in Go (made with k8s.io/client-go 0.37). For proto_test.c. */
#pragma once

static const struct {
    const char *body, *json;
} proto_cases[] = {
    { /* Pod */
      "azhzAAoJCgJ2MRIDUG9kEqADCn4KAXASABoBbiIAKgAyADgDQggIgOLPqgYQAEoICIDiz6oGEABaBgoBYRIBYl"
      "oGCgF4EgF5ag8KAUsaAW8iAXUqAnYxMAGKATYKAW0SBUFwcGx5GgAiCAiA4s+qBhAAMghGaWVsZHNWMToSChB7"
      "ImY6YSI6eyIuIjp7fX19QgAS7wEKEAoBdhILEgkKABIFCgMxR2kKEQoBYxIMmgEJCgQKAmNtGKQDEpABCgRtYW"
      "luEgNpOjEiAi14IgAqADIKCgAQABhQIgAqADoTCgFOEgAaDCIKCgMKAXMSAWsYAUInCg4KA2NwdRIHCgUxNTAw"
      "bQoVCg5udmlkaWEuY29tL2dwdRIDCgE4UiEKFRITCgEvEgoIARAAGgRodHRwGgAiABAAGAAgAygAMABqAHIAgA"
      "EAiAEAkAEAogEAGgAgADIAOgYKAWESAWJCAEoAUgBYAWAAaACCAQCKAQCaAQCoAQCyAQsKAWsSABoAIgAoAMIB"
      "ABosCgASFwoFUmVhZHkSBFRydWUaACIAKgAyADgAGgAiACoAMgBKAFoAcgCIAQAaACIA",
      "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"p\",\"namespace\":\"n"
      "\",\"generation\":3,\"creationTimestamp\":\"2023-11-14T22:13:20Z\",\"deletionTimestamp"
      "\":\"2023-11-14T22:13:20Z\",\"labels\":{\"a\":\"b\",\"x\":\"y\"},\"ownerReferences\":["
      "{\"apiVersion\":\"v1\",\"kind\":\"K\",\"name\":\"o\",\"uid\":\"u\",\"controller\":true"
      "}],\"managedFields\":[{\"manager\":\"m\",\"operation\":\"Apply\",\"time\":\"2023-11-14"
      "T22:13:20Z\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:a\":{\".\":{}}}}]},\"spec\""
      ":{\"volumes\":[{\"name\":\"v\",\"emptyDir\":{\"sizeLimit\":\"1Gi\"}},{\"name\":\"c\","
      "\"configMap\":{\"name\":\"cm\",\"defaultMode\":420}}],\"containers\":[{\"name\":\"main"
      "\",\"image\":\"i:1\",\"args\":[\"-x\",\"\"],\"ports\":[{\"containerPort\":80}],\"env\""
      ":[{\"name\":\"N\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s\",\"key\":\"k\",\"opti"
      "onal\":true}}}],\"resources\":{\"limits\":{\"cpu\":\"1500m\",\"nvidia.com/gpu\":\"8\"}"
      "},\"livenessProbe\":{\"httpGet\":{\"path\":\"/\",\"port\":\"http\"},\"periodSeconds\":"
      "3}}],\"terminationGracePeriodSeconds\":0,\"nodeSelector\":{\"a\":\"b\"},\"automountSer"
      "viceAccountToken\":false,\"hostNetwork\":true,\"tolerations\":[{\"key\":\"k\",\"tolera"
      "tionSeconds\":0}]},\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\""
      ",\"lastProbeTime\":null,\"lastTransitionTime\":null}]}}" },
    { /* Deployment */
      "azhzAAoVCgdhcHBzL3YxEgpEZXBsb3ltZW50EuoCChEKAWQSABoAIgAqADIAOABCABLGAggAEggKBgoBYRIBYh"
      "qEAgoQCgASABoAIgAqADIAOABCABLvAQoQCgF2EgsSCQoAEgUKAzFHaQoRCgFjEgyaAQkKBAoCY20YpAMSkAEK"
      "BG1haW4SA2k6MSICLXgiACoAMgoKABAAGFAiACoAOhMKAU4SABoMIgoKAwoBcxIBaxgBQicKDgoDY3B1EgcKBT"
      "E1MDBtChUKDm52aWRpYS5jb20vZ3B1EgMKAThSIQoVEhMKAS8SCggBEAAaBGh0dHAaACIAEAAYACADKAAwAGoA"
      "cgCAAQCIAQCQAQCiAQAaACAAMgA6BgoBYRIBYkIASgBSAFgBYABoAIIBAIoBAJoBAKgBALIBCwoBaxIAGgAiAC"
      "gAwgEAIi0KDVJvbGxpbmdVcGRhdGUSHAoJCAEQABoDMjUlEg8IABD///////////8BGgAoADgAGgwIABAAGAAg"
      "ACgAOAAaACIA",
      "{\"kind\":\"Deployment\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"d\"},\"sp"
      "ec\":{\"replicas\":0,\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"meta"
      "data\":{},\"spec\":{\"volumes\":[{\"name\":\"v\",\"emptyDir\":{\"sizeLimit\":\"1Gi\"}}"
      ",{\"name\":\"c\",\"configMap\":{\"name\":\"cm\",\"defaultMode\":420}}],\"containers\":"
      "[{\"name\":\"main\",\"image\":\"i:1\",\"args\":[\"-x\",\"\"],\"ports\":[{\"containerPo"
      "rt\":80}],\"env\":[{\"name\":\"N\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s\",\"k"
      "ey\":\"k\",\"optional\":true}}}],\"resources\":{\"limits\":{\"cpu\":\"1500m\",\"nvidia"
      ".com/gpu\":\"8\"}},\"livenessProbe\":{\"httpGet\":{\"path\":\"/\",\"port\":\"http\"},"
      "\"periodSeconds\":3}}],\"terminationGracePeriodSeconds\":0,\"nodeSelector\":{\"a\":\"b"
      "\"},\"automountServiceAccountToken\":false,\"hostNetwork\":true,\"tolerations\":[{\"ke"
      "y\":\"k\",\"tolerationSeconds\":0}]}},\"strategy\":{\"type\":\"RollingUpdate\",\"rolli"
      "ngUpdate\":{\"maxUnavailable\":\"25%\",\"maxSurge\":-1}}},\"status\":{}}" },
    { /* Secret */
      "azhzAAoMCgJ2MRIGU2VjcmV0EigKEQoBcxIAGgAiACoAMgA4AEIAEgUKAWUSABIICgFrEgMAAf8aACgAGgAiAA"
      "==",
      "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"s\"},\"immutable\""
      ":false,\"data\":{\"e\":\"\",\"k\":\"AAH/\"}}" },
    { /* Lease */
      "azhzAAofChZjb29yZGluYXRpb24uazhzLmlvL3YxEgVMZWFzZRInChEKAWwSABoAIgAqADIAOABCABISCgFoEA"
      "8iCwiA4s+qBhCAlO86GgAiAA==",
      "{\"kind\":\"Lease\",\"apiVersion\":\"coordination.k8s.io/v1\",\"metadata\":{\"name\":"
      "\"l\"},\"spec\":{\"holderIdentity\":\"h\",\"leaseDurationSeconds\":15,\"renewTime\":\""
      "2023-11-14T22:13:20.123456Z\"}}" },
    { /* Event */
      "azhzAAoLCgJ2MRIFRXZlbnQSUwoRCgFlEgAaACIAKgAyADgAQgASEQoDUG9kEgAaACIAKgAyADoAGgAiACoECg"
      "ASADIICIDiz6oGEAA6AEABSgBSCwiA4s+qBhCAlO86YgByAHoAGgAiAA==",
      "{\"kind\":\"Event\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"e\"},\"involvedObje"
      "ct\":{\"kind\":\"Pod\"},\"source\":{},\"firstTimestamp\":\"2023-11-14T22:13:20Z\",\"la"
      "stTimestamp\":null,\"count\":1,\"eventTime\":\"2023-11-14T22:13:20.123456Z\",\"reporti"
      "ngComponent\":\"\",\"reportingInstance\":\"\"}" },
    { /* Eviction */
      "azhzAAoVCglwb2xpY3kvdjESCEV2aWN0aW9uEhwKEQoBcBIAGgAiACoAMgA4AEIAEgcIABIDCgF1GgAiAA==",
      "{\"kind\":\"Eviction\",\"apiVersion\":\"policy/v1\",\"metadata\":{\"name\":\"p\"},\"de"
      "leteOptions\":{\"gracePeriodSeconds\":0,\"preconditions\":{\"uid\":\"u\"}}}" },
    { /* Scale */
      "azhzAAoXCg5hdXRvc2NhbGluZy92MRIFU2NhbGUSHQoRCgFwEgAaACIAKgAyADgAQgASAggDGgQIABIAGgAiAA"
      "==",
      "{\"kind\":\"Scale\",\"apiVersion\":\"autoscaling/v1\",\"metadata\":{\"name\":\"p\"},\""
      "spec\":{\"replicas\":3},\"status\":{\"replicas\":0}}" },
    { /* Binding */
      "azhzAAoNCgJ2MRIHQmluZGluZxIpChEKAXASABoAIgAqADIAOABCABIUCgROb2RlEgAaAm4xIgAqADIAOgAaAC"
      "IA",
      "{\"kind\":\"Binding\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"p\"},\"target\":{"
      "\"kind\":\"Node\",\"name\":\"n1\"}}" },
    { /* DeleteOptions */
      "azhzAAoTCgJ2MRINRGVsZXRlT3B0aW9ucxIRIgpCYWNrZ3JvdW5kKgNBbGwaACIA",
      "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"propagationPolicy\":\"Background\""
      ",\"dryRun\":[\"All\"]}" },
    { /* CustomResourceDefinition */
      "azhzAAozChdhcGlleHRlbnNpb25zLms4cy5pby92MRIYQ3VzdG9tUmVzb3VyY2VEZWZpbml0aW9uEqkDChEKAW"
      "MSABoAIgAqADIAOABCABKFAwoBZxoLCgJjcxIAIgFDKgAiCk5hbWVzcGFjZWQ65AIKAnYxEAEYACLXAgrUAgoA"
      "EgAiACoGb2JqZWN0MgA6AFAAYAB6AJABAOoBMQoBYhIsCgASACIAKgZvYmplY3QyADoAUABgAHoAkAEA8gECCA"
      "GoAgCwAgG4AgDAAgDqATkKAWUSNAoAEgAiACoGc3RyaW5nMgA6AFAAYAB6AJABAKIBBQoDImEiogEFCgMiYiKo"
      "AgC4AgDAAgDqAWMKAW0SXgoAEgAiACoGb2JqZWN0MgA6AFAAYAB6AJABAPIBNwgBEjMKABIAIgAqB2ludGVnZX"
      "IyADoAQgMKATdQAFkAAAAAAADgP2AAegCQAQCoAgC4AgDAAgCoAgC4AgDAAgDqAVcKAXMSUgoAEgAiACoFYXJy"
      "YXkyADoAUABgAHoAkAEAwgEmCiQKABIAIgAqBnN0cmluZzIAOgBQAGAAegCQAQCoAgC4AgDAAgCoAgC4AgDAAg"
      "DSAgNzZXSoAgC4AgDAAgA4AFAAGgwSCAoAEgAiACoAIAAaACIA",
      "{\"kind\":\"CustomResourceDefinition\",\"apiVersion\":\"apiextensions.k8s.io/v1\",\"me"
      "tadata\":{\"name\":\"c\"},\"spec\":{\"group\":\"g\",\"names\":{\"plural\":\"cs\",\"kin"
      "d\":\"C\"},\"scope\":\"Namespaced\",\"versions\":[{\"name\":\"v1\",\"served\":true,\"s"
      "torage\":false,\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\",\"properties\":{\""
      "b\":{\"type\":\"object\",\"additionalProperties\":true,\"x-kubernetes-preserve-unknown"
      "-fields\":true},\"e\":{\"type\":\"string\",\"enum\":[\"a\",\"b\"]},\"m\":{\"type\":\"o"
      "bject\",\"additionalProperties\":{\"type\":\"integer\",\"default\":7,\"minimum\":0.5}}"
      ",\"s\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"x-kubernetes-list-type\":"
      "\"set\"}}}}}]},\"status\":{\"conditions\":null,\"acceptedNames\":{\"plural\":\"\",\"ki"
      "nd\":\"\"},\"storedVersions\":null}}" },
    { /* Node */
      "azhzAAoKCgJ2MRIETm9kZRJsChEKAW4SABoAIgAqADIAOABCABIlCgASABoAIAAqGwoBaxIAGgpOb1NjaGVkdW"
      "xlIggIgOLPqgYQABowCg8KBm1lbW9yeRIFCgMxR2kaADIFCgMIilA6FAoAEgAaACIAKgAyADoAQgBKAFIAGgAi"
      "AA==",
      "{\"kind\":\"Node\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"n\"},\"spec\":{\"tai"
      "nts\":[{\"key\":\"k\",\"effect\":\"NoSchedule\",\"timeAdded\":\"2023-11-14T22:13:20Z\""
      "}]},\"status\":{\"capacity\":{\"memory\":\"1Gi\"},\"daemonEndpoints\":{\"kubeletEndpoi"
      "nt\":{\"Port\":10250}},\"nodeInfo\":{\"machineID\":\"\",\"systemUUID\":\"\",\"bootID\""
      ":\"\",\"kernelVersion\":\"\",\"osImage\":\"\",\"containerRuntimeVersion\":\"\",\"kubel"
      "etVersion\":\"\",\"kubeProxyVersion\":\"\",\"operatingSystem\":\"\",\"architecture\":"
      "\"\"}}}" },
};
