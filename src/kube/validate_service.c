/* SPDX-License-Identifier: Apache-2.0
 * validate_service — Services and Endpoints. */
#include "kube/validate_internal.h"

#include <arpa/inet.h>

#define IP_TEXT_MAX 46

static const char *const protocols[] = { "SCTP", "TCP", "UDP", NULL };

static bool is_ip(struct str s)
{
    char text[IP_TEXT_MAX + 1];
    unsigned char bytes[16];
    if (s.n == 0 || s.n > IP_TEXT_MAX)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static void check_ip(struct causes *c, const struct at *at, struct jnode *v)
{
    if (!is_ip(jnode_text_of_str(v)))
        validate_wrong(c, CAUSE_INVALID, at, v,
                       "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
}

static bool is_headless(struct jnode *spec)
{
    return str_is(validate_text(spec, "clusterIP"), "None");
}

/* ---- ports ---- */

static void check_port(struct causes *c, const struct at *at, struct jnode *port, struct map *names)
{
    struct str name = validate_text(port, "name");
    struct at port_at = at_name(at, "port"), target_at = at_name(at, "targetPort");
    if (name.n > 0) {
        validate_rule(c, at, port, "name", meta_dns_label);
        if (meta_dns_label(name).n == 0 && validate_seen(names, name))
            validate_wrong(c, CAUSE_DUPLICATE, AT_IN(at, "name"), validate_get(port, "name"), NULL);
    }
    validate_port(c, &port_at, validate_get(port, "port"));
    if (validate_required(c, at, port, "protocol"))
        validate_enum(c, at, port, "protocol", protocols);
    if (validate_get(port, "targetPort"))
        validate_port_or_name(c, &target_at, validate_get(port, "targetPort"));
}

static void check_ports(struct causes *c, const struct at *up, struct jnode *spec)
{
    struct jnode *ports = validate_get(spec, "ports");
    struct at list_at = at_name(up, "ports");
    bool node_ports = !str_is(validate_text(spec, "type"), "ClusterIP");
    AUTO(map_fini) struct map names = { 0 }, pairs = { 0 };
    for (size_t i = 0; i < jnode_len(ports); i++) {
        struct jnode *port = jnode_at(ports, i);
        struct at at = at_index(&list_at, i);
        if (jnode_len(ports) > 1)
            validate_required(c, &at, port, "name");
        check_port(c, &at, port, &names);
        if (!node_ports && validate_i64(port, "nodePort", 0) != 0)
            validate_wrong(c, CAUSE_FORBIDDEN, AT_IN(&at, "nodePort"), NULL,
                           "may not be used when `type` is 'ClusterIP'");
        struct str pair = arena_printf(c->a, "%.*s/%lld", STR_ARG(validate_text(port, "protocol")),
                                       (long long)validate_i64(port, "port", 0));
        if (validate_seen(&pairs, pair))
            validate_wrong(c, CAUSE_DUPLICATE, &at, port, NULL);
    }
}

/* ---- Services ---- */

static void check_cluster_ips(struct causes *c, const struct at *up, struct jnode *spec)
{
    struct jnode *list = validate_get(spec, "clusterIPs");
    struct at list_at = at_name(up, "clusterIPs");
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct at at = at_index(&list_at, i);
        if (i > 0 || !str_is(jnode_text_of_str(jnode_at(list, i)), "None"))
            check_ip(c, &at, jnode_at(list, i));
    }
    struct jnode *external = validate_get(spec, "externalIPs");
    struct at external_at = at_name(up, "externalIPs");
    for (size_t i = 0; i < jnode_len(external); i++) {
        struct at at = at_index(&external_at, i);
        check_ip(c, &at, jnode_at(external, i));
    }
}

void validate_service(struct causes *c, const struct resource *r, struct jnode *obj)
{
    static const char *const types[] = { "ClusterIP", "ExternalName", "LoadBalancer", "NodePort",
                                         NULL };
    static const char *const affinities[] = { "ClientIP", "None", NULL };
    static const char *const policies[] = { "Cluster", "Local", NULL };
    (void)r;
    struct jnode *spec = validate_get(obj, "spec");
    struct at at = at_name(NULL, "spec"), selector_at = at_name(&at, "selector");
    bool external_name = str_is(validate_text(spec, "type"), "ExternalName");
    if (jnode_len(validate_get(spec, "ports")) == 0 && !is_headless(spec) && !external_name)
        validate_wrong(c, CAUSE_REQUIRED, AT_IN(&at, "ports"), NULL, NULL);
    if (external_name)
        validate_required_rule(c, &at, spec, "externalName", meta_dns_subdomain);
    check_ports(c, &at, spec);
    validate_labels(c, &selector_at, validate_get(spec, "selector"));
    if (validate_required(c, &at, spec, "sessionAffinity"))
        validate_enum(c, &at, spec, "sessionAffinity", affinities);
    if (validate_required(c, &at, spec, "type"))
        validate_enum(c, &at, spec, "type", types);
    check_cluster_ips(c, &at, spec);
    validate_enum(c, &at, spec, "internalTrafficPolicy", policies);
    validate_enum(c, &at, spec, "externalTrafficPolicy", policies);
}

void validate_service_update(struct causes *c,
                             const struct resource *r,
                             struct jnode *obj,
                             struct jnode *old)
{
    (void)r;
    struct jnode *now = validate_get(obj, "spec"), *was = validate_get(old, "spec");
    struct at at = at_name(NULL, "spec"), list_at = at_name(&at, "clusterIPs");
    struct at first_at = at_index(&list_at, 0);
    struct str ip = validate_text(now, "clusterIP"), old_ip = validate_text(was, "clusterIP");
    if (old_ip.n == 0 || str_eq(ip, old_ip) || str_is(validate_text(now, "type"), "ExternalName"))
        return;
    struct jnode *list = jnode_arr(c->a);
    jnode_append(list, jnode_str(c->a, ip));
    validate_wrong(c, CAUSE_INVALID, &first_at, list, "may not change once set");
}

/* ---- Endpoints ---- */

static void
check_addresses(struct causes *c, const struct at *up, struct jnode *subset, const char *name)
{
    struct jnode *list = validate_get(subset, name);
    struct at list_at = at_name(up, name);
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct at at = at_index(&list_at, i), ip_at = at_name(&at, "ip");
        check_ip(c, &ip_at, validate_get(jnode_at(list, i), "ip"));
        validate_rule(c, &at, jnode_at(list, i), "hostname", meta_dns_label);
        validate_rule(c, &at, jnode_at(list, i), "nodeName", meta_dns_subdomain);
    }
}

