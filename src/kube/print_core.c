/* SPDX-License-Identifier: Apache-2.0
 * print_core — rows of Nodes, Services, Endpoints and Events. */
#include "base/buf.h"
#include "kube/node.h"
#include "kube/print_internal.h"

#define CELL_MAX ((size_t)64 << 10) /* bytes of a cell that lists things */
#define ENDPOINTS_SHOWN 3

static struct str taken(struct arena *a, struct buf *b, const char *when_empty)
{
    struct str s = b->n ? arena_str(a, buf_view(b)) : str_from(when_empty);
    buf_fini(b);
    return s;
}

/* ---- nodes ---- */

static struct str node_roles(struct row *r)
{
    const struct str prefix = STR("node-role.kubernetes.io/");
    struct buf b = { 0 };
    buf_init(&b, CELL_MAX);
    struct json labels = print_path(r, "metadata.labels");
    for (struct json_iter it = json_iter(labels); json_next(&it);) {
        struct str role = { 0 };
        if (str_starts(it.key, prefix))
            role = str_skip(it.key, prefix.n);
        else if (str_is(it.key, "kubernetes.io/role"))
            role = json_str(it.value);
        if (role.n == 0)
            continue;
        if (b.n > 0)
            buf_char(&b, ',');
        buf_str(&b, role);
    }
    return taken(r->a, &b, "<none>");
}

static struct str node_address(struct row *r, const char *type)
{
    struct json list = print_path(r, "status.addresses");
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        if (str_is(json_str(json_get(it.value, STR("type"))), type))
            return json_str(json_get(it.value, STR("address")));
    }
    return (struct str){ 0 };
}

void print_node(struct row *r)
{
    const struct node *n = node_of(r->obj);
    const char *ready = n->ready == CONDITION_TRUE     ? "Ready"
                        : n->ready == CONDITION_ABSENT ? "Unknown"
                                                       : "NotReady";
    print_str(r, arena_printf(r->a, "%s%s", ready, n->unschedulable ? ",SchedulingDisabled" : ""));
    print_str(r, node_roles(r));
    print_age(r);
    print_at(r, "status.nodeInfo.kubeletVersion");
    print_or(r, node_address(r, "InternalIP"), "<none>");
    print_or(r, node_address(r, "ExternalIP"), "<none>");
    print_or(r, json_str(print_path(r, "status.nodeInfo.osImage")), "<unknown>");
    print_or(r, json_str(print_path(r, "status.nodeInfo.kernelVersion")), "<unknown>");
    print_or(r, json_str(print_path(r, "status.nodeInfo.containerRuntimeVersion")), "<unknown>");
}

/* ---- services ---- */

static void put_texts(struct buf *b, struct json list, const char *member)
{
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct str s = json_str(member ? json_get(it.value, str_from(member)) : it.value);
        if (s.n == 0)
            continue;
        if (b->n > 0)
            buf_char(b, ',');
        buf_str(b, s);
    }
}

static struct str external_ip(struct row *r)
{
    struct str type = json_str(print_path(r, "spec.type"));
    if (str_is(type, "ExternalName"))
        return json_str(print_path(r, "spec.externalName"));
    struct buf b = { 0 };
    buf_init(&b, CELL_MAX);
    bool balanced = str_is(type, "LoadBalancer");
    if (balanced) {
        struct json ingress = print_path(r, "status.loadBalancer.ingress");
        put_texts(&b, ingress, "ip");
        put_texts(&b, ingress, "hostname");
    }
    put_texts(&b, print_path(r, "spec.externalIPs"), NULL);
    return taken(r->a, &b, balanced ? "<pending>" : "<none>");
}

static struct str service_ports(struct row *r)
{
    struct buf b = { 0 };
    buf_init(&b, CELL_MAX);
    struct json list = print_path(r, "spec.ports");
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        int64_t node_port = json_i64_or(json_get(it.value, STR("nodePort")), 0);
        if (b.n > 0)
            buf_char(&b, ',');
        buf_i64(&b, json_i64_or(json_get(it.value, STR("port")), 0));
        if (node_port > 0)
            buf_printf(&b, ":%lld", (long long)node_port);
        buf_char(&b, '/');
        buf_str(&b, json_str(json_get(it.value, STR("protocol"))));
    }
    return taken(r->a, &b, "<none>");
}

void print_service(struct row *r)
{
    print_at(r, "spec.type");
    print_or(r, json_str(print_path(r, "spec.clusterIP")), "<none>");
    print_str(r, external_ip(r));
    print_str(r, service_ports(r));
    print_age(r);
    print_str(r, print_labels(r->a, print_path(r, "spec.selector")));
}

/* ---- ingresses ---- */

#define HOSTS_SHOWN 3
#define ADDRESS_SHOWN 16

