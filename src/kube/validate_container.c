/* SPDX-License-Identifier: Apache-2.0
 * validate_container — containers of a pod: names, images, ports, environment, mounts, probes and
 * resources. */
#include "kube/validate_internal.h"

static const char *const protocols[] = { "SCTP", "TCP", "UDP", NULL };
static const char *const pull_policies[] = { "Always", "IfNotPresent", "Never", NULL };
static const char *const message_policies[] = { "File", "FallbackToLogsOnError", NULL };
static const char *const schemes[] = { "HTTP", "HTTPS", NULL };
static const char *const restart_policies[] = { "Always", "OnFailure", "Never", NULL };

/* ---- ports ---- */

static void check_container_port(struct causes *c, const struct at *at, struct jnode *port)
{
    struct jnode *number = validate_get(port, "containerPort");
    struct at number_at = at_name(at, "containerPort");
    if (validate_i64(port, "containerPort", 0) == 0)
        validate_wrong(c, CAUSE_REQUIRED, &number_at, NULL, NULL);
    else
        validate_port(c, &number_at, number);
    struct at host_at = at_name(at, "hostPort");
    if (validate_i64(port, "hostPort", 0) != 0)
        validate_port(c, &host_at, validate_get(port, "hostPort"));
    if (validate_required(c, at, port, "protocol"))
        validate_enum(c, at, port, "protocol", protocols);
}

static void check_ports(struct causes *c, const struct at *up, struct jnode *container)
{
    struct jnode *ports = validate_get(container, "ports");
    struct at list_at = at_name(up, "ports");
    AUTO(map_fini) struct map names = { 0 };
    for (size_t i = 0; i < jnode_len(ports); i++) {
        struct jnode *port = jnode_at(ports, i);
        struct at at = at_index(&list_at, i);
        struct str name = validate_text(port, "name");
        if (name.n > 0 && meta_port_name(name).n > 0)
            validate_rule(c, &at, port, "name", meta_port_name);
        else if (name.n > 0 && validate_seen(&names, name))
            validate_wrong(c, CAUSE_DUPLICATE, AT_IN(&at, "name"), validate_get(port, "name"),
                           NULL);
        check_container_port(c, &at, port);
    }
}

static void
check_host_ports(struct causes *c, const struct at *up, struct jnode *container, struct map *seen)
{
    struct jnode *ports = validate_get(container, "ports");
    struct at list_at = at_name(up, "ports");
    for (size_t i = 0; i < jnode_len(ports); i++) {
        struct jnode *port = jnode_at(ports, i);
        int64_t number = validate_i64(port, "hostPort", 0);
        if (number == 0)
            continue;
        struct at at = at_index(&list_at, i);
        struct str key =
            arena_printf(c->a, "%.*s/%.*s/%lld", STR_ARG(validate_text(port, "protocol")),
                         STR_ARG(validate_text(port, "hostIP")), (long long)number);
        if (validate_seen(seen, key))
            validate_wrong(c, CAUSE_DUPLICATE, AT_IN(&at, "hostPort"), jnode_str(c->a, key), NULL);
    }
}

/* ---- environment ---- */

static bool subscripted(struct str path, const char *map)
{
    struct str prefix = str_from(map);
    return str_starts(path, prefix) && path.n > prefix.n + 4 &&
           str_starts(str_skip(path, prefix.n), STR("['")) && str_ends(path, STR("']"));
}

static bool one_of(struct str s, const char *const *values)
{
    for (size_t i = 0; values[i]; i++) {
        if (str_is(s, values[i]))
            return true;
    }
    return false;
}

/* Field paths that v1 knows; which of them are fit for what is checked after. */
static bool known_field(struct str path)
{
    static const char *const known[] = {
        "metadata.annotations",
        "metadata.labels",
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.serviceAccountName",
        "spec.schedulerName",
        "status.phase",
        "status.hostIP",
        "status.hostIPs",
        "status.podIP",
        "status.podIPs",
        NULL,
    };
    return one_of(path, known) || subscripted(path, "metadata.annotations") ||
           subscripted(path, "metadata.labels");
}

