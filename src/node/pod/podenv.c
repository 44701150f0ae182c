/* SPDX-License-Identifier: Apache-2.0
 * podenv — the environment of a container, by the rules of kubelet: envFrom first, then env in
 * order, where "$(NAME)" means what stands before. */
#include "codec/base64.h"
#include "kube/names.h"
#include "kube/quantities.h"
#include "node/pod/podspec.h"
#include "node/pod/podstate.h"

#define VALUE_BYTES_MAX ((size_t)1 << 20)

static void env_set(struct arena *a, struct env *env, struct str name, struct str value)
{
    for (size_t i = 0; i < env->n; i++) {
        if (str_eq(env->items[i].name, name)) {
            env->items[i].value = value;
            return;
        }
    }
    (void)a;
    if (env->n < PODSPEC_ENV_MAX)
        env->items[env->n++] = (struct env_var){ name, value };
}

static const struct str *env_find(const struct env *env, struct str name)
{
    for (size_t i = 0; i < env->n; i++)
        if (str_eq(env->items[i].name, name))
            return &env->items[i].value;
    return NULL;
}

struct str podenv_expand(struct arena *a, const struct env *env, struct str text)
{
    struct buf b;
    buf_init(&b, VALUE_BYTES_MAX);
    for (size_t i = 0; i < text.n; i++) {
        struct str rest = str_skip(text, i);
        ptrdiff_t end = str_starts(rest, STR("$(")) ? str_find_char(rest, ')') : -1;
        const struct str *value =
            end < 0 ? NULL : env_find(env, str_make(rest.p + 2, (size_t)end - 2));
        if (str_starts(rest, STR("$$"))) {
            buf_char(&b, '$');
            i++;
        } else if (value) {
            buf_str(&b, *value);
            i += (size_t)end;
        } else {
            buf_char(&b, text.p[i]);
        }
    }
    struct str out = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return out;
}

/* The KEY of "metadata.labels['KEY']"; absent when the path has another form. */
static struct str subscript(struct str path, struct str head)
{
    if (!str_starts(path, head) || !str_ends(path, STR("']")) || path.n < head.n + 2)
        return (struct str){ 0 };
    return str_make(path.p + head.n, path.n - head.n - 2);
}

static struct str or_empty(struct str s)
{
    return s.p ? s : STR("");
}

struct str podenv_field(struct arena *a, const struct podspec *s, struct str path)
{
    const struct kobj *o = s->pod;
    struct str key = subscript(path, STR("metadata.labels['"));
    if (key.p)
        return or_empty(kobj_label(o, key));
    key = subscript(path, STR("metadata.annotations['"));
    if (key.p)
        return or_empty(kobj_annotation(o, key));
    if (str_is(path, "metadata.name"))
        return o->name;
    if (str_is(path, "metadata.namespace"))
        return o->namespace;
    if (str_is(path, "metadata.uid"))
        return o->uid;
    if (str_is(path, "spec.nodeName"))
        return s->node_name;
    if (str_is(path, "spec.serviceAccountName"))
        return or_empty(json_str(kobj_path(o, "spec.serviceAccountName")));
    if (str_is(path, "status.podIP") || str_is(path, "status.podIPs"))
        return s->pod_ip;
    if (str_is(path, "status.hostIP") || str_is(path, "status.hostIPs"))
        return s->host_ip;
    (void)a;
    return (struct str){ 0 };
}

static size_t container_named(const struct pod *p, struct str name, size_t otherwise)
{
    size_t n = p->init_containers.n + p->containers.n;
    for (size_t i = 0; i < n && name.n; i++)
        if (str_eq(podstate_container(p, i)->name, name))
            return i;
    return otherwise;
}

