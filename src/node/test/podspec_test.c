/* SPDX-License-Identifier: Apache-2.0
 * From a Pod to what its shim runs: environment, commands, volumes, addresses, probes. */
#include "node/pod/podspec.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/file.h"
#include "node/executor/podvolumes.h"
#include "node/pod/addresses.h"
#include "node/pod/podhook.h"
#include "node/pod/podprobe.h"
#include "testkit/check.h"

struct fixture {
    struct arena *a;
    struct kobj *pod, *map, *secret;
    struct podspec s;
    struct podspec_trouble trouble;
    struct buf out;
    uint64_t paused;
};

static struct json find(void *arg, bool secret, struct str name)
{
    struct fixture *f = arg;
    if (!secret && str_is(name, "conf"))
        return kobj_root(f->map);
    if (secret && str_is(name, "keys"))
        return kobj_root(f->secret);
    return (struct json){ 0 };
}

static struct kobj *object(const char *text)
{
    struct kobj *o = NULL;
    struct err err = { 0 };
    CHECK_OK(kobj_parse(&o, str_from(text), &json_limits_body, &err), err);
    return o;
}

static void setup(struct fixture *f, const char *spec)
{
    static const struct str argv[] = { STR_INIT("/bin/python-here"), STR_INIT("-u") };
    static const struct node_image_command images[] = { { STR_INIT("python"), argv, 2 } };
    static const struct str cells[] = { STR_INIT("0-3"), STR_INIT("4-7") };
    char text[8192];
    *f = (struct fixture){ .a = arena_new() };
    snprintf(text, sizeof text,
             "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":"
             "\"d\",\"uid\":\"u-1\",\"labels\":{\"app\":\"x\"},\"annotations\":{"
             "\"scheduling.ganglion.io/devices\":\"amd.com/gpu=3;nvidia.com/gpu=0,2\","
             "\"scheduling.ganglion.io/numa-cells\":\"1 exclusive\"}},\"spec\":{%s}}",
             spec);
    f->pod = object(text);
    f->map =
        object("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"conf\"},"
               "\"data\":{\"a\":\"1\",\"b\":\"two\"},\"binaryData\":{\"c\":\"AAE=\"}}");
    f->secret =
        object("{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"keys\"},"
               "\"data\":{\"pw\":\"aHVudGVy\"}}");
    f->s = (struct podspec){ .pod = f->pod,
                             .pod_ip = STR("127.64.0.9"),
                             .host_ip = STR("127.0.0.1"),
                             .node_name = STR("here"),
                             .dir = STR("/data/pods/u-1"),
                             .cpu_milli = 8000,
                             .mem_bytes = INT64_C(1) << 30,
                             .cell_cpus = cells,
                             .n_cells = 2,
                             .images = images,
                             .n_images = 1,
                             .find = find,
                             .find_arg = f };
    buf_init(&f->out, 1 << 20);
}

static void teardown(struct fixture *f)
{
    buf_fini(&f->out);
    kobj_unref(f->pod);
    kobj_unref(f->map);
    kobj_unref(f->secret);
    arena_free(f->a);
}

static int write_spec(struct fixture *f)
{
    return podspec_write(&f->out, f->a, &f->s, &f->paused, &f->trouble);
}

/* Does the spec hold this pair? */
static bool has(const struct fixture *f, const char *key, const char *value)
{
    char pair[512];
    int n = snprintf(pair, sizeof pair, "%s%c%s", key, 0, value);
    ptrdiff_t at = str_find(buf_view(&f->out), str_make(pair, (size_t)n + 1));
    return at == 0 || (at > 0 && f->out.p[at - 1] == '\0');
}