static struct str ingress_hosts(struct row *r)
{
    struct buf b = { 0 };
    uint32_t n = 0;
    buf_init(&b, CELL_MAX);
    for (struct json_iter it = json_iter(print_path(r, "spec.rules")); json_next(&it);) {
        struct str host = json_str(json_get(it.value, STR("host")));
        if (host.n == 0 || n++ >= HOSTS_SHOWN)
            continue;
        buf_printf(&b, "%s%.*s", b.n > 0 ? "," : "", STR_ARG(host));
    }
    if (n > HOSTS_SHOWN)
        buf_printf(&b, " + %u more...", n - HOSTS_SHOWN);
    return taken(r->a, &b, "*");
}

static struct str ingress_address(struct row *r)
{
    struct buf b = { 0 };
    buf_init(&b, CELL_MAX);
    struct json list = print_path(r, "status.loadBalancer.ingress");
    put_texts(&b, list, "ip");
    put_texts(&b, list, "hostname");
    struct str all = taken(r->a, &b, "");
    if (all.n <= ADDRESS_SHOWN)
        return all;
    return arena_printf(r->a, "%.*s...", ADDRESS_SHOWN - 3, all.p);
}

void print_ingress(struct row *r)
{
    print_or(r, json_str(print_path(r, "spec.ingressClassName")), "<none>");
    print_str(r, ingress_hosts(r));
    print_str(r, ingress_address(r));
    print_str(r, json_len(print_path(r, "spec.tls")) > 0 ? STR("80, 443") : STR("80"));
    print_age(r);
}

/* ---- endpoints ---- */

static void put_endpoint(struct buf *b, struct str ip, struct json port, size_t n)
{
    bool v6 = str_find_char(ip, ':') >= 0;
    if (n >= ENDPOINTS_SHOWN)
        return;
    if (n > 0)
        buf_char(b, ',');
    if (!json_exists(port)) {
        buf_str(b, ip);
        return;
    }
    long long number = json_i64_or(json_get(port, STR("port")), 0);
    buf_printf(b, v6 ? "[%.*s]:%lld" : "%.*s:%lld", STR_ARG(ip), number);
}

void print_endpoints(struct row *r)
{
    struct buf b = { 0 };
    buf_init(&b, CELL_MAX);
    size_t n = 0;
    struct json subsets = print_path(r, "subsets");
    for (struct json_iter set = json_iter(subsets); json_next(&set);) {
        struct json ports = json_get(set.value, STR("ports"));
        struct json addresses = json_get(set.value, STR("addresses"));
        for (struct json_iter it = json_iter(addresses); json_next(&it);) {
            struct str ip = json_str(json_get(it.value, STR("ip")));
            if (json_len(ports) == 0)
                put_endpoint(&b, ip, (struct json){ 0 }, n++);
            for (struct json_iter p = json_iter(ports); json_next(&p);)
                put_endpoint(&b, ip, p.value, n++);
        }
    }
    if (n > ENDPOINTS_SHOWN)
        buf_printf(&b, " + %zu more...", n - ENDPOINTS_SHOWN);
    print_str(r, taken(r->a, &b, "<none>"));
    print_age(r);
}

/* ---- events, of both groups ---- */

static struct json either(struct row *r, const char *core, const char *other)
{
    struct json v = print_path(r, core);
    return json_has(v) ? v : print_path(r, other);
}

static struct str event_target(struct row *r)
{
    struct json about = either(r, "involvedObject", "regarding");
    struct str kind = arena_lower(r->a, json_str(json_get(about, STR("kind"))));
    struct str name = json_str(json_get(about, STR("name")));
    if (name.n == 0)
        return kind;
    return arena_printf(r->a, "%.*s/%.*s", STR_ARG(kind), STR_ARG(name));
}

static struct str event_source(struct row *r)
{
    struct json source = either(r, "source", "deprecatedSource");
    struct str component = json_str(json_get(source, STR("component")));
    struct str host = json_str(json_get(source, STR("host")));
    if (component.n == 0) {
        component = json_str(either(r, "reportingComponent", "reportingController"));
        host = json_str(print_path(r, "reportingInstance"));
    }
    if (host.n == 0)
        return component;
    return arena_printf(r->a, "%.*s, %.*s", STR_ARG(component), STR_ARG(host));
}

void print_event(struct row *r)
{
    struct str first = json_str(either(r, "firstTimestamp", "deprecatedFirstTimestamp"));
    struct str last = json_str(either(r, "lastTimestamp", "deprecatedLastTimestamp"));
    if (first.n == 0)
        first = json_str(print_path(r, "eventTime"));
    if (last.n == 0)
        last = first;
    int64_t count = json_i64_or(either(r, "count", "deprecatedCount"), 1);
    struct json series = print_path(r, "series");
    if (json_has(series)) {
        last = json_str(json_get(series, STR("lastObservedTime")));
        count = json_i64_or(json_get(series, STR("count")), 0);
    }
    print_str(r, print_since(r, last));
    print_at(r, "type");
    print_at(r, "reason");
    print_str(r, event_target(r));
    print_str(r, json_str(json_get(either(r, "involvedObject", "regarding"), STR("fieldPath"))));
    print_str(r, event_source(r));
    print_str(r, str_trim(json_str(either(r, "message", "note"))));
    print_str(r, print_since(r, first));
    print_i64(r, count > 0 ? count : 1);
    print_str(r, r->obj->name);
}