struct str
podenv_resource(struct arena *a, const struct podspec *s, size_t container, struct json ref)
{
    const struct pod *p = pod_of(s->pod);
    struct str resource = json_str(json_get(ref, STR("resource")));
    size_t i = container_named(p, json_str(json_get(ref, STR("containerName"))), container);
    const struct container *c = podstate_container(p, i);
    bool limits = str_starts(resource, STR("limits."));
    struct str name = str_split(&resource, '.'); /* what stays is the resource's own name */
    name = resource;
    bool cpu = str_is(name, "cpu");
    int64_t value = amounts_get(limits ? &c->limits : &c->requests, name), divisor = 0;
    if (limits && !amounts_has(&c->limits, name))
        value = cpu ? s->cpu_milli : str_is(name, "memory") ? s->mem_bytes : 0;
    amount_parse(json_get(ref, STR("divisor")), cpu ? 1000 : 1, &divisor);
    if (divisor <= 0)
        divisor = cpu ? 1000 : 1;
    return arena_printf(a, "%lld", (long long)(value / divisor + (value % divisor != 0)));
}

struct str podenv_key(struct arena *a, struct json object, bool secret, struct str key)
{
    struct str plain = json_str(json_get(json_get(object, STR("data")), key));
    struct str coded =
        secret ? plain : json_str(json_get(json_get(object, STR("binaryData")), key));
    if (!secret && plain.p)
        return plain;
    if (!coded.p)
        return (struct str){ 0 };
    struct buf b;
    buf_init(&b, VALUE_BYTES_MAX * 2);
    base64_decode(&b, coded, BASE64_STD, NULL);
    struct str out = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return out;
}

static int config_error(struct podspec_trouble *t, size_t container, struct str message)
{
    *t = (struct podspec_trouble){ .reason = STR("CreateContainerConfigError"),
                                   .message = message,
                                   .container = container };
    return -1;
}

struct env_pass {
    struct arena *a;
    const struct podspec *s;
    size_t container;
    struct env *env;
    struct podspec_trouble *trouble;
};

static int add_all_of(struct env_pass *p, struct json ref, bool secret, struct str prefix)
{
    struct str name = json_str(json_get(ref, STR("name")));
    struct json object = p->s->find(p->s->find_arg, secret, name);
    if (!json_exists(object)) {
        if (json_bool(json_get(ref, STR("optional")), false))
            return 0;
        return config_error(p->trouble, p->container,
                            arena_printf(p->a, "%s \"%.*s\" not found",
                                         secret ? "secret" : "configmap", STR_ARG(name)));
    }
    struct json_iter it = json_iter(json_get(object, STR("data")));
    while (json_next(&it))
        env_set(p->a, p->env, arena_printf(p->a, "%.*s%.*s", STR_ARG(prefix), STR_ARG(it.key)),
                or_empty(podenv_key(p->a, object, secret, it.key)));
    return 0;
}

static int add_from(struct env_pass *p, struct json from)
{
    struct str prefix = json_str(json_get(from, STR("prefix")));
    struct json map = json_get(from, STR("configMapRef")),
                secret = json_get(from, STR("secretRef"));
    if (json_has(map) && add_all_of(p, map, false, prefix) < 0)
        return -1;
    return json_has(secret) ? add_all_of(p, secret, true, prefix) : 0;
}

static int key_value(struct env_pass *p, struct json ref, bool secret, struct str *out)
{
    struct str name = json_str(json_get(ref, STR("name"))),
               key = json_str(json_get(ref, STR("key")));
    struct json object = p->s->find(p->s->find_arg, secret, name);
    *out = podenv_key(p->a, object, secret, key);
    if (out->p || json_bool(json_get(ref, STR("optional")), false))
        return 0;
    const char *kind = secret ? "secret" : "configmap";
    return config_error(p->trouble, p->container,
                        json_exists(object)
                            ? arena_printf(p->a, "couldn't find key %.*s in %s %.*s/%.*s",
                                           STR_ARG(key), kind, STR_ARG(p->s->pod->namespace),
                                           STR_ARG(name))
                            : arena_printf(p->a, "%s \"%.*s\" not found", kind, STR_ARG(name)));
}