void validate_endpoints(struct causes *c, const struct resource *r, struct jnode *obj)
{
    (void)r;
    struct jnode *subsets = validate_get(obj, "subsets");
    struct at list_at = at_name(NULL, "subsets");
    for (size_t i = 0; i < jnode_len(subsets); i++) {
        struct jnode *subset = jnode_at(subsets, i);
        struct at at = at_index(&list_at, i), ports_at = at_name(&at, "ports");
        if (jnode_len(validate_get(subset, "addresses")) == 0 &&
            jnode_len(validate_get(subset, "notReadyAddresses")) == 0)
            validate_wrong(c, CAUSE_REQUIRED, &at, NULL,
                           "must specify `addresses` or `notReadyAddresses`");
        check_addresses(c, &at, subset, "addresses");
        check_addresses(c, &at, subset, "notReadyAddresses");
        struct jnode *ports = validate_get(subset, "ports");
        for (size_t k = 0; k < jnode_len(ports); k++) {
            struct at item_at = at_index(&ports_at, k), port_at = at_name(&item_at, "port");
            if (jnode_len(ports) > 1)
                validate_required(c, &item_at, jnode_at(ports, k), "name");
            validate_rule(c, &item_at, jnode_at(ports, k), "name", meta_dns_label);
            validate_port(c, &port_at, validate_get(jnode_at(ports, k), "port"));
            if (validate_required(c, &item_at, jnode_at(ports, k), "protocol"))
                validate_enum(c, &item_at, jnode_at(ports, k), "protocol", protocols);
        }
    }
}
