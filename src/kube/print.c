/* SPDX-License-Identifier: Apache-2.0
 * print — which kind has which printer, the rows of small kinds, and rows of custom resources by
 * the JSON paths of their columns; see print.h. */
#include "kube/print.h"

#include <stdlib.h>

#include "base/buf.h"
#include "codec/jsonpath.h"
#include "codec/selector.h"
#include "kube/print_internal.h"

#define CELL_MAX ((size_t)64 << 10) /* bytes */

/* ---- cells ---- */

void print_str(struct row *r, struct str s)
{
    jnode_append(r->cells, jnode_str(r->a, s.p ? s : STR("")));
}

void print_or(struct row *r, struct str s, const char *when_empty)
{
    print_str(r, s.n ? s : str_from(when_empty));
}

void print_i64(struct row *r, int64_t n)
{
    jnode_append(r->cells, jnode_i64(r->a, n));
}

void print_at(struct row *r, const char *path)
{
    print_str(r, json_str(print_path(r, path)));
}

void print_count(struct row *r, const char *path)
{
    print_i64(r, print_i64_at(r, path));
}

struct str print_since(struct row *r, struct str t)
{
    struct wall then;
    char text[TIME_TEXT_MAX];
    if (!wall_parse(t, &then))
        return STR("<unknown>");
    return arena_str(r->a, duration_human(text, r->now.ns - then.ns));
}

void print_age(struct row *r)
{
    print_str(r, print_since(r, json_str(print_path(r, "metadata.creationTimestamp"))));
}

void print_created(struct row *r)
{
    print_at(r, "metadata.creationTimestamp");
}

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

struct str print_labels(struct arena *a, struct json map)
{
    uint32_t n = json_type(map) == JSON_OBJ ? json_len(map) : 0;
    if (n == 0)
        return STR("<none>");
    struct str *items = ARENA_ARRAY(a, struct str, n);
    size_t i = 0;
    for (struct json_iter it = json_iter(map); json_next(&it);)
        items[i++] = arena_printf(a, "%.*s=%.*s", STR_ARG(it.key), STR_ARG(json_str(it.value)));
    qsort(items, n, sizeof *items, by_text);
    struct buf b = { 0 };
    buf_init(&b, CELL_MAX);
    for (i = 0; i < n; i++) {
        if (i > 0)
            buf_char(&b, ',');
        buf_str(&b, items[i]);
    }
    struct str s = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return s;
}

struct str print_selector(struct arena *a, struct json label_selector)
{
    AUTO(selector_freep) struct selector *s = NULL;
    if (json_len(json_get(label_selector, STR("matchExpressions"))) == 0)
        return print_labels(a, json_get(label_selector, STR("matchLabels")));
    if (selector_from_json(&s, label_selector, NULL) < 0)
        return STR("<error>");
    struct buf b = { 0 };
    buf_init(&b, CELL_MAX);
    selector_write(&b, s);
    struct str text = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return text;
}

static void join(struct row *r, struct json list, const char *member, const char *separator)
{
    struct buf b = { 0 };
    buf_init(&b, CELL_MAX);
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        if (b.n > 0)
            buf_str(&b, str_from(separator));
        buf_str(&b, json_str(json_get(it.value, str_from(member))));
    }
    print_str(r, buf_view(&b));
    buf_fini(&b);
}

void print_containers(struct row *r, struct json pod_spec)
{
    struct json list = json_get(pod_spec, STR("containers"));
    join(r, list, "name", ",");
    join(r, list, "image", ",");
}

/* ---- small kinds ---- */

static void print_config_map(struct row *r)
{
    print_i64(r, (int64_t)json_len(print_path(r, "data")) + json_len(print_path(r, "binaryData")));
    print_age(r);
}

static void print_secret(struct row *r)
{
    print_at(r, "type");
    print_i64(r, json_len(print_path(r, "data")));
    print_age(r);
}

static void print_namespace(struct row *r)
{
    print_at(r, "status.phase");
    print_age(r);
}

static void print_lease(struct row *r)
{
    print_at(r, "spec.holderIdentity");
    print_age(r);
}

static void print_priority_class(struct row *r)
{
    print_count(r, "value");
    jnode_append(r->cells, jnode_bool(r->a, json_bool(print_path(r, "globalDefault"), false)));
    print_age(r);
    print_at(r, "preemptionPolicy");
}

static void print_share(struct row *r, const char *path)
{
    struct json v = print_path(r, path);
    struct str text = json_type(v) == JSON_NUM ? json_num_text(v) : json_str(v);
    print_or(r, text, "N/A");
}