static int value_from(struct env_pass *p, struct json from, struct str *out)
{
    struct json field = json_get(from, STR("fieldRef")),
                resource = json_get(from, STR("resourceFieldRef")),
                map = json_get(from, STR("configMapKeyRef")),
                secret = json_get(from, STR("secretKeyRef"));
    if (json_has(map))
        return key_value(p, map, false, out);
    if (json_has(secret))
        return key_value(p, secret, true, out);
    if (json_has(resource))
        *out = podenv_resource(p->a, p->s, p->container, resource);
    if (!json_has(field))
        return 0;
    struct str path = json_str(json_get(field, STR("fieldPath")));
    *out = podenv_field(p->a, p->s, path);
    return out->p ? 0
                  : config_error(p->trouble, p->container,
                                 arena_printf(p->a, "unsupported fieldPath: %.*s", STR_ARG(path)));
}

static int add_one(struct env_pass *p, struct json var)
{
    struct str name = json_str(json_get(var, STR("name")));
    struct json from = json_get(var, STR("valueFrom"));
    struct str value = { 0 };
    if (!json_has(from))
        value = podenv_expand(p->a, p->env, or_empty(json_str(json_get(var, STR("value")))));
    else if (value_from(p, from, &value) < 0)
        return -1;
    if (value.p) /* an optional reference that points nowhere sets nothing */
        env_set(p->a, p->env, name, value);
    return 0;
}

/* "nvidia.com/gpu=0,1;amd.com/gpu=3": the indexes of one resource; empty: none. */
static struct str indexes_in(struct str all, struct str resource)
{
    while (all.n) {
        struct str list = str_split(&all, ';'), name = str_split(&list, '=');
        if (str_eq(str_trim(name), resource))
            return list.p ? str_trim(list) : STR("");
    }
    return STR("");
}

/* Whole devices, or those of which the pod has a part ("nvidia.com/gpu=2:500m:12288Mi"). */
static struct str devices_of(const struct kobj *pod, struct str resource)
{
    struct str whole = indexes_in(kobj_annotation(pod, STR(NAME_DEVICES)), resource);
    struct str parts = indexes_in(kobj_annotation(pod, STR(NAME_DEVICE_PARTS)), resource);
    return whole.n ? whole : str_split(&parts, ':');
}

static void add_own(struct env_pass *p)
{
    struct str host = json_str(kobj_path(p->s->pod, "spec.hostname"));
    struct str gpus = devices_of(p->s->pod, STR("nvidia.com/gpu"));
    struct str amd = devices_of(p->s->pod, STR("amd.com/gpu"));
    env_set(p->a, p->env, STR("PATH"),
            STR("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
    env_set(p->a, p->env, STR("HOSTNAME"), host.n ? host : p->s->pod->name);
    env_set(p->a, p->env, STR("HOME"), STR("/"));
    /* A pod sees its own GPUs; one without any sees none. */
    env_set(p->a, p->env, STR("CUDA_VISIBLE_DEVICES"), gpus);
    env_set(p->a, p->env, STR("NVIDIA_VISIBLE_DEVICES"), gpus.n ? gpus : STR("void"));
    if (amd.n)
        env_set(p->a, p->env, STR("ROCR_VISIBLE_DEVICES"), amd);
}

bool podenv_follows(const struct container *c)
{
    struct json_iter it = json_iter(json_get(c->raw, STR("env")));
    if (json_has(json_get(c->raw, STR("envFrom"))))
        return true;
    while (json_next(&it))
        if (json_has(json_get(it.value, STR("valueFrom"))))
            return true;
    return false;
}

int podenv_make(struct env *out,
                struct arena *a,
                const struct podspec *s,
                size_t container,
                struct podspec_trouble *trouble)
{
    struct json raw = podstate_container(pod_of(s->pod), container)->raw;
    struct env env = { .items = ARENA_ARRAY(a, struct env_var, PODSPEC_ENV_MAX) };
    struct env_pass p = { a, s, container, &env, trouble };
    add_own(&p);
    struct json_iter it = json_iter(json_get(raw, STR("envFrom")));
    while (json_next(&it))
        if (add_from(&p, it.value) < 0)
            return -1;
    it = json_iter(json_get(raw, STR("env")));
    while (json_next(&it))
        if (add_one(&p, it.value) < 0)
            return -1;
    *out = env;
    return 0;
}