void validate_field_ref(struct causes *c, const struct at *at, struct jnode *ref, bool in_volume)
{
    static const char *const env_paths[] = { "metadata.name",
                                             "metadata.namespace",
                                             "metadata.uid",
                                             "spec.nodeName",
                                             "spec.serviceAccountName",
                                             "status.hostIP",
                                             "status.hostIPs",
                                             "status.podIP",
                                             "status.podIPs",
                                             NULL };
    static const char *const volume_paths[] = { "metadata.annotations", "metadata.labels",
                                                "metadata.name",        "metadata.namespace",
                                                "metadata.uid",         NULL };
    struct jnode *v = validate_get(ref, "fieldPath");
    struct str path = jnode_text_of_str(v);
    struct at path_at = at_name(at, "fieldPath");
    if (!validate_required(c, at, ref, "apiVersion") || !validate_required(c, at, ref, "fieldPath"))
        return;
    if (!known_field(path)) {
        struct str why = arena_printf(
            c->a, "error converting fieldPath: field label not supported: %.*s", STR_ARG(path));
        validate_wrong(c, CAUSE_INVALID, &path_at, v, why.p);
        return;
    }
    const char *const *fit = in_volume ? volume_paths : env_paths;
    if (str_find_char(path, '[') < 0 && !one_of(path, fit))
        validate_not_supported(c, &path_at, v, fit);
}

void validate_resource_field_ref(struct causes *c,
                                 const struct at *at,
                                 struct jnode *ref,
                                 bool in_volume)
{
    static const char *const fit[] = { "limits.cpu",
                                       "limits.ephemeral-storage",
                                       "limits.memory",
                                       "requests.cpu",
                                       "requests.ephemeral-storage",
                                       "requests.memory",
                                       NULL };
    if (in_volume)
        validate_required(c, at, ref, "containerName");
    if (!validate_required(c, at, ref, "resource"))
        return;
    struct str resource = validate_text(ref, "resource");
    if (!str_starts(resource, STR("limits.hugepages-")) &&
        !str_starts(resource, STR("requests.hugepages-")))
        validate_enum(c, at, ref, "resource", fit);
}

static void check_key_ref(struct causes *c, const struct at *at, struct jnode *ref)
{
    validate_required(c, at, ref, "name");
    validate_required_rule(c, at, ref, "key", meta_config_key);
}

static void check_value_from(struct causes *c, const struct at *up, struct jnode *env)
{
    struct jnode *from = validate_get(env, "valueFrom");
    struct at at = at_name(up, "valueFrom");
    struct jnode *empty = jnode_str(c->a, STR(""));
    size_t sources = 0;
    for (size_t i = 0; i < jnode_len(from); i++) {
        struct at source_at = at_name(&at, arena_str(c->a, jnode_key_at(from, i)).p);
        struct jnode *source = jnode_value_at(from, i);
        if (jnode_type(source) != JSON_OBJ)
            continue;
        sources++;
        struct str kind = jnode_key_at(from, i);
        if (str_is(kind, "fieldRef"))
            validate_field_ref(c, &source_at, source, false);
        else if (str_is(kind, "resourceFieldRef"))
            validate_resource_field_ref(c, &source_at, source, false);
        else if (str_is(kind, "configMapKeyRef") || str_is(kind, "secretKeyRef"))
            check_key_ref(c, &source_at, source);
    }
    if (sources == 0)
        validate_wrong(c, CAUSE_INVALID, &at, empty,
                       "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, "
                       "`secretKeyRef` or `fileKeyRef`");
    else if (validate_text(env, "value").n > 0)
        validate_wrong(c, CAUSE_INVALID, &at, empty,
                       "may not be specified when `value` is not empty");
    else if (sources > 1)
        validate_wrong(c, CAUSE_INVALID, &at, empty,
                       "may not have more than one field specified at a time");
}

