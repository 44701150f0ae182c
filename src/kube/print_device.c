/* SPDX-License-Identifier: Apache-2.0
 * print_device — rows of resource.k8s.io: DeviceClasses, ResourceClaims, templates, slices. */
#include "kube/print_internal.h"

void print_device_class(struct row *r)
{
    print_age(r);
}

void print_resource_claim(struct row *r)
{
    bool allocated = json_has(print_path(r, "status.allocation"));
    bool reserved = json_len(print_path(r, "status.reservedFor")) > 0;
    const char *deleted = kobj_deleting(r->obj) ? "deleted," : "";
    const char *state = !allocated ? "pending" : reserved ? "allocated,reserved" : "allocated";
    print_str(r, arena_printf(r->a, "%s%s", deleted, state));
    print_age(r);
}

void print_resource_slice(struct row *r)
{
    bool all = json_bool(print_path(r, "spec.allNodes"), false);
    bool selector = json_has(print_path(r, "spec.nodeSelector"));
    struct str node = json_str(print_path(r, "spec.nodeName"));
    print_or(r, node, all ? "<all>" : selector ? "<selector>" : "<unset>");
    print_at(r, "spec.driver");
    print_at(r, "spec.pool.name");
    print_age(r);
}