static void the_environment_resolves_references(void **state)
{
    struct fixture f;
    (void)state;
    setup(
        &f,
        "\"containers\":[{\"name\":\"m\",\"image\":\"x\",\"command\":[\"run\",\"$(A)/$(NO)\"],"
        "\"args\":[\"$$(A)\"],\"resources\":{\"requests\":{\"cpu\":\"1500m\"}},"
        "\"envFrom\":[{\"prefix\":\"C_\",\"configMapRef\":{\"name\":\"conf\"}},"
        "{\"secretRef\":{\"name\":\"none\",\"optional\":true}}],"
        "\"env\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"B\",\"value\":\"$(A)2\"},"
        "{\"name\":\"IP\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"status.podIP\"}}},"
        "{\"name\":\"L\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"metadata.labels['app']\"}}},"
        "{\"name\":\"PW\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"keys\",\"key\":\"pw\"}}},"
        "{\"name\":\"Q\",\"valueFrom\":{\"resourceFieldRef\":{\"resource\":\"requests.cpu\"}}},"
        "{\"name\":\"M\",\"valueFrom\":{\"resourceFieldRef\":{\"resource\":\"limits.memory\","
        "\"divisor\":\"1Mi\"}}}]}]");
    CHECK_I64(write_spec(&f), 0);
    CHECK(has(&f, "arg", "1/$(NO)"));
    CHECK(has(&f, "arg", "$(A)"));
    CHECK(has(&f, "env", "B=12"));
    CHECK(has(&f, "env", "C_b=two"));
    CHECK(has(&f, "env", "IP=127.64.0.9"));
    CHECK(has(&f, "env", "L=x"));
    CHECK(has(&f, "env", "PW=hunter"));
    CHECK(has(&f, "env", "Q=2"));
    CHECK(has(&f, "env", "M=1024"));
    CHECK(has(&f, "env", "CUDA_VISIBLE_DEVICES=0,2"));
    CHECK(has(&f, "env", "ROCR_VISIBLE_DEVICES=3"));
    CHECK(has(&f, "cpus", "4-7"));
    CHECK(has(&f, "mems", "1"));
    teardown(&f);
}

static void parts_of_gpus_are_visible_too(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f, "\"containers\":[{\"name\":\"m\",\"image\":\"x\",\"command\":[\"run\"]}]");
    kobj_unref(f.pod);
    f.s.pod = f.pod = object(
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\","
        "\"namespace\":\"d\",\"uid\":\"u-1\",\"annotations\":{"
        "\"scheduling.ganglion.io/device-parts\":\"nvidia.com/gpu=1,4:500m:4096Mi\"}},"
        "\"spec\":{\"containers\":[{\"name\":\"m\",\"image\":\"x\",\"command\":[\"run\"]}]}}");
    CHECK_I64(write_spec(&f), 0);
    CHECK(has(&f, "env", "CUDA_VISIBLE_DEVICES=1,4"));
    CHECK(has(&f, "env", "NVIDIA_VISIBLE_DEVICES=1,4"));
    teardown(&f);
}

static void what_is_missing_is_named(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f, "\"containers\":[{\"name\":\"m\",\"command\":[\"run\"],\"env\":[{\"name\":\"A\","
              "\"valueFrom\":{\"configMapKeyRef\":{\"name\":\"conf\",\"key\":\"zz\"}}}]}]");
    CHECK_I64(write_spec(&f), -1);
    CHECK_STR(f.trouble.reason, "CreateContainerConfigError");
    CHECK_STR(f.trouble.message, "couldn't find key zz in configmap d/conf");
    CHECK(!f.trouble.final);
    teardown(&f);
}

static void images_map_pause_or_fail(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f, "\"containers\":[{\"name\":\"m\",\"image\":\"python:3.11\",\"args\":[\"x.py\"]}]");
    CHECK_I64(write_spec(&f), 0);
    CHECK(has(&f, "arg", "/bin/python-here"));
    CHECK(has(&f, "arg", "x.py"));
    teardown(&f);
    setup(&f, "\"containers\":[{\"name\":\"m\",\"image\":\"nginx\"}]");
    CHECK_I64(write_spec(&f), 0);
    CHECK(has(&f, "pause", "1"));
    CHECK_I64(f.paused, 1);
    teardown(&f);
    setup(&f, "\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"m\",\"image\":\"nginx\"}]");
    CHECK_I64(write_spec(&f), -1);
    CHECK(f.trouble.final);
    CHECK_STR(f.trouble.reason, "ImageNotRunnable");
    teardown(&f);
}