static void print_disruption_budget(struct row *r)
{
    print_share(r, "spec.minAvailable");
    print_share(r, "spec.maxUnavailable");
    print_count(r, "status.disruptionsAllowed");
    print_age(r);
}

static void print_subjects(struct row *r, const char *kind)
{
    struct buf b = { 0 };
    buf_init(&b, CELL_MAX);
    struct json list = print_path(r, "subjects");
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        if (!str_is(json_str(json_get(it.value, STR("kind"))), kind))
            continue;
        if (b.n > 0)
            buf_str(&b, STR(", "));
        struct str namespace = json_str(json_get(it.value, STR("namespace")));
        if (namespace.n > 0)
            buf_printf(&b, "%.*s/", STR_ARG(namespace));
        buf_str(&b, json_str(json_get(it.value, STR("name"))));
    }
    print_str(r, buf_view(&b));
    buf_fini(&b);
}

static void print_role_binding(struct row *r)
{
    struct str kind = json_str(print_path(r, "roleRef.kind"));
    struct str name = json_str(print_path(r, "roleRef.name"));
    print_str(r, arena_printf(r->a, "%.*s/%.*s", STR_ARG(kind), STR_ARG(name)));
    print_age(r);
    print_subjects(r, "User");
    print_subjects(r, "Group");
    print_subjects(r, "ServiceAccount");
}

/* "cpu: 1/2, pods: 0/5" of the hard limits that are (or are not) about limits. */
static void print_quota_part(struct row *r, bool limits)
{
    struct buf b = { 0 };
    buf_init(&b, CELL_MAX);
    struct json hard = print_path(r, "status.hard"), used = print_path(r, "status.used");
    for (struct json_iter it = json_iter(hard); json_next(&it);) {
        if (str_starts(it.key, STR("limits.")) != limits)
            continue;
        struct str have = json_str(json_get(used, it.key));
        if (b.n > 0)
            buf_str(&b, STR(", "));
        buf_printf(&b, "%.*s: %.*s/%.*s", STR_ARG(it.key), STR_ARG(have.n ? have : STR("0")),
                   STR_ARG(json_str(it.value)));
    }
    print_str(r, buf_view(&b));
    buf_fini(&b);
}

static void print_quota(struct row *r)
{
    print_quota_part(r, false);
    print_quota_part(r, true);
    print_age(r);
}

/* ---- the table ---- */

static const struct {
    const char *group, *kind;
    print_fn print;
} printers[] = {
    { "", "ConfigMap", print_config_map },
    { "", "Endpoints", print_endpoints },
    { "", "Event", print_event },
    { "", "Namespace", print_namespace },
    { "", "Node", print_node },
    { "", "PersistentVolume", print_volume },
    { "", "PersistentVolumeClaim", print_volume_claim },
    { "", "Pod", print_pod },
    { "", "ResourceQuota", print_quota },
    { "", "Secret", print_secret },
    { "", "Service", print_service },
    { "", "ServiceAccount", print_age },
    { "apps", "DaemonSet", print_daemonset },
    { "apps", "Deployment", print_deployment },
    { "apps", "ReplicaSet", print_replicaset },
    { "apps", "StatefulSet", print_statefulset },
    { "batch", "CronJob", print_cronjob },
    { "batch", "Job", print_job },
    { "coordination.k8s.io", "Lease", print_lease },
    { "events.k8s.io", "Event", print_event },
    { "networking.k8s.io", "Ingress", print_ingress },
    { "policy", "PodDisruptionBudget", print_disruption_budget },
    { "rbac.authorization.k8s.io", "ClusterRoleBinding", print_role_binding },
    { "rbac.authorization.k8s.io", "RoleBinding", print_role_binding },
    { "resource.k8s.io", "DeviceClass", print_device_class },
    { "resource.k8s.io", "ResourceClaim", print_resource_claim },
    { "resource.k8s.io", "ResourceClaimTemplate", print_device_class },
    { "resource.k8s.io", "ResourceSlice", print_resource_slice },
    { "scheduling.k8s.io", "PriorityClass", print_priority_class },
    { "storage.k8s.io", "CSINode", print_csi_node },
    { "storage.k8s.io", "StorageClass", print_storage_class },
    { "storage.k8s.io", "VolumeAttachment", print_volume_attachment },
};

static print_fn find_printer(const struct resource *r)
{
    for (size_t i = 0; i < COUNT_OF(printers); i++) {
        if (str_is(r->kind, printers[i].kind) && str_is(r->group, printers[i].group))
            return printers[i].print;
    }
    return NULL;
}