static void check_env(struct causes *c, const struct at *up, struct jnode *container)
{
    struct jnode *list = validate_get(container, "env");
    struct at list_at = at_name(up, "env");
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct at at = at_index(&list_at, i);
        validate_required_rule(c, &at, jnode_at(list, i), "name", meta_env_name);
        if (validate_get(jnode_at(list, i), "valueFrom"))
            check_value_from(c, &at, jnode_at(list, i));
    }
    list = validate_get(container, "envFrom");
    list_at = at_name(up, "envFrom");
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct jnode *item = jnode_at(list, i);
        struct at at = at_index(&list_at, i);
        struct jnode *map = validate_get(item, "configMapRef"),
                     *secret = validate_get(item, "secretRef");
        struct at source_at = at_name(&at, map ? "configMapRef" : "secretRef");
        validate_rule(c, &at, item, "prefix", meta_env_name);
        if (!map == !secret)
            validate_wrong(c, CAUSE_INVALID, &at, jnode_str(c->a, STR("")),
                           map ? "may not have more than one field specified at a time"
                               : "must specify one of: `configMapRef` or `secretRef`");
        else
            validate_required(c, &source_at, map ? map : secret, "name");
    }
}

/* ---- mounts ---- */

static bool goes_up(struct str path)
{
    for (struct str rest = path; rest.p;) {
        if (str_is(str_split(&rest, '/'), ".."))
            return true;
    }
    return false;
}

static void
check_mounts(struct causes *c, const struct at *up, struct jnode *container, struct map *volumes)
{
    struct jnode *list = validate_get(container, "volumeMounts");
    struct at list_at = at_name(up, "volumeMounts");
    AUTO(map_fini) struct map paths = { 0 };
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct jnode *mount = jnode_at(list, i);
        struct at at = at_index(&list_at, i);
        validate_required(c, &at, mount, "name");
        struct str name = validate_text(mount, "name");
        if (!map_get(volumes, name.p ? name : STR("")))
            validate_wrong(c, CAUSE_NOT_FOUND, AT_IN(&at, "name"), jnode_str(c->a, name), NULL);
        struct str path = validate_text(mount, "mountPath");
        if (validate_required(c, &at, mount, "mountPath") && validate_seen(&paths, path))
            validate_wrong(c, CAUSE_INVALID, AT_IN(&at, "mountPath"), jnode_str(c->a, path),
                           "must be unique");
        struct str sub = validate_text(mount, "subPath");
        if (str_starts(sub, STR("/")))
            validate_wrong(c, CAUSE_INVALID, AT_IN(&at, "subPath"), validate_get(mount, "subPath"),
                           "must be a relative path");
        if (goes_up(sub))
            validate_wrong(c, CAUSE_INVALID, AT_IN(&at, "subPath"), validate_get(mount, "subPath"),
                           "must not contain '..'");
        if (sub.n > 0 && validate_text(mount, "subPathExpr").n > 0)
            validate_wrong(c, CAUSE_INVALID, AT_IN(&at, "subPathExpr"),
                           validate_get(mount, "subPathExpr"),
                           "subPathExpr and subPath are mutually exclusive");
    }
}

/* ---- probes and hooks ---- */

static void check_http_get(struct causes *c, const struct at *at, struct jnode *get)
{
    validate_required(c, at, get, "path");
    struct at port_at = at_name(at, "port");
    validate_port_or_name(c, &port_at, validate_get(get, "port"));
    validate_enum(c, at, get, "scheme", schemes);
    struct jnode *headers = validate_get(get, "httpHeaders");
    struct at list_at = at_name(at, "httpHeaders");
    for (size_t i = 0; i < jnode_len(headers); i++) {
        struct at header_at = at_index(&list_at, i);
        validate_required(c, &header_at, jnode_at(headers, i), "name");
    }
}