static void volumes_hold_what_they_say(void **state)
{
    struct fixture f;
    char root[] = "/tmp/podspec_test.XXXXXX";
    (void)state;
    CHECK(mkdtemp(root) != NULL);
    setup(&f,
          "\"volumes\":[{\"name\":\"v\",\"configMap\":{\"name\":\"conf\",\"items\":[{\"key\":\"a\","
          "\"path\":\"deep/er\"}]}},{\"name\":\"s\",\"secret\":{\"secretName\":\"keys\"}},"
          "{\"name\":\"e\",\"emptyDir\":{}},{\"name\":\"d\",\"downwardAPI\":{\"items\":[{\"path\":"
          "\"labels\",\"fieldRef\":{\"fieldPath\":\"metadata.labels\"}}]}}],"
          "\"containers\":[{\"name\":\"m\",\"command\":[\"x\"],\"volumeMounts\":[{\"name\":\"v\","
          "\"mountPath\":\"/etc/conf/\",\"readOnly\":true}]}]");
    f.s.dir = str_from(root);
    CHECK_I64(podvolumes_make(f.a, &f.s, &f.trouble), 0);
    static const char *const rows[][2] = { { "volumes/v/deep/er", "1" },
                                           { "volumes/s/pw", "hunter" },
                                           { "volumes/d/labels", "app=\"x\"" } };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char path[200];
        struct err err = { 0 };
        snprintf(path, sizeof path, "%s/%s", root, rows[i][0]);
        buf_clear(&f.out);
        CHECK_OK(file_read(&f.out, path, &err), err);
        CHECK_STR_EQ(buf_view(&f.out), str_from(rows[i][1]));
    }
    buf_clear(&f.out);
    CHECK_I64(write_spec(&f), 0);
    CHECK(has(&f, "mount-target", "/etc/conf"));
    CHECK(has(&f, "mount-ro", "1"));
    CHECK(file_remove_tree(root, NULL) == 0);
    teardown(&f);
}

static void a_missing_config_map_is_a_failed_mount(void **state)
{
    struct fixture f;
    char root[] = "/tmp/podspec_test.XXXXXX";
    (void)state;
    CHECK(mkdtemp(root) != NULL);
    setup(&f, "\"volumes\":[{\"name\":\"v\",\"configMap\":{\"name\":\"nope\"}}],\"containers\":[]");
    f.s.dir = str_from(root);
    CHECK_I64(podvolumes_make(f.a, &f.s, &f.trouble), -1);
    CHECK_STR(f.trouble.message,
              "MountVolume.SetUp failed for volume \"v\" : configmap \"nope\" not found");
    CHECK(file_remove_tree(root, NULL) == 0);
    teardown(&f);
}

static void addresses_are_given_in_turn(void **state)
{
    static struct addresses x;
    struct arena *a = arena_new();
    (void)state;
    uint32_t first = addresses_give(&x);
    CHECK_STR(addresses_text(a, first), "127.64.0.1");
    addresses_free(&x, first);
    CHECK_STR(addresses_text(a, addresses_give(&x)), "127.64.0.2");
    CHECK_I64(addresses_parse(STR("127.64.1.7")), 263);
    CHECK_I64(addresses_parse(STR("10.0.0.1")), 0);
    CHECK(addresses_take(&x, 263));
    CHECK(!addresses_take(&x, 263));
    uint32_t got;
    size_t n = 2; /* those above */
    for (; (got = addresses_give(&x)); n++) {
        CHECK(got % 256 != 0 && got % 256 != 255); /* a network's own, and its broadcast */
        CHECK_I64(addresses_parse(addresses_text(a, got)), got);
    }
    CHECK_I64(n, 64 * 254);
    CHECK_I64(addresses_parse(STR(ADDRESSES_GATEWAY)), 0);
    arena_free(a);
}