static const struct column created_columns[] = {
    { .name = STR_INIT("Name"),
      .type = STR_INIT("string"),
      .format = STR_INIT("name"),
      .description = STR_INIT("Name must be unique within a namespace."),
      .json_path = STR_INIT(".metadata.name") },
    { .name = STR_INIT("Created At"),
      .type = STR_INIT("date"),
      .format = STR_INIT(""),
      .description = STR_INIT("When the server created the object."),
      .json_path = STR_INIT(".metadata.creationTimestamp") },
};

static struct str copied(struct arena *a, struct json column, const char *member)
{
    return arena_str(a, json_str(json_get(column, str_from(member))));
}

void print_custom_columns(struct arena *a, struct json version, struct resource *r)
{
    static const struct column name = { .name = STR_INIT("Name"),
                                        .type = STR_INIT("string"),
                                        .format = STR_INIT("name"),
                                        .json_path = STR_INIT(".metadata.name") };
    static const struct column age = { .name = STR_INIT("Age"),
                                       .type = STR_INIT("date"),
                                       .json_path = STR_INIT(".metadata.creationTimestamp") };
    struct json list = json_get(version, STR("additionalPrinterColumns"));
    struct column *out = ARENA_ARRAY(a, struct column, json_len(list) + 2);
    size_t n = 0;
    out[n++] = name;
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        out[n++] = (struct column){
            .name = copied(a, it.value, "name"),
            .type = copied(a, it.value, "type"),
            .format = copied(a, it.value, "format"),
            .description = copied(a, it.value, "description"),
            .priority = (int)json_i64_or(json_get(it.value, STR("priority")), 0),
            .json_path = copied(a, it.value, "jsonPath"),
        };
    }
    if (n == 1)
        out[n++] = age;
    r->columns = out;
    r->n_columns = n;
}

const struct column *print_columns(const struct resource *r, size_t *n)
{
    if (r->n_columns > 0 && (r->custom || find_printer(r))) {
        *n = r->n_columns;
        return r->columns;
    }
    *n = COUNT_OF(created_columns);
    return created_columns;
}

/* ---- custom resources ---- */

static struct str value_text(struct arena *a, struct json v)
{
    struct str s = json_str(v);
    return arena_str(a, s.p ? s : json_text(v));
}

/* A value as its column's type wants it; null when it has another type. */
static struct jnode *cell_of(struct row *r, const struct column *c, struct json v)
{
    int64_t i;
    bool integer = json_i64(v, &i);
    double d;
    if (!json_has(v))
        return jnode_null(r->a);
    if (str_is(c->type, "string"))
        return jnode_str(r->a, value_text(r->a, v));
    if (str_is(c->type, "date")) {
        struct wall t;
        return jnode_str(r->a, wall_parse(json_str(v), &t) ? print_since(r, json_str(v))
                                                           : STR("<invalid>"));
    }
    if (str_is(c->type, "boolean") && json_type(v) == JSON_BOOL)
        return jnode_thaw(r->a, v);
    if (str_is(c->type, "integer") && integer)
        return jnode_i64(r->a, i);
    if (str_is(c->type, "integer") && json_f64(v, &d) && d > -9e18 && d < 9e18)
        return jnode_i64(r->a, (int64_t)d);
    if (str_is(c->type, "number") && json_type(v) == JSON_NUM)
        return jnode_thaw(r->a, v);
    return jnode_null(r->a);
}

static struct jnode *custom_cell(struct row *r, const struct column *c)
{
    if (c->json_path.n == 0)
        return jnode_str(r->a, str_is(c->name, "Name") ? r->obj->name : STR(""));
    AUTO(jsonpath_freep) struct jsonpath *path = NULL;
    struct jsonpath_values found = { 0 };
    struct json v = { 0 };
    if (jsonpath_parse_path(&path, c->json_path, NULL) == 0 &&
        jsonpath_find(path, r->o, JSONPATH_MISSING_OK, &found, NULL) == 0 && found.n > 0)
        v = found.items[0];
    struct jnode *cell = cell_of(r, c, v);
    jsonpath_values_fini(&found);
    return cell;
}

struct jnode *
print_cells(struct arena *a, const struct resource *r, const struct kobj *o, struct wall now)
{
    struct row row = { .a = a, .cells = jnode_arr(a), .obj = o, .o = kobj_root(o), .now = now };
    size_t n;
    const struct column *columns = print_columns(r, &n);
    if (r->custom && columns != created_columns) {
        for (size_t i = 0; i < n; i++)
            jnode_append(row.cells, custom_cell(&row, &columns[i]));
        return row.cells;
    }
    print_fn print = columns == created_columns ? print_created : find_printer(r);
    if (print != print_event) /* there the name is the last cell */
        print_str(&row, o->name);
    print(&row);
    return row.cells;
}