static void check_handler(struct causes *c, const struct at *at, struct jnode *handler)
{
    static const char *const kinds[] = { "exec", "httpGet", "tcpSocket", "grpc", "sleep" };
    size_t n = 0;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct jnode *v = validate_get(handler, kinds[i]);
        struct at v_at = at_name(at, kinds[i]);
        if (!v)
            continue;
        if (n++ > 0) {
            validate_wrong(c, CAUSE_FORBIDDEN, &v_at, NULL,
                           "may not specify more than 1 handler type");
            continue;
        }
        struct at port_at = at_name(&v_at, "port");
        if (i == 0 && jnode_len(validate_get(v, "command")) == 0)
            validate_wrong(c, CAUSE_REQUIRED, AT_IN(&v_at, "command"), NULL, NULL);
        if (i == 1)
            check_http_get(c, &v_at, v);
        if (i == 2)
            validate_port_or_name(c, &port_at, validate_get(v, "port"));
        if (i == 3)
            validate_port(c, &port_at, validate_get(v, "port"));
    }
    if (n == 0)
        validate_wrong(c, CAUSE_REQUIRED, at, NULL, "must specify a handler type");
}

static void
check_probe(struct causes *c, const struct at *up, struct jnode *container, const char *name)
{
    static const struct validate_bound bounds[] = {
        VALIDATE_NOT_NEGATIVE_ROW("initialDelaySeconds"),
        VALIDATE_NOT_NEGATIVE_ROW("timeoutSeconds"),
        VALIDATE_NOT_NEGATIVE_ROW("periodSeconds"),
        VALIDATE_NOT_NEGATIVE_ROW("successThreshold"),
        VALIDATE_NOT_NEGATIVE_ROW("failureThreshold"),
        { "terminationGracePeriodSeconds", 1, INT64_MAX, "must be greater than 0" },
    };
    static const struct validate_bound one[] = { { "successThreshold", 1, 1, "must be 1" } };
    struct jnode *probe = validate_get(container, name);
    if (!probe)
        return;
    struct at at = at_name(up, name);
    check_handler(c, &at, probe);
    validate_bounds(c, &at, probe, bounds, COUNT_OF(bounds));
    if (strcmp(name, "readinessProbe") != 0)
        validate_bounds(c, &at, probe, one, COUNT_OF(one));
    else if (validate_get(probe, "terminationGracePeriodSeconds"))
        validate_wrong(c, CAUSE_INVALID, AT_IN(&at, "terminationGracePeriodSeconds"),
                       validate_get(probe, "terminationGracePeriodSeconds"),
                       "must not be set for readinessProbes");
}

static const char *const probes[] = { "livenessProbe", "readinessProbe", "startupProbe" };

static void check_probes(struct causes *c, const struct at *at, struct jnode *container)
{
    struct jnode *lifecycle = validate_get(container, "lifecycle");
    static const char *const hooks[] = { "postStart", "preStop" };
    for (size_t i = 0; i < COUNT_OF(hooks); i++) {
        struct at lifecycle_at = at_name(at, "lifecycle");
        struct at hook_at = at_name(&lifecycle_at, hooks[i]);
        if (validate_get(lifecycle, hooks[i]))
            check_handler(c, &hook_at, validate_get(lifecycle, hooks[i]));
    }
    for (size_t i = 0; i < COUNT_OF(probes); i++)
        check_probe(c, at, container, probes[i]);
}

static void forbid_probes(struct causes *c, const struct at *at, struct jnode *container)
{
    const char *why = "may not be set for init containers without restartPolicy=Always";
    if (validate_get(container, "lifecycle"))
        validate_wrong(c, CAUSE_FORBIDDEN, AT_IN(at, "lifecycle"), NULL, why);
    for (size_t i = 0; i < COUNT_OF(probes); i++) {
        if (validate_get(container, probes[i]))
            validate_wrong(c, CAUSE_FORBIDDEN, AT_IN(at, probes[i]), NULL, why);
    }
}