static void probes_need_thresholds(void **state)
{
    struct kobj *c =
        object("{\"kind\":\"X\",\"startupProbe\":{\"periodSeconds\":1,\"failureThreshold\":2},"
               "\"livenessProbe\":{\"periodSeconds\":5,\"failureThreshold\":2},"
               "\"readinessProbe\":{\"successThreshold\":2,\"failureThreshold\":1}}");
    struct run r = { .phase = RUN_UP, .started = { 1000 } };
    struct probes p;
    struct wall now = { 1000 }, wake;
    (void)state;
    podprobe_begin(&p, kobj_root(c), &r);
    CHECK(!r.started_ok && !r.ready);
    CHECK_I64(podprobe_next(&p, &r, now, &wake), PROBE_STARTUP);
    CHECK_I64(podprobe_next(&p, &r, now, &wake), PROBE_KINDS);
    CHECK(!podprobe_answer(&p, &r, PROBE_STARTUP, false, now));
    CHECK_I64(podprobe_next(&p, &r, now, &wake), PROBE_KINDS);
    CHECK_I64(wake.ns, now.ns + NS_PER_S);
    now.ns += NS_PER_S;
    CHECK_I64(podprobe_next(&p, &r, now, &wake), PROBE_STARTUP);
    CHECK(podprobe_answer(&p, &r, PROBE_STARTUP, true, now));
    CHECK(r.started_ok);
    CHECK_I64(podprobe_next(&p, &r, now, &wake), PROBE_READINESS);
    CHECK_I64(podprobe_next(&p, &r, now, &wake), PROBE_LIVENESS);
    CHECK(!podprobe_answer(&p, &r, PROBE_READINESS, true, now));
    p.items[PROBE_READINESS].flying = true;
    CHECK(podprobe_answer(&p, &r, PROBE_READINESS, true, now));
    CHECK(r.ready);
    podprobe_answer(&p, &r, PROBE_LIVENESS, false, now);
    p.items[PROBE_LIVENESS].flying = true;
    CHECK(podprobe_answer(&p, &r, PROBE_LIVENESS, false, now));
    CHECK_I64(r.fault, RUN_LIVENESS_FAILED);
    kobj_unref(c);
}

static void hooks_are_probe_commands(void **state)
{
    static const struct {
        const char *lifecycle;
        const char *want; /* the fields of preStop, joined by spaces */
    } rows[] = {
        { "\"preStop\":{\"exec\":{\"command\":[\"a\",\"b\"]}}", "exec  a b" },
        { "\"preStop\":{\"sleep\":{\"seconds\":7}}", "sleep 7" },
        { "\"preStop\":{\"httpGet\":{\"path\":\"x\",\"port\":\"web\"}}",
          "http 127.64.0.9 80 /x User-Agent: kube-probe/1.36 Accept: */*" },
        { "\"preStop\":{\"tcpSocket\":{\"port\":80}}", "" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[400], got[200] = "";
        struct str f[PODPROBE_FIELDS_MAX];
        struct arena *a = arena_new();
        snprintf(text, sizeof text,
                 "{\"kind\":\"X\",\"ports\":[{\"name\":\"web\",\"containerPort\":80}],"
                 "\"lifecycle\":{%s}}",
                 rows[i].lifecycle);
        struct kobj *c = object(text);
        CHECK(podhook_has(kobj_root(c), HOOK_PRE_STOP));
        CHECK(!podhook_has(kobj_root(c), HOOK_POST_START));
        size_t n = podhook_fields(f, a, kobj_root(c), HOOK_PRE_STOP, STR("127.64.0.9"));
        for (size_t k = 0; k < n; k++)
            snprintf(got + strlen(got), sizeof got - strlen(got), "%s%.*s", k ? " " : "",
                     k == 1 && str_is(f[0], "exec") ? 0 : (int)f[k].n, f[k].p);
        CHECK_STR_EQ(str_from(got), str_from(rows[i].want));
        kobj_unref(c);
        arena_free(a);
    }
}

static void stop_signals_have_numbers(void **state)
{
    static const struct {
        const char *name;
        int want;
    } rows[] = { { "SIGUSR1", 10 },     { "SIGTERM", 15 },  { "SIGCLD", 17 },
                 { "SIGVTALRM", 26 },   { "SIGRTMIN", 34 }, { "SIGRTMIN+15", 49 },
                 { "SIGRTMAX-14", 50 }, { "SIGRTMAX", 64 }, { "SIGNONE", 15 } };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[100];
        snprintf(text, sizeof text, "{\"kind\":\"X\",\"lifecycle\":{\"stopSignal\":\"%s\"}}",
                 rows[i].name);
        struct kobj *c = object(text);
        CHECK_I64(podhook_stop_signal(kobj_root(c)), rows[i].want);
        kobj_unref(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_environment_resolves_references),
        cmocka_unit_test(parts_of_gpus_are_visible_too),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(images_map_pause_or_fail),
        cmocka_unit_test(volumes_hold_what_they_say),
        cmocka_unit_test(a_missing_config_map_is_a_failed_mount),
        cmocka_unit_test(addresses_are_given_in_turn),
        cmocka_unit_test(probes_need_thresholds),
        cmocka_unit_test(hooks_are_probe_commands),
        cmocka_unit_test(stop_signals_have_numbers),
    };
    return CHECK_MAIN(tests);
}
