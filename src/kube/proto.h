/* SPDX-License-Identifier: Apache-2.0
 * proto — Kubernetes' protobuf request bodies (application/vnd.kubernetes.protobuf) as JSON trees.
 *
 * A body is the magic "k8s\0" and a runtime.Unknown: {typeMeta {apiVersion, kind}, raw}, raw being
 * the message of that kind. Messages come from a table of field numbers (kube/facts/); the rules of
 * proto2 hold: unknown fields are skipped, the last scalar wins, maps are repeated {key, value}.
 * As the JSON of Go, absent fields stay absent and bytes become base64. Pure. */
#pragma once

#include "codec/jnode.h"

#define PROTO_BODY_MAX (3u << 20) /* bytes, as for JSON bodies */
#define PROTO_DEPTH_MAX 100       /* nested messages */
#define PROTO_NODES_MAX 400000    /* values of one body */

/* Does the body begin with the magic? */
bool proto_is_body(struct str body);

/* The object of a body, apiVersion and kind first. ERR_INVALID: no such body, a kind without a
 * message, or malformed bytes; ERR_TOO_LARGE: over a limit. */
int proto_decode(struct arena *a, struct str body, struct jnode **out, struct err *err);

/* One message by name ("core.v1.PodSpec"), without envelope. */
int proto_decode_message(struct arena *a,
                         struct str message,
                         struct str bytes,
                         struct jnode **out,
                         struct err *err);