/* ---- containers ---- */

static void check_security(struct causes *c, const struct at *up, struct jnode *container)
{
    static const struct validate_bound ids[] = {
        { "runAsUser", 0, INT32_MAX, "must be between 0 and 2147483647, inclusive" },
        { "runAsGroup", 0, INT32_MAX, "must be between 0 and 2147483647, inclusive" },
    };
    struct jnode *security = validate_get(container, "securityContext");
    struct at at = at_name(up, "securityContext");
    /* As a server without --allow-privileged: our nodes have no such containers. */
    if (jnode_is_true(validate_get(security, "privileged")))
        validate_wrong(c, CAUSE_FORBIDDEN, AT_IN(&at, "privileged"), NULL,
                       "disallowed by cluster policy");
    validate_bounds(c, &at, security, ids, COUNT_OF(ids));
}

static void check_image(struct causes *c, const struct at *at, struct jnode *container)
{
    struct str image = validate_text(container, "image");
    if (validate_required(c, at, container, "image") && str_trim(image).n != image.n)
        validate_wrong(c, CAUSE_INVALID, AT_IN(at, "image"), validate_get(container, "image"),
                       "must not have leading or trailing whitespace");
}

static void
check_container(struct causes *c, const struct at *at, struct jnode *container, struct map *volumes)
{
    check_image(c, at, container);
    if (validate_required(c, at, container, "terminationMessagePolicy"))
        validate_enum(c, at, container, "terminationMessagePolicy", message_policies);
    check_ports(c, at, container);
    check_env(c, at, container);
    check_mounts(c, at, container, volumes);
    if (validate_required(c, at, container, "imagePullPolicy"))
        validate_enum(c, at, container, "imagePullPolicy", pull_policies);
    struct at resources_at = at_name(at, "resources");
    validate_resources(c, &resources_at, validate_get(container, "resources"));
    check_security(c, at, container);
    validate_enum(c, at, container, "restartPolicy", restart_policies);
}

static void
check_name(struct causes *c, const struct at *at, struct jnode *container, struct map *names)
{
    struct str name = validate_text(container, "name");
    if (!validate_required(c, at, container, "name"))
        return;
    bool twice = validate_seen(names, name);
    if (meta_dns_label(name).n > 0)
        validate_rule(c, at, container, "name", meta_dns_label);
    else if (twice)
        validate_wrong(c, CAUSE_DUPLICATE, AT_IN(at, "name"), validate_get(container, "name"),
                       NULL);
}

void validate_containers_of(struct causes *c, const struct at *at, struct jnode *spec)
{
    struct jnode *list = validate_get(spec, "volumes");
    AUTO(map_fini) struct map host_ports = { 0 }, names = { 0 }, volumes = { 0 };
    for (size_t i = 0; i < jnode_len(list); i++)
        validate_seen(&volumes, validate_text(jnode_at(list, i), "name"));
    list = validate_get(spec, "containers");
    struct at list_at = at_name(at, "containers");
    if (jnode_len(list) == 0)
        validate_wrong(c, CAUSE_REQUIRED, &list_at, NULL, NULL);
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct at item_at = at_index(&list_at, i);
        check_name(c, &item_at, jnode_at(list, i), &names);
        check_container(c, &item_at, jnode_at(list, i), &volumes);
        check_probes(c, &item_at, jnode_at(list, i));
        check_host_ports(c, &item_at, jnode_at(list, i), &host_ports);
    }
    list = validate_get(spec, "initContainers");
    list_at = at_name(at, "initContainers");
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct at item_at = at_index(&list_at, i);
        check_name(c, &item_at, jnode_at(list, i), &names);
        check_container(c, &item_at, jnode_at(list, i), &volumes);
        if (str_is(validate_text(jnode_at(list, i), "restartPolicy"), "Always"))
            check_probes(c, &item_at, jnode_at(list, i));
        else
            forbid_probes(c, &item_at, jnode_at(list, i));
    }
}
